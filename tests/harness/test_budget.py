"""What a run may spend: what was spent and may be spent, who may begin, who has to stop, and what a journal tells."""

import math
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from harness.budget import Budget, Purse, Spending, Spent
from harness.clock import ManualClock
from harness.journal import Entry, Journal, Kind
from harness.ledger import spent_so_far
from harness.models.contract import CallAttempt, CallFailedError, CallTimes, Message, Role
from harness.models.prices import Price
from harness.record import CallRow
from harness.run_budget import RunBudget
from harness.turns import ScriptedCall, Turn
from tests.harness.play import Play

SECOND = 1_000_000_000
PRICE = Price(input=1.0, output=2.0)
FINISH = Turn(tool_calls=(ScriptedCall(name="finish", arguments={"summary": "done"}),))
READ = Turn(tool_calls=(ScriptedCall(name="read", arguments={"path": "a.txt"}),))


def spent(budget: Budget, trial: str, cost_usd: float, model: str = "m", *, finished: bool = True) -> None:
    """A trial that begins, spends and ends."""
    budget.begin(trial, model)
    budget.charge(trial, Spent(turns=1, cost_usd=cost_usd))
    budget.end(trial, finished=finished)


def test_a_trials_own_limit_is_kept_for_it() -> None:
    """Two trials of at most 4 fit into 10, a third does not, until one has turned out cheaper."""
    budget = Budget(RunBudget(cost_usd=10.0, per_trial={"cost_usd": 4.0}))
    assert budget.lacks("m") == ""
    budget.begin("1", "m")
    assert budget.lacks("m") == ""
    budget.begin("2", "m")
    assert budget.lacks("m") == "cost_usd"
    budget.charge("1", Spent(cost_usd=1.0))
    assert budget.lacks("m") == "cost_usd"
    budget.end("1", finished=True)
    assert budget.lacks("m") == ""


def test_without_a_limit_the_mean_of_the_model_is_kept() -> None:
    """Nothing is known before a trial of the model is finished; one that was cut short teaches nothing."""
    budget = Budget(RunBudget(cost_usd=10.0))
    spent(budget, "1", 1.0, finished=False)
    spent(budget, "2", 4.0, "dear")
    assert (budget.lacks("dear"), budget.lacks("other")) == ("", "")
    budget.begin("3", "dear")
    assert (budget.lacks("dear"), budget.lacks("other")) == ("cost_usd", "")


def test_a_limit_beyond_the_whole_budget_says_nothing() -> None:
    """A trial that may use more than there is at all is begun, and stopped when it is used."""
    budget = Budget(RunBudget(turns=3, per_trial={"turns": 100}))
    assert budget.lacks("m") == ""
    budget.charge("1", Spent(turns=3))
    assert budget.lacks("m") == "turns"


@pytest.mark.parametrize(
    ("most", "used"),
    [
        (RunBudget(turns=2), Spent(turns=2)),
        (RunBudget(output_tokens=100), Spent(output_tokens=100)),
        (RunBudget(cost_usd=0.5), Spent(cost_usd=0.5)),
        (RunBudget(wall_s=60.0), Spent(wall_s=60.0)),
    ],
)
def test_each_bound_ends_it(most: RunBudget, used: Spent) -> None:
    """What earlier lives spent counts; the bound is named."""
    (name,) = most.bounds
    assert Budget(most).used_up() == ""
    budget = Budget(most, used)
    assert budget.used_up() == budget.lacks("m") == name
    purse = budget.purse("1")
    assert purse.is_empty
    assert purse.why.startswith(f"the run's budget: {name} ")


def test_the_runs_own_time_goes_on_where_earlier_lives_ended() -> None:
    """Forty seconds of an earlier life and fifteen of this one leave five of sixty."""
    clock = ManualClock()
    budget = Budget(RunBudget(wall_s=60.0), Spent(wall_s=40.0), clock)
    clock.advance_ns(15 * SECOND)
    assert budget.left_s() == 5.0
    clock.advance_ns(5 * SECOND)
    assert budget.used_up() == "wall_s"


def test_what_is_left_for_a_call() -> None:
    """The lower of tokens and what the money buys; nothing bounds a purse without a bottom."""
    budget = Budget(RunBudget(output_tokens=1_000, cost_usd=0.001), Spent(output_tokens=400))
    assert budget.left_tokens(None) == 600
    assert budget.left_tokens(PRICE) == pytest.approx(500)
    assert (Purse().left_tokens(PRICE), Purse().is_empty, Purse().why) == (math.inf, False, "")


def test_the_words_of_the_end() -> None:
    """Which bound, and how far it is used."""
    budget = Budget(RunBudget(cost_usd=5.0, turns=40), Spent(cost_usd=4.871, turns=12))
    assert budget.left("cost_usd") == "cost_usd 4.87 of 5.00 used"
    assert budget.left("turns") == "turns 12 of 40 used"


def test_broken_off_attempts_count_by_what_came_of_them() -> None:
    """Of answered and of given-up calls: a delta is a token, at the price of output; what was refused costs nothing."""
    spending = Spending(price=PRICE)
    row = CallRow(turn=1, total_ns=1, output_tokens=100, cost_usd=0.5, billable_attempts=1, unfinished_deltas=50)
    spending.add(row, Message(role=Role.ASSISTANT))
    assert (spending.output_tokens, spending.cost_usd) == (150, 0.5 + 100e-6)
    assert spending.of(row, Message(role=Role.ASSISTANT)) == Spent(turns=1, output_tokens=150, cost_usd=0.5 + 100e-6)
    cut = CallAttempt(times=CallTimes(send=0, end=1, deltas=7), fault="truncated")
    refused = CallAttempt(times=CallTimes(send=0, end=1), fault="rate_limit", status=429)
    error = CallFailedError("no", fault="truncated", attempts=(refused, cut), pauses=())
    assert spending.of_failed(error) == Spent(output_tokens=7, cost_usd=14e-6)


def test_an_agent_stops_before_the_call_that_nothing_is_left_for(tmp_path: Path) -> None:
    """Two turns were left: a third is not asked for, the trial says why, and its rows tell what was charged."""
    budget = Budget(RunBudget(turns=5), Spent(turns=3))
    play = Play(tmp_path, [READ, READ, READ, FINISH], purse=budget.purse("1"))
    assert (play.transcript.stop, play.transcript.turns) == ("budget", 2)
    assert play.transcript.error == "the run's budget: turns 5 of 5 used"
    assert [body["charged"]["turns"] for body in play.of_kind("response")] == [1, 1]


def charged(**figures: float) -> dict[str, Any]:
    """The body of a row that says what was charged."""
    return {"charged": {"turns": 0, "output_tokens": 0, "cost_usd": 0.0, **figures}}


def test_a_journal_tells_what_was_spent(tmp_path: Path) -> None:
    """Every answer of every attempt, calls given up, calls in doubt by their price, and rows of older journals."""
    with Journal.create(tmp_path / "run") as journal:
        journal.append(Entry(kind=Kind.RUN_STARTED))
        rows: list[tuple[Kind, dict[str, Any]]] = [
            (Kind.RESPONSE, charged(turns=1, output_tokens=10, cost_usd=0.25)),
            (Kind.NOTE, {"note": "call_failed", **charged(output_tokens=5, cost_usd=0.125)}),
            (Kind.NOTE, {"note": "cool_down", "wait_s": 3}),
            (Kind.RESPONSE, {"turn": 1, "output_tokens": 20, "cost_usd": 0.5}),
            (Kind.RESPONSE, {"turn": 2, "output_tokens": 30, "cost_usd": None}),
            (Kind.NOTE, {"note": "call_failed", "turn": 3}),
            (Kind.IN_DOUBT, {"turn": 3, "deltas": 500_000}),
        ]
        for number, (kind, body) in enumerate(rows):
            journal.append(Entry(kind=kind, body=body, trial="t", attempt=1 + number % 2))
    found = spent_so_far(tmp_path / "run", {"t": PRICE})
    assert (found.turns, found.output_tokens, found.cost_usd) == (3, 500_065, 1.875)


def test_the_time_between_two_lives_is_not_counted(tmp_path: Path) -> None:
    """Each life from its first row to its last; a grading of weeks later belongs to none."""
    with Journal.create(tmp_path / "run"):
        pass
    rows = [
        ("run_started", "10:00:00"),
        ("record", "10:00:40"),
        ("run_started", "12:00:00"),
        ("record", "12:00:02.500"),
        ("regrade", "18:00:00"),
    ]
    connection = sqlite3.connect(tmp_path / "run" / "journal.sqlite")
    with connection:
        connection.executemany(
            "INSERT INTO rows (at_utc, trial, attempt, kind, body) VALUES (?, '', 0, ?, '{}')",
            [(f"2026-01-01T{at}+00:00", kind) for kind, at in rows],
        )
    connection.close()
    assert spent_so_far(tmp_path / "run").wall_s == 42.5
