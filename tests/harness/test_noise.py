"""What the machine did during a trial, and whether the trial's times can be trusted."""

import threading
import time
from collections.abc import Sequence
from dataclasses import fields, replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.clock import ManualClock, Phase, Span, SystemClock
from harness.monitor import WAKES_A_LOOK, KernelTotals, Monitor
from harness.noise import LEAST_LAID, Conditions, Covered, Laid, Sample, Totals, conditions, reasons

SECOND = 10**9
CORES = 2


def totals(pressed: float = 0, idle: float = 0, stolen: float = 0, starved: float = 0, wall: float = 1) -> Totals:
    """Totals after `wall` seconds on two cores, from shares: of the wall, or of the cores for `idle` and `stolen`."""
    every = round(wall * CORES * SECOND)
    return Totals(
        pressed=round(pressed * wall * SECOND),
        idle=round(idle * every),
        busy=every - round(idle * every),
        stolen=round(stolen * every),
        starved=round(starved * wall * SECOND),
    )


def plus(one: Totals, other: Totals) -> Totals:
    """What the kernel has counted after both."""
    return Totals(*(a + b for a, b in zip(one, other, strict=True)))


def run_of(*steps: Totals, late_ms: Sequence[float] = ()) -> tuple[Sample, ...]:
    """Samples a second apart; each lateness is noted at the last one."""
    samples = [Sample(0, (), totals(wall=0))]
    for step in steps:
        before = samples[-1]
        assert before.totals is not None
        samples.append(Sample(before.at_ns + SECOND, (), plus(before.totals, step)))
    samples[-1] = samples[-1]._replace(late_ns=tuple(round(each * 1e6) for each in late_ms))
    return tuple(samples)


def spans(*times: tuple[int, int], phase: Phase = Phase.TOOL, sub: str = "exec") -> tuple[Span, ...]:
    """Spans of tools, or of what is named."""
    return tuple(Span(phase=phase, sub=sub, t0=t0, t1=t1) for t0, t1 in times)


WHOLE = spans((0, 1000 * SECOND))
QUIET = totals(idle=0.5)


def test_a_quiet_machine_is_not_noisy() -> None:
    """One of two cores at work, threads awake in time: no reason to doubt."""
    found = conditions(run_of(*[QUIET] * 20, late_ms=[0.2] * 800), WHOLE)
    assert reasons(found) == ()
    assert (found.crowded, found.stolen, found.starved, found.cpu_pressure) == (0, 0, 0, 0)


def test_late_threads_are_noise() -> None:
    """Two wakes of a hundred were 14 ms late: p99 says so, in milliseconds."""
    found = conditions(run_of(QUIET, late_ms=[0.1] * 98 + [14.2] * 2), WHOLE)
    assert reasons(found) == ("the harness woke up 14 ms late (p99); times are not good to 5 ms",)


def test_one_hiccup_in_many_is_no_noise() -> None:
    """One wake of two hundred was late: the largest is told, the judgement is by p99."""
    found = conditions(run_of(QUIET, late_ms=[0.1] * 199 + [40.0]), WHOLE)
    assert (found.lateness_p99_ms, found.lateness_max_ms) == (0.1, 40.0)
    assert reasons(found) == ()


def test_one_hiccup_of_a_short_trial_is_no_noise() -> None:
    """Of fewer than a hundred wakes the latest is left out: a p99 of them would be that one."""
    assert reasons(conditions(run_of(QUIET, late_ms=[0.1] * 40 + [30.0]), WHOLE)) == ()
    assert reasons(conditions(run_of(QUIET, late_ms=[0.1] * 40 + [30.0] * 2), WHOLE)) != ()


def test_waiting_for_a_core_is_noise_where_none_was_idle() -> None:
    """Half the time of its commands something waited, and both cores were taken."""
    found = conditions(run_of(*[totals(pressed=0.5)] * 4), WHOLE)
    assert found.crowded == pytest.approx(0.5)
    assert reasons(found) == ("for 50 % of the time its commands ran, others waited for a core and none was idle",)


def test_a_sandbox_that_fills_its_own_quota_is_no_noise() -> None:
    """Four processes within one CPU wait for each other all the time, while a whole core is idle."""
    found = conditions(run_of(*[totals(pressed=1, idle=0.5)] * 4), WHOLE)
    assert (found.cpu_pressure, found.crowded) == (1, 0)
    assert reasons(found) == ()


def test_a_crowd_while_no_command_ran_is_no_noise() -> None:
    """What others did while the trial waited for its model did not prolong its commands."""
    samples = run_of(*[totals(pressed=1)] * 4, *[QUIET] * 4)
    found = conditions(samples, spans((4 * SECOND, 8 * SECOND)))
    assert (found.cpu_pressure, found.crowded) == (0.5, 0)
    assert reasons(found) == ()


def test_a_moment_of_commands_is_not_judged() -> None:
    """A few milliseconds of commands are too little to say anything of."""
    found = conditions(run_of(*[totals(pressed=1, stolen=0.5)] * 4), spans((0, SECOND // 10)))
    assert (found.crowded, found.stolen) == (None, None)
    assert reasons(found) == ()


def test_stolen_time_is_noise() -> None:
    """The hypervisor gave a fifth of both cores to somebody else."""
    found = conditions(run_of(*[totals(stolen=0.2)] * 4), WHOLE)
    assert found.stolen == pytest.approx(0.2)
    assert len(reasons(found)) == 1


def test_stolen_time_of_an_idle_machine_is_held_against_one_core() -> None:
    """One tick stolen of the two that were used at all is no fifty per cent."""
    found = conditions(run_of(*[totals(idle=0.99, stolen=0.005)] * 4), WHOLE)
    assert found.stolen == pytest.approx(0.01)


def test_starving_for_memory_is_noise() -> None:
    """A tenth of the time everything waited for memory."""
    found = conditions(run_of(*[totals(idle=0.5, starved=0.1)] * 4), ())
    assert reasons(found) == ("for 10 % of the time everything waited for memory",)


def test_a_machine_that_tells_nothing_is_not_judged() -> None:
    """Where there are no counters, lateness alone counts; facts name what is known."""
    samples = (Sample(0, (), None), Sample(SECOND, (200_000,), None))
    found = conditions(samples, WHOLE)
    assert found.facts() == {"during.lateness_p99_ms": "0.200", "during.lateness_max_ms": "0.200"}
    assert conditions(samples[:1], WHOLE) == Conditions()


@pytest.mark.parametrize(
    ("phase", "sub", "judged"),
    [
        (Phase.TOOL, "exec", True),
        (Phase.GRADE, "suite", True),
        (Phase.GRADE, "slot", False),
        (Phase.WAIT, "tool_slot", False),
        (Phase.MODEL, "decode", False),
    ],
)
def test_commands_are_tools_and_the_suite(phase: Phase, sub: str, judged: bool) -> None:  # noqa: FBT001 - a column
    """Not calls, not queues: a crowd prolongs what runs in the sandbox."""
    found = conditions(run_of(*[totals(pressed=1)] * 4), spans((0, 4 * SECOND), phase=phase, sub=sub))
    assert (found.crowded is not None) == judged


@pytest.mark.parametrize(("phase", "stamped"), [(Phase.MODEL, True), (Phase.SETUP, False), (Phase.GRADE, False)])
def test_lateness_counts_while_something_is_stamped(phase: Phase, stamped: bool) -> None:  # noqa: FBT001 - a column
    """A thread that is late while sandboxes are set up spoils no measurement."""
    found = conditions(run_of(QUIET, late_ms=[50]), spans((0, SECOND), phase=phase))
    assert (found.lateness_p99_ms == 50) == stamped


share = st.floats(0, 1)
steps = st.lists(st.builds(totals, share, share, share, share), min_size=1, max_size=12)
moments = st.integers(0, 12 * SECOND)
intervals = st.lists(st.tuples(moments, moments).map(lambda pair: (min(pair), max(pair))), max_size=8)
Times = list[tuple[int, int]]


@given(steps, intervals, st.lists(st.floats(0, 100), max_size=50))
def test_shares_are_shares(took: list[Totals], commands: Times, late_ms: list[float]) -> None:
    """Whatever was counted, shares lie between 0 and 1, and the p99 is one of what was seen, at most the largest."""
    found = conditions(run_of(*took, late_ms=late_ms), spans(*commands))
    known = (found.cpu_pressure, found.crowded, found.stolen, found.starved)
    assert all(value is None or -1e-9 <= value <= 1 + 1e-9 for value in known)
    if found.lateness_p99_ms is not None:
        assert found.lateness_p99_ms in [round(each * 1e6) / 1e6 for each in late_ms]
        assert found.lateness_max_ms is not None
        assert found.lateness_p99_ms <= found.lateness_max_ms


@given(steps, intervals, st.integers(1, 10**15))
def test_only_differences_count(took: list[Totals], commands: Times, since: int) -> None:
    """When the machine was started, and where the clock's zero lies, changes nothing."""
    samples = run_of(*took)
    shifted = tuple(
        Sample(one.at_ns + since, one.late_ns, plus(one.totals, Totals(*[since] * 5)))
        for one in samples
        if one.totals is not None
    )
    moved = [(t0 + since, t1 + since) for t0, t1 in commands]
    assert conditions(shifted, spans(*moved)) == conditions(samples, spans(*commands))


@given(steps, intervals)
def test_a_crowd_is_never_more_than_the_pressure(took: list[Totals], commands: Times) -> None:
    """Of all the time that something waited, only a part was while commands ran and no core was idle."""
    samples = run_of(*took)
    found = conditions(samples, spans(*commands))
    theirs_ns = Covered(spans(*commands)).within(0, samples[-1].at_ns)
    if found.crowded is not None and found.cpu_pressure is not None:
        assert found.crowded * theirs_ns <= found.cpu_pressure * samples[-1].at_ns + 1


@given(intervals, moments, moments, moments)
def test_cover_adds_up(given_: Times, first: int, second: int, third: int) -> None:
    """Two neighbouring stretches are covered as much as both together, and no stretch more than its length."""
    a, b, c = sorted((first, second, third))
    covered = Covered(spans(*given_))
    assert covered.within(a, b) + covered.within(b, c) == covered.within(a, c)
    assert 0 <= covered.within(a, c) <= c - a
    assert covered.within(0, 12 * SECOND) == len_of_union(given_)


def len_of_union(given_: Times) -> int:
    """The same by counting elementary pieces."""
    ends = sorted({end for pair in given_ for end in pair})
    pieces = pairwise(ends)
    return sum(b - a for a, b in pieces if any(t0 <= a and b <= t1 for t0, t1 in given_))


@given(st.builds(Conditions, **{each.name: share for each in fields(Conditions)}))
def test_reasons_only_grow_with_the_conditions(found: Conditions) -> None:
    """What is noisy stays noisy where it is worse."""
    worse = replace(found, lateness_p99_ms=50.0, crowded=1.0, stolen=1.0, starved=1.0)
    assert len(reasons(found)) <= len(reasons(worse)) == 4


def test_the_monitor_notes_how_late_it_wakes() -> None:
    """Some wakes make one sample, with the lateness of each; a thread that is overdue at the end is late, too."""
    clock = ManualClock()
    monitor = Monitor(clock, lambda _now_ns: None)
    monitor.wake()
    window = monitor.open()
    for late_ms in range(WAKES_A_LOOK + 1):
        clock.advance_ns(25_000_000 + late_ms * 1_000_000)
        monitor.wake()
    clock.advance_ns(25_000_000 + 70_000_000)
    late = [sample.late_ns for sample in window.close()]
    noted = tuple(late_ms * 1_000_000 for late_ms in range(WAKES_A_LOOK))
    assert late == [(), noted, (WAKES_A_LOOK * 1_000_000, 70_000_000)]


def test_a_closed_window_gets_no_more() -> None:
    """Windows of parallel trials overlap and end on their own."""
    clock = ManualClock()
    monitor = Monitor(clock, lambda _now_ns: None)
    early, late = monitor.open(), monitor.open()
    monitor.wake()
    ended = early.close()
    for _ in range(WAKES_A_LOOK):
        clock.advance_ns(25_000_000)
        monitor.wake()
    assert (len(ended), len(late.close())) == (2, 3)


def test_the_monitor_watches_while_it_is_entered() -> None:
    """On the machine's own clock: it wakes, and ends when it is left."""
    clock = SystemClock()
    with Monitor(clock) as monitor:
        window = monitor.open()
        begun_ns = clock.now_ns()
        while clock.now_ns() - begun_ns < SECOND // 2:
            clock.sleep(0.01)
        found = conditions(window.close(), spans((begun_ns, clock.now_ns())))
    assert found.lateness_p99_ms is not None
    assert found.lateness_max_ms is not None


def proc(folder: Path, **files: str) -> Path:
    """A folder as `/proc` would be, on a machine of two cores."""
    (folder / "pressure").mkdir()
    stat = "cpu  100 1 20 400 5 0 3 7 0 0\ncpu0 50 1 10 200 5 0 3 7 0 0\ncpu1 50 0 10 200 0 0 0 0 0 0\n"
    for name, text in {"stat": stat, "loadavg": "0.5 0.4 0.3 2/100 77\n", **files}.items():
        (folder / name.replace("_", "/")).write_text(text)
    return folder


PSI = "some avg10=0.85 avg60=0.99 avg300=0.84 total={}\nfull avg10=0.00 avg60=0.00 avg300=0.00 total={}\n"


def test_the_kernels_counters_are_read(tmp_path: Path) -> None:
    """Ticks and microseconds become nanoseconds; waiting for a disk is idle, and stolen time is not."""
    kernel = KernelTotals(proc(tmp_path, pressure_cpu=PSI.format(1500, 0), pressure_memory=PSI.format(9, 4)))
    found = kernel(0)
    assert found is not None
    tick = found.idle // 405
    assert found == Totals(pressed=1_500_000, idle=405 * tick, busy=131 * tick, stolen=7 * tick, starved=4_000)


def test_without_pressure_the_run_queue_stands_in(tmp_path: Path) -> None:
    """Three tasks on two cores: one core of the two had one waiting, so half the time counts."""
    folder = proc(tmp_path)
    kernel = KernelTotals(folder)
    assert kernel(SECOND) == kernel(2 * SECOND)
    (folder / "loadavg").write_text("0.5 0.4 0.3 3/100 77\n")
    before, after = kernel(3 * SECOND), kernel(4 * SECOND)
    assert before is not None
    assert after is not None
    assert after.pressed - before.pressed == SECOND // 2


def test_where_there_is_no_proc_there_are_no_totals(tmp_path: Path) -> None:
    """Elsewhere than on Linux."""
    assert KernelTotals(tmp_path)(0) is None


def test_the_yardstick_counts_while_commands_ran() -> None:
    """The mean of the looks beside commands, in microseconds; of all looks where those are few; else nothing."""
    laid = [Laid(at * SECOND, (10 + at) * 1_000_000) for at in range(1, 9)]
    beside = spans((4 * SECOND, 8 * SECOND))
    assert conditions(run_of(QUIET), beside, laid).facts()["during.yardstick_us"] == "16500.000"
    assert conditions(run_of(QUIET), spans((4 * SECOND, 6 * SECOND)), laid).yardstick_us == pytest.approx(14_500)
    assert conditions(run_of(QUIET), beside, laid[: LEAST_LAID - 1]).yardstick_us is None
    assert "during.yardstick_us" not in conditions(run_of(QUIET), WHOLE).facts()


def test_a_window_has_the_looks_in_it_and_the_last_ones_before() -> None:
    """A trial that is shorter than the time between two looks has some too."""
    monitor = Monitor(ManualClock(), lambda _now_ns: None)
    looks = [Laid(at, 5) for at in range(LEAST_LAID + 3)]
    for look in looks[: LEAST_LAID + 1]:
        monitor.lay(look)
    window = monitor.open()
    monitor.lay(looks[LEAST_LAID + 1])
    window.close()
    monitor.lay(looks[LEAST_LAID + 2])
    assert window.laid == looks[1 : LEAST_LAID + 2]


def test_the_real_yardstick_is_laid_at_once_and_takes_cpu_time() -> None:
    """The start of an interpreter: more than a millisecond, less than this test."""
    began = time.monotonic_ns()
    with Monitor() as monitor:
        window = monitor.open()
        while not window.laid:
            time.sleep(0.01)
        window.close()
    assert 10**6 < window.laid[0].cpu_ns < time.monotonic_ns() - began


def test_a_yardstick_that_cannot_be_laid_is_none() -> None:
    """Where no process can be started there are no looks, and nothing else breaks."""
    tried = threading.Event()

    def nothing() -> None:
        tried.set()

    with Monitor(work=nothing) as monitor:
        window = monitor.open()
        assert tried.wait(10)
        window.close()
    assert window.laid == []
