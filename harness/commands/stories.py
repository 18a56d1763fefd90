"""The stories of a run's trials, read from its folder: the journal's rows once for all, files trial by trial."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from harness.errors import InfraError
from harness.files import disk_errors
from harness.journal import Kind, Row, read_body, read_rows
from harness.record import Record
from harness.run_folder import RunFolder
from harness.story import Story, brief_of, turns_of

NAMES = ("transcript.jsonl", "difference.patch", "tests.json", "spans.json", "record.json")
"""The files that an attempt may leave."""

_Of = Mapping[tuple[str, int], list[Row]]


class Stories:
    """What a run folder tells of its attempts, of which `records` are all."""

    def __init__(self, run: Path, records: Iterable[Record]) -> None:
        self._run = run
        self._attempts: dict[str, list[Record]] = defaultdict(list)
        for record in records:
            self._attempts[record.trial.id].append(record)
        self._started, self._notes, self._later = (
            _by_attempt(read_rows(run, kind)) for kind in (Kind.TOOL_START, Kind.NOTE, Kind.REGRADE)
        )
        self._flaky = _flaky_of(run)

    def story(self, record: Record) -> Story:
        """One attempt from its brief to its verdict. Raises InfraError for files that hold no JSON."""
        key = record.trial.id, record.attempt
        folder = RunFolder(root=self._run).trial(*key)
        files = {name: folder / name for name in NAMES if (folder / name).is_file()}
        messages = _messages(files.get("transcript.jsonl"))
        return Story(
            record=record,
            brief=brief_of(messages),
            turns=turns_of(messages, record, _raw_arguments(self._started.get(key, []))),
            difference=_text(files.get("difference.patch")),
            tests=_tests(self._run, files, self._later.get(key, [])),
            flaky=self._flaky.get(record.trial.feature, ()),
            others=tuple(one for one in self._attempts[record.trial.id] if one.attempt != record.attempt),
            failures=_failures(self._notes.get(key, [])),
            files=files,
        )


def _by_attempt(rows: Iterable[Row]) -> _Of:
    found: dict[tuple[str, int], list[Row]] = defaultdict(list)
    for row in rows:
        found[row.trial, row.attempt].append(row)
    return found


def _flaky_of(run: Path) -> dict[str, tuple[str, ...]]:
    """Each feature's flaky tests by the manifest that the run graded with."""
    digests = {str(row.body.get("feature")): str(row.body.get("document", "")) for row in read_rows(run, Kind.FEATURE)}
    manifests = {feature: _body(run, digest).get("manifest") or {} for feature, digest in digests.items() if digest}
    return {feature: tuple(map(str, found.get("flaky", ()))) for feature, found in manifests.items()}


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


def _raw_arguments(rows: Iterable[Row]) -> dict[tuple[int, str], str]:
    return {
        (row.body["turn"], str(row.body["id"])): str(row.body.get("arguments", ""))
        for row in rows
        if isinstance(row.body.get("turn"), int) and "id" in row.body
    }


def _failures(rows: Iterable[Row]) -> tuple[str, ...]:
    failed = (row.body for row in rows if row.body.get("note") == "call_failed")
    return tuple(f"turn {body.get('turn')}: {body.get('fault')}: {body.get('message')}" for body in failed)


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
