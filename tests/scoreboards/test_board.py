"""Boards from synthetic records: every figure by hand, unknown never zero."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.clock import Phase
from harness.record import CallRow, Record, ToolRow, TrialRow, Verdict
from scoreboards.board import build_board
from scoreboards.noise import noise_reasons
from scoreboards.report.machine import board_value
from scoreboards.report.notes import notes
from scoreboards.sums import known_sum

SECOND = 1_000_000_000
Make = Callable[..., Record]
MakeCall = Callable[..., CallRow]
MakeTool = Callable[..., ToolRow]


def test_an_empty_board() -> None:
    """No records, no rows, no error."""
    board = build_board([])
    assert (board.models, board.features, board.trials) == ((), (), ())


def test_rates_leave_errors_out_and_count_them_beside(record: Make) -> None:
    """Two of four scored trials passed; errors and what never ran stand beside."""
    verdicts = ["pass", "fail", "unstable", "pass", "error:infra", "error:provider", "not_run"]
    board = build_board(record({"model": 1}, repeat=n, verdict=verdict) for n, verdict in enumerate(verdicts, 1))
    outcomes = board.figures("fast").outcomes
    assert (outcomes.trials, outcomes.scored, outcomes.passed, outcomes.errors, outcomes.not_run) == (7, 4, 2, 2, 1)
    assert outcomes.pass_rate == 0.5
    assert outcomes.pass_interval is not None
    assert outcomes.pass_interval.low == pytest.approx(0.150039, abs=1e-6)
    assert outcomes.verdicts == {str(verdict): verdicts.count(verdict) for verdict in Verdict}


def test_pass_at_1_weighs_features_alike(record: Make) -> None:
    """One feature with four repeats, all failed, counts as much as one with a single pass."""
    trials = [record({"model": 1}, feature="a/x", repeat=n, verdict="fail") for n in range(1, 5)]
    figures = build_board([*trials, record({"model": 1}, feature="a/y")]).figures("fast")
    assert figures.outcomes.pass_rate == 0.2
    assert figures.outcomes.pass_at_1 == 0.5
    assert figures.features == 2


def test_nothing_scored_is_unknown(record: Make) -> None:
    """A model with nothing but errors has no rate, no wall, no shares: not 0 %, not 0 s."""
    figures = build_board([record({"wait": 9}, verdict="error:provider")]).figures("fast")
    assert (figures.outcomes.pass_rate, figures.outcomes.pass_interval, figures.outcomes.pass_at_1) == (None,) * 3
    assert (figures.times.agent_wall_median_ns, figures.times.agent_wall_total_ns) == (None, None)
    assert (figures.times.phases, figures.times.shares, figures.times.setup_median_ns) == (None, None, None)
    assert figures.work.turns_median is None
    assert (figures.speeds.decode_tokens_per_s, figures.speeds.first_token_median_ns) == (None, None)


def test_walls_and_shares_are_sums_over_sums(record: Make) -> None:
    """A long trial weighs as much as it lasted; set-up and grading are beside; an error's time is nobody's."""
    board = build_board(
        [
            record({"setup": 1, "model": 8, "tool": 1, "harness": 1, "grade": 5}, repeat=1),
            record({"setup": 3, "model": 10, "tool": 59, "wait": 20, "overlap": 1, "grade": 7}, repeat=2),
            record({"wait": 1000}, repeat=3, verdict="error:infra"),
        ]
    )
    times = board.figures("fast").times
    assert times.agent_wall_total_ns == 100 * SECOND
    assert times.agent_wall_median_ns == 50 * SECOND
    assert (times.setup_median_ns, times.grade_median_ns) == (2 * SECOND, 6 * SECOND)
    assert times.shares == {
        Phase.MODEL: 0.18,
        Phase.TOOL: 0.6,
        Phase.OVERLAP: 0.01,
        Phase.WAIT: 0.2,
        Phase.HARNESS: 0.01,
    }
    assert times.phases is not None
    assert times.phases[Phase.GRADE] == 12 * SECOND


@given(st.lists(st.tuples(*[st.integers(0, 10**12)] * 7), min_size=1, max_size=8))
def test_shares_add_up_to_one(spent: list[tuple[int, ...]]) -> None:
    """Whatever the phases, the agent's shares are of its wall and nothing is lost."""
    names = [str(phase) for phase in Phase]
    records = [
        Record(
            run="r",
            trial=TrialRow(id=str(number), model="m", feature="a/b", repeat=number),
            started_utc="",
            stop="finished",
            verdict=Verdict.PASS,
            wall_ns=sum(phases),
            phases=dict(zip(names, phases, strict=True)),
            sub_phases={},
            summed={},
        )
        for number, phases in enumerate(spent, 1)
    ]
    times = build_board(records).figures("m").times
    if times.agent_wall_total_ns:
        assert times.shares is not None
        assert sum(times.shares.values()) == pytest.approx(1)
    else:
        assert times.shares is None


def test_speeds_are_sums_over_sums_and_skip_what_is_unknown(record: Make, call: MakeCall) -> None:
    """Not the mean of ratios; a call that could not be timed counts nowhere."""
    calls = [
        call(1, decode_tokens=100, decode_ns=SECOND, output_tokens=101, total_ns=2 * SECOND),
        call(2, decode_tokens=10, decode_ns=SECOND, output_tokens=11, total_ns=2 * SECOND),
        call(3, decode_tokens=None, decode_ns=None, output_tokens=None, total_ns=9 * SECOND, first_token_ns=None),
    ]
    speeds = build_board([record({"model": 13}, calls=calls, claimed_tokens_per_s=1000)]).figures("fast").speeds
    assert speeds.decode_tokens_per_s == 55
    assert speeds.effective_tokens_per_s == 28
    assert speeds.first_token_median_ns == SECOND // 2
    assert speeds.claimed_tokens_per_s == 1000


def test_time_to_first_token_counts_from_the_request_once(record: Make, call: MakeCall) -> None:
    """Connecting is part of what a user waits, and is in the row's figure already; a reply without a token has none."""
    calls = [
        call(1, connect_ns=3, first_token_ns=7),
        call(2, first_token_ns=None),
        call(3, connect_ns=None, first_token_ns=9),
    ]
    assert build_board([record({"model": 1}, calls=calls)]).figures("fast").speeds.first_token_median_ns == 8


def test_work_is_counted_over_all_trials(record: Make, call: MakeCall, tool: MakeTool) -> None:
    """Errors were paid for as well; the median turn count is of scored trials."""
    board = build_board(
        [
            record({"model": 1}, repeat=1, calls=[call(1), call(2)], tool_calls=[tool()], turns=2, cost_usd=0.25),
            record({"model": 1}, repeat=2, calls=[call(1)], turns=7, cost_usd=0.5, verdict="error:provider"),
            record({}, repeat=3, verdict="not_run"),
        ]
    )
    work = board.figures("fast").work
    assert (work.calls, work.tool_calls, work.turns, work.turns_median) == (3, 1, 9, 2)
    assert (work.output_tokens.value, work.output_tokens.is_lower_bound) == (303, False)
    assert (work.cost_usd.value, work.cost_usd.is_lower_bound) == (0.75, False)


def test_partly_unknown_sums_are_lower_bounds(record: Make, call: MakeCall) -> None:
    """Some unknown: at least that much. All unknown: unknown."""
    some = build_board(
        [
            record({"model": 1}, repeat=1, calls=[call(1), call(2, output_tokens=None)], cost_usd=1.0),
            record({"model": 1}, repeat=2, calls=[call(1)], cost_usd=None),
            record({"model": 1}, repeat=3, unanswered_calls=1, cost_usd=None),
        ]
    )
    work = some.figures("fast").work
    assert (work.output_tokens.value, work.output_tokens.is_lower_bound) == (202, True)
    assert (work.cost_usd.value, work.cost_usd.is_lower_bound) == (1.0, True)
    none = build_board([record({"model": 1}, calls=[call(1, output_tokens=None)])]).figures("fast").work
    assert (none.output_tokens.value, none.cost_usd.value, none.cost_usd.is_lower_bound) == (None, None, False)
    marked = build_board([record({"model": 1}, cost_usd=2.0, cost_is_lower_bound=True)]).figures("fast").work
    assert marked.cost_usd.is_lower_bound
    assert known_sum([]).value == 0


def test_trials_that_asked_for_nothing_cost_nothing(record: Make, call: MakeCall) -> None:
    """A trial whose provider was lost before it, or that got no sandbox, leaves no cost unknown."""
    board = build_board(
        [
            record({"model": 1}, repeat=1, calls=[call(1)], cost_usd=1.0),
            record({}, repeat=2, verdict="error:provider"),
            record({}, repeat=3, verdict="error:infra"),
        ]
    )
    cost = board.figures("fast").work.cost_usd
    assert (cost.value, cost.is_lower_bound) == (1.0, False)


def test_the_latest_attempt_counts_within_its_run(record: Make) -> None:
    """A retried trial is one trial; the same trial in another run is another."""
    board = build_board(
        [
            record({"model": 1}, attempt=2, verdict="pass"),
            record({"model": 1}, attempt=1, verdict="error:infra"),
            record({"model": 1}, attempt=1, verdict="fail", run="runs/other"),
        ]
    )
    outcomes = board.figures("fast").outcomes
    assert (outcomes.trials, outcomes.passed, outcomes.errors) == (2, 1, 0)


def test_an_earlier_attempt_was_paid_for(record: Make, call: MakeCall) -> None:
    """What an attempt asked of the provider before the machine failed is spent, though its times count for nothing."""
    board = build_board(
        [
            record({"model": 9}, attempt=1, verdict="error:infra", calls=[call(1), call(2)], cost_usd=0.5),
            record({"model": 1}, attempt=2, verdict="pass", calls=[call(1)], cost_usd=0.25),
        ]
    )
    row = board.figures("fast")
    assert (row.outcomes.trials, row.work.calls, row.work.cost_usd.value) == (1, 3, 0.75)
    assert row.times.agent_wall_total_ns == 10**9


def test_order_is_by_rate_then_wall_then_name(record: Make) -> None:
    """Best first; what has no rate last; features by name, with models in the board's order."""
    board = build_board(
        [
            record({"model": 5}, model="slow", feature="b/x"),
            record({"model": 1}, model="quick", feature="b/x"),
            record({"model": 1}, model="also quick", feature="a/x"),
            record({"model": 1}, model="wrong", feature="b/x", verdict="fail"),
            record({"model": 1}, model="broken", feature="b/x", verdict="error:infra"),
        ]
    )
    assert [row.model for row in board.models] == ["also quick", "quick", "slow", "wrong", "broken"]
    assert [row.feature for row in board.features] == ["a/x", "b/x"]
    assert [row.model for row in board.features[1].models] == ["quick", "slow", "wrong", "broken"]
    with pytest.raises(KeyError, match="no model 'other' on this board; known: also quick, quick"):
        board.figures("other")


def test_flags_are_carried(record: Make) -> None:
    """Simulated if any was; noisy and resumed trials are counted."""
    trials = [record({"model": 1}, simulated=True, noisy=True), record({"model": 1}, repeat=2, resumed=True)]
    figures = build_board(trials).figures("fast")
    assert (figures.simulated, figures.noisy, figures.resumed) == (True, 1, 1)
    assert not build_board([record({"model": 1})]).figures("fast").simulated


def test_noise_is_counted_by_reason(record: Make) -> None:
    """The most frequent first; a reason counts once a trial, and only where the trial is marked."""
    noise = [("load",), ("pressure", "load", "load"), ("swap",)]
    trials = [record({"model": 1}, repeat=n, noisy=n < 3, noise=why) for n, why in enumerate(noise, 1)]
    figures = build_board(trials).figures("fast")
    assert (figures.noisy, list(figures.noise.items())) == (2, [("load", 2), ("pressure", 1)])


def test_reasons_for_noise_that_differ_in_figures_are_one(record: Make) -> None:
    """Each trial has its own figures: their range is shown, and what all share stands as it is."""
    said = ("9.5 % crowded; good to 5 ms", "12 % crowded; good to 5 ms", "30 % crowded; good to 5 ms", "other")
    noisy = [record({}, repeat=n, noisy=True, noise=(why,)) for n, why in enumerate(said, 1)]
    assert noise_reasons(noisy) == {"9.5 to 30 % crowded; good to 5 ms": 3, "other": 1}
    line = next(line for line in notes(build_board(noisy)) if "noisy" in line)
    assert line.startswith("4 trials ran on")
    assert line.endswith(": 9.5 to 30 % crowded; good to 5 ms (3 trials); other (1 trial).")


def test_the_harness_own_queue_is_no_part_of_the_agent_wall(record: Callable[..., Record]) -> None:
    """Two trials that differ only in how long they stood in the queue for a tool slot took the agent equally long."""
    queue_ns = 7_000_000_000
    free = record({"setup": 1, "model": 4, "tool": 3, "wait": 2, "grade": 5})
    spent = {"setup": 1, "model": 4, "tool": 3, "wait": 9, "grade": 5}
    queued = record(spent, sub_phases={"wait.tool_slot": queue_ns, "wait.backoff": 2_000_000_000})
    assert queued.agent_wall_ns == free.agent_wall_ns
    times = build_board([queued]).figures(queued.trial.model).times
    assert times.queue_median_ns == queue_ns
    assert times.shares == build_board([free]).figures(free.trial.model).times.shares


def test_calls_in_doubt_count_over_all_attempts(record: Make) -> None:
    """A superseded attempt's too, and that it was resumed: told in the notes and to machines."""
    first = record({"model": 1}, in_doubt=2, resumed=True, verdict=Verdict.ERROR_INFRA)
    board = build_board([first, record({"model": 1}, attempt=2, in_doubt=1)])
    (figures,) = board.models
    assert (figures.in_doubt, figures.resumed) == (3, 1)
    value = board_value(board)
    assert (value["models"][0]["in_doubt"], value["trials"][0]["in_doubt"]) == (3, 1)
    assert any(line.startswith("3 calls were in doubt") for line in notes(board))
    assert any(line.startswith("1 trial went on") for line in notes(board))
