"""A reply put together from the events of an answer, with the moment of each; what all wire APIs have in common."""

from collections.abc import Collection, Mapping
from typing import Any, Protocol

from harness.models.contract import Message, ToolCall, Usage
from harness.models.text import sound, text_of
from harness.models.usage import MOST_FIGURES, read_usage, server_timings, usage_of

_MOST_NAME = 1000
"""Characters of an id or a model's name that are kept."""


class EventError(ValueError):
    """An event is none of this wire API."""


class Moments:
    """When the parts of an answer came, in monotonic nanoseconds, and how many characters they held."""

    def __init__(self) -> None:
        self.first_chunk: int | None = None
        self.first_token: int | None = None
        self.first_answer: int | None = None
        self.last_token: int | None = None
        self.largest_gap_ns = 0
        self.deltas = 0
        self.characters = 0

    @property
    def tokens(self) -> int:
        """About how many tokens came: a delta holds one at least, and few tokens have more than four characters."""
        return max(self.deltas, self.characters // 4)

    def event(self, at: int) -> None:
        """An event came, whatever was in it."""
        self.first_chunk = at if self.first_chunk is None else self.first_chunk

    def delta(self, at: int, characters: int, *, answered: bool) -> None:
        """A part of the answer came: `answered` where it was not reasoning alone."""
        if self.last_token is not None:
            self.largest_gap_ns = max(self.largest_gap_ns, at - self.last_token)
        self.first_token = at if self.first_token is None else self.first_token
        if answered and self.first_answer is None:
            self.first_answer = at
        self.last_token = at
        self.deltas += 1
        self.characters += characters


class Facts:
    """What a server tells beside the answer itself; the last word on each counts."""

    def __init__(self) -> None:
        self.response_id = ""
        self.served_model = ""
        self.service_tier = ""
        self.system_fingerprint = ""
        self.timings: dict[str, float] = {}
        self._usage: Mapping[str, Any] | None = None

    def read(self, told: Mapping[str, Any]) -> None:
        """Take them from a chunk, a response or an event."""
        self.response_id = _name(told, "id") or self.response_id
        self.served_model = _name(told, "model") or self.served_model
        self.service_tier = _name(told, "service_tier") or self.service_tier
        self.system_fingerprint = _name(told, "system_fingerprint") or self.system_fingerprint
        self.tell(server_timings(told))
        self._usage = usage_of(told) or self._usage

    def tell(self, figures: Mapping[str, float]) -> None:
        """Keep the server's own figures, as many as there is room for."""
        for name, figure in figures.items():
            if name in self.timings or len(self.timings) < MOST_FIGURES:
                self.timings[name] = figure

    def usage(self, deltas: int) -> Usage:
        """Tokens as the provider counted them; a count of no tokens for a text that came is taken as unknown."""
        usage = read_usage(self._usage)
        if usage.output_tokens == 0 and deltas:
            return Usage(input_tokens=usage.input_tokens, cached_input_tokens=usage.cached_input_tokens)
        return usage


def _name(told: Mapping[str, Any], key: str) -> str:
    """A name, which every record of a call holds: never a text as long as an answer."""
    return sound(text_of(told.get(key))[:_MOST_NAME])


class Assembly(Protocol):
    """Collects the events of one answer as they come; pure, the moments are told to it."""

    moments: Moments
    facts: Facts

    def feed(self, event: Mapping[str, Any], at: int) -> bool:
        """Take in one event that arrived `at`; whether it brought part of the answer. Raises EventError."""
        ...

    @property
    def finish_reason(self) -> str:
        """The provider's finish reason, "refusal" where the model declined in a field of its own, "" where cut off."""
        ...

    @property
    def final(self) -> bool:
        """Whether nothing that counts can follow: the answer is complete, usage included."""
        ...

    @property
    def thinking(self) -> bool:
        """Whether the model is known to reason without any of it being streamed: silence is no stall then."""
        ...

    @property
    def hidden_reasoning(self) -> str:
        """Where reasoning went on that was not streamed, as in `Reply.hidden_reasoning`."""
        ...

    def message(self, taken_ids: Collection[str], prefix: str) -> Message:
        """The assistant's message; ids of tool calls that are missing, or among `taken_ids`, are made from `prefix`."""
        ...


def unique_calls(calls: tuple[ToolCall, ...], taken: Collection[str], prefix: str) -> tuple[ToolCall, ...]:
    """The calls under ids that are neither empty nor used twice nor `taken`; good ones stay."""
    seen, unique = set(taken), []
    for number, call in enumerate(calls, 1):
        identity, suffix = call.id, 0
        while not identity or identity in seen:
            identity = f"{prefix}_{number}" + (f"_{suffix}" if suffix else "")
            suffix += 1
        seen.add(identity)
        unique.append(ToolCall(id=identity, name=call.name, arguments=call.arguments))
    return tuple(unique)
