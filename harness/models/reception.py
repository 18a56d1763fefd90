"""One answer as it is received: bytes in, an assembly out, patience watched; raises FaultError."""

from dataclasses import dataclass

from harness.clock import Clock
from harness.models.blame import fault_of
from harness.models.ceiling import check_ceilings
from harness.models.dialect import Dialect
from harness.models.exchange import Broken, Cut, Data, End, Event, Exchange, Headers
from harness.models.faults import Fault, FaultError
from harness.models.reading import Reading
from harness.models.settings import Timeouts
from harness.models.wire_log import wire_log


@dataclass(frozen=True, slots=True, kw_only=True)
class _Patience:
    until: int
    fault: Fault
    message: str


class Reception:
    """Receives one answer; afterwards `reading` holds it, and the moment of its end.

    That is its last byte that counted, or, where its server never said that this was all, when that was waited for no
    longer: to the clock it is still the answer's time then.

    `ended` says that nothing more comes on the connection. What comes is written to the thread's wire log before it is
    looked at.
    """

    def __init__(self, exchange: Exchange, dialect: Dialect, timeouts: Timeouts, clock: Clock) -> None:
        self.reading = Reading(dialect.assembly(), dialect.parser(), clock.utc)
        self.ended = False
        self._exchange = exchange
        self._timeouts = timeouts
        self._clock = clock
        self._log = wire_log()
        self._heard = False

    def run(self) -> None:
        """Wait until the answer is complete. Raises FaultError where it never will be, InfraError of the wire log."""
        while not self.reading.done:
            self._stop_if_over()
            patience = self._patience()
            event = self._exchange.next((patience.until - self._clock.now_ns()) / 1e9)
            if event is not None:
                self._take(event)
            elif not self.reading.stop(self._clock.now_ns()):  # until now it was the server's to end the answer
                raise FaultError(patience.fault, patience.message)

    def _stop_if_over(self) -> None:
        """An answer that comes faster than it is read must not outlast the call: events that wait do not hold it up."""
        if self._exchange.cut:
            raise FaultError(Fault.INTERRUPTED, "the call was interrupted")
        total = self._in_all()
        if self._clock.now_ns() > total.until and not self.reading.assembly.finish_reason:
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
        if self.reading.last_answer is None:
            until, what = send + round(limits.first_token_s * 1e9), f"no token within {limits.first_token_s:g} s"
        else:
            idle_s = self._idle_s()
            until, what = self.reading.last_answer + round(idle_s * 1e9), f"no further token for {idle_s:g} s"
        idle = _Patience(until=until, fault=Fault.STALLED, message=what)
        return min(self._in_all(), idle, key=lambda each: each.until)

    def _idle_s(self) -> float:
        """How long to wait for more of an answer; reasoning that nobody sees may take as long as a first token."""
        if self.reading.assembly.finish_reason:
            return self._timeouts.tail_s
        return self._timeouts.first_token_s if self.reading.assembly.thinking else self._timeouts.idle_s

    def _take(self, event: Event) -> None:
        self.ended = isinstance(event, End | Broken)
        match event:
            case Headers():
                self._hear()
                self._log.head(event.status, event.fields, event.at)
                self.reading.head(event.status, event.fields)
            case Data():
                self._data(event)
            case End():
                self._log.closed(event.at)
                self.reading.closed(event.at)
            case Broken():
                self._broken(event)
            case Cut():
                raise FaultError(Fault.INTERRUPTED, "the call was interrupted")

    def _hear(self) -> None:
        """Something came back: the moment of sending will not change any more."""
        if not self._heard:
            self._heard = True
            self._log.sent(self._exchange.send)

    def _data(self, event: Data) -> None:
        self._hear()
        self._log.data(event.data, event.at)
        self.reading.data(event.data, event.at)
        if not self.reading.assembly.finish_reason:
            check_ceilings(self.reading.assembly.moments.tokens)

    def _broken(self, event: Broken) -> None:
        if not self.reading.stop(event.at):  # else all of it was there; what broke off are the formalities after it
            raise fault_of(event.error, self._clock.utc()) from event.error
