"""The partition: every nanosecond in exactly one phase."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.clock import SUB_PHASES, ManualClock, Phase, Span, Stopwatch, partition

RECORDED = (Phase.SETUP, Phase.MODEL, Phase.TOOL, Phase.WAIT, Phase.GRADE)


def span(phase: Phase, sub: str, t0: int, t1: int) -> Span:
    """A nameless span."""
    return Span(phase=phase, sub=sub, t0=t0, t1=t1)


@st.composite
def spans(draw: st.DrawFn) -> Span:
    """Any recordable span in [0, 1000)."""
    phase = draw(st.sampled_from(RECORDED))
    ends = sorted((draw(st.integers(0, 1000)), draw(st.integers(0, 1000))))
    return span(phase, draw(st.sampled_from(SUB_PHASES[phase])), ends[0], ends[1])


@given(st.lists(spans(), max_size=40))
def test_phases_sum_exactly(recorded: list[Span]) -> None:
    """Whatever overlaps whatever, the seven phases sum to the wall and none is negative."""
    split = partition(recorded, 0, 1000)
    assert sum(split.phases.values()) == split.wall_ns == 1000
    assert min(split.phases.values()) >= 0


@given(st.lists(spans(), max_size=20), st.randoms())
def test_order_does_not_matter(recorded: list[Span], random: object) -> None:
    """The partition is a function of the set of spans."""
    shuffled = list(recorded)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert partition(recorded, 0, 1000) == partition(shuffled, 0, 1000)


@given(st.lists(spans(), max_size=40))
def test_sub_phases_sum_to_their_phase(recorded: list[Span]) -> None:
    """Sub-phases are exclusive too."""
    split = partition(recorded, 0, 1000)
    for phase in RECORDED:
        parts = [ns for key, ns in split.sub_phases.items() if key.startswith(f"{phase}.")]
        assert sum(parts) == split.phases[phase]


@given(st.lists(spans(), max_size=40))
def test_agrees_with_counting_every_nanosecond(recorded: list[Span]) -> None:
    """The sweep gives what looking at each nanosecond by itself gives."""
    counted = dict.fromkeys(Phase, 0)
    for at in range(1000):
        running = {s.phase for s in recorded if s.t0 <= at < s.t1}
        apart: list[Phase] = [phase for phase in (Phase.SETUP, Phase.GRADE) if phase in running]
        if {Phase.MODEL, Phase.TOOL} <= running:
            apart.append(Phase.OVERLAP)
        alone = [phase for phase in (Phase.MODEL, Phase.TOOL, Phase.WAIT) if phase in running]
        counted[[*apart, *alone, Phase.HARNESS][0]] += 1
    assert partition(recorded, 0, 1000).phases == counted


def test_parallel_tools_count_once_in_the_wall_and_twice_in_the_work() -> None:
    """Two tools at once: the union in the phase, the sum beside it."""
    split = partition([span(Phase.TOOL, "exec", 0, 10), span(Phase.TOOL, "exec", 5, 20)], 0, 30)
    assert (split.phases[Phase.TOOL], split.summed[Phase.TOOL], split.phases[Phase.HARNESS]) == (20, 25, 10)


def test_waiting_counts_only_where_nothing_useful_runs() -> None:
    """A call that waits for a slot beside one that runs costs nothing."""
    split = partition([span(Phase.TOOL, "exec", 0, 10), span(Phase.WAIT, "tool_slot", 0, 15)], 0, 15)
    assert (split.phases[Phase.TOOL], split.phases[Phase.WAIT]) == (10, 5)


def test_model_and_tool_at_once_is_overlap() -> None:
    """Neither phase swallows the other."""
    split = partition([span(Phase.MODEL, "decode", 0, 10), span(Phase.TOOL, "exec", 4, 12)], 0, 12)
    assert (split.phases[Phase.MODEL], split.phases[Phase.OVERLAP], split.phases[Phase.TOOL]) == (4, 6, 2)


@pytest.mark.parametrize("bad", [(5, 4), (-1, 3), (3, 101)])
def test_spans_outside_the_trial_are_refused(bad: tuple[int, int]) -> None:
    """A ledger with an impossible span is no ledger."""
    with pytest.raises(ValueError, match="is not in"):
        partition([span(Phase.TOOL, "exec", *bad)], 0, 100)


def test_residual_cannot_be_recorded() -> None:
    """`harness` and `overlap` are what is left over, never what somebody claims."""
    with pytest.raises(ValueError, match="derived"):
        partition([span(Phase.HARNESS, "", 0, 1)], 0, 1)


def test_stopwatch_keeps_the_span_of_a_body_that_raises() -> None:
    """Time spent failing is still time spent."""
    clock = ManualClock()
    stopwatch = Stopwatch(clock)
    with pytest.raises(RuntimeError), stopwatch.span(Phase.TOOL, "exec", "x"):
        clock.sleep(1.5)
        raise RuntimeError
    assert [(s.t0, s.t1) for s in stopwatch.spans()] == [(0, 1_500_000_000)]


def test_laps_leave_nothing_out() -> None:
    """Stages follow each other without a gap, and the time of one that fails is booked as the last."""
    clock = ManualClock()
    stopwatch = Stopwatch(clock)
    with pytest.raises(ZeroDivisionError), stopwatch.laps(Phase.SETUP, "start") as lap:
        clock.advance_ns(3)
        lap("image")
        clock.advance_ns(5)
        raise ZeroDivisionError
    split = partition(stopwatch.spans(), 0, 8)
    assert dict(split.sub_phases) == {"setup.image": 3, "setup.start": 5}
