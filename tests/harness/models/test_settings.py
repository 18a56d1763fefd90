"""Settings, presets, requests, and how a model is opened."""

from datetime import UTC, datetime

import pytest

from harness.clock import SystemClock
from harness.errors import ConfigError
from harness.models.chat_request import wire_options
from harness.models.contract import ToolSpec
from harness.models.factory import open_model
from harness.models.faults import retry_after_s
from harness.models.presets import PRESETS
from harness.models.settings import ModelSettings, Quirks

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_presets_hold_no_key() -> None:
    """A preset names the variable of its key, never the key; local servers need none; every address is one."""
    assert {"openai", "cerebras", "groq", "openrouter", "ollama", "vllm", "llamacpp"} == set(PRESETS)
    for name, preset in PRESETS.items():
        local = preset.base_url.startswith("http://127.0.0.1:")
        assert preset.base_url.endswith("/v1")
        assert local or preset.base_url.startswith("https://")
        assert preset.key_env == (None if local else f"{name.upper()}_API_KEY")


def test_headers_stay_out_of_the_text_form() -> None:
    """Headers may hold secrets."""
    assert "canary" not in repr(ModelSettings(model="m", base_url="u", headers={"api-key": "canary"}))


def test_unknown_api_is_a_configuration_error() -> None:
    """The error names what is known."""
    with pytest.raises(ConfigError, match="no model api 'telnet'; known: chat, responses, responses-websocket"):
        open_model(ModelSettings(model="m", base_url="http://127.0.0.1:1", api="telnet"), None, SystemClock())


def test_parameters_are_sent_as_they_are() -> None:
    """Only the neutral name of the output limit is translated."""
    settings = ModelSettings(
        model="m",
        base_url="u",
        parameters={"temperature": 0, "max_output_tokens": 9, "odd": [1]},
        quirks=Quirks(max_tokens_field="max_completion_tokens"),
    )
    assert wire_options(settings, [], {"stream_options"}) == {
        "model": "m",
        "temperature": 0,
        "max_completion_tokens": 9,
        "odd": [1],
    }
    tool = ToolSpec(name="t", description="d", parameters={"type": "object"})
    options = wire_options(settings, [tool])
    assert options["stream_options"] == {"include_usage": True}
    assert [each["function"]["name"] for each in options["tools"]] == ["t"]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Fri, 02 Jan 2026 03:04:35 GMT"}, 30.0),
        ({"retry-after": "Fri, 02 Jan 2026 03:00:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "Fri, 02 Jan 2026 03:04:35 -0000"}, None),
        ({"retry-after": "Fri, 02 Jan 2026 03:04:35 +99999999999999999999"}, None),
        ({"retry-after": "99999999999 Jan 2026 03:04:35 GMT"}, None),
    ],
)
def test_retry_after_has_many_forms(headers: dict[str, str], seconds: float | None) -> None:
    """Seconds, milliseconds or a date; what cannot be understood is left out."""
    assert retry_after_s(headers, NOW) == seconds
