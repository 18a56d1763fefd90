"""Conformance: what a box holds when it starts."""

from pathlib import Path

import pytest

from sandbox.checkout import Checkouts
from sandbox.contract import File, Snapshot
from sandbox.errors import SandboxDiedError, SandboxError
from tests.sandbox.places import Place, Room, run, sh, text

pytestmark = pytest.mark.slow

KINDS = ("local", "docker", "plain")


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    """A small tree with a folder, an executable, a link and odd names."""
    source = tmp_path / "source"
    (source / "pkg").mkdir(parents=True)
    (source / "pkg/code.py").write_text("print('original')\n")
    (source / "run.sh").write_text("#!/bin/sh\necho ran\n")
    (source / "run.sh").chmod(0o755)
    (source / "ü b").write_text("odd")
    (source / "way").symlink_to("pkg/code.py")
    return Checkouts(tmp_path / "cache").from_folder(source)


def test_files_links_and_tools_are_there(place: Place) -> None:
    """Files and links lie in the workspace, tools in a folder outside it that commands cannot change."""
    room = Room(
        files=[File(path="a/b.txt", data=b"one"), File(path="go", data=b"#!/bin/sh\necho went\n", executable=True)],
        links={"c": "a/b.txt", "deep/d": "../a"},
        tools=[File(path="helper/t.py", data=b"print('tool')\n")],
    )
    with place.open(room) as box:
        assert text(run(box, "cat", "a/b.txt", "c", "deep/d/b.txt")) == "oneoneone"
        assert text(run(box, "./go")) == "went\n"
        assert text(run(box, "python3", f"{box.tools}/helper/t.py")) == "tool\n"
        assert not box.tools.startswith(box.workspace)
        if box.kind == "docker":
            assert sh(box, f"echo x >> {box.tools}/helper/t.py").exit_code != 0
            assert sh(box, f"touch {box.tools}/planted").exit_code != 0
        assert sh(box, "echo more >> a/b.txt && touch a/new deep/new new").exit_code == 0


@pytest.mark.parametrize("staged", [False, True], ids=["filled", "staged"])
def test_snapshot_is_a_clean_repository(place: Place, snapshot: Snapshot, *, staged: bool) -> None:
    """The workspace starts as the tree, as a repository of one commit with nothing changed, staged or not."""
    if staged:
        place.provider.stage(place.environment, snapshot)
    with place.open(Room(snapshot=snapshot)) as box:
        assert text(sh(box, "git status --porcelain")) == ""
        assert text(sh(box, "git rev-list --all --count")).strip() == "1"
        assert text(run(box, "./run.sh")) == "ran\n"
        assert text(run(box, "python3", "way")) == "original\n"
        assert (
            text(sh(box, "echo 1 > new && git add -A && git commit -qm x && git rev-list --count HEAD")).strip() == "2"
        )
        export = box.export(snapshot.index)
    assert [file.path for file in export.files] == ["new"]
    assert export.paths == {*snapshot.index, "new"}
    assert export.links == snapshot.links
    assert export.skipped == {}


@pytest.mark.parametrize("staged", [False, True], ids=["filled", "staged"])
def test_files_are_laid_over_the_snapshot(place: Place, snapshot: Snapshot, *, staged: bool) -> None:
    """Files replace what the snapshot has at their paths: a file, a link, a folder that became a file's parent."""
    if staged:
        place.provider.stage(place.environment, snapshot)
    files = [File(path="pkg/code.py", data=b"new"), File(path="way", data=b"no link"), File(path="extra/x", data=b"")]
    with place.open(Room(snapshot=snapshot, files=files)) as box:
        assert box.read("pkg/code.py", 10) == b"new"
        assert box.read("way", 10) == b"no link"
        assert box.stat("extra/x").size == 0
        status = text(sh(box, "git status --porcelain")).splitlines()
        assert sorted(status) == [" M pkg/code.py", " T way", "?? extra/"]


def test_boxes_do_not_share_their_workspace(place: Place, snapshot: Snapshot) -> None:
    """What is written in one box is not in the next."""
    with place.open(Room(snapshot=snapshot)) as one, place.open(Room(snapshot=snapshot)) as two:
        sh(one, "echo x > mark; echo changed > pkg/code.py")
        assert sh(two, "test -e mark").exit_code == 1
        assert two.read("pkg/code.py", 100) == b"print('original')\n"


@pytest.mark.parametrize("path", ["../x", "/etc/x", "a/../../x", "a//b", ""])
def test_path_that_leaves_is_refused(place: Place, path: str) -> None:
    """A file for outside the workspace is an error of the caller's."""
    with pytest.raises(SandboxError), place.open(Room(files=[File(path=path, data=b"")])):
        pytest.fail("it was opened")


def test_unentered_and_left_boxes_say_so(place: Place) -> None:
    """Before entering and after leaving every call is an error of the sandbox's; leaving twice is fine."""
    box = place.open()
    with pytest.raises(SandboxDiedError, match="not been started"):
        run(box, "true")
    with box:
        run(box, "true")
    box.__exit__(None, None, None)
    with pytest.raises(SandboxDiedError):
        run(box, "true")
