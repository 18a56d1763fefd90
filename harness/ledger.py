"""What a run has spent so far, read from its journal: what its budget begins with in a new life."""

import sqlite3
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from harness.budget import Spent, in_doubt, total
from harness.journal_reader import reading
from harness.journal_schema import Kind
from harness.models.prices import Price

_CHARGES = """
SELECT json_extract(body, '$.charged.turns'), json_extract(body, '$.charged.output_tokens'),
       json_extract(body, '$.charged.cost_usd'), json_extract(body, '$.output_tokens'),
       json_extract(body, '$.cost_usd'), json_type(body, '$.charged') IS NOT NULL, kind = 'response'
FROM rows WHERE kind = 'response' OR (kind = 'note' AND json_extract(body, '$.note') = 'call_failed')
    OR (kind = 'in_doubt' AND json_type(body, '$.charged') IS NOT NULL)
"""
_IN_DOUBT = """
SELECT trial, json_extract(body, '$.deltas') FROM rows
WHERE kind = 'in_doubt' AND json_type(body, '$.charged') IS NULL
"""
_LIVES = "SELECT seq, at_utc FROM rows WHERE trial = '' AND kind IN (?, ?) ORDER BY seq"
_LAST = "SELECT at_utc FROM rows WHERE seq < ? AND kind != ? ORDER BY seq DESC LIMIT 1"
_AFTER_ALL = 2**62


def spent_so_far(folder: Path, prices: Mapping[str, Price | None] | None = None) -> Spent:
    """What all calls of a run have spent, those of superseded attempts too, and for how long it was at work.

    `prices` by trial price calls that were in doubt after a kill and that an older version journalled without what
    they were charged at: what of them had come may be billed. The time between
    two lives is not counted. Raises ConfigError, InfraError.
    """
    with reading(folder) as connection:
        charged = total(_charge(*row) for row in connection.execute(_CHARGES))
        for trial, deltas in connection.execute(_IN_DOUBT):
            charged += in_doubt(int(deltas or 0), (prices or {}).get(trial))
        return charged + Spent(wall_s=_worked_s(connection))


def _charge(*figures: float | None) -> dict[str, float]:
    """What one row was charged at; else (older journals, answers found after a kill) what the provider told."""
    turns, tokens, cost, told_tokens, told_cost, is_charged, is_answer = (figure or 0 for figure in figures)
    if is_charged:
        return {"turns": turns, "output_tokens": tokens, "cost_usd": cost}
    return {"turns": is_answer, "output_tokens": told_tokens, "cost_usd": told_cost}


def _worked_s(connection: sqlite3.Connection) -> float:
    """The sum of the lives, each from its first row to its last: seconds by the clock on the wall, as rows tell it."""
    starts = connection.execute(_LIVES, (Kind.RUN_STARTED.value, Kind.RESUMED.value)).fetchall()
    following = [seq for seq, _ in starts[1:]] + [_AFTER_ALL]
    worked = 0.0
    for (_, began), end in zip(starts, following, strict=True):
        (last,) = connection.execute(_LAST, (end, Kind.REGRADE.value)).fetchone()
        worked += max(0.0, (datetime.fromisoformat(last) - datetime.fromisoformat(began)).total_seconds())
    return worked
