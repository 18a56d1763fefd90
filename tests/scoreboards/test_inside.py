"""What is inside the phases: exact sums, honest about records that do not say."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.clock import SUB_PHASES, Phase, Span, partition
from harness.record import Record, TrialRow, Verdict
from scoreboards.board import build_board
from scoreboards.inside import WORKED, inside

SECOND = 1_000_000_000
Make = Callable[..., Record]


def split(record: Make, repeat: int, **seconds: float) -> Record:
    """A record whose sub-phases ("wait_backoff") last as given, its phases being their sums."""
    subs = {name.replace("_", ".", 1): round(length * SECOND) for name, length in seconds.items()}
    phases: dict[str, float] = {}
    for name, ns in subs.items():
        phases[name.split(".")[0]] = phases.get(name.split(".")[0], 0) + ns / SECOND
    return record(phases, repeat=repeat, sub_phases=subs)


def test_sums_weigh_long_trials_and_medians_do_not(record: Make) -> None:
    """Two short trials of model time and one of long tests: the medians say model, the sums say tool."""
    found = inside(
        [
            split(record, 1, model_decode=6, model_first_token=2, tool_exec=1),
            split(record, 2, model_decode=6, model_first_token=2, tool_exec=1),
            split(record, 3, model_decode=6, model_first_token=2, tool_exec=98, wait_backoff=8, wait_tool_slot=50),
        ]
    )
    assert found is not None
    assert (found.sums["model.decode"], found.medians["model.decode"]) == (18 * SECOND, 6 * SECOND)
    assert (found.sums["tool.exec"], found.medians["tool.exec"]) == (100 * SECOND, SECOND)
    assert (found.sums["wait.backoff"], found.medians["wait.backoff"]) == (8 * SECOND, 0)
    assert (found.sums["wait.rate_limit"], found.medians["wait.rate_limit"]) == (0, 0)
    assert (found.phase_medians[Phase.MODEL], found.phase_medians[Phase.TOOL]) == (8 * SECOND, SECOND)


def test_shares_are_of_the_agent_wall(record: Make) -> None:
    """Own queues, set-up and grading have no share; the others sum to what is not the harness itself."""
    found = inside([split(record, 1, setup_start=9, model_decode=3, wait_failed_call=1, wait_tool_slot=7)])
    assert found is not None
    assert (found.shares["model.decode"], found.shares["wait.failed_call"]) == (0.75, 0.25)
    assert not {"setup.start", "wait.tool_slot", "wait.model_slot"} & set(found.shares)
    assert sum(share for share in found.shares.values() if share is not None) == 1


def test_a_record_that_does_not_split_a_phase_is_unknown_not_zero(record: Make) -> None:
    """Its time is shown as unsplit; figures of the others stand; with no other there is none."""
    old = record({"model": 5, "tool": 2}, repeat=1)
    alone, both = inside([old]), inside([old, split(record, 2, model_decode=3, tool_exec=1)])
    assert alone is not None
    assert both is not None
    assert (alone.sums["model.decode"], alone.medians["model.decode"]) == (None, None)
    assert alone.shares["model.decode"] is None
    assert alone.sums["wait.backoff"] == 0
    assert alone.unsplit[Phase.MODEL] == 5 * SECOND
    assert (both.sums["model.decode"], both.medians["model.decode"]) == (3 * SECOND, 3 * SECOND)
    assert both.unsplit == {**dict.fromkeys(WORKED, 0), Phase.MODEL: 5 * SECOND, Phase.TOOL: 2 * SECOND}


def test_summed_work_stands_beside_the_partition(record: Make) -> None:
    """Two reads at once count twice; a record without the figure makes the sum unknown."""
    summed = {"setup": 0, "model": SECOND, "tool": 3 * SECOND, "wait": 0, "grade": 0}
    known = record({"model": 1, "tool": 2}, repeat=1, summed=summed)
    found = inside([known])
    assert found is not None
    assert (found.summed[Phase.TOOL], found.summed[Phase.MODEL]) == (3 * SECOND, SECOND)
    assert Phase.OVERLAP not in found.summed
    unknown = inside([known, record({"tool": 1}, repeat=2, summed={})])
    assert unknown is not None
    assert unknown.summed[Phase.TOOL] is None


def test_nothing_scored_has_no_inside(record: Make) -> None:
    """Errors are not looked into."""
    assert build_board([record({"wait": 9}, verdict="error:provider")]).figures("fast").times.inside is None


SPANS = st.lists(
    st.tuples(st.sampled_from(WORKED), st.integers(0, 10), st.integers(0, 10**10), st.integers(0, 10**10)), max_size=12
)


@given(st.lists(SPANS, min_size=1, max_size=5))
def test_sub_phases_add_up_to_their_phase(trials: list[list[tuple[Phase, int, int, int]]]) -> None:
    """Whatever ran when: the sums of a phase's sub-phases and what is not split are the phase, to the nanosecond."""
    records = [partitioned(number, spans) for number, spans in enumerate(trials, 1)]
    found = inside(records)
    assert found is not None
    for phase in WORKED:
        subs = sum(ns or 0 for key, ns in found.sums.items() if key.split(".")[0] == phase)
        assert subs + found.unsplit[phase] == sum(record.phases[phase] for record in records)
        assert found.unsplit[phase] == 0


def partitioned(number: int, spans: list[tuple[Phase, int, int, int]]) -> Record:
    """The record that the clock makes of some spans."""
    known = [
        Span(phase=phase, sub=SUB_PHASES[phase][place % len(SUB_PHASES[phase])], t0=min(ends), t1=max(ends))
        for phase, place, *ends in spans
    ]
    split = partition(known, 0, 10**10)
    return Record(
        run="r",
        trial=TrialRow(id=str(number), model="m", feature="a/b", repeat=number),
        started_utc="",
        stop="finished",
        verdict=Verdict.PASS,
        wall_ns=split.wall_ns,
        phases={phase.value: ns for phase, ns in split.phases.items()},
        sub_phases=dict(split.sub_phases),
        summed={phase.value: ns for phase, ns in split.summed.items()},
    )


@pytest.mark.parametrize("phase", WORKED)
def test_every_sub_phase_of_the_clock_is_named(record: Make, phase: Phase) -> None:
    """Also those that took no time, so that readers of the JSON find them."""
    found = inside([record({"model": 1}, sub_phases={"model.decode": SECOND, "grade.new": 0})])
    assert found is not None
    assert {f"{phase}.{sub}" for sub in SUB_PHASES[phase]} <= set(found.sums)
    assert found.sums["grade.new"] == 0
