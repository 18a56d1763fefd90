"""Known providers: base URL, the variable that holds the key, and quirks. A plain dict; a matrix may override each."""

from dataclasses import dataclass, field

from harness.models.settings import Quirks


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A provider by name; `key_env` is None for servers that their users run themselves: no key, and no bill.

    `apis` are the wire APIs that it is known to offer. It is a hint, told beside a plan that wants another one, and
    forbids nothing: servers learn.
    """

    base_url: str
    key_env: str | None
    apis: tuple[str, ...] = ("chat", "responses")
    quirks: Quirks = field(default_factory=Quirks)


PRESETS: dict[str, Preset] = {
    "openai": Preset(
        base_url="https://api.openai.com/v1",
        key_env="OPENAI_API_KEY",
        apis=("chat", "responses", "responses-websocket"),
        quirks=Quirks(max_tokens_field="max_completion_tokens"),
    ),
    "cerebras": Preset(
        base_url="https://api.cerebras.ai/v1",
        key_env="CEREBRAS_API_KEY",
        apis=("chat",),
        quirks=Quirks(max_tokens_field="max_completion_tokens"),
    ),
    "groq": Preset(
        base_url="https://api.groq.com/openai/v1",
        key_env="GROQ_API_KEY",
        quirks=Quirks(max_tokens_field="max_completion_tokens"),
    ),
    "openrouter": Preset(
        base_url="https://openrouter.ai/api/v1",
        key_env="OPENROUTER_API_KEY",
        quirks=Quirks(reasoning_field="reasoning"),
    ),
    "ollama": Preset(base_url="http://127.0.0.1:11434/v1", key_env=None),
    "vllm": Preset(base_url="http://127.0.0.1:8000/v1", key_env=None),
    "llamacpp": Preset(base_url="http://127.0.0.1:8080/v1", key_env=None),
}
"""Every provider that can be named in a matrix, but the simulator, whose address is known only once it runs."""
