"""Events out of raw bytes: server-sent ones as the HTML standard frames them, or messages; pure, no wire."""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Protocol

MAX_EVENT_CHARACTERS = 16 * 1024 * 1024
"""An event that grows past this is no answer of a model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerEvent:
    """One event: its `data` lines joined, and its name ("" where it has none)."""

    data: str
    name: str = ""


class Parser(Protocol):
    """Finds events in what a wire brings. `framed` says that each piece of it is a message of its own."""

    framed: ClassVar[bool]

    def feed(self, data: bytes) -> Iterator[ServerEvent]:
        """The events that these bytes complete. Raises ValueError for one without end."""
        ...

    def finish(self) -> Iterator[ServerEvent]:
        """What is left at the end of the body."""
        ...


class MessageParser:
    """Takes each message of a WebSocket as one event."""

    framed: ClassVar[bool] = True

    def feed(self, data: bytes) -> Iterator[ServerEvent]:
        """The event in this message."""
        yield ServerEvent(data=data.decode("utf-8", errors="replace"))

    def finish(self) -> Iterator[ServerEvent]:
        """Nothing: a message is never cut."""
        return iter(())


class EventParser:
    """Feeds on bytes in any cut; comments, events without data and fields of no use (`id`, `retry`) are dropped."""

    framed: ClassVar[bool] = False

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")(errors="replace")
        self._rest = ""
        self._data: list[str] = []
        self._name = ""

    def feed(self, data: bytes) -> Iterator[ServerEvent]:
        """The events that these bytes complete. Raises ValueError for one without end."""
        lines = (self._rest + self._decoder.decode(data)).split("\n")
        self._rest = lines.pop()
        if len(self._rest) + sum(map(len, self._data)) > MAX_EVENT_CHARACTERS:
            raise ValueError(f"an event of more than {MAX_EVENT_CHARACTERS} characters")
        for line in lines:
            event = self._line(line.removesuffix("\r"))
            if event is not None:
                yield event

    def finish(self) -> Iterator[ServerEvent]:
        """The last event where the stream ended without the blank line after it."""
        self._line(self._rest.removesuffix("\r"))
        event = self._line("")
        if event is not None:
            yield event

    def _line(self, line: str) -> ServerEvent | None:
        if not line:
            event = ServerEvent(data="\n".join(self._data), name=self._name) if any(self._data) else None
            self._data, self._name = [], ""
            return event
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            self._data.append(value)
        elif field == "event":
            self._name = value
        return None
