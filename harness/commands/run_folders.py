"""The folder that a run is written to: a fresh one, or that of a run to go on with."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.commands.planning import Planned
from harness.errors import ConfigError
from harness.journal import Journal, read_meta
from harness.journal_reader import run_label
from harness.journal_schema import began, must_exist
from harness.plan import Trial
from harness.plan_compare import compare
from harness.record import Record
from harness.redact import Redactor
from harness.regrade import graded_records
from harness.run_folder import RunFolder
from harness.run_plan import RunPlan, read_plan

_BEGUN = {"run.lock", "reserve", "journal.sqlite", "journal.sqlite-wal", "journal.sqlite-shm", "journal.sqlite-journal"}
"""What a folder holds at most whose process died before its first row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A run's folder, held for this process, and what it knows of the trials that are planned now.

    `records` are the latest of the planned trials, by id. `name` is the run's, whatever its folder is called by now.
    `before` is None for a fresh run.
    """

    name: str
    todo: tuple[Trial, ...]
    before: RunPlan | None = None
    lines: tuple[str, ...] = ()
    records: Mapping[str, Record] = field(default_factory=dict)


def open_journal(folder: Path, redactor: Redactor) -> Journal:
    """The journal of a fresh run in an empty folder, or that of the run which lies there.

    Raises RunLockedError while another process writes it, ConfigError where something else lies there, InfraError.
    """
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder}: is a file; choose a folder for --out")
    names = {path.name for path in folder.iterdir()} if folder.exists() else set()
    if names <= _BEGUN:
        return Journal.enter(folder, redactor)
    if "journal.sqlite" not in names:
        if began(RunFolder(root=folder)):
            must_exist(RunFolder(root=folder))  # says that the journal is gone
        raise ConfigError(f"{folder}: is not empty, and holds no run; choose another folder for --out")
    return Journal.open(folder, redactor)


def run_label_in(folder: Path | None) -> str:
    """What the sandboxes of the run in a folder are known by, "" without a run. Raises ConfigError, InfraError."""
    if folder is None or not folder.is_dir() or {path.name for path in folder.iterdir()} <= _BEGUN:
        return ""
    return run_label(folder) if RunFolder(root=folder).journal.is_file() else ""


def look(journal: Journal, planned: Planned) -> Held:
    """What the run in a folder, which this process holds, leaves to do of the trials that are planned now.

    Raises ConfigError where nothing of what lies there is planned and another matrix made it.
    """
    run = journal.folder
    name = read_meta(run.root)["run"]
    if not run.plan.exists():
        return Held(name=name, todo=planned.trials)
    before = read_plan(run.root)
    _refuse_other(run.root, before, planned.plan)
    records = {one.trial.id: one for one in graded_records(run.root) if one.trial.id in planned.plan.ids}
    finished = {trial for trial, record in records.items() if record.verdict.scored}
    todo = tuple(trial for trial in planned.trials if trial.id not in finished)
    lines = compare(before, planned.plan, records).lines()
    return Held(
        name=name,
        todo=todo,
        before=before,
        lines=(*lines, _progress(len(finished), len(planned.trials))),
        records=records,
    )


def refuse_new(run: Path, before: RunPlan | None, now: RunPlan) -> None:
    """Raise ConfigError where a run that is only to be gone on with would get other trials than were planned."""
    if before is None or not now.ids - before.ids:
        return
    lines = compare(before, now).lines()
    raise ConfigError(
        *(f"{run}: {line}" for line in lines),
        f"{run}: nothing was resumed: put back what changed, or take the new trials with "
        f"`splitclock run MATRIX --out {shlex.quote(str(run))}`",
    )


def _refuse_other(run: Path, before: RunPlan, now: RunPlan) -> None:
    if before.matrix not in {"", now.matrix} and before.ids and now.ids and not before.ids & now.ids:
        raise ConfigError(
            f"{run}: holds a run of the matrix `{before.matrix}`, and no trial of `{now.matrix}`; "
            "choose another folder for --out"
        )


def _progress(finished: int, planned: int) -> str:
    left = planned - finished
    if not left:
        return f"nothing to do: {finished} of {planned} trials are finished"
    return f"{finished} of {planned} trials are finished, {left} to run"
