"""Baselines in a folder: <name>/<number>/ for each version, written beside and renamed, never changed."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from harness.baselines.contract import SIGN, Version, Write, check_sign, overtaken, sign
from harness.baselines.note import NOTE, Note, baseline_name, is_name, parse_note, verified
from harness.errors import ConfigError
from harness.files import disk_errors, sync_folder, write_atomic
from sandbox.locks import locked

_MAKING = ".making-"
_LOCK = "baselines.lock"
_OURS = (_MAKING, _LOCK, f".{SIGN}")
_NUMBER = re.compile(r"[0-9]{4,9}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderStore:
    """A folder of baselines, as `Store` says."""

    root: Path

    @property
    def where(self) -> str:
        """The folder."""
        return str(self.root)

    def names(self) -> tuple[str, ...]:
        """The names in it, in order."""
        if not self._begun():
            return ()
        with disk_errors(self.root, "read"):
            names = [path.name for path in self.root.iterdir() if is_name(path.name)]
            return tuple(sorted(name for name in names if self._numbers(name)))

    def versions(self, name: str) -> tuple[Version, ...]:
        """The versions of a baseline, the newest first."""
        baseline_name(name)
        numbers = self._numbers(name) if self._begun() else []
        return tuple(_version(name, number) for number in reversed(numbers))

    def note(self, version: Version) -> Note:
        """What a version says of itself."""
        path = self.root / version.name / version.key / NOTE
        with disk_errors(path, "read"):
            return parse_note(path.read_bytes(), f"{version.full} in {self.where}")

    def folder(self, version: Version) -> Path:
        """The folder of a version itself, verified."""
        found = self.root / version.name / version.key
        verified(found, f"{version.full} in {self.where}")
        return found

    def put(self, name: str, write: Write, after: Version | None) -> Version:
        """Add a version; the second of two who do so at once is refused."""
        baseline_name(name)
        with self._alone():
            numbers = self._numbers(name)
            if (numbers[-1] if numbers else "") != ("" if after is None else after.key):
                raise overtaken(name, self.where)
            made = self._write(write)
            goal = self.root / name / f"{int(numbers[-1]) + 1 if numbers else 1:04d}"
            with disk_errors(goal):
                goal.parent.mkdir(exist_ok=True)
                made.rename(goal)
                sync_folder(goal.parent)
        return _version(name, goal.name)

    def _write(self, write: Write) -> Path:
        making = self.root / f"{_MAKING}{uuid4().hex[:12]}"
        with disk_errors(making):
            making.mkdir()
        try:
            note = write(making)
            write_atomic(making / NOTE, note.sealed())
        except BaseException:
            shutil.rmtree(making, ignore_errors=True)
            raise
        return making

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One writer at a time; what a killed one left half written goes."""
        self._begun()
        with disk_errors(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            with locked(self.root / _LOCK):
                for left in self.root.glob(f"{_MAKING}*"):
                    shutil.rmtree(left, ignore_errors=True)
                if not (self.root / SIGN).exists():
                    write_atomic(self.root / SIGN, sign())
                yield

    def _begun(self) -> bool:
        """Whether it is a store. Raises ConfigError for a folder that is something else."""
        if not self.root.exists():
            return False
        if not self.root.is_dir():
            raise ConfigError(f"{self.root}: is no folder; give one with --store")
        sign_file = self.root / SIGN
        with disk_errors(self.root, "read"):
            foreign = [path for path in self.root.iterdir() if not path.name.startswith(_OURS)]
            if not sign_file.is_file():  # looked at last: somebody may begin the store this very moment
                if foreign:
                    raise ConfigError(
                        f"{self.root}: holds other things (no {SIGN}); give baselines a folder of their own"
                    )
                return False
            check_sign(sign_file.read_bytes(), self.where)
        return True

    def _numbers(self, name: str) -> list[str]:
        place = self.root / name
        if not place.is_dir():
            return []
        with disk_errors(place, "read"):
            found = [path.name for path in place.iterdir() if _NUMBER.fullmatch(path.name) and (path / NOTE).is_file()]
        return sorted(found, key=int)


def _version(name: str, number: str) -> Version:
    return Version(name=name, mark=str(int(number)), key=number)
