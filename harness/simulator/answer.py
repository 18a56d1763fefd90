"""What an answer is to the part that plays it: events with tokens and moments, or one whole body."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from harness.turns import ScriptedFault


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event of a streamed answer; due `due_ns` after the first token is, or at once (None).

    `ending` marks those that say that the answer is complete.
    """

    payload: Mapping[str, Any]
    tokens: int = 0
    due_ns: int | None = None
    ending: bool = False


class Answer(Protocol):
    """One turn as one API tells it."""

    @property
    def stream(self) -> bool:
        """Whether the client asked for events."""
        ...

    def events(self) -> Iterator[Event]:
        """All events of a streamed answer, in order."""
        ...

    def whole(self) -> Mapping[str, Any]:
        """The body of an answer that is not streamed."""
        ...

    def broken(self, fault: ScriptedFault, sent: int) -> Mapping[str, Any]:
        """What tells of an error in the middle of an answer, after `sent` events; for `whole` bodies as well."""
        ...

    def without_choice(self) -> Mapping[str, Any]:
        """A body or event that is well formed and holds no choice."""
        ...
