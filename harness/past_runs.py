"""Run folders that lie side by side, and what their finished trials took: the history that estimates are made from."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError
from harness.estimate import PastTrial
from harness.journal import read_attempts, read_records
from harness.record import Record
from harness.run_folder import RunFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The finished trials of some runs; `unreadable` is a line for each run that could not be read."""

    trials: tuple[PastTrial, ...]
    unreadable: tuple[str, ...] = ()


def runs_in(folder: Path) -> tuple[Path, ...]:
    """The run folders that lie in a folder, by name; links are not followed."""
    if not folder.is_dir():
        return ()
    return tuple(
        sorted(path for path in folder.iterdir() if not path.is_symlink() and RunFolder(root=path).journal.is_file())
    )


def read_history(runs: Iterable[Path]) -> History:
    """What finished trials of the runs took; one that lies in two of them, as after a merge, counts once."""
    found: dict[tuple[str, str], PastTrial] = {}
    unreadable = []
    for run in runs:
        try:
            found |= {key: trial for key, trial in _trials(run).items() if key not in found}
        except (HarnessError, OSError) as error:
            unreadable.append(str(error))
    return History(trials=tuple(found.values()), unreadable=tuple(unreadable))


def size_of(folder: Path) -> int:
    """The bytes of all files below a folder; what vanishes meanwhile is not counted."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_size if path.is_file() and not path.is_symlink() else 0
        except OSError:
            continue
    return total


def _trials(run: Path) -> dict[tuple[str, str], PastTrial]:
    """By id and start: what each finished trial took, with its share of what all trials of the run keep together."""
    folder, attempts = RunFolder(root=run), len(read_attempts(run))
    own = size_of(run / "trials")
    shared = max(0, size_of(run) - own) // max(1, attempts)
    return {
        (record.trial.id, record.started_utc): _past(record, run.name, shared + size_of(folder.trial(record.trial.id)))
        for record in read_records(run)
        if record.verdict.scored
    }


def _past(record: Record, run: str, disk_bytes: int) -> PastTrial:
    whole = record.cost_usd is not None and not record.cost_is_lower_bound
    return PastTrial(
        run=run,
        requested_model=record.trial.requested_model or record.trial.model,
        feature=record.trial.feature,
        wall_ns=record.wall_ns,
        cost_usd=record.cost_usd if whole else None,
        disk_bytes=disk_bytes,
        is_simulated=record.trial.simulated,
    )
