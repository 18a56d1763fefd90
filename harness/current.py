"""The records of a run that its present plan speaks of; those of earlier settings stay in the journal, unread."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from harness.head_reader import read_heads
from harness.record import Record
from harness.regrade import each_graded_attempt, each_graded_attempt_in_turn, graded_attempts
from harness.run_folder import RunFolder
from harness.run_plan import read_plan


def current_attempts(run: Path) -> tuple[Record, ...]:
    """Every attempt at a planned trial, with its latest grade. Raises ConfigError, InfraError."""
    return planned_only(run, graded_attempts(run))


def left_out(run: Path) -> int:
    """How many records of the journal are of trials that the plan does not name (any more)."""
    ids = read_plan(run).ids
    return sum(head.trial not in ids for head in read_heads(run))


def planned_only(run: Path, records: Iterable[Record]) -> tuple[Record, ...]:
    """Those of the records whose trials the run's plan names; all of them where a folder has no plan."""
    planned = _planned(run)
    return tuple(record for record in records if planned(record))


def each_current_attempt(run: Path) -> Iterator[Record]:
    """Every attempt at a planned trial, read one by one: of runs with more trials than are to be held at once."""
    return filter(_planned(run), each_graded_attempt(run))


def each_current_in_turn(run: Path) -> Iterator[tuple[Record, bool]]:
    """The same, the attempts at one trial together, and with each whether it is the trial's latest."""
    planned = _planned(run)
    return ((record, final) for record, final in each_graded_attempt_in_turn(run) if planned(record))


def _planned(run: Path) -> Callable[[Record], bool]:
    if not RunFolder(root=run).plan.exists():
        return lambda _record: True
    ids = read_plan(run).ids
    return lambda record: record.trial.id in ids
