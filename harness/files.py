"""Files that are there whole or not at all, and disk errors that name the file and the next step."""

import errno
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from harness.errors import InfraError

TEMPORARY = ".tmp"
"""How the name of a file that is still being written ends; such a file is left-over once its writer is gone."""

WRITTEN = "written"
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


class NotKeptError(InfraError):
    """Something cannot be written down: nothing more shall be paid for."""


class DiskFullError(NotKeptError):
    """No space is left where a run is written."""


def disk_full(path: Path) -> DiskFullError:
    """The error that says so, with the next step."""
    return DiskFullError(f"{path}: no space left on the disk; free some, then {_again(path)}")


def _again(path: Path) -> str:
    """The command that goes on with the run to which a file belongs, where it is one of its first files."""
    if path.name.startswith("journal.sqlite"):
        return f"`splitclock resume {shlex.quote(str(path.parent))}`"
    if (path / "journal.sqlite").exists():
        return f"`splitclock resume {shlex.quote(str(path))}`"
    return "start or resume the run again"


@contextmanager
def disk_errors(path: Path, doing: str = WRITTEN) -> Iterator[None]:
    """Type what the operating system says about `path`: DiskFullError, or InfraError with its words.

    The latter is a NotKeptError where something was to be written.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise disk_full(path) from error
        step = "; give this user the right to it" if error.errno in _FORBIDDEN else ""
        kind = NotKeptError if doing == WRITTEN else InfraError
        raise kind(f"{path}: cannot be {doing}: {error.strerror or error}{step}") from error


def write_atomic(path: Path, data: bytes) -> None:
    """Put `data` at `path`, whole or not at all, over what was there; on disk when this returns. Raises InfraError."""
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name[:64]}.{uuid4().hex}{TEMPORARY}")
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_file(path: Path) -> None:
    """Make a file's content durable."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
