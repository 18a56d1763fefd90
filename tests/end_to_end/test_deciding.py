"""Gates where projects use them: beside the tests of pytest, and in a run that grows until one is decided."""

import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli import main
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


@pytest.fixture(scope="module")
def grown(desk: Desk) -> tuple[Said, Said]:
    """Two runs that grow until they are decided: `passed`, which solves everything, and `failed`, which nothing."""
    return looked(desk, "solved", "counted", "passed"), looked(desk, "idle", "counted", "failed")


def test_a_run_grows_until_its_gate_is_decided(desk: Desk, grown: tuple[Said, Said]) -> None:
    """What is clear after one repeat is not run twice: passed in one case, failed in the other."""
    assert [said.code for said in grown] == [0, 1], grown
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


def test_a_hook_is_told_what_the_gate_says(desk: Desk) -> None:
    """Once for all looks, and not what the run itself ended with."""
    hook = ("--on-finish", 'sh -c "echo $SPLITCLOCK_EXIT_CODE >> told"')
    judged = ("--until-decided", "--baseline", "baseline", "--policy", "counted.toml")
    said = run(desk, "idle", *judged, *hook, "--out", "hooked")
    assert said.code == 1, said.err
    assert (desk.folder / "told").read_text(encoding="utf-8") == "1\n"


@pytest.mark.parametrize(
    "case",
    [
        ("solved", ("--feature", "calc/double"), "", "only the baseline has calc/twice"),
        ("slower", (), "", "differ in limits: limits.turns"),
        ("slower", (), "", "differ in parallel: parallel_trials: 4 -> 2"),
        ("renamed", (), "", "no model is in both: the baseline has fast, the candidate swift"),
        ("solved", (), 'must_pass = ["calc/thrice"]', '"calc/thrice" matches no feature'),
        ("solved", (), "[least]\nfeatures = 3", "has 2 features in both runs, and [least] features asks for 3"),
        ("solved", (), "[least]\nrepeats = 2", "[sequential] looks first after 1 of the 2 repeats"),
        ("solved", (), "LATER", "baseline: model `fast` has fewer than the 2 repeats that [least] repeats asks for"),
    ],
)
def test_a_run_that_no_gate_could_judge_is_not_begun(
    desk: Desk,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    case: tuple[str, tuple[str, ...], str, str],
) -> None:
    """What a gate would refuse at the first look is refused before it is paid: exit code 2, and no run folder."""
    matrix_name, more, rules, words = case
    replay = {"provider": "replay", "turns": "solved"}
    matrix(desk.folder / "slower.toml", {"fast": replay}, limits={"turns": 7}, trials=2)
    matrix(desk.folder / "renamed.toml", {"swift": replay})
    text = "[least]\nrepeats = 2\n[sequential]\nlooks = [2, 3]\n" if rules == "LATER" else f"{rules}\n{ESTIMATED}"
    (desk.folder / "hopeless.toml").write_text(text, encoding="utf-8")
    monkeypatch.chdir(desk.folder)
    monkeypatch.setenv("SPLITCLOCK_CACHE", str(desk.cache))
    judged = ("--until-decided", "--baseline", "baseline", "--policy", "hopeless.toml")
    places = ("--fixtures", "targets", "--sandbox", "local", "--out", "never")
    with pytest.raises(SystemExit) as ended:
        main(["run", f"{matrix_name}.toml", *places, *judged, *more])
    assert ended.value.code == 2
    assert words in capsys.readouterr().err
    assert not (desk.folder / "never").exists()


def test_what_does_not_go_with_looks_is_refused_before_anything_starts(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A policy without looks, repeats of one's own, a shard, a baseline that is none, options without the first."""
    monkeypatch.chdir(desk.folder)
    judged = ("--until-decided", "--baseline", "baseline", "--policy")
    for more, words in (
        ((*judged, "whole.toml"), "plans no looks"),
        ((*judged, "counted.toml", "--repeats", "3"), "--until-decided and --repeats"),
        ((*judged, "counted.toml", "--shard", "1/2"), "--until-decided and --shard"),
        (("--until-decided", "--policy", "counted.toml"), "give --baseline RUN"),
        (("--policy", "counted.toml"), "only --until-decided"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(["run", "solved.toml", "--fixtures", "targets", "--sandbox", "local", "--out", "never", *more])
        assert ended.value.code == 2
        assert words in capsys.readouterr().err
    assert not (desk.folder / "never").exists()


def in_pytest(desk: Desk, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """A project's own pytest, with one test of its own."""
    project = desk.folder / "project"
    project.mkdir(exist_ok=True)
    (project / "test_own.py").write_text("def test_own():\n    assert True\n", encoding="utf-8")
    argv = (sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", *arguments)
    return subprocess.run(argv, cwd=project, env=desk.environment(), check=False, capture_output=True, text=True)


@pytest.mark.usefixtures("grown")
def test_each_criterion_is_a_test(desk: Desk) -> None:
    """Passed and failed ones with their reasons, beside the project's own; -k picks among them."""
    sides = ("--splitclock-baseline", "../baseline", "--splitclock-candidate", "../failed")
    found = in_pytest(desk, "--splitclock-gate", "../whole.toml", *sides)
    assert found.returncode == 1, found.stdout + found.stderr
    assert "splitclock-gate[fast-must_pass]" in found.stdout
    assert "calc/double" in found.stdout
    assert "1 failed, 2 passed" in found.stdout
    picked = in_pytest(desk, "--splitclock-gate", "../whole.toml", *sides, "-k", "tampered")
    assert "1 passed, 2 deselected" in picked.stdout


@pytest.mark.usefixtures("grown")
def test_what_cannot_be_told_is_skipped_and_settings_name_the_runs(desk: Desk) -> None:
    """The default policy on two features, from pytest.ini: skipped with the reason, nothing fails."""
    project = desk.folder / "project"
    project.mkdir(exist_ok=True)
    ini = "[pytest]\nsplitclock_baseline = ../baseline\nsplitclock_candidate = ../passed\n"
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
