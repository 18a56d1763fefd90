"""Heads of records, and rows in short, straight from the journal: SQLite picks the few fields out of each body.

A record holds every call and every tool call, tens of kilobytes after forty turns; to say how far a run of ten thousand
trials is, none of that need become a Python object.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.errors import InfraError
from harness.heads import Head
from harness.journal_reader import select
from harness.journal_schema import Kind
from harness.record import Verdict

_RECORD_FIELDS: Mapping[str, str] = {
    "model": "$.trial.model",
    "feature": "$.trial.feature",
    "repeat": "$.trial.repeat",
    "stop": "$.stop",
    "verdict": "$.verdict",
    "error": "$.error",
    "reason": "$.grade.reason",
    "resumed": "$.resumed",
    "in_doubt": "$.in_doubt",
    "noisy": "$.noisy",
    "wall_ns": "$.wall_ns",
    "model_ns": "$.phases.model",
    "tool_ns": "$.phases.tool",
    "turns": "$.turns",
    "last_call": "$.calls[0].turn",
    "cost_usd": "$.cost_usd",
    "cost_is_lower_bound": "$.cost_is_lower_bound",
    "tamper": "$.tamper",
    "denied": "$.grade.denied",
    "restored": "$.grade.restored",
}
_LATER = ("$.verdict", "$.grade.reason")
_ROW_FIELDS = (
    "note",
    "turn",
    "attempt",
    "wait_s",
    "fault",
    "stop",
    "message",
    "limit",
    "cap",
    "output_tokens",
    "cost_usd",
)


def _paths(paths: tuple[str, ...]) -> str:
    return ", ".join(f"'{path}'" for path in paths)


_RECORDS = f"""SELECT seq, trial, attempt, json_extract(body, {_paths(tuple(_RECORD_FIELDS.values()))})
    FROM rows WHERE kind = 'record' AND seq > ? ORDER BY seq"""  # noqa: S608 - ours
_REGRADES = f"""SELECT trial, attempt, json_extract(body, {_paths(_LATER)})
    FROM rows WHERE kind = 'regrade' ORDER BY seq"""  # noqa: S608 - ours
_ROWS = f"""SELECT seq, at_utc, trial, attempt, kind,
    json_extract(body, {_paths(tuple(f"$.{name}" for name in _ROW_FIELDS))})
    FROM rows WHERE seq > ? AND kind NOT IN ('record', 'feature', 'regrade') AND trial != '' ORDER BY seq"""  # noqa: S608 - ours
_NEWEST = "SELECT coalesce(max(seq), 0) FROM rows"
_LAST_OF_KIND = "SELECT max(seq) FROM rows WHERE kind = ? AND trial = ?"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortRow:
    """One row of a trial without what is long in it: `body` has the known ones of a few fields."""

    seq: int
    at_utc: str
    trial: str
    attempt: int
    kind: str
    body: dict[str, Any]


def read_heads(folder: Path, after: int = 0) -> tuple[Head, ...]:
    """The heads of all attempts, each with its latest grade, in the order they were written; of rows above `after`.

    Where an attempt was recorded twice, because it was resumed, its last record counts. Raises ConfigError, InfraError.
    """
    found: dict[tuple[str, int], Head] = {}
    for seq, trial, attempt, fields in select(folder, _RECORDS, (after,)):
        found.pop((trial, attempt), None)
        found[trial, attempt] = _head(folder, seq, {"trial": trial, "attempt": attempt}, json.loads(fields))
    later = {(trial, attempt): json.loads(fields) for trial, attempt, fields in select(folder, _REGRADES)}
    return tuple(_regraded(head, later.get(key)) for key, head in found.items())


def read_short_rows(folder: Path, after: int = 0) -> tuple[ShortRow, ...]:
    """The rows of trials above `after`, in order, without records and what grades are made from."""
    return tuple(
        ShortRow(seq=seq, at_utc=at_utc, trial=trial, attempt=attempt, kind=kind, body=_body(fields))
        for seq, at_utc, trial, attempt, kind, fields in select(folder, _ROWS, (after,))
    )


def read_newest(folder: Path) -> int:
    """The number of the last row; 0 where there is none."""
    return int(select(folder, _NEWEST)[0][0])


def _body(fields: str) -> dict[str, Any]:
    values = zip(_ROW_FIELDS, json.loads(fields), strict=True)
    return {name: value for name, value in values if value is not None}


def _head(folder: Path, seq: int, given: dict[str, Any], fields: list[Any]) -> Head:
    known = dict(zip(_RECORD_FIELDS, fields, strict=True))
    tamper, denied, restored = known.pop("tamper") or {}, known.pop("denied") or (), known.pop("restored") or ()
    seen = sum(len(tamper.get(part) or ()) for part in ("events", "alive", "probes", "hints"))
    calls = 0 if known.pop("last_call") is None else 1
    try:
        verdict = Verdict(known.pop("verdict"))
        told = {name: value for name, value in known.items() if value is not None}
        return Head(**given, **told, verdict=verdict, calls=calls, signs=seen + len(denied) + len(restored))
    except (ValueError, TypeError) as error:
        raise InfraError(f"{folder}: row {seq} holds no readable record: {error}") from error


def _regraded(head: Head, later: list[Any] | None) -> Head:
    if later is None:
        return head
    verdict = Verdict(later[0])
    error = "" if verdict.scored and not head.verdict.scored else head.error
    return replace(head, verdict=verdict, reason=later[1] or "", error=error, regraded=True)
