"""Which runs are meant: run folders, folders that hold some, and those of the last weeks."""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from harness.clock import SystemClock
from harness.errors import ConfigError, InfraError
from harness.files import disk_errors
from harness.head_reader import read_newest
from harness.journal_reader import read_meta
from harness.run_folder import RunFolder
from harness.untrusted import one_line

_AGE = re.compile(r"(\d{1,5})([hdw])")
_HOURS = {"h": 1, "d": 24, "w": 7 * 24}


def runs_in(folders: Iterable[Path], tell: Callable[[str], None]) -> list[Path]:
    """The runs that are meant, each once, the oldest first; a folder that is no run stands for the runs in it.

    What among those cannot be read is left out, and told in a line each; so are copies of a run, of which the one that
    went on longest stays. Raises ConfigError for a folder that neither is a run nor holds one, or cannot be read.
    """
    found = {run.resolve(): run for folder in folders for run in _runs(folder, tell)}
    own: dict[tuple[str, str, str], Path] = {}
    for run in sorted(found.values(), key=read_newest):
        meta = read_meta(run)
        key = meta.get("run", ""), meta.get("created_utc", ""), meta.get("id", "")
        if key in own:
            tell(f"left out: {own[key]} is a copy of {run}")
        own[key] = run
    return sorted(own.values(), key=began)


def names_apart(runs: Iterable[Path]) -> dict[Path, str]:
    """Of runs that have the same name, other ones: their folders, so that their trials are not taken for each other's.

    Trials are told apart by the run's name and their own id, which is the same wherever they are repeated.
    """
    named: dict[str, list[Path]] = {}
    for run in runs:
        named.setdefault(read_meta(run).get("run", run.name), []).append(run)
    return {run: str(run) for own in named.values() if len(own) > 1 for run in own}


def runs_since(runs: Iterable[Path], since: str | None) -> list[Path]:
    """Those that began since then, as `moment` reads it. Raises ConfigError, also when none did."""
    known = list(runs)
    if since is None:
        return known
    first = moment(since)
    late = [run for run in known if began(run) >= first]
    if not late:
        newest = f"; the newest began {began(known[-1]):%Y-%m-%d %H:%M} UTC" if known else ""
        raise ConfigError(f"--since {one_line(since, 30)}: no run is as new{newest}")
    return late


def began(run: Path) -> datetime:
    """When a run's journal was begun, in UTC. Raises ConfigError, InfraError."""
    text = read_meta(run).get("created_utc", "")
    try:
        return _utc(datetime.fromisoformat(text))
    except ValueError:
        raise ConfigError(f"{run}: its journal does not say when it began") from None


def moment(text: str, now: datetime | None = None) -> datetime:
    """A moment in UTC from a date, a date and time (of UTC unless it says), or an age: 12h, 2w. Raises ConfigError."""
    age = _AGE.fullmatch(text)
    try:
        if age is None:
            return _utc(datetime.fromisoformat(text))
        return (now or SystemClock().utc()) - timedelta(hours=int(age[1]) * _HOURS[age[2]])
    except (ValueError, OverflowError):
        raise ConfigError(
            f"--since {one_line(text, 30)}: give a date such as 2026-11-01, or an age: 12h, 30d"
        ) from None


def _runs(folder: Path, tell: Callable[[str], None]) -> list[Path]:
    if not folder.is_dir() or RunFolder(root=folder).journal.is_file():
        return [folder]
    with disk_errors(folder, "read"):
        inside = [path for path in sorted(folder.iterdir()) if RunFolder(root=path).journal.is_file()]
    found = [path for path in inside if _readable(path, tell)]
    if not found:
        raise ConfigError(f"{folder}: neither is a run nor holds one; give folders that `splitclock run` made")
    return found


def _readable(run: Path, tell: Callable[[str], None]) -> bool:
    try:
        began(run)
    except (ConfigError, InfraError) as error:
        tell(f"left out: {error}")
        return False
    return True


def _utc(when: datetime) -> datetime:
    return when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)
