"""Attempts and pauses of one logical call, on a clock that moves by hand."""

from collections.abc import Callable

import pytest

from harness.clock import ManualClock
from harness.models.contract import CallAttempt, CallFailedError, CallTimes, Message, Reply, Role, Usage
from harness.models.faults import FailedAttemptError, Failure, Fault
from harness.models.health import ProviderHealth
from harness.models.retry import Persistence
from harness.models.settings import RetryPolicy
from harness.models.timing import spans

SECOND = 1_000_000_000
POLICY = RetryPolicy(attempts=4, base_s=1.0, cap_s=3.0, retry_after_cap_s=60.0)


class Provider:
    """Fails as told, two seconds each time, then answers after one second."""

    def __init__(self, clock: ManualClock, *failures: Failure) -> None:
        self._clock = clock
        self._failures = list(failures)

    def attempt(self) -> Reply:
        """One attempt."""
        send = self._clock.now_ns()
        self._clock.advance_ns(SECOND)
        if not self._failures:
            times = CallTimes(send=send, end=self._clock.now_ns())
            message = Message(role=Role.ASSISTANT, content="hi")
            return Reply(message=message, finish_reason="stop", usage=Usage(), attempts=(CallAttempt(times=times),))
        self._clock.advance_ns(SECOND)
        failure = self._failures.pop(0)
        times = CallTimes(send=send, end=self._clock.now_ns())
        raise FailedAttemptError(CallAttempt(times=times, fault=failure.fault), failure)


def failure(fault: Fault, retry_after_s: float | None = None) -> Failure:
    """A failure of this kind."""
    return Failure(fault=fault, message=f"failed: {fault}", retry_after_s=retry_after_s)


def longest(clock: ManualClock) -> Persistence:
    """Retries with the longest pauses the jitter allows."""
    return Persistence(POLICY, clock, ProviderHealth(), draw=lambda: 1.0)


def called(draw: Callable[[], float], *failures: Failure) -> Reply:
    """The reply after these failures."""
    clock = ManualClock()
    return Persistence(POLICY, clock, ProviderHealth(), draw).call(Provider(clock, *failures).attempt)


def test_backoff_is_not_generation() -> None:
    """Failed attempts and time asleep are waiting, each under its own name; only the answered attempt is the model."""
    reply = called(lambda: 1.0, failure(Fault.SERVER_ERROR), failure(Fault.RATE_LIMIT, 10.0), failure(Fault.STALLED))
    split = [(f"{span.phase}.{span.sub}", span.t0 // SECOND, span.t1 // SECOND) for span in spans(reply, 1)]
    assert split == [
        ("wait.failed_call", 0, 2),
        ("wait.backoff", 2, 3),
        ("wait.failed_call", 3, 5),
        ("wait.rate_limit", 5, 16),
        ("wait.failed_call", 16, 18),
        ("wait.backoff", 18, 21),
        ("model.first_token", 21, 22),
    ]


def test_backoff_doubles_up_to_its_cap() -> None:
    """Pauses double and are bounded; jitter takes up to half of each."""
    failures = [failure(Fault.CONNECTION)] * 3
    most = [pause.t1 - pause.t0 for pause in called(lambda: 1.0, *failures).pauses]
    least = [pause.t1 - pause.t0 for pause in called(lambda: 0.0, *failures).pauses]
    assert most == [SECOND, 2 * SECOND, 3 * SECOND]
    assert least == [length // 2 for length in most]


@pytest.mark.parametrize(("asked_s", "slept_s"), [(3.0, 3.0), (0.0, 0.0), (-5.0, 0.0), (1e9, 60.0)])
def test_retry_after_is_obeyed_within_bounds(asked_s: float, slept_s: float) -> None:
    """Never less than the server asks for, and never more than the cap."""
    reply = called(lambda: 0.0, failure(Fault.RATE_LIMIT, asked_s))
    assert [pause.t1 - pause.t0 for pause in reply.pauses] == [round(slept_s * SECOND)]


def test_giving_up_keeps_the_history() -> None:
    """The error holds every attempt and pause, and says how often it was tried."""
    clock = ManualClock()
    with pytest.raises(CallFailedError, match=r"failed: timeout \(after 4 attempts\)") as caught:
        longest(clock).call(Provider(clock, *[failure(Fault.TIMEOUT)] * 9).attempt)
    assert (len(caught.value.attempts), len(caught.value.pauses)) == (4, 3)
    assert sum(span.t1 - span.t0 for span in spans(caught.value, 1)) == clock.now_ns()


@pytest.mark.parametrize("fault", [fault for fault in Fault if not fault.passing])
def test_lasting_faults_end_the_call(fault: Fault) -> None:
    """What would fail the same way again is not tried again."""
    clock = ManualClock()
    with pytest.raises(CallFailedError) as caught:
        longest(clock).call(Provider(clock, failure(fault)).attempt)
    assert (caught.value.fault, len(caught.value.attempts)) == (fault, 1)


def test_interrupt_ends_a_call_before_its_next_attempt() -> None:
    """After an interrupt nothing is sent; the fault says why, not what failed before."""
    clock = ManualClock()
    persistence = longest(clock)
    provider = Provider(clock, failure(Fault.SERVER_ERROR))

    def attempt() -> Reply:
        persistence.interrupt()
        return provider.attempt()

    with pytest.raises(CallFailedError) as caught:
        persistence.call(attempt)
    assert (caught.value.fault, len(caught.value.attempts)) == ("interrupted", 1)
    with pytest.raises(CallFailedError) as caught:
        persistence.call(provider.attempt)
    assert caught.value.attempts == ()


def test_errors_of_our_own_pass_through() -> None:
    """A bug is not a provider's fault."""

    def attempt() -> Reply:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        longest(ManualClock()).call(attempt)
