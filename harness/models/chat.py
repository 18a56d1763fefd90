"""Chat completions, streamed: the wire API that every OpenAI-compatible server speaks."""

import math
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

from harness.clock import Clock
from harness.models.chat_request import History, wire_options
from harness.models.contract import CallAttempt, CallTimes, Message, Reply, ToolSpec
from harness.models.exchange import Exchange
from harness.models.faults import FailedAttemptError, Failure, Fault, FaultError
from harness.models.health import ProviderHealth
from harness.models.line import Line
from harness.models.reception import Reception
from harness.models.retry import Persistence
from harness.models.settings import ModelSettings
from harness.models.usage import header_timings, request_id


class ChatModel:
    """A model behind chat completions. One call at a time; `close` may come from any thread."""

    def __init__(
        self, settings: ModelSettings, key: str | None, clock: Clock, health: ProviderHealth | None = None
    ) -> None:
        self._settings = settings
        self._key = key
        self._clock = clock
        self._line = Line(settings, key)
        self._persistence = Persistence(settings.retry, clock, health or ProviderHealth())
        self._history = History(settings.quirks.reasoning_field)
        self._ask_usage = settings.quirks.stream_usage
        self._exchange: Exchange | None = None
        self._closed = False
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"ChatModel({self._settings!r})"

    def reply(self, messages: Sequence[Message], tools: Sequence[ToolSpec], left_s: float = math.inf) -> Reply:
        """The model's next message, tried again where a fault passes by itself. Raises CallFailedError."""
        self._history.follow(messages)
        request = _Request(tools=tools, taken_ids=self._history.call_ids, id_prefix=f"call_{len(messages)}")
        return self._persistence.call(lambda: self._attempt(request), left_s)

    def close(self) -> None:
        """End a blocked call at once and release all connections."""
        self._persistence.interrupt()
        with self._lock:
            self._closed, exchange = True, self._exchange
        if exchange is not None:
            exchange.abandon()
        self._line.close()

    def _attempt(self, request: "_Request") -> Reply:
        options = wire_options(self._settings, request.tools, ask_usage=self._ask_usage)
        body = self._history.body(self._settings.model, options)
        exchange = self._start(lambda: self._line.chat(body))
        reception = Reception(exchange, self._settings.timeouts, self._clock)
        try:
            reception.run()
        except FaultError as error:
            if not reception.over:
                exchange.abandon()
                self._line.cut()
            failure = self._without_refused_option(self._redacted(error.failure))
            raise _failed(failure, exchange, reception, self._clock.now_ns()) from error
        return _reply(request, exchange, reception)

    def _start(self, open_: Callable[[], AbstractContextManager[Any]]) -> Exchange:
        with self._lock:
            if self._exchange is not None and self._exchange.running:
                self._line.cut()  # the last answer is complete, but its server still holds the connection
            self._exchange = Exchange(open_, self._clock)
            if self._closed:
                self._exchange.abandon()
            return self._exchange

    def _redacted(self, failure: Failure) -> Failure:
        """The failure with nothing of the key in it: some servers repeat it in their message."""
        if not self._key:
            return failure
        return replace(failure, message=failure.message.replace(self._key, "[key]"))

    def _without_refused_option(self, failure: Failure) -> Failure:
        """Some servers reject `stream_options`: from then on they are not asked, and usage may be unknown."""
        if failure.fault is not Fault.BAD_REQUEST or not self._ask_usage or "stream_options" not in failure.message:
            return failure
        self._ask_usage = False
        return replace(failure, fault=Fault.UNSUPPORTED, retry_after_s=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """What all attempts of one logical call offer, and how ids of tool calls are kept unique."""

    tools: Sequence[ToolSpec]
    taken_ids: frozenset[str]
    id_prefix: str


def _reply(request: _Request, exchange: Exchange, reception: Reception) -> Reply:
    assembly = reception.assembly
    attempt = CallAttempt(
        times=_times(exchange, reception, exchange.send if reception.end is None else reception.end),
        status=reception.status,
        request_id=request_id(reception.fields),
    )
    return Reply(
        message=assembly.message(request.taken_ids, request.id_prefix),
        finish_reason=assembly.ending(),
        usage=assembly.usage(),
        attempts=(attempt,),
        served_model=assembly.served_model,
        service_tier=assembly.service_tier,
        system_fingerprint=assembly.system_fingerprint,
        server_timings=header_timings(reception.fields) | assembly.timings,
    )


def _failed(failure: Failure, exchange: Exchange, reception: Reception, end: int) -> FailedAttemptError:
    attempt = CallAttempt(
        times=_times(exchange, reception, end),
        fault=failure.fault,
        message=failure.message,
        status=failure.status or reception.status,
        request_id=failure.request_id or request_id(reception.fields),
    )
    return FailedAttemptError(attempt, failure)


def _times(exchange: Exchange, reception: Reception, end: int) -> CallTimes:
    assembly = reception.assembly
    return CallTimes(
        send=exchange.send,
        end=end,
        headers=exchange.headers,
        first_chunk=assembly.first_chunk,
        first_token=assembly.first_token,
        first_answer=assembly.first_answer,
        last_token=assembly.last_token,
        largest_gap_ns=assembly.largest_gap_ns,
        deltas=assembly.deltas,
        received_bytes=reception.received_bytes,
    )
