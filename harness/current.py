"""The records of a run that its present plan speaks of; those of earlier settings stay in the journal, unread."""

from collections.abc import Iterable
from pathlib import Path

from harness.head_reader import read_heads
from harness.record import Record
from harness.regrade import graded_attempts
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
    if not RunFolder(root=run).plan.exists():
        return tuple(records)
    ids = read_plan(run).ids
    return tuple(record for record in records if record.trial.id in ids)
