"""A finished run, cut down to what a gate and a board read, so that no transcript and no source goes with it."""

import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from harness.baselines.note import Note, Solved, file_digests
from harness.clock import SystemClock
from harness.errors import ConfigError
from harness.files import disk_errors, write_atomic
from harness.head_reader import read_heads, read_newest
from harness.heads import Head, latest_heads
from harness.journal_reader import read_meta, reading
from harness.journal_schema import TABLES, Kind, database_errors
from harness.lock import is_written
from harness.provenance import splitclock_version
from harness.record import Verdict
from harness.run_folder import RunFolder
from harness.run_plan import RunPlan, read_plan

KEPT_KINDS = (Kind.RUN_STARTED, Kind.RECORD, Kind.REGRADE, Kind.RUN_FINISHED)
"""Rows that are kept without bodies. The others hold what models and tools said."""

_BODIES = ("bodies", "trials")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """A run that may be a baseline: its plan, and the head of each planned trial."""

    run: Path
    plan: RunPlan
    heads: tuple[Head, ...]

    def is_in(self, note: Note) -> bool:
        """Whether a baseline is this run, and nothing was written to the run since."""
        meta = read_meta(self.run)
        known = (meta["run"], meta.get("id", ""), meta["created_utc"], read_newest(self.run))
        return known == (note.run, note.run_id, note.run_utc, note.last_row)

    @property
    def errors(self) -> int:
        """How many of its trials an error of infrastructure or provider ended."""
        return sum(head.broken for head in self.heads)


def fit_run(run: Path, most_errors: float) -> Fit:
    """The run, once it is seen to be finished. `most_errors` is the share of trials that errors may have ended.

    Raises ConfigError for one that is still being written, is not finished or has more errors, InfraError.
    """
    if is_written(RunFolder(root=run).lock):
        raise ConfigError(f"{run}: is still being written; wait for it, or end it first")
    plan = read_plan(run)
    latest = latest_heads(read_heads(run))
    heads = tuple(latest[trial.id] for trial in plan.trials if trial.id in latest)
    fit = Fit(run=run, plan=plan, heads=tuple(head for head in heads if head.verdict is not Verdict.NOT_RUN))
    planned = len(plan.trials)
    if not planned:
        raise ConfigError(f"{run}: planned no trial; a baseline needs some")
    if len(fit.heads) < planned:
        missing = planned - len(fit.heads)
        shards = " Merge the shards first." if plan.elsewhere else ""
        raise ConfigError(
            f"{run}: {missing} of {planned} planned trials are not finished; `splitclock resume` goes on.{shards}"
        )
    if plan.elsewhere:
        raise ConfigError(f"{run}: is one shard of a matrix; `splitclock merge` puts the shards together first")
    if fit.errors > most_errors * planned:
        raise ConfigError(
            f"{run}: {fit.errors} of {planned} trials ended in errors, and a gate allows {most_errors:.0%}; "
            "`splitclock resume` runs them again"
        )
    return fit


def write_essentials(fit: Fit, name: str, folder: Path, *, with_bodies: bool) -> Note:
    """Write the baseline of a run to an empty folder, but for its note, which is returned. Raises InfraError."""
    run, kept = RunFolder(root=fit.run), RunFolder(root=folder)
    _copy_journal(run, kept.journal, with_bodies=with_bodies)
    write_atomic(kept.plan, run.plan.read_bytes())
    for source, goal in ((run.provenance, kept.provenance), (run.matrix, kept.matrix)):
        if source.is_file():
            with disk_errors(source, "read"):
                write_atomic(goal, source.read_bytes())
    if with_bodies:
        _copy_bodies(fit.run, folder)
    meta = read_meta(fit.run)
    counts = Counter((head.model, head.verdict is Verdict.PASS) for head in fit.heads if head.verdict.scored)
    models = dict.fromkeys(trial.model for trial in fit.plan.trials)
    return Note(
        name=name,
        run=meta["run"],
        run_id=meta.get("id", ""),
        run_utc=meta["created_utc"],
        splitclock=_version(fit),
        kept_utc=SystemClock().utc().isoformat(timespec="seconds"),
        kept_by=splitclock_version(),
        last_row=read_newest(fit.run),
        features=len(fit.plan.features_planned),
        repeats=max(trial.repeat for trial in fit.plan.trials),
        trials=len(fit.heads),
        errors=fit.errors,
        simulated=all(head.simulated for head in fit.heads),
        models={one: Solved(scored=counts[one, True] + counts[one, False], passed=counts[one, True]) for one in models},
        with_bodies=with_bodies,
        files=file_digests(folder),
    )


def _version(fit: Fit) -> str:
    """The version that ran it: of several, one after another."""
    query = "SELECT DISTINCT json_extract(body, '$.provenance.splitclock') FROM rows WHERE kind = ?"
    with reading(fit.run) as connection:
        found = sorted(str(version) for (version,) in connection.execute(query, (str(Kind.RECORD),)) if version)
    return ", ".join(found) or "unknown"


def _copy_journal(run: RunFolder, goal: Path, *, with_bodies: bool) -> None:
    """One file without a log beside it; a reader of the copy needs no right to write."""
    with reading(run.root) as source, database_errors(goal), closing(sqlite3.connect(goal)) as copy:
        if with_bodies:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE").fetchone()
            return
        for statement in TABLES:
            copy.execute(statement)
        kinds = ", ".join("?" * len(KEPT_KINDS))
        rows = source.execute(
            f"SELECT seq, at_utc, trial, attempt, kind, body FROM rows WHERE kind IN ({kinds}) ORDER BY seq",  # noqa: S608
            tuple(map(str, KEPT_KINDS)),
        )
        copy.executemany("INSERT INTO meta VALUES (?, ?)", source.execute("SELECT key, value FROM meta"))
        copy.executemany("INSERT INTO rows (seq, at_utc, trial, attempt, kind, body) VALUES (?, ?, ?, ?, ?, ?)", rows)
        copy.commit()


def _copy_bodies(run: Path, folder: Path) -> None:
    """Regular files only: a link in a run folder is none of ours."""
    with disk_errors(folder, "written"):
        for part in _BODIES:
            for path in sorted((run / part).rglob("*")):
                if path.is_file() and not path.is_symlink():
                    goal = folder / path.relative_to(run)
                    goal.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(path, goal)
