"""`splitclock regrade`: grade a run's trials again from what it journalled, and compare."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from harness.commands import options
from harness.commands.again import features_again
from harness.commands.options import SandboxKind
from harness.commands.parallel import each, refuse_interrupted
from harness.commands.picking import pick
from harness.commands.session import Session, open_session, output, print_json, say
from harness.commands.soundness import refuse_unsound, refuse_weakened
from harness.config import Slice
from harness.current import planned_only
from harness.errors import ConfigError, HarnessError, InfraError, InterruptedRunError
from harness.journal import Journal, Kind, Row, read_records, read_rows
from harness.prepare import Prepared, prepare
from harness.record import Record
from harness.regrade import PARTS, Regrade, changed_since, keep_regrade, regrade, why_not, with_changes
from harness.run_plan import planned_rows
from harness.submissions import read_submission
from harness.untrusted import one_line, rich_text
from sandbox.contract import SandboxProvider


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """What all trials of one command share; `prepared` and `changed` are by feature key."""

    run: Path
    session: Session
    prepared: Mapping[str, Prepared]
    changed: Mapping[str, tuple[str, ...]]
    handed_in: Mapping[tuple[str, int], Row]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Result:
    """A trial with its later grade, or with why there is none; `failed` where another try may give one."""

    record: Record
    done: Regrade | None = None
    why: str = ""
    failed: bool = False


def command(
    run: options.RunFolderArgument,
    *,
    trial: Annotated[
        list[str] | None, typer.Option("--trial", metavar="TRIAL", help="Only this trial: id or MODEL/FEATURE/REPEAT.")
    ] = None,
    with_current_fixtures: Annotated[
        bool, typer.Option("--with-current-fixtures", help="Grade by the fixtures as they are now, changed or not.")
    ] = False,
    jobs: options.Jobs = 1,
    sandbox: options.Sandbox = SandboxKind.DOCKER,
    source: options.Sources = None,
    working_tree: options.WorkingTrees = None,
    fixtures: options.Fixtures = None,
    allow_weakened: options.Weakened = None,
    as_json: options.Json = False,
) -> int:
    """Grade again what the agents of a run handed in; no model is asked, and the old grades stay where they are.

    Example: splitclock regrade runs/demo-20260101T120000Z --trial fast/bookings/waitlist/1
    """
    wanted = _wanted(run, trial)
    patterns = sorted({record.trial.feature for record in wanted if not why_not(record)})
    features = features_again(run, patterns, options.given(Slice(), fixtures, source, working_tree))
    with Journal.open(run) as journal:
        session = open_session(sandbox)
        allowed = tuple(allow_weakened or ())
        refuse_unsound(session.provider, features, allowed)
        with session.clearing():
            prepared = {one.key: prepare(one, session.provider, session.checkouts, say) for one in features}
            for one in tuple(prepared.values())[:1]:
                refuse_weakened(session.provider, one.environment.digest, allowed)
        job = _Job(
            run=run,
            session=session,
            prepared=prepared,
            changed=_changed(run, prepared.values(), anyway=with_current_fixtures),
            handed_in={(row.trial, row.attempt): row for row in read_rows(run, Kind.SUBMISSION)},
        )
        _tell_differences(job, wanted)
        results = _all(job, wanted, jobs, journal)
    if as_json:
        print_json({"schema": 1, "run": str(run), "trials": [_value(result) for result in results]})
    else:
        _show(results)
    return _exit_code(results)


def _wanted(run: Path, names: Sequence[str] | None) -> tuple[Record, ...]:
    """The records of the trials that are meant, in the order they finished. Raises ConfigError."""
    records = planned_only(run, read_records(run))
    if names:
        planned = planned_rows(run)
        chosen = {pick(planned, name, run)["id"] for name in names}
        records = tuple(record for record in records if record.trial.id in chosen)
    if not records:
        raise ConfigError(f"{run}: no trial has a record yet, so there is nothing to grade again")
    return records


def _changed(run: Path, prepared: Iterable[Prepared], *, anyway: bool) -> dict[str, tuple[str, ...]]:
    """What changed of each feature since the run. Raises ConfigError with a line each, unless that is wanted."""
    rows = read_rows(run, Kind.FEATURE)
    changed = {one.feature.key: changed_since(rows, one) for one in prepared}
    told = {key: " and ".join(PARTS[part] for part in parts) for key, parts in changed.items() if parts}
    if told and not anyway:
        advice = "give the same fixtures, or grade by these with --with-current-fixtures"
        raise ConfigError(*(f"{key}: {what} changed since the run; {advice}" for key, what in told.items()))
    for key, what in told.items():
        say(f"{key}: graded by the fixtures as they are now: {what} changed since the run")
    return changed


def _tell_differences(job: _Job, records: Iterable[Record]) -> None:
    """Say what is not as it was in the run, and may change a verdict: the kind of sandbox, an environment."""
    kind, lines = job.session.provider.kind, []
    for record in records:
        then, made = record.provenance, job.prepared.get(record.trial.feature)
        if then.get("sandbox", kind) != kind:
            lines.append(f"the run was graded in sandboxes of kind `{one_line(then['sandbox'], 20)}`, this is `{kind}`")
        elif made is not None and then.get("environment", made.environment.key) != made.environment.key:
            lines.append(f"{made.feature.key}: the environment is made otherwise than in the run")
    for line in dict.fromkeys(lines):
        say(line)


def _all(job: _Job, records: Sequence[Record], jobs: int, journal: Journal) -> tuple[_Result, ...]:
    """Every trial's result, in the order of the records; each later grade is journalled as soon as it is known."""
    kind = job.session.provider.kind

    def one(record: Record, provider: SandboxProvider) -> _Result:
        result = _one(job, record, provider)
        refuse_interrupted(provider)
        if result.done is not None:
            environment = job.prepared[record.trial.feature].environment
            keep_regrade(journal, result.done, {"sandbox": kind, "environment": environment.key})
        say(f"{_label(record)}: {_outcome(result)}")
        return result

    return each(job.session, records, one, jobs)


def _one(job: _Job, record: Record, provider: SandboxProvider) -> _Result:
    row = job.handed_in.get((record.trial.id, record.attempt))
    why = why_not(record) or ("" if row else "no submission of it was journalled")
    if row is None or why:
        return _Result(record=record, why=why)
    key = record.trial.feature
    try:
        submission = read_submission(job.run, row)
        done = regrade(record, submission, job.prepared[key], provider)
    except InterruptedRunError:
        raise
    except HarnessError as error:  # the others are still graded
        return _Result(record=record, why=str(error), failed=True)
    return _Result(record=record, done=with_changes(done, job.changed[key]))


def _exit_code(results: Iterable[_Result]) -> int:
    """1 where a verdict differs, else 4 where a trial could not be graded though it should, else 0."""
    found = tuple(results)
    if any(result.done is not None and result.done.state == "differs" for result in found):
        return 1
    return InfraError.exit_code if any(result.failed for result in found) else 0


def _label(record: Record) -> str:
    return one_line(f"{record.trial.model} {record.trial.feature} {record.trial.repeat}", 80)


def _outcome(result: _Result) -> str:
    if result.done is None:
        return f"not graded again: {one_line(result.why)}"
    return f"{result.done.record.verdict} before, {result.done.verdict} now"


def _value(result: _Result) -> dict[str, Any]:
    record, done = result.record, result.done
    return {
        "id": record.trial.id,
        "model": record.trial.model,
        "feature": record.trial.feature,
        "repeat": record.trial.repeat,
        "attempt": record.attempt,
        "was": record.verdict.value,
        "now": None if done is None else done.verdict.value,
        "state": "not_graded" if done is None else done.state,
        "why": (result.why if done is None else done.grade.reason) or None,
        "changed_fixtures": [] if done is None else list(done.changed),
        "changed_tests": {} if done is None else {name: list(pair) for name, pair in done.moved().items()},
    }


def _show(results: Sequence[_Result]) -> None:
    """A line for each trial, and under them the tests that ended otherwise."""
    table = Table(box=None)
    for name in ("trial", "was", "now", ""):
        table.add_column(name, overflow="fold", no_wrap=name in {"was", "now"})
    for result in results:
        table.add_row(rich_text(_label(result.record)), *_cells(result))
    console = output()
    console.print(table)
    for result in results:
        for test, (then, now) in result.done.moved().items() if result.done else ():
            console.print(rich_text(f"{_label(result.record)}: {one_line(test)}: {then} before, {now} now"))
    same = sum(result.done is not None and result.done.state == "same" for result in results)
    graded = sum(result.done is not None for result in results)
    console.print(Text(f"{graded} of {len(results)} trials graded again, {same} with the verdict that they had."))


def _cells(result: _Result) -> tuple[Text, Text, Text]:
    was, done = Text(result.record.verdict.value), result.done
    if done is None:
        return was, Text("-"), rich_text(f"not graded again: {one_line(result.why)}")
    style = {"same": "color(28)", "differs": "bold color(160)", "new": "color(136)"}[done.state]
    note = "" if done.state == "same" else f": {one_line(done.grade.reason)}"
    return was, Text(done.verdict.value), Text.assemble((done.state, style), note)
