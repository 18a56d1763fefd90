"""Heads of records, and rows in short, straight from the journal: SQLite picks the few fields out of each body.

A record holds every call and every tool call, tens of kilobytes after forty turns; to say how far a run of ten thousand
trials is, none of that need become a Python object.
"""

import json
from collections.abc import Iterable, Mapping
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
    "simulated": "$.trial.simulated",
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
    "denied_count": "$.grade.denied_count",
}
_LATER = ("$.verdict", "$.grade.reason", "$.grade.denied", "$.grade.denied_count", "$.tamper")
_ROW_FIELDS = (
    "note",
    "turn",
    "attempt",
    "wait_s",
    "fault",
    "stop",
    "message",
    "provider",
    "at_once",
    "of",
    "output_tokens",
    "cost_usd",
    "elapsed_ns",
)


def _paths(paths: tuple[str, ...]) -> str:
    return ", ".join(f"'{path}'" for path in paths)


_RECORDS = f"""SELECT seq, at_utc, trial, attempt, json_extract(body, {_paths(tuple(_RECORD_FIELDS.values()))})
    FROM rows WHERE kind = 'record' AND seq > ? AND seq <= ? ORDER BY seq"""  # noqa: S608 - ours
_REGRADES = f"""SELECT trial, attempt, json_extract(body, {_paths(_LATER)})
    FROM rows WHERE kind = 'regrade' ORDER BY seq"""  # noqa: S608 - ours
_LONG = ("record", "feature", "regrade", "submission")
_SHORT = f"""SELECT seq, at_utc, trial, attempt, kind,
    json_extract(body, {_paths(tuple(f"$.{name}" for name in _ROW_FIELDS))}) FROM rows"""  # noqa: S608 - ours
_ROWS = f"{_SHORT} WHERE seq > ? AND seq <= ? AND kind NOT IN {_LONG} ORDER BY seq"
_OF_TRIALS = f"{_SHORT} WHERE kind IN ({{kinds}}) AND trial IN ({{trials}}) AND seq <= ?"
_STARTED = "SELECT trial, seq, kind FROM rows WHERE kind IN ('trial_started', 'resumed') AND seq <= ? ORDER BY seq"
_TOKENS = """SELECT trial, attempt, (SELECT sum(json_extract(value, '$.output_tokens')) FROM json_each(body, '$.calls'))
    FROM rows WHERE kind = 'record' ORDER BY seq"""
_NEWEST = "SELECT coalesce(max(seq), 0) FROM rows"
_AT_ONCE = 200
_LAST = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortRow:
    """One row without what is long in it: `body` has the known ones of a few fields."""

    seq: int
    at_utc: str
    trial: str
    attempt: int
    kind: str
    body: dict[str, Any]


def read_heads(folder: Path, after: int = 0, until: int = _LAST) -> tuple[Head, ...]:
    """The heads of all attempts, each with its latest grade, in the order they were written.

    Of rows above `after`, and not above `until`.
    Where an attempt was recorded twice, because it was resumed, its last record counts. Raises ConfigError, InfraError.
    """
    found: dict[tuple[str, int], Head] = {}
    seen: dict[tuple[str, int], int] = {}
    for seq, at_utc, trial, attempt, fields in select(folder, _RECORDS, (after, until)):
        found.pop((trial, attempt), None)
        given = {"trial": trial, "attempt": attempt, "row": seq, "at_utc": at_utc}
        known = dict(zip(_RECORD_FIELDS, json.loads(fields), strict=True))
        seen[trial, attempt] = _seen(known.pop("tamper"))
        found[trial, attempt] = _head(folder, given, known, seen[trial, attempt])
    later = {(trial, attempt): json.loads(fields) for trial, attempt, fields in select(folder, _REGRADES)}
    return tuple(_regraded(head, later.get(key), seen[key]) for key, head in found.items())


def with_tokens(folder: Path, heads: Iterable[Head]) -> tuple[Head, ...]:
    """Heads of the folder's records with their output tokens: sums over calls, so every record is read through.

    Raises ConfigError, InfraError.
    """
    tokens = {(trial, attempt): found for trial, attempt, found in select(folder, _TOKENS)}
    return tuple(replace(head, output_tokens=tokens.get((head.trial, head.attempt))) for head in heads)


def read_short_rows(folder: Path, after: int = 0, until: int = _LAST) -> tuple[ShortRow, ...]:
    """The rows above `after` and not above `until`, in order, without records and what grades are made from."""
    return tuple(_short(found) for found in select(folder, _ROWS, (after, until)))


def read_open_rows(folder: Path, heads: Iterable[Head], until: int) -> tuple[ShortRow, ...]:
    """The rows of attempts that began, or went on, and have no record of that among `heads`, in order.

    No row of a finished trial is looked at, so it costs as much as there is under way.
    """
    recorded: dict[str, int] = {}
    for head in heads:
        recorded[head.trial] = max(head.row, recorded.get(head.trial, 0))
    since: dict[str, int] = {}
    for trial, seq, kind in select(folder, _STARTED, (until,)):
        if seq > recorded.get(trial, 0) and (kind == Kind.TRIAL_STARTED or trial not in since):
            since[trial] = seq
    kinds = [str(kind) for kind in Kind if str(kind) not in _LONG]
    found: list[ShortRow] = []
    names = list(since)
    for at in range(0, len(names), _AT_ONCE):
        some = names[at : at + _AT_ONCE]
        query = _OF_TRIALS.format(kinds=", ".join("?" * len(kinds)), trials=", ".join("?" * len(some)))
        rows = map(_short, select(folder, query, (*kinds, *some, until)))
        found += [row for row in rows if row.seq >= since[row.trial]]
    return tuple(sorted(found, key=lambda row: row.seq))


def _short(found: tuple[Any, ...]) -> ShortRow:
    seq, at_utc, trial, attempt, kind, fields = found
    return ShortRow(seq=seq, at_utc=at_utc, trial=trial, attempt=attempt, kind=kind, body=_body(fields))


def read_newest(folder: Path) -> int:
    """The number of the last row; 0 where there is none."""
    return int(select(folder, _NEWEST)[0][0])


def _body(fields: str) -> dict[str, Any]:
    values = zip(_ROW_FIELDS, json.loads(fields), strict=True)
    return {name: value for name, value in values if value is not None}


def _seen(tamper: dict[str, Any] | None) -> int:
    """How much of a trial's tamper report there is to look at."""
    return sum(len((tamper or {}).get(part) or ()) for part in ("events", "alive", "probes", "hints"))


def _head(folder: Path, given: dict[str, Any], known: dict[str, Any], seen: int) -> Head:
    paths = max(len(known.pop("denied") or ()), known.pop("denied_count") or 0)
    calls = 0 if known.pop("last_call") is None else 1
    try:
        verdict = Verdict(known.pop("verdict"))
        told = {name: value for name, value in known.items() if value is not None}
        return Head(**given, **told, verdict=verdict, calls=calls, signs=seen + paths)
    except (ValueError, TypeError) as error:
        raise InfraError(f"{folder}: row {given['row']} holds no readable record: {error}") from error


def _regraded(head: Head, later: list[Any] | None, seen: int) -> Head:
    """The head with its later grade, if there is one; `seen` counts the tamper report that the trial had before."""
    if later is None:
        return head
    name, reason, denied, denied_count, tamper = later
    verdict = Verdict(name)
    signs = (seen if tamper is None else _seen(tamper)) + max(len(denied or ()), denied_count or 0)
    error = "" if verdict.scored and not head.verdict.scored else head.error
    return replace(head, verdict=verdict, reason=reason or "", error=error, signs=signs, regraded=True)
