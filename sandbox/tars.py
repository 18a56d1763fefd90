"""Uncompressed tars of our own making: what containers and builds are filled with."""

import io
import os
import tarfile
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from sandbox.contract import File
from sandbox.trees import Entry, Link

AGENT_UID = 1000
"""User and group id of the agent in every image that we make."""

_WHEN = 946684800
"""One modification time for all: 2000-01-01T00:00:00Z. Equal trees give equal layers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Entries that go below one folder (absolute, already there) and belong to one user.

    `git_dir` is a repository folder of ours, packed as `.git`.
    """

    entries: Iterable[Entry]
    below: str = "/"
    owner: int = 0
    git_dir: Path | None = None


def pack(entries: Iterable[Entry], *, owner: int = 0) -> IO[bytes]:
    """A tar of entries, with their folders, in a temporary file at its start; the caller closes it."""
    return pack_loads([Load(entries=entries, owner=owner)])


def pack_loads(loads: Iterable[Load]) -> IO[bytes]:
    """One tar of several loads, to be unpacked at the root: each call of the engine costs as much as a small file."""
    spool = tempfile.TemporaryFile()  # noqa: SIM115 - handed to the caller
    with tarfile.open(fileobj=spool, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for load in loads:
            packer = _Packer(tar, load)
            for entry in load.entries:
                packer.add(entry)
            if load.git_dir is not None:
                packer.add_folder(".git", load.git_dir)
    spool.seek(0)
    return spool


class _Packer:
    """Adds members, each folder once and before what lies in it."""

    def __init__(self, tar: tarfile.TarFile, load: Load) -> None:
        self._tar = tar
        self._owner = load.owner
        self._below = load.below.strip("/")
        self._folders: set[str] = set()

    def add(self, entry: Entry) -> None:
        self._parents(entry.path)
        member = self._member(entry.path, 0o644)
        if isinstance(entry, Link):
            member.type, member.linkname, member.mode = tarfile.SYMTYPE, entry.target, 0o777
            self._tar.addfile(member)
            return
        member.size, member.mode = len(entry.data), 0o755 if entry.executable else 0o644
        self._tar.addfile(member, io.BytesIO(entry.data))

    def add_folder(self, name: str, folder: Path) -> None:
        self._folder(name)
        for here, folders, files in os.walk(folder):
            place = PurePosixPath(name) / Path(here).relative_to(folder).as_posix()
            for inner in sorted(folders):
                self._folder(str(place / inner))
            for file in sorted(files):
                self.add(File(path=str(place / file), data=(Path(here) / file).read_bytes()))

    def _parents(self, path: str) -> None:
        for parent in reversed(PurePosixPath(path).parents):
            if str(parent) != ".":
                self._folder(str(parent))

    def _folder(self, path: str) -> None:
        if path not in self._folders:
            self._folders.add(path)
            member = self._member(path, 0o755)
            member.type = tarfile.DIRTYPE
            self._tar.addfile(member)

    def _member(self, path: str, mode: int) -> tarfile.TarInfo:
        member = tarfile.TarInfo(f"{self._below}/{path}" if self._below else path)
        member.uid = member.gid = self._owner
        member.mtime, member.mode = _WHEN, mode
        return member
