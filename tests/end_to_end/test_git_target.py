"""A target whose source is a git repository: made by the test, evaluated through the command line."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.end_to_end.desk import Desk, by_model, told
from tests.end_to_end.targets import (
    APPLICATION,
    DOUBLE,
    FINISH,
    HIDDEN,
    MANIFEST,
    FeatureFiles,
    TargetFiles,
    Tree,
    git,
    matrix,
    say,
    shell,
    simulated,
    write,
)

pytestmark = pytest.mark.slow

Manifest = Mapping[str, object] | None
NOWHERE = "https://splitclock.invalid/calc"
MODELS = {"builder": simulated("reference"), "idler": simulated("nothing"), "looker": simulated("look")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A repository in which a feature was once built."""

    folder: Path
    base: str
    solution: str


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Three commits: the base, the solution with its tests, and a later one."""
    folder = write(tmp_path / "clone", APPLICATION)
    git(folder, "init", "-q", "-b", "main")
    base = _commit(folder, "Base", {})
    solution = _commit(folder, "Add double", {"calc.py": DOUBLE, **HIDDEN})
    _commit(folder, "Later", {"later.py": "LATER = True\n"})
    return Repository(folder=folder, base=base, solution=solution)


def _commit(folder: Path, message: str, tree: Tree) -> str:
    write(folder, tree)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", message)
    return git(folder, "rev-parse", "HEAD")


def lay_out(root: Path, repository: Repository, url: str, manifest: Manifest = MANIFEST) -> tuple[str, ...]:
    """A target with that URL and its feature; returns the options that name it."""
    look = (
        say("", shell("git rev-list --all --count")),
        say("", shell(f"git cat-file -t {repository.solution}")),
        say("", shell("git log --format=%an,%s; git status --porcelain; ls . tests")),
        FINISH,
    )
    commits = f'base = "{repository.base}"\nsolution = "{repository.solution}"\n'
    feature = FeatureFiles(
        hidden={},
        patch=None,
        manifest=manifest,
        turns={"look": look},
        fields=f'{commits}test_paths = ["tests/test_double.py"]\n',
    )
    source = f'git = "{url}"\ncommit = "{repository.base}"'
    TargetFiles(source=source, application=None).write(root, feature)
    return ("--fixtures", str(root), "--sandbox", "local")


@pytest.mark.parametrize("way", ["url", "source"])
def test_feature_commit_is_the_reference(desk: Desk, repository: Repository, way: str) -> None:
    """By URL or from a clone: the reference resolves the feature, nothing does not, and nobody sees the future."""
    if way == "source":
        options = (*lay_out(desk.folder / "targets", repository, NOWHERE), "--source", f"calc={repository.folder}")
    else:
        options = lay_out(desk.folder / "targets", repository, f"file://{repository.folder}", None)
        made = desk.must("validate", "calc/double", *options, "--runs", "1", "--json").json()["features"][0]
        assert (made["ok"], made["fail_to_pass"], made["pass_to_pass"], made["regained"]) == (True, 1, 1, 0)
    desk.must("run", matrix(desk.folder / "git.toml", MODELS), *options)
    found = by_model(desk.runs()[0])
    assert {name: record.verdict.value for name, record in found.items()} == {
        "builder": "pass",
        "idler": "fail",
        "looker": "fail",
    }
    assert found["idler"].grade.fail_to_pass.keys() == {"tests/test_double.py::test_double"}
    count, future, tree, _ = told(desk.runs()[0], found["looker"])
    assert count.splitlines()[0] == "1"
    assert "commit" not in future.splitlines()[0]
    assert found["looker"].tool_calls[1].failed
    assert not any(word in tree for word in ("Add double", "Later", "Test,", "test_double", "later.py"))
    assert "test_add.py" in tree


def test_working_tree_is_taken_as_it_is(desk: Desk, repository: Repository) -> None:
    """Uncommitted changes count: with the feature written but not committed, doing nothing resolves it."""
    options = lay_out(desk.folder / "targets", repository, NOWHERE)
    git(repository.folder, "checkout", "-q", repository.base)
    file = matrix(desk.folder / "tree.toml", {"idler": simulated("nothing"), "looker": simulated("look")})
    options += ("--working-tree", f"calc={repository.folder}")
    before = desk.must("run", file, *options, "--model", "idler", "--out", "before", "--json").json()
    assert before["trials"]["fail"] == 1
    write(repository.folder, {"calc.py": DOUBLE, "untracked.txt": "here\n"})
    after = desk.must("run", file, *options, "--out", "after", "--json").json()
    assert after["trials"]["pass"] == 2
    count, _, tree, _ = told(desk.folder / "after", by_model(desk.folder / "after")["looker"])
    assert count.splitlines()[0] == "1"
    assert "untracked.txt" in tree


def test_commit_that_is_not_there_is_named(desk: Desk, repository: Repository) -> None:
    """A clone without the commit ends the command with one line, and no trial starts."""
    options = lay_out(desk.folder / "targets", repository, NOWHERE)
    empty = desk.folder / "empty"
    empty.mkdir()
    git(empty, "init", "-q")
    said = desk.give("validate", "calc/double", *options, "--source", f"calc={empty}")
    assert said.code in {2, 4}
    assert len(said.complaints) == 1
    assert repository.base[:7] in said.complaints[0]
