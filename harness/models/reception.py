"""One answer as it is received: bytes in, an assembly out, patience watched; raises FaultError."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from harness.clock import Clock
from harness.models.assembly import EventError
from harness.models.blame import fault_of, retry_after_s
from harness.models.dialect import Dialect
from harness.models.exchange import Broken, Cut, Data, End, Event, Exchange, Headers
from harness.models.faults import ErrorTold, Fault, FaultError, error_in
from harness.models.line import MAX_BODY_BYTES
from harness.models.settings import Timeouts
from harness.models.sse import ServerEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class _Patience:
    until: int
    fault: Fault
    message: str


class Reception:
    """Receives one answer; afterwards `assembly` holds it and `end` is the moment of its end.

    That is its last byte that counted, or, where its server never said that this was all, when that was waited for no
    longer: to the clock it is still the answer's time then.

    `ended` says that nothing more comes on the connection, `told_error` that its server told why it will not answer.
    """

    def __init__(self, exchange: Exchange, dialect: Dialect, timeouts: Timeouts, clock: Clock) -> None:
        self.assembly = dialect.assembly()
        self.fields: Mapping[str, str] = {}
        self.status: int | None = None
        self.received_bytes = 0
        self.end: int | None = None
        self._exchange = exchange
        self._timeouts = timeouts
        self._clock = clock
        self._parser = dialect.parser()
        self._whole: list[bytes] | None = None
        self._events_seen = 0
        self._last_answer: int | None = None
        self._done = False
        self.ended = False
        self.told_error = False

    def run(self) -> None:
        """Wait until the answer is complete. Raises FaultError where it never will be."""
        while not self._done:
            self._stop_if_over()
            patience = self._patience()
            event = self._exchange.next((patience.until - self._clock.now_ns()) / 1e9)
            if event is not None:
                self._take(event)
            elif self.assembly.finish_reason:
                self.end, self._done = self._clock.now_ns(), True  # until now it was the server's to end the answer
            else:
                raise FaultError(patience.fault, patience.message)

    def _stop_if_over(self) -> None:
        """An answer that comes faster than it is read must not outlast the call: events that wait do not hold it up."""
        if self._exchange.cut:
            raise FaultError(Fault.INTERRUPTED, "the call was interrupted")
        total = self._in_all()
        if self._clock.now_ns() > total.until and not self.assembly.finish_reason:
            raise FaultError(total.fault, total.message)

    def _in_all(self) -> _Patience:
        return _Patience(
            until=self._exchange.send + round(self._timeouts.total_s * 1e9),
            fault=Fault.TIMEOUT,
            message=f"no complete answer within {self._timeouts.total_s:g} s",
        )

    def _patience(self) -> _Patience:
        """Until when to wait for the next event, and what to call it when none comes."""
        limits, send = self._timeouts, self._exchange.send
        if self._last_answer is None:
            until, what = send + round(limits.first_token_s * 1e9), f"no token within {limits.first_token_s:g} s"
        else:
            idle_s = self._idle_s()
            until, what = self._last_answer + round(idle_s * 1e9), f"no further token for {idle_s:g} s"
        idle = _Patience(until=until, fault=Fault.STALLED, message=what)
        return min(self._in_all(), idle, key=lambda each: each.until)

    def _idle_s(self) -> float:
        """How long to wait for more of an answer; reasoning that nobody sees may take as long as a first token."""
        if self.assembly.finish_reason:
            return self._timeouts.tail_s
        return self._timeouts.first_token_s if self.assembly.thinking else self._timeouts.idle_s

    def _take(self, event: Event) -> None:
        self.ended = isinstance(event, End | Broken)
        match event:
            case Headers():
                self._headers(event)
            case Data():
                self._data(event)
            case End():
                self._ended(event.at)
            case Broken():
                self._broken(event)
            case Cut():
                raise FaultError(Fault.INTERRUPTED, "the call was interrupted")

    def _headers(self, event: Headers) -> None:
        self.fields, self.status = event.fields, event.status
        kind = event.fields.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "text/html":
            raise FaultError(Fault.MALFORMED, "a web page instead of an answer; check the base URL")
        if kind == "application/json":
            self._whole = []

    def _data(self, event: Data) -> None:
        self.received_bytes += len(event.data)
        if self.received_bytes > MAX_BODY_BYTES:
            raise FaultError(Fault.MALFORMED, f"an answer of more than {MAX_BODY_BYTES} bytes")
        if not self._done:
            self.end = event.at
        if self._whole is not None:
            self._whole.append(event.data)
            return
        try:
            self._events(self._parser.feed(event.data), event.at)
        except ValueError as error:
            raise FaultError(Fault.MALFORMED, str(error)) from error

    def _ended(self, at: int) -> None:
        """The body is over: an answer sent in one piece is read now; a stream must have said why it ends."""
        self.end = self.end or at
        if self._whole is not None:
            self._event(b"".join(self._whole).decode("utf-8", errors="replace"), self.end)
        else:
            self._events(self._parser.finish(), self.end)
        if not self._events_seen:
            raise FaultError(
                Fault.MALFORMED, "an empty answer" if not self.received_bytes else "no event in the answer"
            )
        if not self.assembly.finish_reason:
            raise FaultError(Fault.TRUNCATED, "the answer ended without a finish reason")
        self._done = True

    def _broken(self, event: Broken) -> None:
        if self.assembly.finish_reason:
            self.end, self._done = event.at, True  # all of it was there; what broke off are the formalities after it
            return
        raise fault_of(event.error, self._clock.utc()) from event.error

    def _events(self, events: Iterable[ServerEvent], at: int) -> None:
        for event in events:
            if self._done:
                return
            if event.data.startswith("[DONE]"):
                self._events_seen += 1
                self._completed()
                return
            self._event(event.data, at, named_error=event.name == "error")

    def _completed(self) -> None:
        if not self.assembly.finish_reason:
            raise FaultError(Fault.TRUNCATED, "the answer ended without a finish reason")
        self._done = True

    def _event(self, text: str, at: int, *, named_error: bool = False) -> None:
        self._events_seen += 1
        event = _json_object(text)
        told = error_in(event, named=named_error)
        if told is not None:
            self.told_error = True
            raise self._error(told)
        try:
            answered = self.assembly.feed(event, at)
        except EventError as error:
            raise FaultError(Fault.MALFORMED, str(error)) from error
        if answered:
            self._last_answer = at
        self._done = self._done or self.assembly.final

    def _error(self, told: ErrorTold) -> FaultError:
        message, asked_s = f"error in the answer: {told.message}", retry_after_s(told.headers, self._clock.utc())
        return FaultError(told.fault, message, status=told.status or self.status, retry_after_s=asked_s)


def _json_object(text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        shown = " ".join(text.split())[:80] or "an empty body"
        raise FaultError(Fault.MALFORMED, f"not JSON: {shown}")
    return value
