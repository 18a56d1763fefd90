"""Gates where projects use them: beside the tests of pytest, and in a run that grows until one is decided."""

import subprocess
import sys
from pathlib import Path

import pytest

from harness.journal import Kind, read_rows
from harness.run_plan import read_plan
from tests.end_to_end.desk import Desk, Said
from tests.end_to_end.targets import FINISH, SOLVE, FeatureFiles, TargetFiles, matrix

pytestmark = pytest.mark.slow

COUNTED = """
alpha = 0.05
must_pass = ["calc/*"]
pass_rate = { margin = "off" }
spend = { cost = "off", output_tokens = "off" }
[time]
agent_wall = "off"
model = "off"
tool = "off"
wait = "off"
harness = "off"
[sequential]
looks = [1, 2]
"""
ESTIMATED = "[sequential]\nlooks = [1, 2]\n"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, shared_cache: Path) -> Desk:
    """A desk with a target of two features, a matrix that solves them, one that does not, and a baseline."""
    folder = tmp_path_factory.mktemp("deciding")
    scripts = {"solved": (SOLVE, FINISH), "idle": (FINISH,)}
    TargetFiles().write(folder / "targets", *(FeatureFiles(name=name, turns=scripts) for name in ("double", "twice")))
    for turns in scripts:
        matrix(folder / f"{turns}.toml", {"fast": {"provider": "replay", "turns": turns}})
    for name, text in (("counted", COUNTED), ("estimated", ESTIMATED)):
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    (folder / "whole.toml").write_text(COUNTED.partition("[sequential]")[0], encoding="utf-8")
    found = Desk(folder=folder, cache=shared_cache)
    assert run(found, "solved", "--out", "baseline").code == 0
    return found


def run(desk: Desk, name: str, *more: object) -> Said:
    """A matrix, run without containers."""
    return desk.give("run", f"{name}.toml", "--fixtures", "targets", "--sandbox", "local", *more)


def looked(desk: Desk, name: str, policy: str, out: str) -> Said:
    """A matrix that grows until a policy's gate is decided."""
    judged = ("--until-decided", "--baseline", "baseline", "--policy", f"{policy}.toml")
    return run(desk, name, *judged, "--out", out)


def repeats(folder: Path) -> int:
    """After how many repeats a run ended."""
    return max(trial.repeat for trial in read_plan(folder).trials)


def test_a_run_grows_until_its_gate_is_decided(desk: Desk) -> None:
    """What is clear after one repeat is not run twice: passed in one case, failed in the other."""
    assert looked(desk, "solved", "counted", "passed").code == 0
    failed = looked(desk, "idle", "counted", "failed")
    assert failed.code == 1, failed.err
    assert [repeats(desk.folder / name) for name in ("passed", "failed")] == [1, 1]


def test_a_run_that_cannot_be_decided_ends_with_the_last_look(desk: Desk) -> None:
    """Two features show nothing of times: all looks are used, exit code 3; given again, nothing is asked for again."""
    first = looked(desk, "solved", "estimated", "open")
    assert first.code == 3, first.err
    assert "not decided after 1 of 2 repeats" in first.err
    assert repeats(desk.folder / "open") == 2
    calls = len(read_rows(desk.folder / "open", Kind.INTENT))
    again = looked(desk, "solved", "estimated", "open")
    assert (again.code, len(read_rows(desk.folder / "open", Kind.INTENT))) == (3, calls)


def test_what_does_not_go_with_looks_is_refused_before_anything_starts(desk: Desk) -> None:
    """A policy without looks, repeats of one's own, a shard, a baseline that is none, options without the first."""
    judged = ("--until-decided", "--baseline", "baseline", "--policy")
    for more, words in (
        ((*judged, "whole.toml"), "plans no looks"),
        ((*judged, "counted.toml", "--repeats", "3"), "--until-decided and --repeats"),
        ((*judged, "counted.toml", "--shard", "1/2"), "--until-decided and --shard"),
        (("--until-decided", "--policy", "counted.toml"), "give --baseline RUN"),
        (("--policy", "counted.toml"), "only --until-decided"),
    ):
        said = run(desk, "solved", "--out", "never", *more)
        assert said.code == 2
        assert words in said.err
    assert not (desk.folder / "never").exists()


def in_pytest(desk: Desk, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """A project's own pytest, with one test of its own."""
    project = desk.folder / "project"
    project.mkdir(exist_ok=True)
    (project / "test_own.py").write_text("def test_own():\n    assert True\n", encoding="utf-8")
    argv = (sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", *arguments)
    return subprocess.run(argv, cwd=project, env=desk.environment(), check=False, capture_output=True, text=True)


def test_each_criterion_is_a_test(desk: Desk) -> None:
    """Passed and failed ones with their reasons, beside the project's own; -k picks among them."""
    assert run(desk, "idle", "--out", "worse").code == 0
    sides = ("--splitclock-baseline", "../baseline", "--splitclock-candidate", "../worse")
    found = in_pytest(desk, "--splitclock-gate", "../whole.toml", *sides)
    assert found.returncode == 1, found.stdout + found.stderr
    assert "splitclock-gate[fast-must_pass]" in found.stdout
    assert "calc/double" in found.stdout
    assert "1 failed, 2 passed" in found.stdout
    picked = in_pytest(desk, "--splitclock-gate", "../whole.toml", *sides, "-k", "tampered")
    assert "1 passed, 2 deselected" in picked.stdout


def test_what_cannot_be_told_is_skipped_and_settings_name_the_runs(desk: Desk) -> None:
    """The default policy on two features, from pytest.ini: skipped with the reason, nothing fails."""
    assert run(desk, "solved", "--out", "same").code == 0
    project = desk.folder / "project"
    project.mkdir(exist_ok=True)
    ini = "[pytest]\nsplitclock_baseline = ../baseline\nsplitclock_candidate = ../same\n"
    (project / "pytest.ini").write_text(ini, encoding="utf-8")
    found = in_pytest(desk, "--splitclock-gate", "default")
    (project / "pytest.ini").unlink()
    assert found.returncode == 0, found.stdout + found.stderr
    assert "inconclusive" in found.stdout


def test_runs_that_cannot_be_judged_are_one_line(desk: Desk) -> None:
    """The exit code of pytest for wrong usage, and what to do; without the option nothing is different."""
    found = in_pytest(desk, "--splitclock-gate", "default")
    assert found.returncode == 4
    assert "--splitclock-baseline RUN: missing" in found.stderr + found.stdout
    assert in_pytest(desk).returncode == 0
