"""What a model is: messages and tool descriptions in, one reply out, with every moment of the call."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from harness.errors import ProviderError


class Role(StrEnum):
    """Who speaks."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """One call a model asks for; `arguments` is the raw JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of the conversation. A tool message answers `tool_call_id`.

    `items` are the output items of a Responses API answer as they came, reasoning and its encryption included: that API
    wants them back in their place. Others do not look at them.
    """

    role: Role
    content: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""
    items: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSpec:
    """A tool as the model sees it; `parameters` is a JSON schema of an object."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens as the provider counted them; None is unknown, never zero.

    Cached and reasoning tokens are parts of the totals.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_input_tokens: int | None = None
    reasoning_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTimes:
    """Moments of one request, monotonic nanoseconds; None where it did not come to pass.

    On a WebSocket `headers` is the first event of the answer. `first_token` is the first non-empty content, reasoning
    or tool-argument delta that the client sees (TTFT; a summary of reasoning is one too), `first_answer` the first one
    that is not reasoning. `largest_gap_ns` is the longest silence between two deltas. Where a server
    never closes its answer, `end` is when that was waited for no longer.
    """

    send: int
    end: int
    headers: int | None = None
    first_chunk: int | None = None
    first_token: int | None = None
    first_answer: int | None = None
    last_token: int | None = None
    largest_gap_ns: int = 0
    deltas: int = 0
    received_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CallAttempt:
    """One request of a logical call. `fault` is "" when it was answered, else its kind ("rate_limit", ...).

    `was_sent` says whether it can have reached the provider at all.
    """

    times: CallTimes
    fault: str = ""
    message: str = ""
    was_sent: bool = True
    status: int | None = None
    request_id: str = ""

    @property
    def may_be_billed(self) -> bool:
        """Whether it failed in a way that the provider may charge for: neither refused nor never sent.

        A status that is told after a part of the answer refuses nothing.
        """
        if not self.fault or not self.was_sent:
            return False
        refused = self.status is not None and self.status >= 400  # noqa: PLR2004 - error answers
        return not refused or bool(self.times.deltas)


OWN_QUEUE = "model_slot"
"""Why a call waits that waits for other trials of this harness, not for its provider."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Time before an attempt; `reason` is a sub-phase of waiting: "backoff", "rate_limit", or `OWN_QUEUE`."""

    t0: int
    t1: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A model's answer to one logical call.

    The last of `attempts` is the one that was answered. `finish_reason` is the provider's word ("stop", "tool_calls",
    "length", "content_filter"), or "refusal" where the model declined in a field of its own. `server_timings` are the
    server's own figures, keys and units as it gave them. `transport` is what carried the answer: "http", "websocket",
    or "" where there was no wire. `hidden_reasoning` says where the model reasoned without streaming it (a summary is
    not the reasoning): "before" its answer, or "between" parts of it; "" where nothing is known of that.
    """

    message: Message
    finish_reason: str
    usage: Usage
    attempts: tuple[CallAttempt, ...]
    pauses: tuple[Pause, ...] = ()
    served_model: str = ""
    service_tier: str = ""
    system_fingerprint: str = ""
    server_timings: Mapping[str, float] = field(default_factory=dict)
    api: str = ""
    transport: str = ""
    hidden_reasoning: str = ""

    @property
    def times(self) -> CallTimes:
        """The moments of the answered attempt."""
        return self.attempts[-1].times


class CallFailedError(ProviderError):
    """No attempt of a logical call was answered; carries what was tried, for the ledger.

    `fault` is the kind of the last failure; `fatal` says that no later call to this provider can succeed (wrong key,
    no quota, no such model).
    """

    def __init__(self, message: str, *, fault: str, attempts: Sequence[CallAttempt], pauses: Sequence[Pause]) -> None:
        super().__init__(message)
        self.fault = fault
        self.attempts = tuple(attempts)
        self.pauses = tuple(pauses)

    @property
    def fatal(self) -> bool:
        """Whether every further call would fail the same way."""
        return self.fault in {"authentication", "permission", "no_such_model", "no_quota"}


class Model(Protocol):
    """A model behind a wire. Used by one trial at a time, one call at a time; opened once per trial."""

    def reply(self, messages: Sequence[Message], tools: Sequence[ToolSpec], left_s: float = math.inf) -> Reply:
        """Ask for the next message. Raises CallFailedError; `fault` "context_length" means the history is too long.

        A provider that asks to be left alone for longer than `left_s` is not waited for: the fault is "deferred". Time
        in the harness's own queue is not part of `left_s`.
        """
        ...

    def close(self) -> None:
        """End a blocked call at once (it raises CallFailedError, `fault` "interrupted") and every later one.

        May be called from any thread, any number of times.
        """
        ...
