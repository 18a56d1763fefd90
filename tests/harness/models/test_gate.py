"""How many requests a provider gets at once: in order, fewer after a 429, more after answers."""

import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from harness.clock import ManualClock, SystemClock
from harness.commands.models import open_models
from harness.config import ModelConfig
from harness.models.contract import CallAttempt, CallFailedError, CallTimes, Message, Reply, Role, Usage
from harness.models.faults import FailedAttemptError, Failure, Fault
from harness.models.gate import Gate, Outcome, Passage
from harness.models.health import ProviderHealth, telling
from harness.models.parking import PARK_S, holding
from harness.models.retry import Persistence
from harness.models.settings import RetryPolicy
from harness.models.timing import call_row, spans
from harness.simulator.log import read_attempts
from harness.turns import Turn
from tests.harness.test_run_models import trials

SECOND = 1_000_000_000
HOUR = 3600 * SECOND
PATIENCE_S = 60


def passages(gate: Gate, count: int) -> list[Passage]:
    """So many passages, all of which are to be had at once."""
    tickets = [gate.line_up() for _ in range(count)]
    return [ticket.passage for ticket in tickets if ticket.passage is not None]


def until(what: Callable[[], bool]) -> None:
    """Return once something has come about in another thread."""
    pause = threading.Event()
    for _ in range(PATIENCE_S * 1000):
        if what():
            return
        pause.wait(0.001)
    raise AssertionError("it never came about")


def test_no_more_than_the_cap_in_the_order_of_asking() -> None:
    """Two get in, the others wait; each that leaves lets the next one in."""
    gate = Gate(2)
    tickets = [gate.line_up() for _ in range(4)]
    assert [ticket.passage is not None for ticket in tickets] == [True, True, False, False]
    assert gate.queued == 2
    for gone, following in ((0, 2), (1, 3)):
        passage = tickets[gone].passage
        assert passage is not None
        gate.leave(passage, Outcome.ANSWERED)
        assert tickets[following].passage is not None


def test_a_burst_of_429s_halves_once() -> None:
    """Those that were in flight together failed together; one that was sent later halves again, down to one."""
    gate = Gate(16)
    burst = passages(gate, 16)
    assert [gate.leave(passage, Outcome.THROTTLED) for passage in burst] == [8] + [None] * 15
    for narrower in (4, 2, 1):
        together = passages(gate, gate.at_once)
        first, *others = [gate.leave(passage, Outcome.THROTTLED) for passage in together]
        assert (first, set(others) - {None}) == (narrower, set())
    (last,) = passages(gate, 1)
    assert gate.leave(last, Outcome.THROTTLED) is None
    assert gate.at_once == 1


def test_half_of_what_was_in_flight() -> None:
    """A wide gate that was hardly used is narrowed to what the provider has shown that it takes."""
    gate = Gate(16)
    first, *_ = passages(gate, 4)
    assert gate.leave(first, Outcome.THROTTLED) == 2


def test_answers_widen_it_up_to_the_cap() -> None:
    """A full round of answers allows one more; other failures say nothing."""
    gate = Gate(3)
    for passage in passages(gate, 3):
        gate.leave(passage, Outcome.THROTTLED)
    seen = []
    for outcome in (Outcome.FAILED, *[Outcome.ANSWERED] * 8):
        (passage,) = passages(gate, 1)
        gate.leave(passage, outcome)
        seen.append(gate.at_once)
    assert seen[0] == 1
    assert seen == sorted(seen)
    assert seen[-1] == 3
    assert seen.index(2) <= seen.index(3) - 2


def test_who_waits_in_vain_leaves_the_queue() -> None:
    """It takes no turn from those behind it."""
    gate = Gate(1)
    first, vain, behind = gate.line_up(), gate.line_up(), gate.line_up()
    assert gate.wait(vain, lambda: True) is None
    assert first.passage is not None
    gate.leave(first.passage, Outcome.ANSWERED)
    assert gate.wait(behind, lambda: False) == behind.passage != None  # noqa: E711 - a passage, and the ticket's own


def answer(clock: ManualClock) -> Reply:
    """A reply after one second."""
    send = clock.now_ns()
    clock.advance_ns(SECOND)
    times = CallTimes(send=send, end=clock.now_ns())
    message = Message(role=Role.ASSISTANT, content="hi")
    return Reply(message=message, finish_reason="stop", usage=Usage(), attempts=(CallAttempt(times=times),))


def refusal(clock: ManualClock, fault: Fault, retry_after_s: float | None = None) -> FailedAttemptError:
    """A failed attempt that took no time."""
    times = CallTimes(send=clock.now_ns(), end=clock.now_ns())
    failure = Failure(fault=fault, message="no", retry_after_s=retry_after_s)
    return FailedAttemptError(CallAttempt(times=times, fault=fault), failure)


class Queued:
    """A call in a thread of its own that waits behind a request that holds the only passage."""

    def __init__(self, attempt: Callable[[], Reply], left_s: float = 60.0) -> None:
        self.clock = ManualClock()
        self.health = ProviderHealth(name="here", most=1)
        self.told: list[str] = []
        self.outcome: Reply | CallFailedError | None = None
        self.persistence = Persistence(RetryPolicy(), self.clock, self.health, draw=lambda: 0.0)
        (self.ahead,) = passages(self.health.gate, 1)
        self._attempt, self._left_s = attempt, left_s
        self._thread = threading.Thread(target=self._call)
        self._thread.start()
        until(lambda: self.health.gate.queued == 1)

    def _call(self) -> None:
        try:
            with telling(lambda kind, _body: self.told.append(kind)):
                self.outcome = self.persistence.call(self._attempt, self._left_s)
        except CallFailedError as error:
            self.outcome = error

    def ended(self) -> Reply | CallFailedError:
        """How the call ended."""
        self._thread.join(PATIENCE_S)
        assert self.outcome is not None
        return self.outcome


def test_the_queue_is_booked_and_not_held_against_the_call() -> None:
    """An hour behind others, in a call that has a minute: it still waits ten seconds for its provider afterwards."""
    failures = [refusal(ManualClock(), Fault.RATE_LIMIT, 10.0)]

    def attempt() -> Reply:
        if failures:
            raise refusal(queued.clock, failures.pop().failure.fault, 10.0)
        return answer(queued.clock)

    queued = Queued(attempt)
    queued.clock.advance_ns(HOUR)
    queued.health.gate.leave(queued.ahead, Outcome.FAILED)
    reply = queued.ended()
    assert isinstance(reply, Reply)
    assert [(span.sub, (span.t1 - span.t0) // SECOND) for span in spans(reply, 1)] == [
        ("model_slot", 3600),
        ("rate_limit", 10),
        ("first_token", 1),
    ]
    assert call_row(reply, 1, None).wait_ns == 10 * SECOND
    assert queued.told[:3] == ["model_queued", "model_slot", "attempt"]


def test_who_queues_can_be_interrupted() -> None:
    """Closing the model ends the wait; the time is on the record, and nothing was sent."""
    queued = Queued(lambda: pytest.fail("sent"))
    queued.persistence.interrupt()
    error = queued.ended()
    assert isinstance(error, CallFailedError)
    assert (error.fault, error.attempts, [pause.reason for pause in error.pauses]) == (
        "interrupted",
        (),
        ["model_slot"],
    )
    assert queued.health.gate.queued == 0


def test_a_provider_lost_meanwhile_ends_the_queue() -> None:
    """Nobody waits for his turn at a provider that answers no more."""
    queued = Queued(lambda: pytest.fail("sent"))
    queued.health.lose(CallFailedError("no quota", fault="no_quota", attempts=(), pauses=()))
    error = queued.ended()
    assert isinstance(error, CallFailedError)
    assert error.fault == "no_quota"


def test_who_is_let_in_still_leaves_the_provider_alone() -> None:
    """A Retry-After that another was told meanwhile is waited out before anything is sent."""
    queued = Queued(lambda: answer(queued.clock))
    queued.health.leave_alone(30 * SECOND)
    queued.health.gate.leave(queued.ahead, Outcome.THROTTLED)
    reply = queued.ended()
    assert isinstance(reply, Reply)
    assert reply.times.send >= 30 * SECOND
    assert [pause.reason for pause in reply.pauses] == ["model_slot", "rate_limit"]
    assert queued.health.gate.queued == 0


class Lent:
    """A place that is asked for again for an hour, by a clock that moves by hand."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.left_at: list[int] = []
        self.came_back_at: list[int] = []

    def leave(self) -> None:
        """Note when."""
        self.left_at.append(self.clock.now_ns())

    def come_back(self, useless: Callable[[], bool]) -> None:
        """Note when, and take an hour."""
        assert not useless()
        self.came_back_at.append(self.clock.now_ns())
        self.clock.advance_ns(HOUR)


@pytest.mark.parametrize(("asked_s", "lent"), [(PARK_S - 1, 0), (PARK_S, 1)])
def test_a_long_sleep_lends_the_place(asked_s: float, lent: int) -> None:
    """From ten seconds on; the wait for a place afterwards is the harness's own queue."""
    clock = ManualClock()
    place = Lent(clock)
    failures = [Fault.RATE_LIMIT]

    def attempt() -> Reply:
        if failures:
            raise refusal(clock, failures.pop(), asked_s)
        return answer(clock)

    with holding(place):
        reply = Persistence(RetryPolicy(), clock, ProviderHealth(), draw=lambda: 0.0).call(attempt, left_s=60.0)
    assert place.left_at == [0] * lent
    assert place.came_back_at == [round(asked_s) * SECOND] * lent
    assert [(pause.reason, (pause.t1 - pause.t0) // SECOND) for pause in reply.pauses] == [
        ("rate_limit", asked_s),
        *[("model_slot", 3600)] * lent,
    ]


@pytest.mark.slow
def test_it_finds_what_a_provider_takes(tmp_path: Path) -> None:
    """Eight at once ask a provider that takes two: all are answered, and few calls are refused on the way."""
    threads, calls = 8, 8
    config = ModelConfig(
        name="m", provider="simulator", api="chat", model="m", turns="sound", first_token_ms=20, most_in_flight=2
    )
    scripts = {"shop/one:sound": (Turn(content="hello"),)}
    log = tmp_path / "log.jsonl"
    with open_models({"m": config}, scripts, SystemClock(), log, parallel=threads) as models:
        (trial,) = trials(config)
        answered: list[str] = []

        def work() -> None:
            with closing(models(trial)) as model:
                answered.extend(
                    model.reply([Message(role=Role.USER, content="hi")], []).message.content for _ in range(calls)
                )

        workers = [threading.Thread(target=work) for _ in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(PATIENCE_S)
    assert len(answered) == threads * calls
    refused = [sent for sent in read_attempts(log) if sent.status == 429]
    assert 0 < len(refused) <= threads * calls / 2
