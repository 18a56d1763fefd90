"""Validating features of tiny targets, from a folder and from git, in real sandboxes."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import ConfigError, InfraError
from harness.features import Feature, Source
from harness.grade import grade
from harness.grade_policy import Submission
from harness.record import Verdict
from harness.validate import Validation, validate_feature
from tests.harness.grading.conftest import APPLICATION, HIDDEN, SOLUTION, Room, Tree, write

pytestmark = pytest.mark.slow

PATCH = """--- a/calc.py
+++ b/calc.py
@@ -1,2 +1,6 @@
 def add(a, b):
     return a + b
+
+
+def double(a):
+    return 2 * a
"""
NEW, OLD = "tests/test_double.py::test_double", "tests/test_add.py::test_add"


def folder_feature(room: Room, hidden: Tree = HIDDEN, patch: str = PATCH, application: Tree = APPLICATION) -> Feature:
    """A feature of a folder target, on disk."""
    feature = room.feature(application)
    write(feature.folder, {"solution.patch": patch, **hidden})
    return feature


def validated(room: Room, feature: Feature, runs: int = 1) -> Validation:
    """What `validate` says of it."""
    return validate_feature(feature, room.provider, room.checkouts, lambda _: None, runs)


def commit(repository: Path, tree: Tree) -> str:
    """Commit a change to a repository; returns the commit."""
    write(repository, tree)
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    for words in (("init", "-q"), ("add", "-A"), (*identity, "commit", "-qm", "x")):
        subprocess.run(("git", *words), cwd=repository, check=True)
    done = subprocess.run(("git", "rev-parse", "HEAD"), cwd=repository, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def git_feature(room: Room, solution: Tree, test_paths: tuple[str, ...] = ("tests/test_double.py",)) -> Feature:
    """A feature between two commits of a repository."""
    repository = room.folder / "repository"
    base = commit(repository, APPLICATION)
    after = commit(repository, solution)
    feature = room.feature()
    target = replace(feature.target, source=Source(git=str(repository), commit=base))
    return replace(feature, target=target, base=base, solution=after, test_paths=test_paths)


def test_a_sound_feature_gets_a_manifest(room: Room) -> None:
    """Ids, durations and what it was made from; three stages of two runs each."""
    lines: list[str] = []
    feature = folder_feature(room)
    found = validate_feature(feature, room.provider, room.checkouts, lines.append, runs=2)
    assert found.problems == ()
    (note,) = found.notes
    assert "tests/test_double.py cannot be imported" in note
    assert found.manifest is not None
    assert (found.manifest.fail_to_pass, found.manifest.pass_to_pass) == ((NEW,), (OLD,))
    assert 0 < found.manifest.duration_s[0] <= found.manifest.duration_s[1]
    assert set(found.manifest.made_from) == {"environment", "reference", "snapshot", "tests"}
    assert [len(reports) for reports in found.reports.values()] == [2, 2, 2]
    assert sum("run 2 of 2" in line for line in lines) == 3


def test_tests_that_lean_on_their_order_are_flaky(room: Room) -> None:
    """The reference passes them in one order alone, so honest work would too: they are listed, and not asked for."""
    leaning = "import calc\nleft = []\ndef test_one():\n    left.append(calc.double(1))\n"
    leaning += "def test_two():\n    assert left == [2]\n    assert calc.double(2) == 4\n"
    lines: list[str] = []
    feature = folder_feature(room, hidden={**HIDDEN, "tests/test_leaning.py": leaning})
    found = validate_feature(feature, room.provider, room.checkouts, lines.append, runs=1)
    assert found.manifest is not None
    assert set(found.manifest.fail_to_pass) == {NEW, "tests/test_leaning.py::test_one"}
    assert found.manifest.flaky == ("tests/test_leaning.py::test_two",)
    assert any("1 tests do not pass in every order" in note for note in found.notes)
    assert any("cannot be: tests/test_leaning.py::test_one" in note for note in found.notes)
    assert "second run: 3 tests in 2 files, in 1 other orders" in lines


def test_a_feature_of_tests_that_all_lean_on_their_order_is_refused(room: Room) -> None:
    """The reason names the setting under which it can be graded."""
    leaning = (
        "import calc, sys\ndef test_one():\n    assert 'test_add' in sys.modules\n    assert calc.double(1) == 2\n"
    )
    found = validated(room, folder_feature(room, hidden={"tests/test_leaning.py": leaning}))
    assert found.manifest is None
    assert 'second_run = "none"' in found.problems[0]


def test_the_reference_passes_under_its_own_manifest(room: Room) -> None:
    """Reference: pass; nothing: fail."""
    found = validated(room, folder_feature(room))
    assert found.manifest is not None
    solved = room.judge(SOLUTION, manifest=found.manifest)
    assert (solved.verdict, room.judge({}, manifest=found.manifest).verdict) == (Verdict.PASS, Verdict.FAIL)
    assert grade(found.reports["base"][0], found.manifest, Submission()).verdict is Verdict.FAIL


def test_a_feature_of_a_git_target(room: Room) -> None:
    """Hidden tests and reference come from the solution commit; its other tests do not."""
    other = {"tests/test_unnamed.py": "def test_unnamed(): pass\n"}
    found = validated(room, git_feature(room, {**SOLUTION, **HIDDEN, **other}))
    assert found.problems == ()
    assert found.manifest is not None
    assert (found.manifest.fail_to_pass, found.manifest.pass_to_pass) == ((NEW,), (OLD,))
    assert "solution" in found.manifest.made_from
    assert "the reference changes 1 test files, which are put back: tests/test_unnamed.py" in found.notes


def test_tests_that_the_solution_commit_deletes_are_gone(room: Room) -> None:
    """`test_paths` may be a folder; what the solution has no more of it is not laid."""
    change = {**SOLUTION, **HIDDEN, "tests/test_add.py": None}
    found = validated(room, git_feature(room, change, test_paths=("tests",)))
    assert found.manifest is not None
    assert (found.manifest.fail_to_pass, found.manifest.pass_to_pass) == ((NEW,), ())


def test_a_feature_that_is_there_already_is_refused(room: Room) -> None:
    """Doing nothing would solve it."""
    found = validated(room, folder_feature(room, hidden={"tests/test_x.py": "def test_x(): pass\n"}))
    assert found.manifest is None
    assert "doing nothing would solve it" in found.problems[0]


def test_a_reference_that_does_not_solve_is_refused(room: Room) -> None:
    """The failing test is named."""
    found = validated(room, folder_feature(room, patch=PATCH.replace("2 * a", "3 * a")))
    assert found.problems == (f"the reference fails 1 hidden tests: {NEW}",)


def test_a_reference_that_no_agent_could_hand_in_is_refused(room: Room) -> None:
    """It goes through the same policy: a fixture in a conftest is put back, and then its tests fail."""
    conftest = "--- /dev/null\n+++ b/conftest.py\n@@ -0,0 +1,3 @@\n"
    conftest += "+def pytest_configure():\n+    import calc\n+    calc.double = abs\n"
    found = validated(room, folder_feature(room, patch=conftest))
    assert found.manifest is None
    assert found.notes[-1] == "the reference changes conftest.py, which is not handed in: configures the tests"


def test_a_patch_that_does_not_apply_is_named(room: Room) -> None:
    """The line is git's own."""
    found = validated(room, folder_feature(room, patch=PATCH.replace("def add", "def subtract")))
    assert "patch" in found.problems[0]


def test_a_missing_patch_is_named(room: Room) -> None:
    """The line names the file."""
    feature = room.feature()
    write(feature.folder, HIDDEN)
    assert "solution.patch: cannot be read" in validated(room, feature).problems[0]


def test_a_feature_without_hidden_tests_is_refused(room: Room) -> None:
    """There would be nothing to judge by."""
    found = validated(room, git_feature(room, SOLUTION, test_paths=("tests/nowhere",)))
    assert "no hidden tests" in found.problems[0]


def test_a_suite_that_never_runs_is_refused(room: Room) -> None:
    """The environment or the command is wrong, and the reason is in the line."""
    broken = {**APPLICATION, "tests/conftest.py": "import nothing_of_this_name\n"}
    found = validated(room, folder_feature(room, application=broken))
    assert found.problems[0].startswith("the suite on the base: the suite never ran (exit status 4); last words: ")
    assert "nothing_of_this_name" in found.problems[0]


def test_an_unknown_runner_is_refused_before_anything_starts(room: Room) -> None:
    """The line names those that are known."""
    feature = room.feature(runner="junit")
    assert validated(room, feature).problems == ("test runner `junit` is not supported; known: go, node, pytest, tap",)


def test_flaky_tests_are_found_by_repeating(room: Room) -> None:
    """A test that passes every other time is listed, and not asked for."""
    counter = room.folder / "counter"
    shaky = f"""
import pathlib

def test_shaky():
    place = pathlib.Path({str(counter)!r})
    number = int(place.read_text()) + 1 if place.exists() else 0
    place.write_text(str(number))
    assert number % 2
"""
    found = validated(room, folder_feature(room, hidden={**HIDDEN, "tests/test_shaky.py": shaky}), runs=2)
    assert found.manifest is not None
    assert found.manifest.flaky == ("tests/test_shaky.py::test_shaky",)


def test_an_environment_that_cannot_be_built_is_an_error_of_the_machine(room: Room) -> None:
    """It is raised, not a fault of the feature."""
    feature = folder_feature(room)
    failing = replace(feature.target.environment, setup=("mkdir -p $SPLITCLOCK_PREFIX; exit 3",))
    with pytest.raises(InfraError, match="cannot prepare calc/double"):
        validated(room, replace(feature, target=replace(feature.target, environment=failing)))


def test_a_source_that_is_not_there_is_an_error_of_the_user(room: Room) -> None:
    """A git target without any commit cannot be taken."""
    feature = folder_feature(room)
    with pytest.raises(ConfigError, match="no commit given"):
        validated(room, replace(feature, target=replace(feature.target, source=Source(git="/nowhere"))))
