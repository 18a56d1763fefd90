"""The reader of workspace archives against streams that no honest engine would send."""

import io
import tarfile
import time
from collections.abc import Iterator

import pytest

from sandbox.contract import Export, ExportCaps, File, fingerprint
from sandbox.errors import ExportError, WorkspaceError
from sandbox.export import Collector, export_archive, export_with


def member(
    name: str, kind: bytes = tarfile.REGTYPE, data: bytes = b"", target: str = ""
) -> tuple[tarfile.TarInfo, bytes]:
    """One entry of an archive."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, target, len(data)
    return info, data


ROOT = member("workspace", tarfile.DIRTYPE)


def archive(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """A tar of these entries."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for info, data in members:
            tar.addfile(info, io.BytesIO(data))
    return raw.getvalue()


def pieces(raw: bytes, size: int = 1000) -> Iterator[bytes]:
    """A stream in pieces that match no boundary."""
    return (raw[at : at + size] for at in range(0, len(raw), size))


def read(raw: bytes, caps: ExportCaps | None = None, size: int = 1000) -> Export:
    """The export of a stream, against an empty known tree."""
    return export_with(lambda collector: export_archive(pieces(raw, size), collector), {}, caps)


@pytest.mark.parametrize("size", [1, 511, 512, 1000, 10**9])
def test_honest_archive_in_any_pieces(size: int) -> None:
    """The boundaries of the stream's pieces do not matter."""
    raw = archive(ROOT, member("workspace/a", data=b"x" * 700), member("workspace/b", data=b"y"))
    assert [(file.path, len(file.data)) for file in read(raw, size=size).files] == [("a", 700), ("b", 1)]


@pytest.mark.parametrize(
    "name",
    ["workspace/../etc/passwd", "workspace/a/../../b", "/etc/passwd", "other/file", "workspace//a", "workspace/./a"],
)
def test_name_that_leaves_is_an_error(name: str) -> None:
    """A member outside the workspace means that the stream is not what it should be."""
    with pytest.raises(ExportError):
        read(archive(ROOT, member(name, data=b"x")))


@pytest.mark.parametrize(
    "root",
    [
        member("workspace", tarfile.SYMTYPE, target="/etc"),
        member("workspace", data=b"x"),
        member("workspace", tarfile.FIFOTYPE),
    ],
)
def test_workspace_must_be_a_folder(root: tuple[tarfile.TarInfo, bytes]) -> None:
    """A workspace that was replaced by a link or a file is an error, not an empty tree."""
    with pytest.raises(ExportError, match="no longer a folder"):
        read(archive(root))


def test_cut_stream_is_an_error_wherever_it_is_cut() -> None:
    """Missing members must never look like deleted files: the end of the archive has to be there."""
    raw = archive(ROOT, member("workspace/a", data=b"x" * 700), member("workspace/b", data=b"y"))
    content = len(raw.rstrip(b"\0"))
    for end in [0, 1, *range(511, content + 512, 171), content // 512 * 512 + 512]:
        with pytest.raises(ExportError):
            read(raw[:end])
    assert len(read(raw).files) == 2


def test_noise_is_an_error() -> None:
    """Bytes that are no tar are told apart from an empty workspace."""
    with pytest.raises(ExportError):
        read(b"\x1f\x8b" + bytes(range(256)) * 40)
    with pytest.raises(ExportError):
        read(bytes(10_240))


def test_devices_are_skipped_with_a_reason() -> None:
    """Devices and FIFOs are named."""
    raw = archive(
        ROOT,
        member("workspace/d", tarfile.CHRTYPE),
        member("workspace/b", tarfile.BLKTYPE),
        member("workspace/p", tarfile.FIFOTYPE),
    )
    assert {path: reason.split()[-1] for path, reason in read(raw).skipped.items()} == {
        "d": "device",
        "b": "device",
        "p": "FIFO",
    }


def test_hard_link_to_nowhere_is_skipped() -> None:
    """A hard link to something that never went by has no content."""
    raw = archive(ROOT, member("workspace/h", tarfile.LNKTYPE, target="workspace/none"))
    export = read(raw)
    assert export.files == ()
    assert "hard link" in export.skipped["h"]
    with pytest.raises(ExportError):
        read(archive(ROOT, member("workspace/h", tarfile.LNKTYPE, target="etc/shadow")))


def test_hard_link_into_git_is_skipped() -> None:
    """What hides in `.git` does not come out under another name."""
    raw = archive(
        ROOT,
        member("workspace/.git/x", data=b"evil"),
        member("workspace/h", tarfile.LNKTYPE, target="workspace/.git/x"),
    )
    export = read(raw)
    assert export.files == ()
    assert set(export.skipped) == {"h"}


def test_long_path_is_skipped() -> None:
    """A path that no system call takes is left out, its name shortened."""
    export = read(archive(ROOT, member("workspace/" + "/".join(["x" * 200] * 30), data=b"")))
    assert export.files == ()
    assert all(len(path) < 300 for path in export.skipped)
    assert export.skipped


def test_endless_stream_ends_at_the_deadline() -> None:
    """An archive that never ends is given up."""

    def endless() -> Iterator[bytes]:
        yield archive(ROOT)[:512]
        while True:
            yield b"x" * 512

    with pytest.raises(ExportError):
        export_archive(endless(), Collector({}, ExportCaps()), deadline_s=0.2)


def test_what_is_new_is_bounded_before_it_is_read() -> None:
    """The announced size decides; what was there before, and the repository, do not count."""
    base = b"x" * 5_000
    known = {"base": fingerprint(File(path="base", data=base))}
    kept = (ROOT, member("workspace/base", data=base), member("workspace/.git/pack", data=base))
    caps = ExportCaps(new_bytes=4_000)

    def export(*more: tuple[tarfile.TarInfo, bytes]) -> Export:
        raw = archive(*kept, *more)
        return export_with(lambda collector: export_archive(pieces(raw), collector), known, caps)

    assert [file.path for file in export(member("workspace/new", data=b"y" * 4_000)).files] == ["new"]
    changed = member("workspace/base", data=b"z" * 5_000)
    assert export(member("workspace/node_modules/x", data=b"y" * 4_001)).files == ()
    for more in (member("workspace/new", data=b"y" * 4_001), changed):
        with pytest.raises(WorkspaceError, match="4000 bytes"):
            export(more)
    raw = archive(*kept, member("workspace/hole", data=b"")).rstrip(b"\0")
    info = tarfile.TarInfo("workspace/hole")
    info.size = 10**12

    def endless() -> Iterator[bytes]:
        yield raw + bytes(-len(raw) % 512) + info.tobuf()
        while True:
            yield bytes(1024**2)

    with pytest.raises(WorkspaceError, match="4000 bytes"):
        export_with(lambda collector: export_archive(endless(), collector), known, caps)


def test_time_that_runs_out_is_blamed_by_what_was_read() -> None:
    """Half of what may be read is the workspace's doing, little is the engine's."""

    def trickle(size: int) -> Iterator[bytes]:
        yield archive(ROOT)[:512]
        info = tarfile.TarInfo("workspace/large")
        info.size = 10**12
        yield info.tobuf()
        yield bytes(size)
        while True:
            time.sleep(0.05)
            yield b"\0"

    for size, kind in ((1_000, ExportError), (600_000, WorkspaceError)):
        with pytest.raises(ExportError, match="too long") as caught:
            export_archive(trickle(size), Collector({}, ExportCaps(total_bytes=1_000_000)), deadline_s=0.2)
        assert caught.type is kind


def test_oversized_file_goes_by_unread() -> None:
    """It is named with its reason, and a second name of it too."""
    caps = ExportCaps(file_bytes=10)
    seen = read(archive(ROOT, member("workspace/a", data=b"x" * 11), member("workspace/b", data=b"y" * 10)), caps)
    assert seen.paths == {"a", "b"}
    assert [file.path for file in seen.files] == ["b"]
    assert "larger than 10 bytes" in seen.skipped["a"]


def test_links_are_bounded_before_anybody_sees_them() -> None:
    """Sixty thousand links with targets of four thousand bytes would fill the harness's memory."""
    links = [member(f"workspace/l{number}", tarfile.SYMTYPE, target="t" * 98) for number in range(9)]
    long = member("workspace/long", tarfile.SYMTYPE, target="t" * 1_025)
    export = read(archive(ROOT, *links, long), ExportCaps(kept_bytes=300))
    assert list(export.links) == ["l0", "l1", "l2"]
    assert export.skipped["l3"] == "the links hold more than 300 bytes"
    assert export.skipped["long"] == "a link to a target longer than 1024 bytes"


def test_paths_are_bounded_in_all() -> None:
    """Every path is held in memory, of files that are not kept as well; too many are the agent's own doing."""
    files = [member(f"workspace/{'d' * 80}/{number:010}", data=b"x") for number in range(10)]
    with pytest.raises(WorkspaceError, match="more than 800 bytes together"):
        read(archive(ROOT, *files), ExportCaps(path_bytes=800))


def test_a_folder_at_the_end_of_the_longest_path_is_told() -> None:
    """What lies deeper the engine leaves out without a word."""
    deep = "/".join(["d" * 200] * 18)
    export = read(archive(ROOT, member("workspace/d", tarfile.DIRTYPE), member(f"workspace/{deep}", tarfile.DIRTYPE)))
    assert list(export.skipped.values()) == [
        "it is so deep that what lies in it may be out of reach: no path may be longer than 4096 bytes"
    ]
