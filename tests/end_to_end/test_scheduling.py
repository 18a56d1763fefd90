"""A run shares its providers: what they can take is found out, who sleeps lends his place, a budget ends it."""

import shlex
import signal
import subprocess
from pathlib import Path

import pytest

from harness.journal import Kind, Row, read_records, read_rows
from harness.run_plan import read_plan
from harness.simulator.log import read_attempts
from harness.turns import ScriptedFault, Turn
from tests.end_to_end.desk import Desk, journalled, until
from tests.end_to_end.targets import FINISH, SOLVE, FeatureFiles, TargetFiles, matrix, say, shell, simulated

pytestmark = pytest.mark.slow

LOOK = say("I look first.", shell("ls"))


def busy(retry_after_s: int) -> Turn:
    """A turn before which the provider asks to be left alone for so long."""
    wait = ScriptedFault(kind="status", status=429, headers={"retry-after": str(retry_after_s)})
    return LOOK.model_copy(update={"faults": (wait,)})


def laid(desk: Desk, *turns: Turn) -> tuple[object, ...]:
    """A target whose feature is solved by these turns; the options that a run of it needs."""
    TargetFiles().write(desk.folder / "targets", FeatureFiles(turns={"demo": turns}))
    return ("--fixtures", desk.folder / "targets", "--sandbox", "local", "--out", "out")


def budgeted(file: Path, **bounds: float) -> Path:
    """The matrix with a budget."""
    lines = "".join(f"{name} = {most}\n" for name, most in bounds.items())
    file.write_text(file.read_text(encoding="utf-8") + f"[budget]\n{lines}", encoding="utf-8")
    return file


def notes(run: Path, kind: str) -> list[Row]:
    """The notes of a kind in a run's journal."""
    return [row for row in read_rows(run, Kind.NOTE) if row.body["note"] == kind]


@pytest.mark.nightly
def test_a_run_finds_out_what_its_provider_takes(desk: Desk) -> None:
    """Six trials at once, a provider that takes two: all pass, few calls are refused, and the journal tells of it."""
    options = laid(desk, LOOK, LOOK, SOLVE, FINISH)
    table = {**simulated("demo", first_token_ms=200), "most_in_flight": 2}
    desk.must("run", matrix(desk.folder / "m.toml", {"m": table}, trials=6), *options, "--repeats", 6)
    run = desk.folder / "out"
    records = read_records(run)
    assert [record.verdict for record in records] == ["pass"] * 6
    refused = [sent for sent in read_attempts(run / "simulator.jsonl") if sent.status == 429]
    assert 0 < len(refused) < sum(record.turns for record in records)
    told = notes(run, "throttled")
    assert min(row.body["at_once"] for row in told) < 6
    assert {(row.trial, row.body["of"], row.body["provider"]) for row in told} == {("", 6, "simulator")}
    for record in records:
        assert sum(record.phases.values()) == record.wall_ns


def test_a_provider_is_asked_no_more_at_once_than_its_table_says(desk: Desk) -> None:
    """With `concurrency` 1 nothing is refused by a server that takes one, and the queue stands on the records."""
    options = laid(desk, LOOK, SOLVE, FINISH)
    table = {**simulated("demo", first_token_ms=200), "most_in_flight": 1, "concurrency": 1}
    desk.must("run", matrix(desk.folder / "m.toml", {"m": table}), *options, "--repeats", 2)
    run = desk.folder / "out"
    assert {sent.status for sent in read_attempts(run / "simulator.jsonl")} == {200}
    queues = [record.sub_phases.get("wait.model_slot", 0) for record in read_records(run)]
    assert max(queues) > 0
    for record, queue_ns in zip(read_records(run), queues, strict=True):
        outside = record.phases["setup"] + record.phases["grade"] + record.sub_phases.get("wait.tool_slot", 0)
        assert record.agent_wall_ns == record.wall_ns - outside - queue_ns


@pytest.mark.nightly
def test_a_sleeping_trial_lends_its_place(desk: Desk) -> None:
    """One place: while the first trial leaves its provider alone another is begun and finished; then it goes on."""
    options = laid(desk, busy(10), SOLVE, FINISH)
    models: dict[str, dict[str, object]] = {
        "tired": simulated("demo"),
        "other": {"provider": "replay", "turns": "demo"},
    }
    desk.must("run", matrix(desk.folder / "m.toml", models, trials=1), *options)
    rows = read_rows(desk.folder / "out")
    trial = {record.trial.model: record.trial.id for record in read_records(desk.folder / "out")}

    def first(model: str, kind: Kind) -> int:
        return next(row.seq for row in rows if row.kind == kind and row.trial == trial[model])

    assert first("tired", Kind.INTENT) < first("other", Kind.TRIAL_STARTED)
    assert first("other", Kind.RECORD) < first("tired", Kind.RESPONSE)


def test_parked_and_queued_trials_end_with_the_run(desk: Desk) -> None:
    """Ctrl-C while one trial sleeps for ten minutes, and others wait for it to be over, ends all of them."""
    options = laid(desk, busy(600), SOLVE, FINISH)
    file = matrix(desk.folder / "m.toml", {"m": {**simulated("demo"), "concurrency": 1}}, trials=2)
    started = desk.start("run", file, *options, "--repeats", 5)
    until(lambda: bool(journalled(desk.folder / "out", Kind.NOTE)), started, "the refusal")
    started.send(signal.SIGINT)
    said = started.wait()
    records = read_records(desk.folder / "out")
    assert said.code == 130
    assert 1 <= len(records) <= 2  # nobody else was begun for a provider that wants to be left alone
    assert {record.stop for record in records} == {"interrupted"}


def test_a_budget_ends_a_run_before_it_is_overrun(desk: Desk) -> None:
    """Two trials of three turns fit into seven, the other is not begun; what is left is said, and the code is 3."""
    options = laid(desk, LOOK, SOLVE, FINISH)
    file = matrix(desk.folder / "m.toml", {"m": simulated("demo")}, limits={"turns": 3}, trials=1)
    said = desk.give("run", budgeted(file, turns=7), *options, "--repeats", 3, "--json")
    run = desk.folder / "out"
    assert said.code == 3
    assert [record.verdict for record in read_records(run)] == ["pass", "pass"]
    assert said.json()["trials"]["not_run"] == 1
    assert said.json()["finished"] is False
    (line,) = said.complaints
    assert "budget: turns 6 of 7 used; 1 of 3 trials were not started" in line
    assert "raise [budget] in out/matrix.toml, then `splitclock resume out`" in line
    (note,) = notes(run, "budget")
    assert (note.body["not_begun"], note.body["planned"]) == (1, 3)


@pytest.mark.parametrize(("most", "turns"), [("0.0005", 1), ("0.000001", 0)])
def test_a_trial_that_meets_the_end_of_the_budget_stops(desk: Desk, most: str, turns: int) -> None:
    """`--max-cost` goes over the matrix's own: once nothing is left, after an answer or amid it, nothing is judged."""
    options = laid(desk, LOOK, SOLVE, FINISH)
    table = {**simulated("demo"), "price": {"input": 1.0, "output": 1.0}}
    file = budgeted(matrix(desk.folder / "m.toml", {"m": table}), cost_usd=100.0)
    said = desk.give("run", file, *options, "--repeats", 1, "--max-cost", most)
    (record,) = read_records(desk.folder / "out")
    assert (record.stop, record.verdict, record.turns) == ("budget", "not_run", turns)
    assert "the run's budget" in record.error
    assert record.unanswered_calls == 1 - turns
    assert said.code == 3
    assert "0 of 1 trials were not started, 1 were cut short" in said.err


def test_what_a_run_may_cost_is_kept_when_it_is_resumed(desk: Desk) -> None:
    """`--max-cost` holds for later lives until another one is given; the message says so, ready to be copied."""
    laid(desk, LOOK, SOLVE, FINISH)
    options = ("--fixtures", desk.folder / "targets", "--sandbox", "local", "--out", "my run")
    table = {**simulated("demo"), "price": {"input": 1.0, "output": 1.0}}
    file = matrix(desk.folder / "m.toml", {"m": table})
    said = desk.give("run", file, *options, "--repeats", 1, "--max-cost", "0.0005")
    assert said.code == 3
    assert "go on with more: `splitclock resume 'my run' --max-cost USD`" in said.err
    (before,) = read_records(desk.folder / "my run")
    again = desk.give("resume", "my run")
    assert again.code == 3
    (after,) = read_records(desk.folder / "my run")
    assert (after.stop, after.turns) == ("budget", before.turns)
    desk.must("resume", "my run", "--max-cost", 5)
    (last,) = read_records(desk.folder / "my run")
    assert last.verdict == "pass"
    assert read_plan(desk.folder / "my run").asked.max_cost == 5


def test_a_run_whose_reader_leaves_comes_to_the_same(desk: Desk) -> None:
    """Nobody reads its output after the first line: each turn is paid for once, and the exit code is the run's."""
    options = laid(desk, LOOK, SOLVE, FINISH)
    file = budgeted(matrix(desk.folder / "m.toml", {"m": simulated("demo")}, limits={"turns": 3}), turns=7)
    argv = shlex.join([*desk.argv, "run", *map(str, (file, *options)), "--repeats", "3"])
    script = f"({argv}; echo $? >code) | head -1"
    shell_ = subprocess.run(["sh", "-c", script], cwd=desk.folder, env=desk.environment(), check=True, timeout=600)
    assert shell_.returncode == 0
    assert (desk.folder / "code").read_text(encoding="utf-8").strip() == "3"
    run = desk.folder / "out"
    assert [(record.verdict, record.attempt) for record in read_records(run)] == [("pass", 1), ("pass", 1)]
    assert len(read_rows(run, Kind.RESPONSE)) == 6
