"""Grading again from what a run journalled: no model is asked, and no old grade is touched."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from harness.clock import Stopwatch, SystemClock
from harness.digests import asked_of, decided, digest
from harness.errors import InfraError, blame
from harness.grade_policy import Submission
from harness.grading_job import grading_job
from harness.journal import (
    Entry,
    Journal,
    Kind,
    Row,
    each_attempt,
    each_attempt_in_turn,
    read_attempts,
    read_records,
    read_rows,
)
from harness.judge import judge
from harness.prepare import Prepared
from harness.provenance import splitclock_version
from harness.record import GradeRow, Record, Regraded, TamperRow, Verdict
from harness.runners.contract import SuiteReport
from harness.tamper import seen_again
from sandbox.contract import Identity, SandboxProvider
from sandbox.errors import SandboxError

SCHEMA = 1
"""Number of the rows' form; goes up, fields are only added."""

PARTS = {"tests": "tests or target settings", "manifest": "manifest.json", "source": "the source tree"}
"""What a grade is made from beside the submission, in words."""


class RegradeRow(BaseModel):
    """A later grade as the journal keeps it; `changed` names the parts of the fixtures that were others by then."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    verdict: Verdict
    was: str
    grade: GradeRow
    report: str = ""
    changed: tuple[str, ...] = ()
    tamper: TamperRow | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Regrade:
    """One trial graded again: its `record`, and what the suite and the judge say now."""

    record: Record
    verdict: Verdict
    grade: GradeRow
    report: SuiteReport
    tamper: TamperRow | None = None
    changed: tuple[str, ...] = ()

    @property
    def state(self) -> str:
        """Against the record: "same" verdict, "differs", or "new" where it had none."""
        if not self.record.verdict.scored:
            return "new"
        return "same" if self.verdict is self.record.verdict else "differs"

    def moved(self) -> dict[str, tuple[str, str]]:
        """Tests that decided either grade and ended otherwise in the other: (then, now), "passed" where not named."""
        old, new = _deciding(self.record.grade), _deciding(self.grade)
        both = {one: (old.get(one, "passed"), new.get(one, "passed")) for one in {**old, **new}}
        return {one: pair for one, pair in sorted(both.items()) if pair[0] != pair[1]}


def feature_body(journal: Journal, prepared: Prepared) -> dict[str, Any]:
    """The body of a feature's row: what its trials are graded by, as digests to compare and as a document to read."""
    feature = prepared.feature
    document = {
        "schema": SCHEMA,
        "feature": feature.key,
        "brief": feature.brief,
        "manifest": None if feature.manifest is None else asdict(feature.manifest),
        "graded_by": asked_of(feature),
    }
    return {
        "feature": feature.key,
        "digests": graded_by(prepared),
        "environment": prepared.environment.key,
        "document": journal.put_body(json.dumps(document).encode()),
    }


def graded_by(prepared: Prepared) -> dict[str, str]:
    """Digests of everything that decides a grade beside the submission: tests and target settings, manifest, source."""
    feature = prepared.feature
    return {
        "tests": digest(asked_of(feature)),
        "manifest": digest(decided(feature)),
        "source": prepared.snapshot.digest,
    }


def changed_since(rows: Iterable[Row], prepared: Prepared) -> tuple[str, ...]:
    """The parts of a feature's fixtures that are no longer what the run graded by. Raises InfraError without a row."""
    key = prepared.feature.key
    known = next((row.body.get("digests") for row in reversed(tuple(rows)) if row.body.get("feature") == key), None)
    if not isinstance(known, dict):
        raise InfraError(f"{key}: the run did not journal what it graded by; it cannot be compared with the fixtures")
    return tuple(part for part, now in graded_by(prepared).items() if known.get(part) != now)


def why_not(record: Record) -> str:
    """Why a record's trial cannot be graded again, whatever was journalled; empty when it can.

    What a provider or an interruption ended was never graded, and shall not be by a second look.
    """
    if record.verdict.scored:
        return ""
    ended = record.stop in {"", "interrupted", "deferred"} or record.stop.startswith("error:")
    if record.verdict is Verdict.ERROR_INFRA and not ended:
        return ""
    return f"it ended in {record.verdict}, so there is nothing to judge"


def regrade(record: Record, submission: Submission, prepared: Prepared, provider: SandboxProvider) -> Regrade:
    """Judge a submission in fresh sandboxes, as its trial did. Raises InfraError when one cannot be had."""
    identity = Identity(run=record.run, trial=record.trial.id, attempt=record.attempt, role="grade")
    job = grading_job(prepared, submission, identity)
    with blame(InfraError, f"cannot grade trial {record.trial.id} again", SandboxError):
        judged = judge(job, provider.open, Stopwatch(SystemClock()), lambda _report: None)
    grade = judged.grade
    return Regrade(
        record=record,
        verdict=grade.verdict,
        grade=grade.row(submission),
        report=judged.report,
        tamper=seen_again(record.tamper, judged.report, judged.probes),
    )


def keep_regrade(journal: Journal, done: Regrade, facts: Mapping[str, str]) -> None:
    """Write a later grade beside the record, as a row of its own kind; `facts` say what it was made with."""
    body = {
        "schema": SCHEMA,
        "verdict": done.verdict.value,
        "was": done.record.verdict.value,
        "grade": done.grade.model_dump(mode="json"),
        "report": journal.put_body(json.dumps(done.report.document()).encode()),
        "changed": list(done.changed),
        "tamper": None if done.tamper is None else done.tamper.model_dump(mode="json"),
        "splitclock": splitclock_version(),
        **facts,
    }
    journal.append(Entry(kind=Kind.REGRADE, body=body, trial=done.record.trial.id, attempt=done.record.attempt))


def graded_records(folder: Path) -> tuple[Record, ...]:
    """The records of a run's latest attempts, each with its latest grade. Raises ConfigError, InfraError."""
    return with_regrades(read_records(folder), read_rows(folder, Kind.REGRADE))


def graded_attempts(folder: Path) -> tuple[Record, ...]:
    """The same of all attempts, superseded ones included."""
    return with_regrades(read_attempts(folder), read_rows(folder, Kind.REGRADE))


def each_graded_attempt(folder: Path) -> Iterator[Record]:
    """The same read one by one, for runs of more trials than are to be held at once."""
    later = _latest(read_rows(folder, Kind.REGRADE))
    for record in each_attempt(folder):
        yield _applied(record, later.get((record.trial.id, record.attempt)))


def each_graded_attempt_in_turn(folder: Path) -> Iterator[tuple[Record, bool]]:
    """The same, the attempts at one trial together, and with each whether it is the trial's latest."""
    later = _latest(read_rows(folder, Kind.REGRADE))
    for record, final in each_attempt_in_turn(folder):
        yield _applied(record, later.get((record.trial.id, record.attempt))), final


def with_regrades(records: Iterable[Record], rows: Iterable[Row]) -> tuple[Record, ...]:
    """The records, with the latest later grade of the same attempt instead of their own, and saying so."""
    later = _latest(rows)
    return tuple(_applied(record, later.get((record.trial.id, record.attempt))) for record in records)


def _latest(rows: Iterable[Row]) -> dict[tuple[str, int], Row]:
    return {(row.trial, row.attempt): row for row in rows}


def _applied(record: Record, row: Row | None) -> Record:
    if row is None:
        return record
    try:
        later = RegradeRow.model_validate(row.body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InfraError(f"row {row.seq} of the journal is no later grade: {where}: {first['msg']}") from error
    note = Regraded(was=record.verdict.value, at_utc=row.at_utc, changed=later.changed)
    error_ = "" if later.verdict.scored and not record.verdict.scored else record.error
    news = {"verdict": later.verdict, "grade": later.grade, "error": error_, "regraded": note}
    return record.model_copy(update=news | {"tamper": later.tamper or record.tamper})


def _deciding(grade: GradeRow) -> dict[str, str]:
    return {**grade.lost, **grade.fail_to_pass}


def with_changes(done: Regrade, changed: tuple[str, ...]) -> Regrade:
    """The same, graded by fixtures of which these parts changed."""
    return replace(done, changed=changed)
