"""Tool slots: bounded, in order, and their queue is waiting, never tool time; trials start in the plan's order."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.agent import Agent, Assignment, Transcript
from harness.bench import Bench
from harness.clock import ManualClock, Phase, Stopwatch, SystemClock, partition
from harness.config import TrialLimits
from harness.errors import InterruptedRunError
from harness.interrupt import Interrupts
from harness.journal import Journal
from harness.matrix import MatrixRun, run_matrix
from harness.models.replay import ReplayModel
from harness.plan import Trial, plan
from harness.prepare import Prepared
from harness.progress import Quiet
from harness.redact import Redactor
from harness.slots import Slots, slot_count
from harness.turns import ScriptedCall, Turn
from sandbox.checkout import Checkouts
from sandbox.contract import Environment, Snapshot
from sandbox.local import LocalProvider
from tests.harness.boxes import local_box
from tests.harness.test_plan import DIGESTS, MODEL, ONE, TWO, matrix

HOUR_NS = 3600 * 10**9


def test_no_more_run_at_once_than_there_are_slots() -> None:
    """Eight threads, two slots: never three inside."""
    slots, stopwatch = Slots(2), Stopwatch(SystemClock())
    inside: list[int] = []
    most: list[int] = []
    lock = threading.Lock()
    gate = threading.Barrier(2, timeout=10)

    def work() -> None:
        with slots.take(stopwatch, Phase.WAIT, "tool_slot"):
            with lock:
                inside.append(1)
                most.append(len(inside))
            gate.wait()
            with lock:
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert max(most) == 2


def test_slots_are_given_in_the_order_they_were_asked_for() -> None:
    """First come, first served: no trial starves."""
    slots, stopwatch = Slots(1), Stopwatch(SystemClock())
    served: list[int] = []
    waiting = threading.Semaphore(0)

    def work(number: int) -> None:
        waiting.release()
        with slots.take(stopwatch, Phase.WAIT, "tool_slot"):
            served.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(5)]
    with slots.take(stopwatch, Phase.WAIT, "tool_slot"):
        for number, thread in enumerate(threads):
            thread.start()
            assert waiting.acquire(timeout=10)
            while slots.queued <= number:
                threading.Event().wait(0.001)
    for thread in threads:
        thread.join(10)
    assert served == [0, 1, 2, 3, 4]


def test_the_queue_is_booked_as_waiting() -> None:
    """Whoever waits books the time under the phase it names."""
    slots, stopwatch = Slots(1), Stopwatch(SystemClock())
    with slots.take(stopwatch, Phase.WAIT, "tool_slot") as waited_ns:
        pass
    (span,) = stopwatch.spans()
    assert (span.phase, span.sub) == (Phase.WAIT, "tool_slot")
    assert span.t1 - span.t0 <= waited_ns


def test_closing_wakes_those_who_wait() -> None:
    """An interrupt does not leave a thread in the queue."""
    slots, stopwatch = Slots(1), Stopwatch(SystemClock())
    caught: list[BaseException] = []

    def work() -> None:
        try:
            with slots.take(stopwatch, Phase.WAIT, "tool_slot"):
                pass
        except InterruptedRunError as error:
            caught.append(error)

    with slots.take(stopwatch, Phase.WAIT, "tool_slot"):
        thread = threading.Thread(target=work)
        thread.start()
        while not slots.queued:
            threading.Event().wait(0.001)
        slots.close()
        thread.join(10)
    assert len(caught) == 1
    with pytest.raises(InterruptedRunError), slots.take(stopwatch, Phase.WAIT, "tool_slot"):
        pass


@pytest.mark.parametrize(
    ("cores", "cpus", "count"),
    [
        (1, [1.0], 1),
        (2, [1.0], 1),
        (4, [1.0], 3),
        (8, [2.0], 3),
        (8, [1.0, 4.0], 1),
        (8, [0.5], 7),
        (4, [16.0], 1),
        (4, [], 3),
    ],
)
def test_one_core_stays_free(cores: int, cpus: list[float], count: int) -> None:
    """(cores - 1) / cpus of the largest sandbox, at least one; half a CPU counts as a whole core."""
    assert slot_count(cores, cpus) == count


@given(st.integers(1, 1024), st.lists(st.floats(0.01, 256), max_size=8))
def test_slots_never_promise_more_cores_than_there_are(cores: int, cpus: list[float]) -> None:
    """Whatever the targets ask for, full slots leave a core, but for the one slot that every run needs."""
    count = slot_count(cores, cpus)
    assert count >= 1
    assert count == 1 or count * max([1.0, *cpus]) <= cores - 1


@contextmanager
def queueing(slots: Slots, clock: ManualClock, for_ns: int) -> Iterator[None]:
    """Hold the only slot until somebody waits for it, and let so much time pass for them before they get it."""
    held = threading.Event()

    def hold() -> None:
        with slots.take(Stopwatch(clock), Phase.WAIT, "tool_slot"):
            held.set()
            while not slots.queued:
                threading.Event().wait(0.001)
            clock.advance_ns(for_ns)

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(10)
    yield
    holder.join(10)


def worked(cache: Path, wall_s: float, queued_ns: int) -> tuple[Transcript, dict[str, int]]:
    """What an agent that runs one command does when it waits so long for its slot, and its time by sub-phase."""
    clock, slots = ManualClock(), Slots(1)
    stopwatch = Stopwatch(clock)
    command = Turn(tool_calls=(ScriptedCall(name="shell", arguments={"command": "true"}),))
    finish = Turn(tool_calls=(ScriptedCall(name="finish", arguments={"summary": "done"}),))
    with local_box(cache) as box, queueing(slots, clock, queued_ns):
        agent = Agent(
            model=ReplayModel([command, finish], clock),
            sandbox=box,
            stopwatch=stopwatch,
            slots=slots,
            on_event=lambda _kind, _body: None,
        )
        limits = TrialLimits(wall_s=wall_s)
        transcript = agent.work(Assignment(brief="Do it.", test_command="pytest", limits=limits))
    return transcript, dict(partition(stopwatch.spans(), 0, clock.now_ns()).sub_phases)


def test_the_queue_is_not_held_against_the_wall_limit(tmp_path: Path) -> None:
    """A trial that may take a minute waits an hour for its slot, and finishes; the hour is `wait.tool_slot`."""
    transcript, sub_phases = worked(tmp_path, 60, HOUR_NS)
    assert transcript.stop == "finished"
    assert sub_phases == {"wait.tool_slot": HOUR_NS}
    assert transcript.tool_calls[0].total_ns == 0


def test_the_queue_of_a_grading_is_grading() -> None:
    """Who waits to grade books `grade.slot`: no part of the agent's wall."""
    clock, slots = ManualClock(), Slots(1)
    stopwatch = Stopwatch(clock)
    with queueing(slots, clock, HOUR_NS), slots.take(stopwatch, Phase.GRADE, "slot") as waited_ns:
        pass
    split = partition(stopwatch.spans(), 0, clock.now_ns())
    assert waited_ns == split.phases[Phase.GRADE] == HOUR_NS
    assert split.sub_phases == {"grade.slot": HOUR_NS}


def started(folder: Path, parallel: int) -> tuple[list[str], list[str]]:
    """Ids of a plan's trials as planned, and in the order in which they began; none of them finds its environment."""
    models = (MODEL, replace(MODEL, name="b"), replace(MODEL, name="c"))
    trials = plan(matrix(*models, repeats=3), [ONE, TWO], DIGESTS)
    begun: list[str] = []

    def note(trial: Trial, attempt: int, kind: str, _body: object) -> None:
        if kind == "trial_started" and attempt == 1:
            begun.append(trial.id)

    clock = SystemClock()
    bench = Bench(
        run="run",
        provider=LocalProvider(folder / "cache", {}),
        clock=clock,
        slots=Slots(1),
        open_model=lambda _trial: ReplayModel((), clock),
        on_event=note,
        interrupts=Interrupts(),
    )
    gone = Environment(key="gone", digest="gone", workdir="/workspace")
    (folder / "app").mkdir()
    checkouts = Checkouts(folder / "checkouts", {})
    snapshot: Snapshot = checkouts.from_folder(folder / "app")
    with Journal.create(folder / "run") as journal:
        run_matrix(
            MatrixRun(
                trials=trials,
                prepared={one.key: Prepared(feature=one, snapshot=snapshot, environment=gone) for one in (ONE, TWO)},
                bench=bench,
                journal=journal,
                redactor=Redactor(),
                progress=Quiet(),
                checkouts=checkouts,
                parallel=parallel,
            )
        )
    return [trial.id for trial in trials], begun


def test_one_at_a_time_trials_begin_as_planned(tmp_path: Path) -> None:
    """The pool takes the plan from the front: models alternate in time as they do in the plan."""
    planned, begun = started(tmp_path, 1)
    assert begun == planned


def test_in_parallel_no_trial_overtakes_more_than_its_neighbours(tmp_path: Path) -> None:
    """With three at once, whoever begins has all but at most two of the earlier ones before it."""
    planned, begun = started(tmp_path, 3)
    assert sorted(begun) == sorted(planned)
    for place, one in enumerate(begun):
        assert planned.index(one) - place <= 2
