"""Conformance: the workspace after the kill, against a known tree, on every kind of sandbox."""

import pytest

from sandbox.contract import ExportCaps, File, Sandbox, fingerprint
from sandbox.errors import ExportError, SandboxDiedError, WorkspaceError
from tests.sandbox.places import Place, Room, run, sh

pytestmark = pytest.mark.slow

TREE = (
    File(path="same", data=b"same"),
    File(path="changed", data=b"before"),
    File(path="deleted", data=b"gone"),
    File(path="mode", data=b"mode"),
    File(path="deep/er/file", data=b"deep"),
    File(path="with space\nand line", data=b"odd"),
)
KNOWN = {file.path: fingerprint(file) for file in TREE}

KINDS = ("local", "docker", "plain")


def test_difference_is_exported(place: Place) -> None:
    """Changed, new and mode-changed files come with their bytes; deleted ones are missing from the paths."""
    with place.open(Room(files=TREE)) as box:
        script = "echo after > changed; rm deleted; chmod +x mode; mkdir -p n/e; printf new > 'n/e/w ü'; rm -r deep"
        assert sh(box, script).exit_code == 0
        export = box.export(KNOWN)
    assert export.files == (
        File(path="changed", data=b"after\n"),
        File(path="mode", data=b"mode", executable=True),
        File(path="n/e/w ü", data=b"new"),
    )
    assert export.paths == {"same", "changed", "mode", "n/e/w ü", "with space\nand line"}
    assert export.links == {}
    assert export.skipped == {}


def test_untouched_tree_has_no_difference(place: Place) -> None:
    """Nothing differs in a workspace that nobody changed, whatever its times say."""
    with place.open(Room(files=TREE)) as box:
        sh(box, "touch same; chmod g+w,o-r changed")
        export = box.export(KNOWN)
    assert export.files == ()
    assert export.paths == frozenset(KNOWN)


def test_links_are_told_not_followed(box: Sandbox) -> None:
    """Links come as written, wherever they lead; nothing behind them is read."""
    sh(box, "mkdir d; echo x > d/f; ln -s d inside; ln -s /etc outside; ln -s ../../x up; ln -s nowhere d/dangling")
    export = box.export({})
    assert export.links == {"inside": "d", "outside": "/etc", "up": "../../x", "d/dangling": "nowhere"}
    assert export.paths == {"d/f"}


def test_special_files_are_skipped_with_a_reason(box: Sandbox) -> None:
    """FIFOs and sockets are named, not opened."""
    sh(box, "mkfifo pipe; python3 -c \"import socket; socket.socket(socket.AF_UNIX).bind('sock')\"; echo x > f")
    export = box.export({})
    assert export.paths == {"f"}
    assert "FIFO" in export.skipped["pipe"]
    assert set(export.skipped) <= {"pipe", "sock"}  # the engine's archive holds no sockets at all


def test_git_folders_are_not_looked_at(box: Sandbox) -> None:
    """Repositories, nested ones too, and their hooks and configuration, stay behind; what lies beside them counts."""
    script = "git init -q . && git init -q sub/repo && echo x > sub/repo/file && echo y > .gitignore && mkfifo .git/p"
    assert sh(box, script).exit_code == 0
    export = box.export({})
    assert export.paths == {"sub/repo/file", ".gitignore"}
    assert export.skipped == {}


def test_hard_links_are_files(place: Place) -> None:
    """A second name of a file is a file with that content: of a new one, and of one that nobody changed."""
    with place.open(Room(files=TREE)) as box:
        assert sh(box, "echo n > fresh; ln fresh also; ln same a-twin; ln same twin; chmod 644 same").exit_code == 0
        export = box.export(KNOWN)
    content = {file.path: file.data for file in export.files}
    assert content == {"fresh": b"n\n", "also": b"n\n", "a-twin": b"same", "twin": b"same"}
    assert export.skipped == {}


def test_large_file_is_skipped_with_a_reason(place: Place) -> None:
    """A file past the cap is seen, not kept; a known one of that size is no difference."""
    big = File(path="big", data=b"x" * 3_000)
    with place.open(Room(files=[big])) as box:
        sh(box, "head -c 2001 /dev/zero > over; head -c 2000 /dev/zero > fits")
        export = box.export({"big": fingerprint(big)}, ExportCaps(file_bytes=2_000))
    assert [file.path for file in export.files] == ["fits"]
    assert "larger than 2000 bytes" in export.skipped["over"]
    assert export.paths == {"big", "over", "fits"}


def test_kept_files_and_bytes_are_capped(box: Sandbox) -> None:
    """Past the caps files are told, not kept."""
    sh(box, "for i in 1 2 3 4 5 6; do printf 12345 > f$i; done")
    by_count = box.export({}, ExportCaps(kept_files=2))
    by_bytes = box.export({}, ExportCaps(kept_bytes=16))
    assert (len(by_count.files), len(by_count.skipped), len(by_count.paths)) == (2, 4, 6)
    assert (len(by_bytes.files), len(by_bytes.skipped)) == (3, 3)


def test_too_many_members_are_an_error(box: Sandbox) -> None:
    """A workspace of more entries than the cap cannot be told."""
    sh(box, "seq 1 30 | xargs touch")
    with pytest.raises(ExportError, match="more than 20 entries"):
        box.export({}, ExportCaps(members=20))


@pytest.mark.docker
def test_holes_count_as_what_they_claim(docker_place: Place) -> None:
    """A crowd of sparse files takes no disk, and forever to read: that ends, as the agent's own doing."""
    with docker_place.open() as box:
        assert sh(box, "for i in 1 2 3 4 5 6 7 8; do truncate -s 500M $i; done").exit_code == 0
        with pytest.raises(WorkspaceError, match="too large to export"):
            box.export({}, ExportCaps(total_bytes=100_000_000))


def test_names_that_are_no_text_are_skipped(box: Sandbox) -> None:
    """A name that is not UTF-8 is shown escaped, with the reason."""
    assert sh(box, "echo x > \"$(printf 'a\\377')\"; ln -s x \"$(printf 'l\\377')\"").exit_code == 0
    export = box.export({})
    assert export.files == ()
    assert export.links == {}
    assert sorted(export.skipped) == ["a\\udcff", "l\\udcff"]


def test_unreadable_files_are_exported_all_the_same(box: Sandbox) -> None:
    """Permissions do not hide work from the export (as root locally, through the engine in Docker)."""
    assert sh(box, "mkdir shut; echo x > shut/f; chmod 000 shut/f shut").exit_code == 0
    if box.kind == "docker":
        assert [file.path for file in box.export({}).files] == ["shut/f"]


def test_deep_tree_is_exported(box: Sandbox) -> None:
    """Paths longer than the classic limits of tar pass."""
    deep = "/".join(["folder-name"] * 30)
    assert sh(box, f"mkdir -p {deep}; echo x > {deep}/f").exit_code == 0
    assert [file.path for file in box.export({}).files] == [f"{deep}/f"]


def test_kill_names_what_ran_and_is_final(box: Sandbox) -> None:
    """Kill tells what still ran; afterwards nothing runs, and the export is still there."""
    sh(box, "sleep 308 >/dev/null 2>&1 & echo x > f; sleep 0.3")
    first = box.kill()
    assert "sleep 308" in first
    assert box.kill() == first
    with pytest.raises(SandboxDiedError, match="killed"):
        run(box, "true")
    with pytest.raises(SandboxDiedError, match="killed"):
        box.read("f", 1)
    assert [file.path for file in box.export({}).files] == ["f"]
    assert box.export({}).paths == {"f"}


def test_export_kills_first(box: Sandbox) -> None:
    """A process that rewrites files for ever cannot race the export."""
    sh(box, "(while true; do date > racing; done) >/dev/null 2>&1 &")
    first = {file.path: file.data for file in box.export({}).files}
    again = {file.path: file.data for file in box.export({}).files}
    assert first == again
