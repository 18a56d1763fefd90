"""Old run folders, and their removal: only what holds a journal of ours, and nobody writes."""

import re
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from harness.errors import ConfigError, HarnessError
from harness.files import disk_errors
from harness.journal import read_last_at
from harness.lock import RunLock, is_written
from harness.past_runs import runs_in, size_of
from harness.run_folder import RunFolder

_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True, slots=True, kw_only=True)
class OldRun:
    """A run folder whose last row was written at `last`, with its size in bytes; `kept` says why it has to stay."""

    path: Path
    last: datetime | None
    disk_bytes: int
    kept: str = ""


def parse_age(text: str) -> timedelta:
    """The time that "30d", "12h" or "8w" means. Raises ConfigError."""
    found = re.fullmatch(r"([0-9]{1,5})([hdw])", text)
    if found is None:
        raise ConfigError(f"--older-than {text}: write at most five digits and h, d or w, such as 12h, 30d or 8w")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def old_runs(folder: Path, before: datetime) -> tuple[OldRun, ...]:
    """The runs in a folder whose last row was written before a moment, and those that cannot be told of.

    Raises ConfigError where the folder is none, or is a run itself.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder; name the one that run folders lie in")
    if RunFolder(root=folder).journal.exists():
        raise ConfigError(f"{folder}: is a run folder itself; name the folder that it lies in")
    return tuple(one for run in runs_in(folder) if (one := _looked_at(run, before)) is not None)


def remove(run: OldRun) -> OldRun:
    """Remove a run's folder, held meanwhile so that nobody goes on with it; returns it, with why where it stays."""
    lock = None
    try:
        lock = RunLock(RunFolder(root=run.path).lock)
        with disk_errors(run.path, "removed"):
            shutil.rmtree(run.path)
    except HarnessError as error:
        return OldRun(path=run.path, last=run.last, disk_bytes=run.disk_bytes, kept=str(error))
    finally:
        if lock is not None:
            lock.release()
    return run


def _looked_at(run: Path, before: datetime) -> OldRun | None:
    """None for a run that is younger."""
    try:
        last = datetime.fromisoformat(read_last_at(run)).astimezone(UTC)
    except (HarnessError, ValueError) as error:
        return OldRun(path=run, last=None, disk_bytes=size_of(run), kept=str(error))
    if last >= before:
        return None
    kept = "a process writes it, or may write it" if is_written(RunFolder(root=run).lock) else ""
    return OldRun(path=run, last=last, disk_bytes=size_of(run), kept=kept)
