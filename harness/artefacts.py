"""What a trial leaves for people to read: plain files beside the journal, each whole or not there."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from harness.clock import Phase, Span
from harness.errors import InfraError
from harness.files import disk_errors, write_atomic
from harness.record import Record, SpanRow
from harness.redact import Redactor
from harness.run_folder import RunFolder


class TrialFolder:
    """Writes the files of one attempt at a trial, secrets replaced. Every method raises InfraError."""

    def __init__(self, run: RunFolder, trial_id: str, attempt: int, redactor: Redactor) -> None:
        self.path = run.trial(trial_id, attempt)
        self._redactor = redactor

    def transcript(self, messages: Iterable[Mapping[str, Any]]) -> Path:
        """transcript.jsonl: one JSON object a line, in order."""
        return self._text("transcript.jsonl", "".join(self._redactor.json(message) + "\n" for message in messages))

    def difference(self, patch: bytes) -> Path:
        """difference.patch: what the agent changed, as git would show it."""
        return self._data("difference.patch", self._redactor.data(patch))

    def tests(self, report: Mapping[str, Any]) -> Path:
        """tests.json: what the suite reported, test by test."""
        return self._json("tests.json", report)

    def spans(self, rows: Iterable[SpanRow]) -> Path:
        """spans.json: every span, in nanoseconds since the trial's start."""
        return self._json("spans.json", [row.model_dump(mode="json") for row in rows])

    def record(self, record: Record) -> Path:
        """record.json: the same record as the journal's."""
        return self._json("record.json", record.model_dump(mode="json", by_alias=True))

    def _json(self, name: str, value: Any) -> Path:
        return self._text(name, self._redactor.json(value, indent=1) + "\n")

    def _text(self, name: str, text: str) -> Path:
        return self._data(name, text.encode("utf-8", "replace"))

    def _data(self, name: str, data: bytes) -> Path:
        path = self.path / name
        write_atomic(path, data)
        return path


def span_rows(spans: Iterable[Span], start_ns: int) -> tuple[SpanRow, ...]:
    """Spans as they are kept: times counted from the trial's start."""
    return tuple(
        SpanRow(
            phase=str(span.phase),
            sub=span.sub,
            t0=span.t0 - start_ns,
            t1=span.t1 - start_ns,
            name=span.name,
            details=dict(span.details),
        )
        for span in spans
    )


def read_spans(run: RunFolder, trial_id: str, attempt: int) -> tuple[SpanRow, ...]:
    """The spans that an attempt left. Raises InfraError when there are none that can be read."""
    path = run.trial(trial_id, attempt) / "spans.json"
    with disk_errors(path, "read"):
        data = path.read_bytes()
    try:
        rows = _SPANS.validate_json(data)
        for row in rows:
            Phase(row.phase)
    except (ValidationError, ValueError) as error:
        why = str(error).splitlines()[0]
        raise InfraError(f"{path}: holds no readable spans: {why}; restore the run folder from a copy") from error
    return rows


_SPANS = TypeAdapter(tuple[SpanRow, ...])
