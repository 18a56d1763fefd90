"""The lines of a wire log, read back: one call as far as it was written down, and its last answer played again."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter

from harness.clock import SystemClock
from harness.models.assembly import Assembly
from harness.models.chat_assembly import ChatAssembly
from harness.models.contract import CallAttempt, Pause
from harness.models.faults import FaultError
from harness.models.reading import Asked, Reading
from harness.models.responses_assembly import ResponsesAssembly
from harness.models.sse import EventParser, MessageParser, Parser
from harness.models.text import json_object, mapping_of, text_of

READERS: Mapping[str, tuple[Callable[[], Assembly], Callable[[], Parser]]] = {
    "chat": (ChatAssembly, EventParser),
    "responses": (ResponsesAssembly, EventParser),
    "responses-websocket": (ResponsesAssembly, MessageParser),
}
"""What reads an answer, by wire API: the same as its dialect's."""

_MOST_OTHER_BYTES = 8 * 1024 * 1024
"""A line that holds no data is never as long."""

_MOST_NS = 2**62
_ATTEMPT = TypeAdapter(CallAttempt)
_ASKED = TypeAdapter(Asked)

Telling = Callable[[Reading, int], None]
"""Tells a reading what came, where the moment of sending is the given one."""


@dataclass(slots=True, kw_only=True)
class RecordedAnswer:
    """What came of one request, in ns since it was `sent`, which is in ns since the call's first moment.

    `broken` says that a line in between cannot be read: the answer is not whole then.
    """

    asked: Asked = field(default_factory=lambda: Asked(api="", transport=""))
    sent: int = 0
    headers: int | None = None
    end: int | None = None
    last: int = 0
    received_bytes: int = 0
    failed: bool = False
    broken: bool = False
    steps: list[Telling] = field(default_factory=list)

    def read(self, send: int) -> Reading | None:
        """The answer read again, its request sent at this moment; None over an API that nobody here speaks."""
        if self.asked.api not in READERS:
            return None
        reading = self._read(send, self._stop)
        if not reading.done:
            closed = self._read(send, self._close)  # what was told in one piece, or without its last line's end
            reading = closed if closed.done else reading
        if self.end is not None:
            reading.end = send + self.end
        return reading

    def _read(self, send: int, finish: Telling) -> Reading:
        assembly, parser = READERS[self.asked.api]
        reading = Reading(assembly(), parser(), SystemClock().utc)
        with suppress(FaultError):
            for step in (*self.steps, finish):
                if reading.done:
                    break
                step(reading, send)
        return reading

    def _stop(self, reading: Reading, send: int) -> None:
        reading.stop(send + self.last)

    def _close(self, reading: Reading, send: int) -> None:
        reading.closed(send + self.last)


@dataclass(slots=True, kw_only=True)
class RecordedCall:
    """One call: its turn, the hash of what was asked, the number of its last request, and the answer to that one.

    `life` of its attempt made it, None in a file of an older Splitclock. `boot` is the mark of the machine's start,
    None where the file does not say; `left` says that it was closed.
    """

    boot: str | None = None
    left: bool = False
    turn: int = 0
    request: str = ""
    life: int | None = None
    attempt: int = 0
    answer: RecordedAnswer = field(default_factory=RecordedAnswer)
    failed: list[CallAttempt] = field(default_factory=list)
    pauses: list[Pause] = field(default_factory=list)

    def take(self, text: bytes) -> None:
        """Read one line; one that is none marks the answer as broken."""
        line = json_object(text.decode("utf-8", "replace"))
        kind = next((key for key in line or {} if key in _TAKERS), "")
        if line is None or not kind or (kind != "data" and len(text) > _MOST_OTHER_BYTES):
            self.answer.broken = True
            return
        try:
            _TAKERS[kind](self, line)
        except (ValueError, TypeError):
            self.answer.broken = True


def _wire(call: RecordedCall, line: Mapping[str, Any]) -> None:
    call.boot = text_of(line.get("boot"))


def _left(call: RecordedCall, _line: Mapping[str, Any]) -> None:
    call.left = True


def _sending(call: RecordedCall, line: Mapping[str, Any]) -> None:
    call.turn, call.attempt = _whole(line["sending"]), _whole(line.get("attempt"))
    call.request = text_of(line.get("request"))
    call.life = None if line.get("life") is None else _whole(line["life"])
    call.answer = RecordedAnswer(broken=True)  # until it is known what it would be an answer to
    call.answer.asked = _ASKED.validate_python(line.get("asked"))
    call.answer.broken = False


def _sent(call: RecordedCall, line: Mapping[str, Any]) -> None:
    call.answer.sent = _whole(line["sent"])


def _head(call: RecordedCall, line: Mapping[str, Any]) -> None:
    status, at = _whole(line["head"]), _whole(line.get("at"))
    fields = {name: text_of(value) for name, value in mapping_of(line.get("fields")).items()}
    call.answer.headers, call.answer.last = at, at
    call.answer.steps.append(lambda reading, _send: reading.head(status, fields))


def _data(call: RecordedCall, line: Mapping[str, Any]) -> None:
    at, data = _whole(line.get("at")), text_of(line["data"]).encode("latin-1")
    answer = call.answer
    answer.headers = at if answer.headers is None else answer.headers
    answer.last = at
    answer.received_bytes += len(data)
    answer.steps.append(lambda reading, send: reading.data(data, send + at))


def _closed(call: RecordedCall, line: Mapping[str, Any]) -> None:
    at = _whole(line["closed"])
    call.answer.steps.append(lambda reading, send: reading.closed(send + at))


def _end(call: RecordedCall, line: Mapping[str, Any]) -> None:
    call.answer.end = _whole(line["end"])


def _failed(call: RecordedCall, line: Mapping[str, Any]) -> None:
    call.answer.failed = True
    attempt = _ATTEMPT.validate_python(line.get("attempt"))
    for moment in (attempt.times.send, attempt.times.end):
        _whole(moment)
    call.failed.append(attempt)


def _pause(call: RecordedCall, line: Mapping[str, Any]) -> None:
    t0, t1 = _whole(line.get("t0")), _whole(line.get("t1"))
    call.pauses.append(Pause(t0=t0, t1=t1, reason=text_of(line["pause"])))


def _whole(value: object) -> int:
    """A whole number of a size that moments have. Raises ValueError."""
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > _MOST_NS:
        raise ValueError("not a moment")
    return value


_TAKERS: Mapping[str, Callable[[RecordedCall, Mapping[str, Any]], None]] = {
    "wire": _wire,
    "left": _left,
    "sending": _sending,
    "sent": _sent,
    "head": _head,
    "data": _data,
    "closed": _closed,
    "end": _end,
    "failed": _failed,
    "pause": _pause,
}
