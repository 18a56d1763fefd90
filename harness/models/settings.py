"""How to reach a model: where it is, what is sent to it, and how long it may take."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirks:
    """Where a server departs from OpenAI's chat completions.

    `max_tokens_field` is its name for the neutral parameter `max_output_tokens`; `stream_usage` says whether it takes
    `stream_options`; `reasoning_field` names the field of an assistant message under which its own earlier reasoning
    is sent back ("" where it must not be).
    """

    max_tokens_field: str = "max_tokens"
    stream_usage: bool = True
    reasoning_field: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds one HTTP request may take.

    `first_token_s` counts from sending, `idle_s` between two pieces of an answer (comments that only keep the
    connection alive are none), `total_s` over all; `tail_s` is how long a finished answer waits for its usage.
    """

    connect_s: float = 10.0
    first_token_s: float = 600.0
    idle_s: float = 120.0
    total_s: float = 1800.0
    tail_s: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and how patiently one logical call is tried again.

    The pause before attempt n + 1 is random between half of and all of `base_s` * 2 ** (n - 1), at most `cap_s`. A
    server's longer Retry-After is obeyed, with up to a twentieth more, by all trials that call this provider. One
    beyond `retry_after_cap_s`, or beyond the time that the trial has left, is not waited for: the call is deferred.
    """

    attempts: int = 6
    base_s: float = 1.0
    cap_s: float = 30.0
    retry_after_cap_s: float = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """A model of a matrix, ready to be opened; holds no key.

    `parameters` are sent as they are, except `max_output_tokens`, which goes under the server's own name for it.
    `headers` are sent with each request and may hold secrets: they are left out of the text form.
    """

    model: str
    base_url: str
    api: str = "chat"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    context_window: int | None = None
    quirks: Quirks = field(default_factory=Quirks)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeouts: Timeouts = field(default_factory=Timeouts)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
