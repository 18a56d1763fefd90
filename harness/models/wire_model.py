"""A model behind a wire: what all wire APIs have in common. One attempt is one exchange, received into one reply."""

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.clock import Clock
from harness.models.carrier import Carrier
from harness.models.contract import CallAttempt, Message, Reply, ToolSpec
from harness.models.dialect import Dialect
from harness.models.exchange import Exchange, Talk
from harness.models.faults import FailedAttemptError, Failure, Fault, FaultError
from harness.models.health import ProviderHealth
from harness.models.history import History
from harness.models.reading import Asked, reply_of, times_of
from harness.models.reception import Reception
from harness.models.retry import Persistence
from harness.models.settings import ModelSettings
from harness.models.wire_log import wire_log
from harness.redact import Redactor


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """How requests are worded and what carries them."""

    dialect: Dialect
    carrier: Carrier


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """What all attempts of one logical call offer, and what their reply depends on."""

    tools: Sequence[ToolSpec]
    asked: Asked


class WireModel:
    """A model behind a wire API. One call at a time; `close` may come from any thread."""

    def __init__(
        self, settings: ModelSettings, key: str | None, clock: Clock, health: ProviderHealth, wire: Wire
    ) -> None:
        self._settings = settings
        self._redactor = Redactor([key] if key else [])
        self._clock = clock
        self._dialect, self._carrier = wire.dialect, wire.carrier
        self._framed = wire.dialect.parser().framed
        self._persistence = Persistence(settings.retry, clock, health)
        self._history = History(wire.dialect.encode)
        self._dropped: set[str] = set()
        self._exchange: Exchange | None = None
        self._closed = False
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"WireModel({self._settings!r})"

    def warm(self) -> None:
        """Open the connection before a trial's clock runs; a server that cannot be reached is the first call's fault.

        Takes at most about the time-out of connecting.
        """
        self._carrier.warm()

    def reply(self, messages: Sequence[Message], tools: Sequence[ToolSpec], left_s: float = math.inf) -> Reply:
        """The model's next message, tried again where a fault passes by itself. Raises CallFailedError."""
        self._history.follow(messages)
        asked = Asked(
            api=self._settings.api,
            transport=self._carrier.transport,
            framed=self._framed,
            taken_ids=self._history.call_ids,
            id_prefix=f"call_{len(messages)}",
        )
        request = _Request(tools=tools, asked=asked)
        return self._persistence.call(lambda: self._attempt(request), left_s)

    def close(self) -> None:
        """End a blocked call at once and release all connections."""
        self._persistence.interrupt()
        with self._lock:
            self._closed, exchange = True, self._exchange
        if exchange is not None:
            exchange.abandon()
        self._carrier.close()

    def _attempt(self, request: _Request) -> Reply:
        opening = self._history[0] if len(self._history) else None
        options = self._dialect.options(opening, request.tools, self._dropped)
        talk = self._carrier.talk(self._history, options)
        log = wire_log()
        log.sending(request.asked, self._clock.now_ns())
        exchange = self._start(talk)
        reception = Reception(exchange, self._dialect, self._settings.timeouts, self._clock)
        try:
            reception.run()
        except FaultError as error:
            exchange.abandon()
            self._carrier.failed(reception, error.failure.fault)
            failure = self._without_refused_option(self._redacted(error.failure), options)
            failed = self._failed(failure, exchange, reception)
            log.failed(failed.attempt)
            raise failed from error
        except BaseException:
            exchange.abandon()  # nobody waits for it any more
            self._carrier.cut()
            raise
        exchange.over()
        reply = self._reply(request, exchange, reception)
        log.end(reply.times.end)
        self._carrier.answered(reply, len(self._history))
        return reply

    def _start(self, talk: Talk) -> Exchange:
        with self._lock:
            if self._exchange is not None and self._exchange.running:
                self._carrier.cut()  # the last answer is complete, but its server still holds the connection
            self._exchange = Exchange(talk, self._clock)
            if self._closed:
                self._exchange.abandon()
            return self._exchange

    def _redacted(self, failure: Failure) -> Failure:
        """The failure with nothing of the key in it, in no encoding: some servers repeat it in their message."""
        return replace(failure, message=self._redactor.text(failure.message))

    def _without_refused_option(self, failure: Failure, options: dict[str, Any]) -> Failure:
        """Some servers reject an option: from then on it is not sent, and what it asked for may be unknown."""
        if failure.fault is not Fault.BAD_REQUEST:
            return failure
        for name, words in self._dialect.optional.items():
            if name in options and any(word in failure.message for word in words):
                self._dropped.add(name)
                return replace(failure, fault=Fault.UNSUPPORTED, retry_after_s=0.0)
        return failure

    def _reply(self, request: _Request, exchange: Exchange, reception: Reception) -> Reply:
        reading = reception.reading
        end = exchange.send if reading.end is None else reading.end
        attempt = CallAttempt(
            times=times_of(reading, exchange.send, exchange.headers, end),
            status=reading.status,
            request_id=reading.request_id,
        )
        return reply_of(reading, request.asked, attempt)

    def _failed(self, failure: Failure, exchange: Exchange, reception: Reception) -> FailedAttemptError:
        attempt = CallAttempt(
            times=times_of(reception.reading, exchange.send, exchange.headers, self._clock.now_ns()),
            fault=failure.fault,
            message=failure.message,
            was_sent=exchange.was_sent,
            status=failure.status or reception.reading.status,
            request_id=failure.request_id or reception.reading.request_id,
        )
        return FailedAttemptError(attempt, failure)
