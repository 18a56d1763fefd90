"""One logical call: attempts with pauses in between, every one of them on the record."""

import math
import random
import threading
from collections.abc import Callable
from dataclasses import replace

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt

from harness.clock import Clock
from harness.models.contract import CallAttempt, CallFailedError, Pause, Reply
from harness.models.faults import FailedAttemptError, Failure, Fault
from harness.models.health import ProviderHealth
from harness.models.settings import RetryPolicy

_NAP_NS = 200_000_000


class Persistence:
    """Tries attempts until one is answered; sleeps on the injected clock, and `interrupt` ends a sleep early."""

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

    def interrupt(self) -> None:
        """End a sleep, and let no further attempt start."""
        self._interrupted.set()

    def call(self, attempt: Callable[[], Reply], left_s: float = math.inf) -> Reply:
        """The reply, with the attempts and pauses before it.

        `attempt` returns a reply of one attempt or raises FailedAttemptError. Raises CallFailedError once the fault
        does not pass by itself or the policy's attempts are used up.
        """
        failed: list[CallAttempt] = []
        pauses: list[Pause] = []

        def once() -> Reply:
            self._stop_if_interrupted(failed, pauses)
            try:
                return attempt()
            except FailedAttemptError as error:
                failed.append(error.attempt)
                raise

        def sleep(seconds: float) -> None:
            pauses.append(self._pause(seconds, failed[-1].fault))

        retrying = Retrying(
            stop=stop_after_attempt(self._policy.attempts),
            wait=self._wait,
            retry=retry_if_exception(lambda error: self._worth_another(error, left_s)),
            sleep=sleep,
            reraise=True,
        )
        try:
            reply = retrying(once)
        except FailedAttemptError as error:
            fault = Fault.INTERRUPTED if self._interrupted.is_set() else error.failure.fault
            raise _gave_up(fault, error.failure, failed, pauses) from error
        return _with_history(reply, failed, pauses)

    def _worth_another(self, error: BaseException, left_s: float) -> bool:
        if not isinstance(error, FailedAttemptError) or self._interrupted.is_set():
            return False
        return error.failure.fault.passing and (error.failure.retry_after_s or 0.0) <= left_s

    def _wait(self, state: RetryCallState) -> float:
        """Seconds until the next attempt."""
        error = state.outcome.exception() if state.outcome else None
        asked = error.failure.retry_after_s if isinstance(error, FailedAttemptError) else None
        if asked is not None:
            held = min(max(asked, 0.0), self._policy.retry_after_cap_s)
            return held * (1 + 0.1 * self._draw())
        longest = min(self._policy.cap_s, self._policy.base_s * 2.0 ** (state.attempt_number - 1))
        return longest * (0.5 + 0.5 * self._draw())

    def _pause(self, seconds: float, fault: str) -> Pause:
        """Sleep in naps, so that an interrupt is soon seen; the clock says how long it was."""
        t0 = self._clock.now_ns()
        left = round(seconds * 1e9)
        while left > 0 and not self._interrupted.is_set():
            nap = min(left, _NAP_NS)
            self._clock.sleep(nap / 1e9)
            left -= nap
        reason = "rate_limit" if fault == Fault.RATE_LIMIT else "backoff"
        return Pause(t0=t0, t1=self._clock.now_ns(), reason=reason)

    def _stop_if_interrupted(self, failed: list[CallAttempt], pauses: list[Pause]) -> None:
        if self._interrupted.is_set():
            failure = Failure(fault=Fault.INTERRUPTED, message="the model was closed")
            raise _gave_up(Fault.INTERRUPTED, failure, failed, pauses)


def _gave_up(fault: Fault, failure: Failure, failed: list[CallAttempt], pauses: list[Pause]) -> CallFailedError:
    tries = f" (after {len(failed)} attempts)" if len(failed) > 1 else ""
    return CallFailedError(f"{failure.message}{tries}", fault=fault, attempts=failed, pauses=pauses)


def _with_history(reply: Reply, failed: list[CallAttempt], pauses: list[Pause]) -> Reply:
    return replace(reply, attempts=(*failed, *reply.attempts), pauses=tuple(pauses))
