"""One logical call: attempts with pauses in between, every one of them on the record."""

import math
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from tenacity import Retrying, retry_if_exception, stop_after_attempt

from harness.clock import Clock
from harness.models.contract import OWN_QUEUE, CallAttempt, CallFailedError, Pause, Reply
from harness.models.faults import FailedAttemptError, Failure, Fault
from harness.models.gate import Outcome, Passage, Ticket
from harness.models.health import ProviderHealth, tell, too_long
from harness.models.parking import place_for
from harness.models.settings import RetryPolicy
from harness.models.wire_log import wire_log

_NAP_NS = 200_000_000
_NS_A_SECOND = 10**9
_SPREAD = 0.05
"""Share of a wait that chance adds to it, so that trials that were told the same moment do not all come at once."""
_YEAR_S = 366 * 24 * 3600.0
_RATE_LIMIT, _BACKOFF = "rate_limit", "backoff"
_ASKED_ANEW = (Fault.UNSUPPORTED, Fault.LOST_STATE, Fault.EXPIRED)


@dataclass(slots=True, kw_only=True)
class _Effort:
    """What one logical call has come to; nobody waits for it after `until` (nanoseconds, may be infinite).

    `reason` is why it waits next, if it does.
    """

    until: float
    reason: str = _RATE_LIMIT
    failed: list[CallAttempt] = field(default_factory=list)
    pauses: list[Pause] = field(default_factory=list)

    def failure(self, fault: str, message: str) -> CallFailedError:
        """The end of it without an answer."""
        tries = f" (after {len(self.failed)} attempts)" if len(self.failed) > 1 else ""
        return CallFailedError(f"{message}{tries}", fault=fault, attempts=self.failed, pauses=self.pauses)


class Persistence:
    """Tries attempts until one is answered; sleeps on the injected clock, and `interrupt` ends a sleep early.

    Who listens by `harness.models.health.telling` hears of each failed attempt and each wait as it happens.
    """

    def __init__(
        self,
        policy: RetryPolicy,
        clock: Clock,
        health: ProviderHealth,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._policy = policy
        self._health = health
        self._clock = clock
        self._draw = draw
        self._interrupted = threading.Event()
        self._ticket: Ticket | None = None

    def interrupt(self) -> None:
        """End a sleep or a wait in the queue, and let no further attempt start."""
        self._interrupted.set()
        ticket = self._ticket
        if ticket is not None:
            ticket.wake()

    def call(self, attempt: Callable[[], Reply], left_s: float = math.inf) -> Reply:
        """The reply, with the attempts and pauses before it.

        `attempt` returns a reply of one attempt or raises FailedAttemptError. Raises CallFailedError once the fault
        does not pass by itself, the policy's attempts are used up, the provider is lost to other trials too, or wants
        to be left alone for longer than `left_s`, which stand still while the call waits in the harness's own queue.
        """
        effort = _Effort(until=self._clock.now_ns() + left_s * _NS_A_SECOND)

        def once() -> Reply:
            passage, outcome = self._get_ready(effort), Outcome.FAILED
            try:
                reply = attempt()
                outcome = Outcome.ANSWERED
            except FailedAttemptError as error:
                outcome = Outcome.THROTTLED if error.failure.fault is Fault.RATE_LIMIT else Outcome.FAILED
                self._note(error, effort)  # before the next one is let in, who shall know of it
                raise
            finally:
                self._leave(passage, outcome)
            return reply

        retrying = Retrying(
            stop=stop_after_attempt(self._policy.attempts),
            wait=lambda state: self._wait_s(state.attempt_number, _failure_in(state.outcome)),
            retry=retry_if_exception(lambda error: self._worth_another(error, effort)),
            before_sleep=lambda state: self._tell_failed(effort, state.upcoming_sleep),
            sleep=lambda seconds: self._pause(seconds, effort),
            reraise=True,
        )
        try:
            reply = retrying(once)
        except FailedAttemptError as error:
            raise self._given_up(error.failure, effort) from error
        return replace(reply, attempts=(*effort.failed, *reply.attempts), pauses=tuple(effort.pauses))

    def _get_ready(self, effort: _Effort) -> Passage:
        """Wait until the provider may be asked again. Raises CallFailedError where there is no use in waiting."""
        gate = self._health.gate
        while True:
            self._stop_if_hopeless(effort)
            rest_ns = self._health.quiet_until - self._clock.now_ns()
            if rest_ns > 0:
                self._cool_down(rest_ns, effort)
                continue
            passage = self._enter(effort)
            if passage is None:
                continue
            if not self._useless() and self._health.quiet_until <= self._clock.now_ns():
                break
            gate.leave(passage, Outcome.FAILED)
        if effort.pauses:
            try:
                tell("attempt", attempt=len(effort.failed) + 1)
            except BaseException:
                gate.leave(passage, Outcome.FAILED)
                raise
        return passage

    def _cool_down(self, rest_ns: int, effort: _Effort) -> None:
        words = self._too_long(rest_ns, effort)
        if words:
            raise effort.failure(Fault.DEFERRED, words)
        seconds = rest_ns / _NS_A_SECOND * self._spread()
        tell("cool_down", fault=_RATE_LIMIT, wait_s=seconds)
        effort.reason = _RATE_LIMIT
        self._pause(seconds, effort)

    def _enter(self, effort: _Effort) -> Passage | None:
        """A passage through the provider's gate, its queue waited out; None once there is no use in waiting."""
        gate = self._health.gate
        ticket = gate.line_up()
        if ticket.passage is None:
            self._ticket = ticket
            try:
                self._queue(effort, lambda: gate.wait(ticket, self._useless))
            except BaseException:
                gate.withdraw(ticket)
                raise
            finally:
                self._ticket = None
        return ticket.passage

    def _queue(self, effort: _Effort, wait: Callable[[], object]) -> None:
        """Wait for other trials: on the record under a name of its own, and not held against this one."""
        t0 = self._clock.now_ns()
        tell("model_queued")
        wait()
        t1 = self._clock.now_ns()
        tell("model_slot")
        effort.until += t1 - t0
        effort.pauses.append(Pause(t0=t0, t1=t1, reason=OWN_QUEUE))

    def _leave(self, passage: Passage, outcome: Outcome) -> None:
        gate = self._health.gate
        allowed = gate.leave(passage, outcome)
        if allowed is not None:
            tell("throttled", provider=self._health.name, at_once=allowed, of=gate.most)

    def _useless(self) -> bool:
        return self._interrupted.is_set() or self._health.lost is not None

    def _stop_if_hopeless(self, effort: _Effort) -> None:
        if self._interrupted.is_set():
            raise effort.failure(Fault.INTERRUPTED, "the model was closed")
        lost = self._health.lost
        if lost is not None:
            raise effort.failure(lost.fault, f"not tried, for this provider failed before: {lost}")

    def _note(self, error: FailedAttemptError, effort: _Effort) -> None:
        effort.failed.append(error.attempt)
        fault, asked_s = error.failure.fault, _asked_s(error.failure)
        effort.reason = _RATE_LIMIT if asked_s or fault is Fault.RATE_LIMIT else _BACKOFF
        if asked_s and fault.passing:
            self._health.leave_alone(self._clock.now_ns() + round(asked_s * _NS_A_SECOND))

    def _worth_another(self, error: BaseException, effort: _Effort) -> bool:
        if not isinstance(error, FailedAttemptError) or self._interrupted.is_set():
            return False
        return error.failure.fault.passing and not self._too_long(_asked_s(error.failure) * _NS_A_SECOND, effort)

    def _too_long(self, wait_ns: float, effort: _Effort) -> str:
        left_s = (effort.until - self._clock.now_ns()) / _NS_A_SECOND
        return too_long(wait_ns, min(left_s, self._policy.retry_after_cap_s), self._clock.utc())

    def _wait_s(self, number: int, failure: Failure | None) -> float:
        """Seconds between the attempt of this number and the next: the back-off, or longer if the server asks for it.

        What is asked again in another way, without an option or over a new connection, is asked at once.
        """
        if failure is None or failure.fault in _ASKED_ANEW:
            return 0.0
        longest = min(self._policy.cap_s, self._policy.base_s * 2.0 ** (number - 1))
        return max(longest * (0.5 + 0.5 * self._draw()), _asked_s(failure) * self._spread())

    def _spread(self) -> float:
        return 1 + _SPREAD * self._draw()

    def _pause(self, seconds: float, effort: _Effort) -> None:
        """Sleep in naps, so that it is soon seen when there is no use in it; the clock says how long it was.

        Who sleeps long lets another trial work meanwhile, and then waits for a place again.
        """
        if seconds <= 0:
            return
        place = place_for(seconds)
        if place is not None:
            place.leave()
        self._sleep(seconds, effort)
        if place is not None:
            self._queue(effort, lambda: place.come_back(self._useless))

    def _sleep(self, seconds: float, effort: _Effort) -> None:
        t0 = self._clock.now_ns()
        left = round(seconds * _NS_A_SECOND)
        while left > 0 and not self._useless():
            nap = min(left, _NAP_NS)
            self._clock.sleep(nap / _NS_A_SECOND)
            left -= nap
        effort.pauses.append(Pause(t0=t0, t1=self._clock.now_ns(), reason=effort.reason))
        wire_log().paused(effort.pauses[-1])

    def _given_up(self, failure: Failure, effort: _Effort) -> CallFailedError:
        """The last failure as that of the whole call; one that no call can get past is told to all trials."""
        fault, message = failure.fault, failure.message
        words = self._too_long(_asked_s(failure) * _NS_A_SECOND, effort) if fault.passing else ""
        if self._interrupted.is_set():
            fault = Fault.INTERRUPTED
        elif words:
            fault, message = Fault.DEFERRED, f"{words}: {message}"
        error = effort.failure(fault, message)
        if error.fatal:
            self._health.lose(error)
        self._tell_failed(effort, None)
        return error

    def _tell_failed(self, effort: _Effort, wait_s: float | None) -> None:
        last = effort.failed[-1]
        number = len(effort.failed)
        about = {"fault": last.fault, "status": last.status, "message": last.message}
        tell("attempt_failed", attempt=number, **about, wait_s=wait_s)


def _failure_in(outcome: Any) -> Failure | None:
    error = outcome.exception() if outcome is not None else None
    return error.failure if isinstance(error, FailedAttemptError) else None


def _asked_s(failure: Failure) -> float:
    """For how long the server asks to be left alone, seconds; 0 where it does not, or talks nonsense."""
    asked = failure.retry_after_s
    return 0.0 if asked is None or not asked > 0 else min(asked, _YEAR_S)
