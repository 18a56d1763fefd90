"""Heads straight from the journal say the same as whole records, and a run can be followed from its journal."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from harness.clock import ManualClock
from harness.follow import Follower, planned_trials
from harness.head_reader import read_heads, read_newest, read_open_rows, read_short_rows, with_tokens
from harness.heads import Head, head_of, latest_heads, spent
from harness.journal import Entry, Journal, Kind, read_attempts
from harness.record import GradeRow, Hint, Record, TamperRow, Verdict
from harness.regrade import graded_attempts
from harness.run_plan import planned_rows
from tests.harness.progress.runs import record_of, trials, write_plan
from tests.scoreboards.conftest import make_call, make_tool

TRIALS = trials(4)
FIRST, SECOND, THIRD, FOURTH = TRIALS


class Today(ManualClock):
    """Stands still a minute from now, so that what is journalled now lies behind it."""

    def utc(self) -> datetime:
        """In a minute."""
        return datetime.now(UTC) + timedelta(minutes=1)


def odd_records() -> tuple[Record, ...]:
    """Records with everything that a head tells of, and with nothing of it."""
    tamper = TamperRow(events=("e",), hints=(Hint(kind="k", what="w"),))
    grade = GradeRow(rung="R2", reason="lost [/nope] \x1b[31m", denied=("d",), denied_count=7, restored=("r", "s"))
    failed = {"attempt": 1, "verdict": Verdict.ERROR_INFRA, "error": "Docker\nwent", "stop": "error:infra"}
    return (
        record_of(FIRST, **failed),
        record_of(FIRST, attempt=2, verdict=Verdict.TAMPERED, tamper=tamper, grade=grade, noisy=True, noise=("n",)),
        record_of(SECOND, resumed=True, lives=3, in_doubt=2, tool_calls=(make_tool(),), cost_is_lower_bound=True),
        record_of(THIRD, calls=(), cost_usd=None, turns=0, verdict=Verdict.NOT_RUN, stop="interrupted"),
        record_of(FOURTH, calls=(make_call(), make_call(2, cost_usd=None)), cost_usd=None),
    )


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with these records and a later grade."""
    with Journal.create(tmp_path / "run") as journal:
        for record in odd_records():
            journal.append_record(record)
        journal.append(_regrade(SECOND.id, Verdict.FAIL, "a test was wrong"))
        journal.append(_regrade(THIRD.id, Verdict.PASS, ""))
        journal.append(_regrade(FIRST.id, Verdict.FAIL, "again", attempt=2))
    write_plan(tmp_path / "run", TRIALS)
    return tmp_path / "run"


def _regrade(trial: str, verdict: Verdict, reason: str, attempt: int = 1) -> Entry:
    body: dict[str, Any] = {
        "schema": 1,
        "verdict": verdict.value,
        "was": "pass",
        "grade": {"reason": reason},
        "changed": [],
    }
    return Entry(kind=Kind.REGRADE, body=body, trial=trial, attempt=attempt)


def told(head: Head) -> dict[str, Any]:
    """What a head tells, but where it stands and what only whole records know: sums over calls."""
    names = set(Head.__dataclass_fields__) - {"row", "at_utc", "output_tokens", "calls"}
    return {name: getattr(head, name) for name in names} | {
        "has_calls": head.calls > 0,
        "partial": head.cost_is_partial,
    }


def test_heads_of_the_journal_are_those_of_its_records(run: Path) -> None:
    """Verdict and reason after a later grade, marks, times, cost; whichever way they are read."""
    heads = read_heads(run)
    assert [told(head) for head in heads] == [told(head_of(record)) for record in graded_attempts(run)]
    assert [head.at_utc != "" and head.row > 0 for head in heads] == [True] * 5
    assert heads[2].verdict is Verdict.FAIL
    assert heads[3].verdict is Verdict.PASS
    assert (heads[1].verdict, heads[1].signs) == (Verdict.FAIL, 2)  # the later grade knows of no path, the report stays


def test_a_resumed_attempt_counts_once(run: Path) -> None:
    """A later record of the same attempt takes the place of the earlier one, its cost too."""
    before = spent(read_heads(run))
    with Journal.open(run) as journal:
        journal.append_record(record_of(THIRD, cost_usd=0.5, resumed=True))
    heads = read_heads(run)
    assert len(heads) == 5
    after = spent(heads)
    assert before[0] == pytest.approx(0.03)
    assert after[0] == pytest.approx(0.53)
    assert before[1]
    assert after[1]
    assert len(read_attempts(run)) == 5
    assert list(latest_heads(heads)) == [FIRST.id, SECOND.id, FOURTH.id, THIRD.id]


def test_only_rows_of_what_is_under_way_are_read(run: Path) -> None:
    """Of a trial that is tried again only the rows of the new attempt, of a finished one none."""
    with Journal.open(run) as journal:
        for trial, attempt in ((SECOND, 1), (SECOND, 2)):
            journal.append(Entry(kind=Kind.TRIAL_STARTED, body={"attempt": attempt}, trial=trial.id, attempt=attempt))
        journal.append(Entry(kind=Kind.INTENT, body={"turn": 1}, trial=SECOND.id, attempt=2))
        journal.append(Entry(kind=Kind.NOTE, body={"note": "no difference.patch"}, trial=FIRST.id, attempt=2))
    rows = read_open_rows(run, read_heads(run), read_newest(run))
    assert [(row.trial, row.attempt, row.kind) for row in rows] == [
        (SECOND.id, 2, "trial_started"),
        (SECOND.id, 2, "intent"),
    ]


def test_rows_are_short(run: Path) -> None:
    """What a tool printed and what a model said stays in the journal."""
    after = read_newest(run)
    with Journal.open(run) as journal:
        body = {"turn": 1, "output_tokens": 7, "cost_usd": 0.1, "content": "x" * 10_000}
        journal.append(Entry(kind=Kind.RESPONSE, body=body, trial=FIRST.id, attempt=1))
    (row,) = read_short_rows(run, after)
    assert row.body == {"turn": 1, "output_tokens": 7, "cost_usd": 0.1}


def test_a_run_is_followed(run: Path) -> None:
    """What is written after the first look is seen at the next one, and the counts are those of a fresh look."""
    with Journal.open(run) as journal:
        journal.append(Entry(kind=Kind.TRIAL_STARTED, body={"attempt": 3}, trial=FIRST.id, attempt=3))
        follower = Follower(run, planned_trials(planned_rows(run)), Today(), small=40)
        assert follower.live
        assert (follower.picture().whole.running, follower.picture().whole.done) == (1, 3)
        wait = {"note": "cool_down", "wait_s": 9.0, "fault": "rate_limit"}
        journal.append(Entry(kind=Kind.NOTE, body=wait, trial=FIRST.id, attempt=3))
        follower.update()
        assert follower.picture().running[0].wait is not None
        journal.append_record(record_of(FIRST, attempt=3))
        follower.update()
        follower.update()
    fresh = Follower(run, planned_trials(planned_rows(run)), Today(), small=40)
    for one in (follower, fresh):
        assert one.finished
        assert not one.live
        picture = one.picture()
        assert (picture.whole.done, picture.whole.running, picture.whole.passed) == (4, 0, 3)
        assert picture.whole.cost_usd == pytest.approx(0.04)
        assert picture.models["fast"].simulated


def test_a_resumed_trial_is_seen_at_work(run: Path) -> None:
    """From another terminal: one that was interrupted and goes on, and one that was killed, with what they used."""
    with Journal.open(run) as journal:
        used = {"turn": 1, "output_tokens": 7, "cost_usd": 0.25}
        for kind, trial, attempt, body in (
            (Kind.TRIAL_STARTED, FIRST, 3, {}),
            (Kind.RESPONSE, FIRST, 3, used),
            (Kind.RESUMED, FIRST, 3, {"attempt": 3, "elapsed_ns": 10}),
            (Kind.RESPONSE, FIRST, 3, {**used, "turn": 2}),
            (Kind.RESUMED, THIRD, 1, {"attempt": 1, "elapsed_ns": 10}),
        ):
            journal.append(Entry(kind=kind, body=body, trial=trial.id, attempt=attempt))
        picture = Follower(run, planned_trials(planned_rows(run)), Today(), small=40).picture()
    running = {cell.trial.id: cell for cell in picture.running}
    assert set(running) == {FIRST.id, THIRD.id}
    assert (running[FIRST.id].turns, running[FIRST.id].tokens, running[FIRST.id].attempt) == (2, 14, 3)
    assert running[FIRST.id].cost_usd == pytest.approx(0.5)
    assert picture.whole.running == 2
    assert picture.whole.done == 2
    assert picture.in_doubt == 2


def test_heads_may_have_their_tokens(run: Path) -> None:
    """As whole records tell them."""
    known = [head_of(record).output_tokens for record in read_attempts(run)]
    assert [head.output_tokens for head in with_tokens(run, read_heads(run))] == known
    assert any(known)
