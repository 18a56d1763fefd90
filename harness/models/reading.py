"""One answer as it is read: status, headers and bytes in, an assembly out; pure, the moments are told to it."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from harness.models.assembly import Assembly, EventError
from harness.models.contract import CallAttempt, CallTimes, Reply
from harness.models.faults import ErrorTold, Fault, FaultError, error_in, retry_after_s
from harness.models.sse import Parser, ServerEvent
from harness.models.usage import header_timings, request_id

MAX_BODY_BYTES = 64 * 1024 * 1024
"""An answer that grows past this is no answer of a model."""


class Reading:
    """Reads one answer: `assembly` holds it, and `end` is the moment of its last byte that counted.

    `done` says that it is complete, `last_answer` when a part of it came last, `told_error` that its server told why
    it will not answer. `utc` is asked where a server says until when to leave it alone. Whatever is told to it may
    raise FaultError: it will never be an answer then.
    """

    def __init__(self, assembly: Assembly, parser: Parser, utc: Callable[[], datetime]) -> None:
        self.assembly = assembly
        self.fields: Mapping[str, str] = {}
        self.status: int | None = None
        self.received_bytes = 0
        self.end: int | None = None
        self.last_answer: int | None = None
        self.done = False
        self.told_error = False
        self._parser = parser
        self._utc = utc
        self._whole: list[bytes] | None = None
        self._events_seen = 0

    @property
    def request_id(self) -> str:
        """What the provider calls the request, by the headers of its answer, else the id of the answer."""
        return request_id(self.fields) or self.assembly.facts.response_id

    def head(self, status: int, fields: Mapping[str, str]) -> None:
        """The headers came, their names in lower case."""
        self.fields, self.status = fields, status
        kind = fields.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "text/html":
            raise FaultError(Fault.MALFORMED, "a web page instead of an answer; check the base URL")
        if kind == "application/json":
            self._whole = []

    def data(self, data: bytes, at: int) -> None:
        """Bytes of the body came."""
        self.received_bytes += len(data)
        if self.received_bytes > MAX_BODY_BYTES:
            raise FaultError(Fault.MALFORMED, f"an answer of more than {MAX_BODY_BYTES} bytes")
        if not self.done:
            self.end = at
        if self._whole is not None:
            self._whole.append(data)
            return
        try:
            self._events(self._parser.feed(data), at)
        except ValueError as error:
            raise FaultError(Fault.MALFORMED, str(error)) from error

    def closed(self, at: int) -> None:
        """The body is over: an answer sent in one piece is read now; a stream must have said why it ends."""
        self.end = at if self.end is None else self.end
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
        self.done = True

    def stop(self, at: int) -> bool:
        """Nothing more will come; whether what came is the whole answer, which then took until now."""
        if self.assembly.finish_reason:
            self.end, self.done = at, True
        return self.done

    def _events(self, events: Iterable[ServerEvent], at: int) -> None:
        for event in events:
            if self.done:
                return
            if event.data.startswith("[DONE]"):
                self._events_seen += 1
                self._completed()
                return
            self._event(event.data, at, named_error=event.name == "error")

    def _completed(self) -> None:
        if not self.assembly.finish_reason:
            raise FaultError(Fault.TRUNCATED, "the answer ended without a finish reason")
        self.done = True

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
            self.last_answer = at
        self.done = self.done or self.assembly.final

    def _error(self, told: ErrorTold) -> FaultError:
        message, asked_s = f"error in the answer: {told.message}", retry_after_s(told.headers, self._utc())
        return FaultError(told.fault, message, status=told.status or self.status, retry_after_s=asked_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What else the reply to a request depends on: over what it was asked, and how ids of tool calls are kept unique.

    `framed` says that each piece of an answer is a message of its own. `taken_ids` are those of the history, new ones
    begin with `id_prefix`.
    """

    api: str
    transport: str
    framed: bool = False
    taken_ids: frozenset[str] = frozenset()
    id_prefix: str = ""


def reply_of(reading: Reading, asked: Asked, attempt: CallAttempt) -> Reply:
    """The answer that was read, as the reply of this attempt."""
    assembly = reading.assembly
    facts = assembly.facts
    return Reply(
        message=assembly.message(asked.taken_ids, asked.id_prefix),
        finish_reason=assembly.finish_reason,
        usage=facts.usage(assembly.moments.deltas),
        attempts=(attempt,),
        served_model=facts.served_model,
        service_tier=facts.service_tier,
        system_fingerprint=facts.system_fingerprint,
        server_timings=header_timings(reading.fields) | facts.timings,
        api=asked.api,
        transport=asked.transport,
        hidden_reasoning=assembly.hidden_reasoning,
    )


def times_of(reading: Reading, send: int, headers: int | None, end: int) -> CallTimes:
    """The moments of the request whose answer was read."""
    moments = reading.assembly.moments
    return CallTimes(
        send=send,
        end=end,
        headers=headers,
        first_chunk=moments.first_chunk,
        first_token=moments.first_token,
        first_answer=moments.first_answer,
        last_token=moments.last_token,
        largest_gap_ns=moments.largest_gap_ns,
        deltas=moments.deltas,
        received_bytes=reading.received_bytes,
    )


def _json_object(text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        shown = " ".join(text.split())[:80] or "an empty body"
        raise FaultError(Fault.MALFORMED, f"not JSON: {shown}")
    return value
