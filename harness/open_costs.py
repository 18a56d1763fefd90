"""What attempts cost that have no record yet, or went on since their last one: from their answers in the journal."""

from dataclasses import dataclass
from pathlib import Path

from harness.journal_reader import select

_OPEN = """
WITH recorded AS (SELECT trial, attempt, max(seq) AS seq FROM rows WHERE kind = 'record' GROUP BY trial, attempt),
called AS (
    SELECT trial, attempt, max(seq) AS seq FROM rows
    WHERE kind IN ('intent', 'response', 'in_doubt') GROUP BY trial, attempt
),
since AS (
    SELECT trial, attempt, coalesce(recorded.seq, 0) AS seq FROM called LEFT JOIN recorded USING (trial, attempt)
    WHERE called.seq > coalesce(recorded.seq, 0)
)
SELECT rows.trial, rows.attempt,
    sum(CASE WHEN rows.kind = 'response' THEN json_extract(rows.body, '$.cost_usd') END),
    sum(rows.kind = 'response' AND json_extract(rows.body, '$.cost_usd') IS NULL),
    sum(rows.kind = 'intent') - sum(rows.kind = 'response')
        - sum(rows.kind = 'note' AND json_extract(rows.body, '$.note') = 'call_failed'),
    sum(rows.kind = 'in_doubt'),
    sum(rows.kind = 'note' AND json_extract(rows.body, '$.note') = 'call_failed'
        AND coalesce(json_extract(rows.body, '$.billable'), 0))
FROM since JOIN rows ON rows.trial = since.trial AND rows.attempt = since.attempt AND rows.seq > since.seq
WHERE rows.kind IN ('intent', 'response', 'in_doubt', 'note')
GROUP BY rows.trial, rows.attempt
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCost:
    """What of an attempt no record tells: USD, None where nobody knows, and whether more may have been charged."""

    trial: str
    attempt: int
    cost_usd: float | None
    cost_is_partial: bool


def read_open_costs(folder: Path) -> tuple[OpenCost, ...]:
    """What calls cost that no record of their attempt counts. A call without an outcome makes it a lower bound.

    Raises ConfigError, InfraError.
    """
    return tuple(_open(*row) for row in select(folder, _OPEN))


def _open(trial: str, attempt: int, *figures: float | None) -> OpenCost:
    cost, unknown, unanswered, doubted, billable = figures
    partial = any((figure or 0) > 0 for figure in (unknown, unanswered, doubted, billable))
    return OpenCost(trial=trial, attempt=attempt, cost_usd=cost, cost_is_partial=partial)
