"""A small matrix in Docker from `plan` to `board`: what the demonstration does, on a tiny application."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.clock import Phase
from harness.journal import read_records
from harness.record import Record
from harness.simulator.log import read_log
from sandbox.contract import SandboxProvider
from tests.end_to_end.desk import Desk, Said
from tests.end_to_end.targets import (
    ADD,
    APPLICATION,
    DOUBLE,
    FINISH,
    MANIFEST,
    SOLVE,
    WRONG,
    FeatureFiles,
    edit,
    in_docker,
    matrix,
    say,
    shell,
    simulated,
    write,
)

pytestmark = [pytest.mark.docker, pytest.mark.slow]

SUITE = shell("python -m pytest -q")
SCRIPTS = {
    "straight": (say("First the suite.", SUITE), SOLVE, say("", SUITE), FINISH),
    "retried": (
        say("I write it, with a test.", edit("calc.py", ADD, WRONG)),
        say("", shell("python -c 'from calc import double; assert double(2) == 4'")),
        say("That failed: I forgot to multiply.", edit("calc.py", "return a\n", "return 2 * a\n")),
        say("", SUITE),
        FINISH,
    ),
    "unsolved": (say("Perhaps so?", edit("calc.py", ADD, WRONG)), FINISH),
}
VERDICTS = {"straight": "pass", "retried": "pass", "unsolved": "fail"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A finished run: where, and what the command said."""

    desk: Desk
    matrix: Path
    options: tuple[str, ...]
    folder: Path
    said: Said

    def records(self) -> tuple[Record, ...]:
        """The records from the journal."""
        return read_records(self.folder)

    def board(self) -> Any:
        """What `board --json` prints."""
        return self.desk.must("board", self.folder, "--json").json()


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, shared_cache: Path, docker_provider: SandboxProvider) -> Ran:
    """Two simulated models of different pace on three features with a script each, in Docker."""
    assert docker_provider.kind == "docker"
    folder = tmp_path_factory.mktemp("matrix")
    desk = Desk(folder=folder, cache=shared_cache)
    features = [FeatureFiles(name=name, turns={"demo": turns}) for name, turns in SCRIPTS.items()]
    in_docker().write(folder / "targets", *features)
    paces = {"slow": simulated("demo", 100, 80), "fast": simulated("demo", 1500, 5)}
    file = matrix(folder / "small.toml", paces, [f"calc/{name}" for name in SCRIPTS])
    options = ("--fixtures", str(folder / "targets"))
    said = desk.must("run", file, *options)
    return Ran(desk=desk, matrix=file, options=options, folder=desk.runs()[0], said=said)


def test_verdicts_are_what_the_scripts_deserve(ran: Ran) -> None:
    """Straight and after a failing test run: pass, for both paces; half done: fail."""
    found = {(record.trial.model, record.trial.feature): record.verdict.value for record in ran.records()}
    assert found == {(model, f"calc/{name}"): VERDICTS[name] for model in ("slow", "fast") for name in SCRIPTS}
    assert {record.stop for record in ran.records()} == {"finished"}
    assert {record.grade.rung for record in ran.records()} == {"R1"}


def test_every_nanosecond_is_booked_once(ran: Ran) -> None:
    """Seven integer phases sum to the wall, in the journal and on the board; sub-phases sum to their phase."""
    records, trials = ran.records(), ran.board()["trials"]
    assert len(records) == len(trials) == 6
    for phases, sub_phases, wall_ns in [
        *((record.phases, record.sub_phases, record.wall_ns) for record in records),
        *((trial["phases"], trial["sub_phases"], trial["wall_ns"]) for trial in trials),
    ]:
        assert set(phases) == {phase.value for phase in Phase}
        assert len(phases) == 7
        assert all(type(ns) is int and ns >= 0 for ns in phases.values())
        assert sum(phases.values()) == wall_ns
        for phase, ns in phases.items():
            below = [part for name, part in sub_phases.items() if name.partition(".")[0] == phase]
            assert not below or sum(below) == ns, phase


def test_pace_decides_the_model_phase(ran: Ran) -> None:
    """The slow model's time goes to the model, measured as the simulator itself logged it."""
    spent = {"slow": 0, "fast": 0}
    sent = {"slow": 0, "fast": 0}
    for record in ran.records():
        spent[record.trial.model] += record.summed["model"]
    for row in read_log(ran.folder / "simulator.jsonl"):
        assert row.last_token_ns is not None
        sent[row.model] += row.last_token_ns - row.received_ns
    assert spent["slow"] > 2 * spent["fast"]
    assert all(spent[model] > 0.8 * sent[model] for model in spent)
    assert spent["slow"] < 2 * sent["slow"]


def test_run_folder_is_self_contained(ran: Ran) -> None:
    """Matrix, plan, provenance, journal and the simulator's log; per trial transcript, tests, spans and record."""
    assert (ran.folder / "matrix.toml").read_bytes() == ran.matrix.read_bytes()
    assert len(json.loads((ran.folder / "plan.json").read_text("utf-8"))["trials"]) == 6
    provenance = json.loads((ran.folder / "provenance.json").read_text("utf-8"))
    assert provenance["sandbox"] == "docker"
    assert provenance["sandbox.engine"]
    assert (ran.folder / "journal.sqlite").stat().st_size > 0
    assert {row.model for row in read_log(ran.folder / "simulator.jsonl")} == {"slow", "fast"}
    for record in ran.records():
        place = ran.folder / "trials" / record.trial.id
        roles = [json.loads(line)["role"] for line in (place / "transcript.jsonl").read_text("utf-8").splitlines()]
        assert roles[:3] == ["system", "user", "assistant"]
        assert roles.count("assistant") == record.turns
        assert json.loads((place / "tests.json").read_text("utf-8"))
        spans = json.loads((place / "spans.json").read_text("utf-8"))
        assert all(0 <= span["t0"] <= span["t1"] <= record.wall_ns for span in spans)
        assert Record.model_validate_json((place / "record.json").read_bytes()) == record


def test_difference_applies_to_the_base_tree(ran: Ran, tmp_path: Path) -> None:
    """`git apply` turns the pristine tree into what the agent handed in."""
    for record in ran.records():
        tree = write(tmp_path / record.trial.id, APPLICATION)
        patch = ran.folder / "trials" / record.trial.id / "difference.patch"
        subprocess.run(["git", "apply", str(patch)], cwd=tree, check=True)
        assert (tree / "calc.py").read_text("utf-8") == (WRONG if record.verdict == "fail" else DOUBLE)


def test_views_agree(ran: Ran) -> None:
    """`plan`, `status` and `board` speak of the same trials and the same verdicts."""
    planned = ran.desk.must("plan", ran.matrix, *ran.options, "--json").json()
    written = json.loads((ran.folder / "plan.json").read_text("utf-8"))
    assert planned["trials"] == written["trials"]
    assert planned["receivers"] == {}
    assert planned["most_cost_usd"] == 0
    state = ran.desk.must("status", ran.folder, "--json").json()
    assert state["finished"] is True
    assert state["schema"] == 1
    assert {name: number for name, number in state["trials"].items() if number} == {"total": 6, "pass": 4, "fail": 2}
    board = ran.board()
    assert {trial["id"] for trial in board["trials"]} == {trial["id"] for trial in planned["trials"]}
    assert {row["model"]: (row["passed"], row["scored"]) for row in board["models"]} == {"slow": (2, 3), "fast": (2, 3)}
    assert [row["feature"] for row in board["features"]] == [f"calc/{name}" for name in sorted(SCRIPTS)]
    assert board["schema"] == 1


def test_simulated_stands_in_every_table(ran: Ran) -> None:
    """Whoever shows a simulated model says so: run, board, Markdown, JSON, plan."""
    tables = {
        "run": ran.said.out,
        "board": ran.desk.must("board", ran.folder).out,
        "markdown": ran.desk.must("board", ran.folder, "--markdown").out,
        "plan": ran.desk.must("plan", ran.matrix, *ran.options).out,
    }
    for name, text in tables.items():
        assert text.lower().count("simulated") >= 2, name
    board = ran.board()
    assert all(row["simulated"] for row in [*board["models"], *board["trials"]])


def test_status_names_every_trial(ran: Ran) -> None:
    """The table for people shows each trial's verdict, and why one failed."""
    shown = ran.desk.must("status", ran.folder).out
    for record in ran.records():
        line = next(line for line in shown.splitlines() if record.trial.id in line)
        assert f" {record.verdict.value} " in line
        assert record.trial.model in line
        assert record.trial.feature in line
    assert str(MANIFEST["fail_to_pass"]).strip("[]'") in shown
    assert "6 of 6" in shown


def test_run_says_the_same_to_machines(ran: Ran, tmp_path: Path) -> None:
    """`run --json --out` prints one document and nothing else on standard output; a slice runs only its part."""
    out = tmp_path / "out"
    part = ("--model", "fast", "--feature", "calc/straight", "--out", str(out), "--json")
    said = ran.desk.must("run", ran.matrix, *ran.options, *part).json()
    assert said["run"] == str(out)
    assert said["trials"]["total"] == said["trials"]["pass"] == 1
    assert said == ran.desk.must("status", out, "--json").json()
    again = ran.desk.must("run", ran.matrix, *ran.options, *part)
    assert "nothing to do: 1 of 1 trials are finished" in again.err
    assert again.json() == said
