"""Attempts and pauses of one logical call, on a clock that moves by hand."""

import math
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import pytest

from harness.clock import ManualClock
from harness.models.contract import CallAttempt, CallFailedError, CallTimes, Message, Reply, Role, Usage
from harness.models.faults import FailedAttemptError, Failure, Fault
from harness.models.gate import Outcome
from harness.models.health import ProviderHealth, telling
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


def longest(clock: ManualClock, health: ProviderHealth | None = None) -> Persistence:
    """Retries with the longest pauses the jitter allows."""
    return Persistence(POLICY, clock, health or ProviderHealth(), draw=lambda: 1.0)


def refused(clock: ManualClock, failed: Failure, health: ProviderHealth, left_s: float = math.inf) -> CallFailedError:
    """What a call raises that fails like this, over and over."""
    with pytest.raises(CallFailedError) as caught:
        longest(clock, health).call(Provider(clock, *[failed] * 9).attempt, left_s)
    return caught.value


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
        ("wait.rate_limit", 5, 15),
        ("wait.failed_call", 15, 17),
        ("wait.backoff", 17, 20),
        ("model.first_token", 20, 21),
    ]


def test_backoff_doubles_up_to_its_cap() -> None:
    """Pauses double and are bounded; jitter takes up to half of each."""
    failures = [failure(Fault.CONNECTION)] * 3
    most = [pause.t1 - pause.t0 for pause in called(lambda: 1.0, *failures).pauses]
    least = [pause.t1 - pause.t0 for pause in called(lambda: 0.0, *failures).pauses]
    assert most == [SECOND, 2 * SECOND, 3 * SECOND]
    assert least == [length // 2 for length in most]


@pytest.mark.parametrize(
    ("asked_s", "slept_s"),
    [(3.0, 3.0), (0.2, 0.5), (0.0, 0.5), (-5.0, 0.5), (math.nan, 0.5), (None, 0.5), (60.0, 60.0)],
)
def test_retry_after_is_obeyed(asked_s: float | None, slept_s: float) -> None:
    """Never less than the server asks for, nor than the back-off; nonsense is as good as nothing."""
    reply = called(lambda: 0.0, failure(Fault.RATE_LIMIT, asked_s))
    assert [(pause.t1 - pause.t0, pause.reason) for pause in reply.pauses] == [(round(slept_s * SECOND), "rate_limit")]


def test_a_little_chance_spreads_the_trials() -> None:
    """At most a twentieth is added to what the server asked for."""
    reply = called(lambda: 1.0, failure(Fault.SERVER_ERROR, 40.0))
    assert [(pause.t1 - pause.t0, pause.reason) for pause in reply.pauses] == [(42 * SECOND, "rate_limit")]


def test_one_trials_rate_limit_cools_all_down() -> None:
    """The next call of another trial waits before its first attempt, as long as is left, and books it."""
    clock, health = ManualClock(), ProviderHealth()
    health.leave_alone(20 * SECOND)
    health.leave_alone(5 * SECOND)
    clock.advance_ns(10 * SECOND)
    reply = Persistence(POLICY, clock, ProviderHealth(health), draw=lambda: 0.0).call(Provider(clock).attempt)
    assert [(span.sub, span.t0 // SECOND, span.t1 // SECOND) for span in spans(reply, 1)] == [
        ("rate_limit", 10, 20),
        ("first_token", 20, 21),
    ]


def test_what_the_server_says_to_one_is_known_to_all() -> None:
    """A Retry-After ends up with the provider, from the moment it was heard."""
    clock, health = ManualClock(), ProviderHealth()
    longest(clock, ProviderHealth(health)).call(Provider(clock, failure(Fault.RATE_LIMIT, 9.0)).attempt)
    assert health.quiet_until == 11 * SECOND


def test_only_what_passes_cools_down() -> None:
    """A request that was wrong is no reason for others to wait, whatever its answer's headers say."""
    clock, health = ManualClock(), ProviderHealth()
    refused(clock, failure(Fault.BAD_REQUEST, 9.0), health)
    assert health.quiet_until == 0


@pytest.mark.parametrize(("asked_s", "left_s"), [(61.0, math.inf), (1e300, math.inf), (30.0, 29.0), (30.0, 31.9)])
def test_what_cannot_be_waited_for_is_deferred(asked_s: float, left_s: float) -> None:
    """Longer than the trial has left (two seconds went with the attempt), or than is sane: one call, no sleep."""
    clock, health = ManualClock(), ProviderHealth()
    caught = refused(clock, failure(Fault.RATE_LIMIT, asked_s), health, left_s)
    assert (caught.fault, len(caught.attempts), caught.pauses, caught.fatal) == ("deferred", 1, (), False)
    assert clock.now_ns() == 2 * SECOND
    if asked_s == 61:
        assert str(caught) == (
            "the provider wants to be left alone until 1970-01-01 00:01:03 UTC, 61 s from now: failed: rate_limit"
        )
    again = refused(clock, failure(Fault.RATE_LIMIT), health, left_s=1.0)
    assert (again.fault, again.attempts) == ("deferred", ())


def test_a_provider_that_asks_for_nothing_puts_nothing_off() -> None:
    """A failure that ends past the trial's time is what it is: the wall limit is somebody else's to see."""
    caught = refused(ManualClock(), failure(Fault.SERVER_ERROR), ProviderHealth(), left_s=1.0)
    assert (caught.fault, len(caught.attempts)) == ("server_error", 4)


def test_a_lost_provider_is_not_called_again() -> None:
    """After the first failure that nothing gets past no trial sends anything; each is told why."""
    clock, health = ManualClock(), ProviderHealth()
    first = refused(clock, failure(Fault.AUTHENTICATION), ProviderHealth(health))
    later = refused(clock, failure(Fault.SERVER_ERROR), ProviderHealth(health))
    assert health.lost is first
    assert (later.fault, later.fatal, later.attempts) == ("authentication", True, ())
    assert str(later) == "not tried, for this provider failed before: failed: authentication"


def test_a_model_that_does_not_exist_is_lost_alone() -> None:
    """Other models of that provider go on."""
    clock, provider = ManualClock(), ProviderHealth()
    health = ProviderHealth(provider)
    first = refused(clock, failure(Fault.NO_SUCH_MODEL), health)
    assert (health.lost, provider.lost) == (first, None)
    assert longest(clock, ProviderHealth(provider)).call(Provider(clock).attempt).message.content == "hi"


def test_a_provider_lost_meanwhile_ends_a_sleep() -> None:
    """Who sleeps before another attempt learns of it within a nap."""

    class Losing(ManualClock):
        def sleep(self, seconds: float) -> None:
            """Sleep, while another trial loses the provider."""
            super().sleep(seconds)
            health.lose(CallFailedError("no quota", fault="no_quota", attempts=(), pauses=()))

    clock, health = Losing(), ProviderHealth()
    caught = refused(clock, failure(Fault.RATE_LIMIT, 50.0), health)
    assert (caught.fault, len(caught.attempts)) == ("no_quota", 1)
    assert [pause.t1 - pause.t0 for pause in caught.pauses] == [SECOND // 5]


def test_trouble_is_told_as_it_happens() -> None:
    """Each failed attempt with the wait that follows it, each new attempt, and the last failure without one.

    And how many requests at once a rate limit leaves, and an answer gives back.
    """
    told: list[tuple[str, Mapping[str, Any]]] = []
    with telling(lambda kind, body: told.append((kind, body))):
        called(lambda: 1.0, failure(Fault.RATE_LIMIT, 10.0), failure(Fault.STALLED))
        refused(ManualClock(), failure(Fault.BAD_REQUEST), ProviderHealth())
    assert [body["at_once"] for kind, body in told if kind == "throttled"] == [1, 2]
    troubles = [(kind, body) for kind, body in told if kind != "throttled"]
    assert [(kind, body.get("attempt"), body.get("fault"), body.get("wait_s")) for kind, body in troubles] == [
        ("attempt_failed", 1, "rate_limit", 10.5),
        ("attempt", 2, None, None),
        ("attempt_failed", 2, "stalled", 2.0),
        ("attempt", 3, None, None),
        ("attempt_failed", 1, "bad_request", None),
    ]


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


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault.passing])
def test_passing_faults_are_tried_to_the_bound(fault: Fault) -> None:
    """Every attempt and every pause between them is kept, and nobody else is stopped; another way needs no pause."""
    clock, health = ManualClock(), ProviderHealth()
    caught = refused(clock, failure(fault), health)
    pauses = 0 if fault in {Fault.UNSUPPORTED, Fault.LOST_STATE, Fault.EXPIRED} else 3
    assert (caught.fault, len(caught.attempts), len(caught.pauses), health.lost) == (fault, 4, pauses, None)
    assert all(before.times.end <= after.times.send for before, after in pairwise(caught.attempts))


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


@pytest.mark.parametrize("fatal", ["model_queued", "model_slot", "attempt"])
def test_who_is_told_and_fails_leaks_no_place_at_the_gate(fatal: str) -> None:
    """A listener that raises ends the call; the one request that the provider takes at once is free again."""
    clock, health = ManualClock(), ProviderHealth(most=1)
    held = health.gate.line_up().passage
    assert held is not None
    told: list[str] = []

    def listen(kind: str, _body: Mapping[str, Any]) -> None:
        told.append(kind)
        if kind == "model_queued":
            health.gate.leave(held, Outcome.ANSWERED)
        if kind == fatal:
            raise BrokenPipeError

    with telling(listen), pytest.raises(BrokenPipeError):
        longest(clock, health).call(Provider(clock, failure(Fault.SERVER_ERROR)).attempt)
    assert told[-1] == fatal
    assert health.gate.queued == 0
    assert health.gate.line_up().passage is not None
