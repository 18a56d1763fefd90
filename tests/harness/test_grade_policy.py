"""What an agent may hand in."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.features import Suite
from harness.grade import Grade
from harness.grade_policy import MOST_LETTERS, MOST_TOLD, Submission, submission
from harness.grade_tree import grading_tree
from harness.record import Verdict
from sandbox.contract import Export, ExportCaps, File, Snapshot, fingerprint

PRISTINE = {
    "app.py": b"x = 1\n",
    "pkg/__init__.py": b"",
    "pkg/code.py": b"y = 1\n",
    "conftest.py": b"# ours\n",
    "pyproject.toml": b'[project]\nname = "app"\n\n[tool.pytest.ini_options]\naddopts = "-q"\n',
    "setup.cfg": b"[metadata]\nname = app\n\n[tool:pytest]\naddopts = -q\n",
    "tests/test_app.py": b"def test_a(): pass\n",
    "types.py": b"# a module of the project, whatever the standard library says\n",
}
SUITE = Suite(runner="pytest", command=("pytest",), protected=("tests",), timeout_s=30)


@pytest.fixture
def pristine(tmp_path: Path) -> Snapshot:
    """A tree as a snapshot."""
    return snapshot_of(tmp_path, PRISTINE)


def snapshot_of(root: Path, tree: Mapping[str, bytes], links: Mapping[str, str] | None = None) -> Snapshot:
    """Put a tree under `root` and index it."""
    for path, data in tree.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    index = {path: fingerprint(File(path=path, data=data)) for path, data in tree.items()}
    return Snapshot(root=root, digest="0", index=index, links=links or {})


def handed_in(
    snapshot: Snapshot,
    change: Mapping[str, bytes | None] | None = None,
    links: Mapping[str, str] | None = None,
    caps: ExportCaps | None = None,
    skipped: Mapping[str, str] | None = None,
) -> Submission:
    """What becomes of a workspace that was changed so; None takes a file away."""
    change = change or {}
    new = tuple(File(path=path, data=data) for path, data in change.items() if data is not None)
    gone = {path for path, data in change.items() if data is None} | (links or {}).keys()
    paths = frozenset((snapshot.index.keys() - gone) | {file.path for file in new})
    export = Export(files=new, paths=paths, links={**snapshot.links, **(links or {})}, skipped=skipped or {})
    return submission(snapshot, export, SUITE, caps)


def test_an_untouched_workspace_hands_in_nothing(pristine: Snapshot) -> None:
    """Pristine files that would be denied are no matter while they are as they were."""
    assert handed_in(pristine) == Submission()


def test_work_is_kept(pristine: Snapshot) -> None:
    """Changed, new and deleted files, executable or not."""
    found = handed_in(pristine, {"app.py": b"x = 2\n", "pkg/more.py": b"", "pkg/code.py": None, "docs/a.md": b"#"})
    assert [file.path for file in found.kept] == ["app.py", "docs/a.md", "pkg/more.py"]
    assert (found.deleted, found.denied, found.restored) == (("pkg/code.py",), (), ())


def test_tests_are_put_back_and_nobody_is_blamed(pristine: Snapshot) -> None:
    """Edited, deleted and planted tests are reported apart from what is denied."""
    found = handed_in(pristine, {"tests/test_app.py": None, "tests/test_new.py": b"", "tests/conftest.py": b"#"})
    assert found.restored == ("tests/conftest.py", "tests/test_app.py", "tests/test_new.py")
    assert (found.kept, found.deleted, found.denied) == ((), (), ())


@pytest.mark.parametrize(
    "path",
    [
        "conftest.py",
        "pkg/conftest.py",
        "CONFTEST.py",
        "pytest.ini",
        ".pytest.ini",
        "pytest.toml",
        "sub/tox.ini",
        "evil.pth",
        "app.egg-info/entry_points.txt",
        "app-1.dist-info/entry_points.txt",
        "fast.so",
        "fast.cpython-311-x86_64-linux-gnu.so",
        "pkg/code.pyc",
        "sitecustomize.py",
        "usercustomize/__init__.py",
        "lib/sitecustomize.py",
        "pytest.py",
        "_pytest/__init__.py",
        "pluggy.py",
        "json.py",
        "src/json/__init__.py",
        "pytest_asyncio.py",
        ".git/config",
        "sub/.git",
        ".gitmodules",
    ],
)
def test_what_could_reach_the_judge_is_denied(pristine: Snapshot, path: str) -> None:
    """Nothing that configures, starts, replaces or plugs into the runner is taken."""
    found = handed_in(pristine, {path: b"import os\n"})
    assert found.kept == ()
    assert [denied for denied, _ in found.denied] == [path]


@pytest.mark.parametrize(
    "path",
    [
        ".gitignore",
        ".github/workflows/ci.yml",
        "pkg/json.py",
        "json/schema.json",
        "types.py",
        "docs/conf.py",
        "pkg/tests.py",
        "so",
        "requirements.txt",
    ],
)
def test_ordinary_names_are_kept(pristine: Snapshot, path: str) -> None:
    """A module of a package, data in a folder called as a module, one's own module: none stands for another."""
    assert [file.path for file in handed_in(pristine, {path: b"new"}).kept] == [path]


def test_a_module_shadows_on_every_root_that_the_configuration_names(tmp_path: Path) -> None:
    """Folders of `pythonpath` are searched before the standard library."""
    pristine = snapshot_of(tmp_path, {"pytest.ini": b"[pytest]\npythonpath = lib\n"})
    found = handed_in(pristine, {"lib/hmac.py": b"", "other/hmac.py": b""})
    assert [file.path for file in found.kept] == ["other/hmac.py"]


def test_deleting_configuration_is_undone(pristine: Snapshot) -> None:
    """A conftest of the project stays, deleted or not."""
    found = handed_in(pristine, {"conftest.py": None})
    assert (found.deleted, found.denied) == ((), (("conftest.py", "configures the tests"),))


def test_a_pristine_module_of_a_known_name_may_go(pristine: Snapshot) -> None:
    """Deleting one's own `types.py` shadows nothing."""
    assert handed_in(pristine, {"types.py": None}).deleted == ("types.py",)


def test_the_tests_sections_of_project_files_are_put_back(pristine: Snapshot) -> None:
    """The rest of the file is the agent's; that its section was put back is reported."""
    changed = b'[project]\nname = "app"\ndependencies = ["x"]\n\n[tool.pytest.ini_options]\naddopts = "-p cheat"\n'
    (file,) = handed_in(pristine, {"pyproject.toml": changed}).kept
    assert b'dependencies = ["x"]' in file.data
    assert b'addopts = "-q"' in file.data
    assert b"cheat" not in file.data
    assert dict(handed_in(pristine, {"pyproject.toml": changed}).denied)["pyproject.toml"].startswith("configures")


def test_a_project_file_that_cannot_be_read_is_put_back_whole(pristine: Snapshot) -> None:
    """Nothing of it can be told apart, so nothing of it is taken."""
    found = handed_in(pristine, {"pyproject.toml": b"[tool.pytest\nbroken"})
    assert (found.kept, len(found.denied)) == ((), 1)


def test_what_tools_leave_behind_is_litter(pristine: Snapshot) -> None:
    """Byte code and caches are dropped, counted, and not listed."""
    found = handed_in(pristine, {"pkg/__pycache__/code.cpython-311.pyc": b"", "tests/__pycache__/a.pyc": b""})
    assert found == Submission(litter=2)


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("a", "/etc/passwd"),
        ("a", "../x"),
        ("pkg/a", "../../x"),
        ("a", "pkg/../../x"),
        ("a", "."),
        ("pkg/a", ".."),
        ("a", "tests"),
        ("a", "tests/test_app.py"),
        ("a", "conftest.py"),
        ("a", ".git/config"),
        ("conftest.py", "app.py"),
        ("json.py", "app.py"),
    ],
)
def test_links_stay_inside_and_away_from_the_judge(pristine: Snapshot, path: str, target: str) -> None:
    """No link out of the workspace, to the tests, or in a place where no file may be."""
    found = handed_in(pristine, links={path: target})
    assert found.links == {}
    assert [denied for denied, _ in found.denied] == [path]


def test_an_inner_link_is_kept(pristine: Snapshot) -> None:
    """Relative, inside, to a file of the project."""
    assert handed_in(pristine, links={"pkg/a.py": "../app.py"}).links == {"pkg/a.py": "../app.py"}


def test_a_link_in_place_of_the_tests_is_put_back(pristine: Snapshot) -> None:
    """The folder is the tests' own, whatever stands there."""
    found = handed_in(pristine, {"tests/test_app.py": None}, links={"tests": "pkg"})
    assert (found.links, found.restored) == ({}, ("tests", "tests/test_app.py"))


def test_nothing_stands_in_the_way_of_what_was_put_back(tmp_path: Path) -> None:
    """A file or a link where a folder with a denied file was gives way."""
    pristine = snapshot_of(tmp_path, {"pkg/conftest.py": b"#", "pkg/code.py": b""})
    found = handed_in(pristine, {"pkg/conftest.py": None, "pkg/code.py": None, "pkg": b"flat"})
    assert (found.kept, found.deleted) == ((), ("pkg/code.py",))
    assert dict(found.denied)["pkg"] == "stands in the way of a file that was put back"


def test_size_and_number_are_bounded(pristine: Snapshot) -> None:
    """Past a cap a file is left out, and the reason says which cap."""
    caps = ExportCaps(file_bytes=10, kept_bytes=15, kept_files=2)
    found = handed_in(pristine, {"a": b"x" * 11, "b": b"x" * 10, "c": b"x" * 10, "d": b"x", "e": b"x"}, caps=caps)
    assert [file.path for file in found.kept] == ["b", "d"]
    assert dict(found.denied) == {
        "a": "larger than 10 bytes",
        "c": "beyond 15 bytes in all",
        "e": "beyond 2 files in all",
    }


def test_what_could_not_be_exported_is_denied(pristine: Snapshot) -> None:
    """A device in place of a file is no deletion; the pristine file stands."""
    found = handed_in(pristine, {"app.py": None}, skipped={"app.py": "a device"})
    assert (found.deleted, found.denied) == ((), (("app.py", "a device"),))


_PARTS = st.sampled_from(["a", "b", "tests", "pkg", "conftest.py", "app.py", "test_app.py", "x.pyc", ".git"])
_PATHS = st.lists(_PARTS, min_size=1, max_size=3).map("/".join)


def _possible(change: Mapping[str, bytes | None], pristine: Snapshot) -> dict[str, bytes | None]:
    """A change that a file system can hold: what stands above or below a new file is gone."""
    found: dict[str, bytes | None] = {}
    for path, data in change.items():
        if data is None and path not in pristine.index:
            continue
        found[path] = data
        for other in [*found, *pristine.index]:
            if data is not None and (other.startswith(f"{path}/") or path.startswith(f"{other}/")):
                found[other] = None
    return {path: data for path, data in found.items() if data is not None or path in pristine.index}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(change=st.dictionaries(_PATHS, st.one_of(st.none(), st.binary(max_size=4))), hidden=st.sets(_PATHS, max_size=4))
def test_no_change_reaches_the_tests(pristine: Snapshot, change: dict[str, bytes | None], hidden: set[str]) -> None:
    """Whatever is handed in: tests and their configuration lie there as they were, and no path is under a file."""
    hidden = {path for path in hidden if not any(other.startswith(f"{path}/") for other in hidden)}
    tests = tuple(File(path=path, data=b"hidden") for path in hidden)
    change = _possible(change, pristine)
    tree = grading_tree(pristine, handed_in(pristine, change), tests)
    laid = {file.path: file.data for file in tree}
    assert {path: laid[path] for path in hidden} == dict.fromkeys(hidden, b"hidden")
    blocked = {path for path in PRISTINE if any(path.startswith(f"{h}/") or h.startswith(f"{path}/") for h in hidden)}
    for path in {"tests/test_app.py", "conftest.py"} - hidden - blocked:
        assert laid[path] == PRISTINE[path]
    places = {*laid, *tree.links}
    assert not any(other.startswith(f"{path}/") for path in places for other in places)


def test_links_count_as_files_and_their_targets_as_content(pristine: Snapshot) -> None:
    """Sixty thousand links are no way round the caps."""
    links = {f"l{number}": "app.py" for number in range(4)} | {"long": "d/" * 30, "longest": "d/" * 513}
    few = handed_in(pristine, {"a": b"x"}, links, ExportCaps(kept_files=3))
    assert ([file.path for file in few.kept], list(few.links)) == (["a"], ["l0", "l1"])
    small = handed_in(pristine, {"a": b"x"}, links, ExportCaps(kept_bytes=30))
    assert list(small.links) == ["l0", "l1", "l2", "l3"]
    assert dict(small.denied) == {
        "long": "beyond 30 bytes in all",
        "longest": "a link to a target longer than 1024 bytes",
    }


def test_only_the_first_denied_and_restored_paths_are_told(pristine: Snapshot) -> None:
    """However many there are and however long: the numbers are exact."""
    many = {f"{'d' * 300}/{number:04}/conftest.py": b"" for number in range(300)}
    tests = {f"tests/{'t' * 300}{number:04}.py": b"" for number in range(301)}
    found = handed_in(pristine, {**many, **tests})
    assert (found.denied_in_all, found.restored_in_all) == (300, 301)
    assert (len(found.denied), len(found.restored)) == (MOST_TOLD, MOST_TOLD)
    assert {len(path) for path, _ in found.denied} | {len(path) for path in found.restored} == {MOST_LETTERS}
    row = Grade(verdict=Verdict.FAIL).row(found)
    assert (row.denied_in_all, row.restored_in_all) == (300, 301)
    assert {len(line) for line in row.denied} == {MOST_LETTERS}
    assert all(line.endswith("…: configures the tests") for line in row.denied)
