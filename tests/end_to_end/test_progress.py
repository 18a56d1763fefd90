"""What a run shows, and to whom: machines by the line, people at the end, another terminal at any time."""

import json
import sys
from pathlib import Path

import pytest

from harness.progress.json_lines import COMMON, FIELDS
from tests.end_to_end.desk import Desk, until
from tests.end_to_end.targets import FINISH, SOLVE, FeatureFiles, TargetFiles, matrix, say, shell, simulated

pytestmark = pytest.mark.slow

OPTIONS = ("--fixtures", "targets", "--sandbox", "local")


@pytest.fixture
def at(desk: Desk) -> tuple[Desk, Path]:
    """A desk with a matrix of two models: one solves the feature after two seconds, one does nothing."""
    scripts = {"solve": (say("", shell("sleep 2")), SOLVE, FINISH), "idle": (FINISH,)}
    TargetFiles().write(desk.folder / "targets", FeatureFiles(turns=scripts))
    return desk, matrix(desk.folder / "m.toml", {"solves": simulated("solve"), "idle": simulated("idle")})


def test_a_run_tells_machines_line_by_line(at: tuple[Desk, Path]) -> None:
    """Every line is of the documented form; the hook comes last and finds the same summary."""
    desk, file = at
    code = "import os, shutil; shutil.copy(os.environ['SPLITCLOCK_SUMMARY'], 'told.json'); print('called')"
    hook = f'{sys.executable} -c "{code}"'
    said = desk.must("run", file, *OPTIONS, "--out", "out", "--json-lines", "--on-finish", hook)
    lines = [json.loads(line) for line in said.out.splitlines()]
    for line in lines:
        assert tuple(line) == (*COMMON, *FIELDS[line["event"]])
    events = [line["event"] for line in lines]
    assert (events[0], events[-1]) == ("run_started", "run_finished")
    assert (events.count("trial_started"), events.count("trial_finished"), events.count("graded")) == (2, 2, 2)
    assert events.count("call") == 4
    assert lines[-1]["exit_code"] == 0
    summary = lines[-1]["summary"]
    assert (summary["trials"]["pass"], summary["trials"]["fail"]) == (1, 1)
    assert summary == json.loads((desk.folder / "told.json").read_text(encoding="utf-8"))
    assert summary == desk.must("status", "out", "--json").json()
    assert "called" in said.err


def test_a_run_is_watched_from_another_terminal(at: tuple[Desk, Path]) -> None:
    """`status --watch` says each time a trial has ended, and ends with the run; the run ends with one screen."""
    desk, file = at
    started = desk.start("run", file, *OPTIONS, "--out", "out")
    until((desk.folder / "out" / "plan.json").exists, started, "the plan")
    watched = desk.must("status", "out", "--watch")
    said = started.wait()
    assert said.code == 0
    assert watched.out.splitlines()[-1] == "2 of 2 trials have a record"
    assert any(line.startswith("2 of 2 trials | pass 1 · fail 1") for line in watched.out.splitlines())
    assert "splitclock board out" in said.out.splitlines()
    assert any(line.startswith("splitclock show out ") and "idle" in line for line in said.out.splitlines())
    assert "Where the agent's wall-clock went" not in said.out
    failed = desk.must("status", "out", "--failed").out
    assert "idle" in failed
    assert "solves" not in failed


def test_the_board_comes_where_it_is_asked_for(at: tuple[Desk, Path]) -> None:
    """`--board` prints it before the summary; with options for machines it is refused before anything starts."""
    desk, file = at
    said = desk.must("run", file, *OPTIONS, "--model", "idle", "--board")
    assert "Where the agent's wall-clock went" in said.out
    assert said.out.index("Where the agent's wall-clock went") < said.out.index("splitclock board runs/")
    refused = desk.give("run", file, *OPTIONS, "--board", "--json")
    assert (refused.code, refused.out) == (2, "")
