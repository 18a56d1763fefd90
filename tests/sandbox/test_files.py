"""Conformance: files of a living sandbox, on every kind."""

import pytest

from sandbox.contract import File, Sandbox
from sandbox.errors import FileAccessError
from tests.sandbox.places import run, sh, text

pytestmark = pytest.mark.slow

KINDS = ("local", "docker", "plain")


def test_what_is_written_is_read(shared_box: Sandbox) -> None:
    """Content, parents and the executable bit arrive; a file is replaced whole."""
    shared_box.write(File(path="new/folder/tool.sh", data=b"#!/bin/sh\necho long first version\n", executable=True))
    shared_box.write(File(path="new/folder/tool.sh", data=b"#!/bin/sh\necho second\n", executable=True))
    assert text(run(shared_box, "./new/folder/tool.sh")) == "second\n"
    shared_box.write(File(path="new/folder/tool.sh", data=b"plain"))
    assert shared_box.read("new/folder/tool.sh", 1000) == b"plain"
    assert not shared_box.stat("new/folder/tool.sh").executable


def test_large_binary_file_passes(shared_box: Sandbox) -> None:
    """Twenty megabytes of every byte value come back as they went."""
    data = bytes(range(256)) * 80_000
    shared_box.write(File(path="large.bin", data=data))
    assert shared_box.read("large.bin", len(data) + 1) == data


def test_read_is_capped(shared_box: Sandbox) -> None:
    """At most the asked-for bytes are read."""
    shared_box.write(File(path="ten", data=b"0123456789"))
    assert shared_box.read("ten", 4) == b"0123"
    assert shared_box.read("ten", 0) == b""


def test_files_belong_to_those_who_run(shared_box: Sandbox) -> None:
    """Commands can change and delete what the harness wrote."""
    shared_box.write(File(path="owned/file", data=b"a"))
    assert sh(shared_box, "echo b >> owned/file && rm -r owned").exit_code == 0


def test_stat_follows_links(shared_box: Sandbox) -> None:
    """A link inside the workspace is what it points at; a folder is a directory."""
    sh(shared_box, "mkdir -p d; printf 12345 > d/target; chmod 755 d/target; ln -sf d/target way")
    assert (shared_box.stat("way").kind, shared_box.stat("way").size) == ("file", 5)
    assert shared_box.stat("way").executable
    assert shared_box.stat("d").kind == "directory"
    assert shared_box.stat("").kind == "directory"


def test_list_names_each_entry(shared_box: Sandbox) -> None:
    """Entries come by name, each with its own kind: links are not followed."""
    sh(shared_box, "rm -rf l; mkdir -p l/sub; cd l; printf abc > b; mkfifo a; ln -s nowhere c; touch 'x y'")
    entries = shared_box.list("l")
    assert [(entry.path, entry.kind) for entry in entries] == [
        ("l/a", "other"),
        ("l/b", "file"),
        ("l/c", "link"),
        ("l/sub", "directory"),
        ("l/x y", "file"),
    ]
    assert entries[1].size == 3


def test_list_is_capped(shared_box: Sandbox) -> None:
    """Of a huge folder the first ten thousand names are listed."""
    sh(shared_box, "mkdir -p many; cd many; seq -w 1 12000 | xargs touch")
    entries = shared_box.list("many")
    assert len(entries) == 10_000
    assert entries[-1].path == "many/10000"


def test_odd_names_are_listed_and_read(shared_box: Sandbox) -> None:
    """Newlines, quotes, unicode and bytes that are not UTF-8 in names do no harm."""
    sh(shared_box, r"mkdir -p odd; cd odd; echo 1 > 'ü'; echo 2 > \"\'; echo 3 > 'a\nb'; touch \"$(printf '\377')\"")
    for entry in shared_box.list("odd"):
        assert shared_box.stat(entry.path).kind == "file"
        shared_box.read(entry.path, 10)


def test_fifo_is_refused_at_once(shared_box: Sandbox) -> None:
    """Reading or writing a FIFO is refused; it would wait for ever."""
    sh(shared_box, "rm -f pipe; mkfifo pipe")
    with pytest.raises(FileAccessError, match=r"`pipe` is a FIFO"):
        shared_box.read("pipe", 10)
    with pytest.raises(FileAccessError, match=r"`pipe` is a FIFO"):
        shared_box.write(File(path="pipe", data=b"x"))
    assert shared_box.stat("pipe").kind == "other"


def test_device_is_refused(shared_box: Sandbox) -> None:
    """A link to a device leads outside, and the device itself is no regular file."""
    sh(shared_box, "ln -sf /dev/zero zero")
    with pytest.raises(FileAccessError, match="outside the workspace"):
        shared_box.read("zero", 10)


def test_folder_is_no_file(shared_box: Sandbox) -> None:
    """Reading or writing a folder is refused, and so is listing a file."""
    sh(shared_box, "mkdir -p folder; touch plain")
    with pytest.raises(FileAccessError, match="folder"):
        shared_box.read("folder", 10)
    with pytest.raises(FileAccessError, match="folder"):
        shared_box.write(File(path="folder", data=b""))
    with pytest.raises(FileAccessError, match="plain"):
        shared_box.list("plain")


@pytest.mark.parametrize(
    "path", ["../escape", "a/../../escape", "none/../../escape", "/etc/passwd", "out/passwd", "hosts"]
)
def test_nothing_outside_is_touched(shared_box: Sandbox, path: str) -> None:
    """Paths that lead outside, by dots, by root or by links, are refused for every operation."""
    sh(shared_box, "ln -sfn /etc out; ln -sfn /etc/hosts hosts; mkdir -p a")
    with pytest.raises(FileAccessError, match="outside the workspace"):
        shared_box.read(path, 10)
    with pytest.raises(FileAccessError, match="outside the workspace"):
        shared_box.write(File(path=path, data=b"x"))
    with pytest.raises(FileAccessError, match="outside the workspace"):
        shared_box.stat(path)
    with pytest.raises(FileAccessError, match="outside the workspace"):
        shared_box.list(path)


def test_missing_file_is_said(shared_box: Sandbox) -> None:
    """A path where nothing stands is named in the message, which is fit for a model."""
    for ask in (lambda: shared_box.read("gone", 1), lambda: shared_box.stat("gone"), lambda: shared_box.list("gone")):
        with pytest.raises(FileAccessError, match="`gone`: No such file or directory"):
            ask()


def test_impossible_names_are_refused(shared_box: Sandbox) -> None:
    """NUL bytes, endless names and loops of links are answers, not crashes."""
    sh(shared_box, "ln -sfn loop2 loop1; ln -sfn loop1 loop2")
    for path in ("nul\0byte", "x" * 5000, "loop1"):
        with pytest.raises(FileAccessError):
            shared_box.read(path, 1)
    assert run(shared_box, "true").exit_code == 0


def test_unreadable_file_is_said(shared_box: Sandbox) -> None:
    """What permissions forbid is an answer (root, in a local sandbox, may read it)."""
    sh(shared_box, "rm -f secret; echo s > secret; chmod 000 secret")
    if shared_box.kind == "docker":
        with pytest.raises(FileAccessError, match="Permission denied"):
            shared_box.read("secret", 10)


def test_absolute_path_inside_is_fine(shared_box: Sandbox) -> None:
    """Models like absolute paths; inside the workspace they mean what they say."""
    shared_box.write(File(path="inside", data=b"yes"))
    assert shared_box.read(f"{shared_box.workspace}/inside", 10) == b"yes"
