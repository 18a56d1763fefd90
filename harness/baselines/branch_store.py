"""Baselines in a git branch of the user's: a folder for each name, a commit for each version."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from harness.baselines.contract import SIGN, Version, Write, check_sign, overtaken, sign
from harness.baselines.note import NOTE, Note, baseline_name, is_name, parse_note, verified
from harness.clock import SystemClock
from harness.errors import ConfigError, InfraError
from harness.files import disk_errors, write_atomic
from sandbox.branches import DataBranch, MovedError
from sandbox.contract import File
from sandbox.errors import CheckoutError
from sandbox.trees import lay

README = "README.md"
_TRIES = 20
_WORDS = b"""# Baselines of Splitclock

Runs that `splitclock gate --baseline NAME` compares with, a folder for each name; the commits are their past.
`splitclock baseline show NAME` tells of one. Only `splitclock baseline set` and `promote` write here.
"""

Send = Callable[[DataBranch], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchStore:
    """A branch of baselines, as `Store` says.

    Versions are laid out in `cache` to be read. `send` is called after each new version; where it fails, that one is
    taken back.
    """

    branch: DataBranch
    cache: Path
    send: Send | None = None

    @property
    def where(self) -> str:
        """The branch, as --store names it."""
        return f"git:{self.branch.name}"

    def names(self) -> tuple[str, ...]:
        """The names in it, in order."""
        tip = self._tip()
        if tip is None:
            return ()
        with _typed():
            names = filter(is_name, self.branch.names(tip))
            return tuple(name for name in names if self.branch.read(tip, f"{name}/{NOTE}") is not None)

    def versions(self, name: str) -> tuple[Version, ...]:
        """The versions of a baseline, the newest first."""
        return self._versions(baseline_name(name), self._tip())

    def note(self, version: Version) -> Note:
        """What a version says of itself."""
        where = f"{version.full} in {self.where}"
        data = self.branch.read(version.key, f"{version.name}/{NOTE}")
        if data is None:
            raise InfraError(f"{where}: the repository lacks it; fetch the branch completely and try again")
        return parse_note(data, where)

    def folder(self, version: Version) -> Path:
        """A version laid out in the cache, verified; laid out anew where what lies there is damaged."""
        where = f"{version.full} in {self.where}"
        place = self.cache / f"{version.full}-{self.note(version).digest[:12]}"
        if not _is_whole(place, where):
            shutil.rmtree(place, ignore_errors=True)
            self._lay_out(version, place, where)
        return place

    def put(self, name: str, write: Write, after: Version | None) -> Version:
        """Add a version as a commit; the second of two who do so at once is refused."""
        baseline_name(name)
        with TemporaryDirectory(prefix="splitclock-baseline-") as scratch:
            note = write(Path(scratch))
            write_atomic(Path(scratch) / NOTE, note.sealed())
            before, made = self._commit(name, Path(scratch), note, after)
        try:
            if self.send is not None:
                with _typed():
                    self.send(self.branch)
        except BaseException:  # also Ctrl-C: here and there are the same, or as they were
            self.branch.take_back(made, before)
            raise
        return self._versions(name, made)[0]

    def _commit(self, name: str, folder: Path, note: Note, after: Version | None) -> tuple[str | None, str]:
        """Where the branch was, and the new commit. Others may write other names meanwhile, then it is tried again."""
        for _ in range(_TRIES):
            tip = self._tip()
            newest = next(iter(self._versions(name, tip)), None)
            if (newest and newest.key) != (after and after.key):
                raise overtaken(name, self.where)
            before = self.branch.local()
            try:
                with _typed():
                    made = self.branch.put(
                        _files(folder, name), _message(name, note), instead_of=name, after=tip, now=SystemClock().utc()
                    )
            except MovedError:
                continue
            return before, made
        raise overtaken(name, self.where)

    def _lay_out(self, version: Version, place: Path, where: str) -> None:
        making = place.with_name(f".{uuid4().hex}")
        with disk_errors(self.cache):
            self.cache.mkdir(parents=True, exist_ok=True)
        try:
            with disk_errors(making), _typed():
                lay(self.branch.files(version.key, version.name), making)
            verified(making, where)
            with disk_errors(place):
                making.replace(place)
        except InfraError:
            if not _is_whole(place, where):  # or somebody else laid it out meanwhile
                raise
        finally:
            shutil.rmtree(making, ignore_errors=True)

    def _tip(self) -> str | None:
        """The branch's newest commit. Raises ConfigError for a branch that holds something else."""
        with _typed():
            tip = self.branch.tip()
            data = None if tip is None else self.branch.read(tip, SIGN)
        if tip is not None and data is None:
            raise ConfigError(f"{self.where}: holds other things (no {SIGN}); give baselines a branch of their own")
        if data is not None:
            check_sign(data, self.where)
        return tip

    def _versions(self, name: str, tip: str | None) -> tuple[Version, ...]:
        if tip is None or self.branch.read(tip, f"{name}/{NOTE}") is None:
            return ()
        with _typed():
            commits = self.branch.commits(tip, f"{name}/{NOTE}")
        return tuple(Version(name=name, mark=commit[:12], key=commit) for commit in commits)


def _is_whole(place: Path, where: str) -> bool:
    try:
        verified(place, where)
    except (ConfigError, InfraError):
        return False
    return True


@contextmanager
def _typed() -> Iterator[None]:
    """What git says of the branch, but for that it moved, which the caller deals with."""
    try:
        yield
    except MovedError:
        raise
    except CheckoutError as error:
        raise InfraError(str(error)) from error


def _files(folder: Path, name: str) -> Iterator[File]:
    yield File(path=SIGN, data=sign())
    yield File(path=README, data=_WORDS)
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield File(path=f"{name}/{path.relative_to(folder).as_posix()}", data=path.read_bytes())


def _message(name: str, note: Note) -> str:
    solved = note.solved
    return f"{name}: {note.run}, {solved.passed} of {solved.scored} trials solved\n\nsplitclock {note.splitclock}\n"
