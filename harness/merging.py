"""Several runs of one matrix written as one run folder, from which everything goes on as from any other."""

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.artefacts import TrialFolder
from harness.errors import ConfigError
from harness.files import disk_errors, write_atomic
from harness.journal import Entry, Journal, Kind, Row, read_meta, read_records, read_rows
from harness.lock import is_written
from harness.merge_plan import Merge, Part, merge_plan
from harness.record import Record
from harness.redact import Redactor
from harness.regrade import graded_records
from harness.run_folder import RunFolder
from harness.run_plan import read_plan
from harness.untrusted import one_line

FROM = "merged_from"
"""In a record's provenance, and where a run of it began: the run that it was copied from."""

KINDS = frozenset(kind.value for kind in Kind)

_OF_THE_RUN = (Kind.RUN_STARTED, Kind.NOTE, Kind.FEATURE)
"""Rows of no trial that are worth copying: when each part was at work is told by where its lives begin."""


def merge_runs(runs: Sequence[Path], out: Path) -> Merge:
    """Write the runs as one to `out`, a new or empty folder. Returns what it is made of.

    Raises ConfigError where they cannot be one, or one is still being written, and InfraError; then nothing of
    it stays in `out`, which another process may have made a run of meanwhile: that one stays.
    """
    _refuse(runs, out)
    merge = merge_plan([_part(run) for run in runs])
    journal = Journal.create(out)  # where that fails, what lies there is somebody else's
    try:
        with journal:
            _write(journal, runs, merge)
    except BaseException:
        with suppress(OSError):
            shutil.rmtree(out)
        raise
    return merge


def _refuse(runs: Sequence[Path], out: Path) -> None:
    seen: set[Path] = set()
    problems = []
    for run in runs:
        if run.resolve() in seen:
            problems.append(f"{run}: is named twice")
        if is_written(RunFolder(root=run).lock):
            problems.append(f"{run}: is still being written; wait for it, or end it first")
        seen.add(run.resolve())
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        problems.append(f"{out}: is not empty; choose another folder for --out")
    if problems:
        raise ConfigError(*problems)


def _part(run: Path) -> Part:
    begun: dict[str, str] = {}
    for row in read_rows(run):
        if row.trial and (row.kind == Kind.RECORD or row.trial not in begun):
            begun[row.trial] = row.at_utc
    records = {record.trial.id: record for record in graded_records(run)}
    return Part(name=str(run), plan=read_plan(run), records=records, begun=begun)


def _write(journal: Journal, runs: Sequence[Path], merge: Merge) -> None:
    folder = journal.folder
    with disk_errors(folder.root, "merged into"):
        _copy_files(folder, runs, merge)
    names = [read_meta(run)["run"] for run in runs]
    features: set[str] = set()
    rows = [
        journal.post(_entry(row, folder.root.name, names[place]))
        for place, run in enumerate(runs)
        for row in read_rows(run)
        if _is_taken(row, place, merge, features)
    ]
    for row in rows:
        row.result()
    # Behind the rows of the parts, for the last of their lives ended with its last row, and not with the merge.
    opening = {"matrix": merge.plan.matrix, "trials": len(merge.plan.trials), "merged": names}
    journal.append(Entry(kind=Kind.RUN_STARTED, body=opening))
    records = read_records(folder.root)
    _write_records(folder, records)
    closing = {"records": len(records), "interrupted": False, "merged": names}
    journal.append(Entry(kind=Kind.RUN_FINISHED, body=closing))


def _is_taken(row: Row, place: int, merge: Merge, features: set[str]) -> bool:
    if row.trial:
        return merge.homes.get(row.trial) == place
    if row.kind != Kind.FEATURE:
        return row.kind in _OF_THE_RUN
    body = json.dumps(row.body, sort_keys=True)
    known = body in features
    features.add(body)
    return not known


def _entry(row: Row, name: str, was: str) -> Entry:
    body: Mapping[str, Any] = row.body
    if row.kind not in KINDS:
        raise ConfigError(f"a newer Splitclock wrote rows of the kind `{one_line(row.kind, 40)}`; upgrade this one")
    if row.kind == Kind.RECORD:
        body = {**body, "run": name, "provenance": {**body.get("provenance", {}), FROM: was}}
    if row.kind == Kind.RUN_STARTED:
        body = {**body, FROM: was}
    return Entry(kind=Kind(row.kind), body=body, trial=row.trial, attempt=row.attempt, at_utc=row.at_utc)


def _copy_files(folder: RunFolder, runs: Sequence[Path], merge: Merge) -> None:
    shutil.copyfile(RunFolder(root=runs[0]).matrix, folder.matrix)
    write_atomic(folder.plan, (json.dumps(merge.plan.document(), indent=1) + "\n").encode())
    write_atomic(folder.provenance, (json.dumps(_provenance(runs), indent=1) + "\n").encode())
    for place, run in enumerate(runs):
        if (run / "bodies").is_dir():
            shutil.copytree(run / "bodies", folder.root / "bodies", dirs_exist_ok=True)
        for trial in (trial for trial, home in merge.homes.items() if home == place):
            if (there := RunFolder(root=run).trial(trial)).is_dir():
                shutil.copytree(there, folder.trial(trial), dirs_exist_ok=True)
        _append(run / "simulator.jsonl", folder.root / "simulator.jsonl")


def _append(source: Path, goal: Path) -> None:
    if source.is_file():
        with source.open("rb") as reader, goal.open("ab") as writer:
            shutil.copyfileobj(reader, writer)


def _provenance(runs: Iterable[Path]) -> dict[str, str]:
    """The facts of all runs, each once; what differs is told one after another, and each record tells its own."""
    found: dict[str, list[str]] = {}
    for run in runs:
        path = RunFolder(root=run).provenance
        facts = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        for name, value in facts.items():
            found.setdefault(name, []).append(str(value))
    return {name: " | ".join(dict.fromkeys(values)) for name, values in found.items()}


def _write_records(folder: RunFolder, records: Iterable[Record]) -> None:
    """record.json says what the journal says, also of which run it is."""
    for record in records:
        if folder.trial(record.trial.id, record.attempt).is_dir():
            TrialFolder(folder, record.trial.id, record.attempt, Redactor()).record(record)
