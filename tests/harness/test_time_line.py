"""The line of time of an attempt with several lives: exact to the nanosecond, without what lies between them."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from harness.clock import ManualClock, Phase, Span, Stopwatch, partition
from harness.past import Past, spent_ns
from harness.record import SpanRow
from harness.time_line import TimeLine

Work = tuple[Phase, int, int]
"""A stretch of work: its phase, the idle nanoseconds before it, and its own."""

WORK = st.tuples(
    st.sampled_from([Phase.SETUP, Phase.MODEL, Phase.TOOL, Phase.WAIT]), st.integers(0, 10**9), st.integers(0, 10**12)
)
LIVES = st.lists(st.tuples(st.integers(0, 10**15), st.lists(WORK, max_size=5)), min_size=1, max_size=5)


def lived(past: Past | None, clock: ManualClock, work: list[Work]) -> Past:
    """What is known after one more life that did this and was killed: a row is written after each stretch."""
    line = TimeLine(clock, past)
    line.begin()
    known = past or Past(number=1)
    for phase, idle, length in work:
        clock.advance_ns(idle)
        with line.stopwatch.span(phase, "exec"):
            clock.advance_ns(length)
        body = line.stamped({})
        spans = tuple(SpanRow.model_validate(span) for span in body["spans"])
        assert len(spans) == 1
        known = Past(number=1, elapsed_ns=body["at_ns"], spans=(*known.spans, *spans))
    return known


@given(LIVES)
def test_lives_add_up_without_the_gaps_between_them(lives: list[tuple[int, list[Work]]]) -> None:
    """Wall and phases are those of one life that did the same work at a stretch."""
    clock, once, past = ManualClock(), ManualClock(), None
    alone = Stopwatch(once)
    for gap, work in lives:
        past = lived(past, clock, work)
        clock.advance_ns(gap)  # under way at the kill, and until the next life
        for phase, idle, length in work:
            once.advance_ns(idle)
            with alone.span(phase, "exec"):
                once.advance_ns(length)
    line = TimeLine(clock, past)
    line.begin()
    split = partition(line.stopwatch.spans(), line.start_ns, clock.now_ns())
    assert split == partition(alone.spans(), 0, once.now_ns())
    assert sum(split.phases.values()) == split.wall_ns == once.now_ns()
    assert not line.stopwatch.news()
    assert all(before.t1 <= after.t0 for before, after in pairwise(line.stopwatch.spans()))


def test_only_some_rows_are_stamped() -> None:
    """Those by which the next life finds where this one was; what they bring, no later one brings again."""
    clock = ManualClock(5)
    line = TimeLine(clock, None)
    line.begin()
    clock.advance_ns(7)
    line.stopwatch.add(Span(phase=Phase.TOOL, sub="exec", t0=6, t1=9))
    with line.telling("tool_start", {"a": 1}) as told:
        assert told == {"a": 1}
    with line.telling("tool_end", {"a": 1}) as told:
        assert (told["a"], told["at_ns"]) == (1, 7)
        assert [(span["t0"], span["t1"]) for span in told["spans"]] == [(1, 4)]
    with line.telling("response", {}) as told:
        assert told == {"at_ns": 7, "spans": []}


def test_setting_up_and_queueing_count_against_no_limit() -> None:
    """Of the time so far what the trial's wall limit is about."""
    spans = [
        SpanRow(phase="setup", sub="start", t0=0, t1=10),
        SpanRow(phase="model", sub="decode", t0=10, t1=30),
        SpanRow(phase="wait", sub="tool_slot", t0=30, t1=34),
        SpanRow(phase="wait", sub="backoff", t0=34, t1=40),
    ]
    assert spent_ns(50, spans) == 36
