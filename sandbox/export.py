"""A workspace's content against a known tree, within caps: one collector, fed from a tar stream or from a folder."""

import errno
import hashlib
import io
import os
import stat
import tarfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox.contract import Export, ExportCaps, File
from sandbox.errors import ExportError, WorkspaceError

PIECE = 1024 * 1024
MAX_PATH_BYTES = 4_096
DEEP_PATH_BYTES = MAX_PATH_BYTES - 512
"""A folder's path past this may leave no room for a name of 255 bytes and for where the workspace itself lies."""
TOO_DEEP = f"no path may be longer than {MAX_PATH_BYTES} bytes"
EXPORT_DEADLINE_S = 300.0
INSTALLED = frozenset({".venv", "venv", "node_modules"})
"""Folders that installers fill: what is new in them is nobody's work."""

_END_OF_TAR = bytes(1024)
_BUFFER = 32 * 1024
"""What the reader of archives holds at once; it copies all of it for every header, so that much is a lot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """A regular file that went by: its fingerprint, and its bytes if they were kept."""

    fingerprint: str
    file: File | None


class Collector:
    """Takes the members of a workspace one by one; content is hashed in pieces and kept only where it differs.

    `wanted` are paths whose content is to be kept even if it is known (hard links elsewhere need it).
    """

    skips_unread = True
    """Whether content that will not be kept may go by without its fingerprint being taken."""

    def __init__(self, known: Mapping[str, str], caps: ExportCaps, wanted: frozenset[str] = frozenset()) -> None:
        self._known = known
        self._caps = caps
        self._wanted = wanted
        self._members = 0
        self._path_bytes = 0
        self._link_bytes = 0
        self._bytes = 0
        self._new_bytes = 0
        self._seen: dict[str, _Seen] = {}
        self._files: dict[str, File] = {}
        self._links: dict[str, str] = {}
        self._skipped: dict[str, str] = {}
        self.unresolved: dict[str, str] = {}
        """Hard links whose content was not kept, with the path of the file that has it."""

    @property
    def most_bytes(self) -> int:
        """How many bytes may be read in all."""
        return self._caps.total_bytes

    def announce(self, path: str, size: int) -> None:
        """Count an admitted file before any of it is read. Raises WorkspaceError past the bound on what is new."""
        if path not in self._known:
            self._count_new(size)

    def _count_new(self, size: int) -> None:
        self._new_bytes += size
        if self._caps.new_bytes is not None and self._new_bytes > self._caps.new_bytes:
            raise WorkspaceError(
                f"the workspace is too large to export: what is new holds more than {self._caps.new_bytes} bytes, "
                "holes in its files included"
            )

    def admits(self, path: str) -> bool:
        """Count one member; whether it is to be looked at. Raises WorkspaceError past the cap, or if it leaves."""
        parts = path.split("/")
        if path.startswith("/") or any(part in {"", ".", ".."} for part in parts):
            raise WorkspaceError(f"the workspace's archive holds the path {shown(path)!r}, which leaves the workspace")
        if ".git" in parts or (not INSTALLED.isdisjoint(parts) and path not in self._known):
            return False
        self._members += 1
        if self._members > self._caps.members:
            raise WorkspaceError(f"the workspace holds more than {self._caps.members} entries")
        size = len(os.fsencode(path))
        self._path_bytes += size
        if self._path_bytes > self._caps.path_bytes:
            raise WorkspaceError(f"the paths of the workspace have more than {self._caps.path_bytes} bytes together")
        if size > MAX_PATH_BYTES:
            self.skip(path, f"its path is longer than {MAX_PATH_BYTES} bytes")
            return False
        return True

    def file(self, path: str, *, executable: bool, pieces: Iterable[bytes]) -> None:
        """A regular file with its content."""
        digest = hashlib.sha256(b"x" if executable else b"-")
        size, held = 0, list[bytes]()
        for piece in pieces:
            digest.update(piece)
            size += len(piece)
            held = [*held, piece] if size <= self._caps.file_bytes else []
        fingerprint = digest.hexdigest()
        if path in self._known and self._known[path] != fingerprint:
            self._count_new(size)
        keep = size <= self._caps.file_bytes and (self._known.get(path) != fingerprint or path in self._wanted)
        file = File(path=path, data=b"".join(held), executable=executable) if keep else None
        self._take(path, fingerprint, file)

    def oversized(self, path: str, size: int) -> bool:
        """Whether a regular file of this size is left out whatever it holds; if so, it has been noted."""
        if size <= self._caps.file_bytes or path in self._known or not self.skips_unread:
            return False
        self._take(path, "", None)
        return True

    def hard_link(self, path: str, other: str) -> None:
        """A second name of a file that went by."""
        seen = self._seen.get(other)
        if seen is None:
            self.skip(path, "it is a hard link to something that is not a regular file of the workspace")
        elif seen.file is None and self._known.get(path) != seen.fingerprint and other not in self._wanted:
            self.unresolved[path] = other
        else:
            same = seen.file and File(path=path, data=seen.file.data, executable=seen.file.executable)
            self._take(path, seen.fingerprint, same)

    def _take(self, path: str, fingerprint: str, file: File | None) -> None:
        same = self._known.get(path) == fingerprint
        keep = file is not None and (not same or path in self._wanted)
        self._seen[path] = _Seen(fingerprint=fingerprint, file=file if keep else None)
        if not same:
            self._keep(path, file)

    def _keep(self, path: str, file: File | None) -> None:
        reason = self._why_not(path, file)
        if reason or file is None:
            self.skip(path, reason)
            self._seen[path] = _Seen(fingerprint=self._seen[path].fingerprint, file=None)
        else:
            self._files[path] = file
            self._bytes += len(file.data)

    def _why_not(self, path: str, file: File | None) -> str:
        if file is None:
            return f"it is larger than {self._caps.file_bytes} bytes"
        if path in self._known:  # a changed file of the tree itself is never crowded out by new ones
            return "" if shown(path) == path else "its name is not valid UTF-8"
        if len(self._files) >= self._caps.kept_files:
            return f"more than {self._caps.kept_files} files differ"
        if self._bytes + len(file.data) > self._caps.kept_bytes:
            return f"the files that differ hold more than {self._caps.kept_bytes} bytes"
        return "" if shown(path) == path else "its name is not valid UTF-8"

    def folder(self, path: str) -> None:
        """A folder: one so deep that the engine leaves out what lies in it, without a word, is noted."""
        if len(os.fsencode(path)) > DEEP_PATH_BYTES:
            self.skip(path, f"it is so deep that what lies in it may be out of reach: {TOO_DEEP}")

    def link(self, path: str, target: str) -> None:
        """A symbolic link, as written, within the caps."""
        size = len(os.fsencode(path)) + len(os.fsencode(target))
        reason = self._why_no_link(path, target, size)
        if reason:
            self.skip(path, reason)
        else:
            self._links[path] = target
            self._link_bytes += size

    def _why_no_link(self, path: str, target: str, size: int) -> str:
        if len(os.fsencode(target)) > self._caps.target_bytes:
            return f"a link to a target longer than {self._caps.target_bytes} bytes"
        if self._link_bytes + size > self._caps.kept_bytes:
            return f"the links hold more than {self._caps.kept_bytes} bytes"
        valid = shown(path) == path and shown(target) == target
        return "" if valid else "a link whose name or target is not valid UTF-8"

    def skip(self, path: str, reason: str) -> None:
        """Leave a member out, and say why."""
        self._skipped[shown(path)] = reason

    def inventory(self) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """Every regular file's path with its fingerprint, and every link with its target, without any content."""
        return {path: seen.fingerprint for path, seen in self._seen.items()}, self._links

    def export(self) -> Export:
        """Everything collected."""
        for path in self.unresolved:
            self.skip(path, "a hard link whose content could not be found")
        files = tuple(self._files[path] for path in sorted(self._files))
        return Export(files=files, paths=frozenset(self._seen), links=self._links, skipped=self._skipped)


class _Inventory(Collector):
    """Fingerprints of everything, and no content."""

    skips_unread = False


def inventory_with(read_archive: Callable[[Collector], None]) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """What a workspace holds, by fingerprint: files and links. Raises ExportError."""
    collector = _Inventory({}, ExportCaps(file_bytes=0, total_bytes=1 << 60))
    read_archive(collector)
    return collector.inventory()


def shown(path: str) -> str:
    """A path as valid text of bounded length; equal to the path unless its name is not UTF-8, or very long."""
    text = path if len(path) <= MAX_PATH_BYTES else path[:200] + "..."
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


# -- from the engine's archive of a dead container ------------------------------------------------------------------


class _Stream(io.RawIOBase):
    """The pieces of a stream as a file to read from, with a deadline and an end; remembers how the stream ended."""

    def __init__(self, pieces: Iterator[bytes], deadline_s: float, most_bytes: int) -> None:
        self._pieces = pieces
        self._left = self._most = most_bytes
        self._buffer = memoryview(b"")
        self._until = time.monotonic() + deadline_s
        self.last = b""

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes; empty at the end."""
        while not self._buffer:
            if time.monotonic() > self._until:
                kind = WorkspaceError if self._left < self._most / 2 else ExportError  # so much, or so slowly?
                raise kind("reading the workspace takes too long; it is too large to export")
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._left -= len(piece)
            if self._left < 0:
                raise WorkspaceError("the workspace is too large to export, holes in its files included")
            self._buffer = memoryview(piece)
            self.last = (self.last + piece[-1024:])[-1024:]
        size = len(self._buffer) if size < 0 else size
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return bytes(data)


def export_archive(pieces: Iterator[bytes], collector: Collector, deadline_s: float = EXPORT_DEADLINE_S) -> None:
    """Feed a collector from a tar stream whose first member is the workspace folder. Raises ExportError."""
    stream = _Stream(pieces, deadline_s, collector.most_bytes)
    try:
        with tarfile.open(fileobj=stream, mode="r|", bufsize=_BUFFER) as archive:
            root = archive.next()
            if root is None:
                raise ExportError("the workspace's archive is empty")
            if not root.isdir():
                raise WorkspaceError("the workspace is no longer a folder")
            while (member := archive.next()) is not None:
                _take_member(archive, member, _Below(root.name), collector)
                archive.members = []  # type: ignore[attr-defined]  # it remembers them all; memory must stay flat
        while stream.read(PIECE):
            pass
    except (tarfile.TarError, ValueError, UnicodeError) as error:
        raise ExportError(f"the workspace's archive cannot be read: {error}") from error
    if stream.last != _END_OF_TAR:
        raise ExportError("the workspace's archive was cut off")


@dataclass(frozen=True, slots=True)
class _Below:
    """Names in the archive begin with the workspace's own; paths do not."""

    root: str

    def __call__(self, name: str) -> str:
        prefix = self.root.rstrip("/") + "/"
        if not name.startswith(prefix):
            raise ExportError(f"the workspace's archive holds {shown(name)!r}, which is outside the workspace")
        return name[len(prefix) :].rstrip("/")


def _take_member(archive: tarfile.TarFile, member: tarfile.TarInfo, below: _Below, collector: Collector) -> None:
    path = below(member.name)
    if not collector.admits(path):
        return
    if member.isreg():
        collector.announce(path, member.size)
        if collector.oversized(path, member.size):
            return
        content = archive.extractfile(member)
        pieces = iter(lambda: content.read(PIECE) if content else b"", b"")
        collector.file(path, executable=bool(member.mode & 0o100), pieces=pieces)
    elif member.issym():
        collector.link(path, member.linkname)
    elif member.islnk():
        collector.hard_link(path, below(member.linkname))
    elif member.isdir():
        collector.folder(path)
    else:
        collector.skip(path, f"it is a {_TAR_KINDS.get(member.type, 'special file')}")


_TAR_KINDS = {tarfile.FIFOTYPE: "FIFO", tarfile.CHRTYPE: "device", tarfile.BLKTYPE: "device"}


def export_with(
    read_archive: Callable[[Collector], None], known: Mapping[str, str], caps: ExportCaps | None = None
) -> Export:
    """An export by `read_archive`, which feeds a collector; done twice where hard links ask for known content."""
    collector = Collector(known, caps or ExportCaps())
    read_archive(collector)
    if collector.unresolved:
        collector = Collector(known, caps or ExportCaps(), wanted=frozenset(collector.unresolved.values()))
        read_archive(collector)
    return collector.export()


# -- from a folder ----------------------------------------------------------------------------------------------------


def export_folder(root: Path, collector: Collector) -> None:
    """Feed a collector from a folder, no links followed. Raises WorkspaceError when it is gone or unreadable."""
    try:
        _walk(root, "", collector)
    except OSError as error:
        kind = WorkspaceError if isinstance(error, _DONE_INSIDE) else ExportError
        raise kind(f"the workspace cannot be read: {error.strerror}: {shown(str(error.filename))!r}") from error


_DONE_INSIDE = (FileNotFoundError, NotADirectoryError, PermissionError)


def _walk(folder: Path, prefix: str, collector: Collector) -> None:
    for name in sorted(os.listdir(folder)):  # noqa: PTH208 (names, not paths)
        path, place = prefix + name, folder / name
        if not collector.admits(path):
            continue
        state = _state(place)
        if state is None:
            collector.skip(path, f"it is out of reach: {TOO_DEEP}")
        elif stat.S_ISDIR(state.st_mode):
            collector.folder(path)
            _walk(place, path + "/", collector)
        else:
            _take_place(place, path, state, collector)


def _take_place(place: Path, path: str, state: os.stat_result, collector: Collector) -> None:
    """What stands there and is no folder."""
    if stat.S_ISREG(state.st_mode):
        collector.announce(path, state.st_size)
        if not collector.oversized(path, state.st_size):
            collector.file(path, executable=bool(state.st_mode & 0o100), pieces=_pieces(place))
    elif stat.S_ISLNK(state.st_mode):
        collector.link(path, str(place.readlink()))
    else:
        kind = "FIFO" if stat.S_ISFIFO(state.st_mode) else "special file"
        collector.skip(path, f"it is a {kind}")


def _state(place: Path) -> os.stat_result | None:
    """What stands there; None where its path is longer than the system takes."""
    try:
        return place.lstat()
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return None
        raise


def _pieces(place: Path) -> Iterator[bytes]:
    descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:  # noqa: PTH123 (a descriptor, so that no link or FIFO is followed)
        while piece := file.read(PIECE):
            yield piece
