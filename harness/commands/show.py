"""`splitclock show`: the whole story of one trial, from its brief to its verdict and why."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from harness.commands import options
from harness.commands.picking import pick_record
from harness.commands.session import output
from harness.current import current_attempts
from harness.errors import ConfigError, InfraError
from harness.files import disk_errors
from harness.journal import Kind, Row, read_body, read_rows
from harness.record import Record
from harness.run_folder import RunFolder
from harness.story import Story, brief_of, turns_of
from scoreboards.report.story_machine import story_json
from scoreboards.report.story_view import LEAST_WIDTH, print_story

NAMES = ("transcript.jsonl", "difference.patch", "tests.json", "spans.json", "record.json")
"""The files that an attempt may leave."""


def command(
    run: options.RunFolderArgument,
    trial: options.TrialArgument = None,
    *,
    attempt: options.Attempt = None,
    full: Annotated[bool, typer.Option("--full", help="Every text uncut.")] = False,
    as_json: options.Json = False,
) -> None:
    """One trial from beginning to end: brief, turns, tools, difference, tests, signs of tampering, verdict, and why.

    Example: splitclock show runs/demo-20260101T120000Z fast/bookings/waitlist/1
    """
    story = load_story(run, trial, attempt)
    if as_json:
        typer.echo(story_json(story))
        return
    console = output()
    if console.width < LEAST_WIDTH:
        raise ConfigError(f"a story needs {LEAST_WIDTH} columns and has {console.width}: widen it, or take --json")
    print_story(story, console, is_full=full)


def load_story(run: Path, trial: str | None, attempt: int | None) -> Story:
    """What the run folder tells of one attempt. Raises ConfigError where it is not clear which, InfraError."""
    records = current_attempts(run)
    record = pick_record(run, trial, attempt, records)
    folder = RunFolder(root=run).trial(record.trial.id, record.attempt)
    files = {name: folder / name for name in NAMES if (folder / name).is_file()}
    messages = _messages(files.get("transcript.jsonl"))
    return Story(
        record=record,
        brief=brief_of(messages),
        turns=turns_of(messages, record, _raw_arguments(run, record)),
        difference=_text(files.get("difference.patch")),
        tests=_tests(run, files, _of(read_rows(run, Kind.REGRADE), record)),
        flaky=_flaky(run, record),
        others=tuple(one for one in records if one.trial.id == record.trial.id and one.attempt != record.attempt),
        failures=_failures(run, record),
        files=files,
    )


def _messages(path: Path | None) -> list[dict[str, Any]]:
    text = _text(path)
    if path is None or text is None:
        return []
    return [_parsed(line, path) for line in text.split("\n") if line.strip()]


def _tests(run: Path, files: Mapping[str, Path], later: list[Row]) -> dict[str, Any] | None:
    """What the suite reported, in the run that the shown grade was made from."""
    digest = str(later[-1].body.get("report", "")) if later else ""
    if digest:
        return _body(run, digest)
    path = files.get("tests.json")
    text = _text(path)
    return None if path is None or text is None else _parsed(text, path)


def _flaky(run: Path, record: Record) -> tuple[str, ...]:
    """The feature's flaky tests by the manifest that the run graded with."""
    rows = [row for row in read_rows(run, Kind.FEATURE) if row.body.get("feature") == record.trial.feature]
    digest = str(rows[-1].body.get("document", "")) if rows else ""
    if not digest:
        return ()
    found = (_body(run, digest).get("manifest") or {}).get("flaky", ())
    return tuple(str(one) for one in found)


def _raw_arguments(run: Path, record: Record) -> dict[tuple[int, str], str]:
    rows = _of(read_rows(run, Kind.TOOL_START), record)
    return {
        (row.body["turn"], str(row.body["id"])): str(row.body.get("arguments", ""))
        for row in rows
        if isinstance(row.body.get("turn"), int) and "id" in row.body
    }


def _failures(run: Path, record: Record) -> tuple[str, ...]:
    rows = _of(read_rows(run, Kind.NOTE), record)
    failed = (row.body for row in rows if row.body.get("note") == "call_failed")
    return tuple(f"turn {body.get('turn')}: {body.get('fault')}: {body.get('message')}" for body in failed)


def _of(rows: Iterable[Row], record: Record) -> list[Row]:
    return [row for row in rows if (row.trial, row.attempt) == (record.trial.id, record.attempt)]


def _text(path: Path | None) -> str | None:
    if path is None:
        return None
    with disk_errors(path, "read"):
        return path.read_bytes().decode("utf-8", "replace")


def _parsed(text: str, path: Path) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InfraError(f"{path}: holds no JSON: {error}; restore the run folder from a copy") from error
    if not isinstance(value, dict):
        raise InfraError(f"{path}: should hold JSON objects; restore the run folder from a copy")
    return value


def _body(run: Path, digest: str) -> dict[str, Any]:
    """The JSON object in a large body."""
    try:
        data = read_body(run, digest)
    except ValueError as error:
        raise InfraError(f"{run}: {error}; restore the run folder from a copy") from error
    return _parsed(data.decode("utf-8", "replace"), run)
