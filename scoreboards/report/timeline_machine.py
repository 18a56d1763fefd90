"""A timeline as machines read it: stable names, whole nanoseconds, null for what is unknown."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from harness.record import Record
from harness.untrusted import one_line
from scoreboards.bounds import Bound, Piece, Portion
from scoreboards.report.machine import trial_value
from scoreboards.timeline import Row

SCHEMA = 1
"""Number of the form; goes up when a field changes its meaning, fields are only added."""


def timeline_value(record: Record, rows: Sequence[Row], pieces: Sequence[Piece], bound: Bound) -> dict[str, Any]:
    """The timeline as a JSON object: "schema", "trial", "rows" (one a span), "pieces", "bound"."""
    return {
        "schema": SCHEMA,
        "trial": trial_value(record),
        "rows": [span for number, row in enumerate(rows) for span in _spans(number, row)],
        "pieces": [_piece(piece) for piece in pieces],
        "bound": {
            "sentence": bound.sentence,
            "dominates": len(bound.named) == 1,
            "by": [_portion(portion) for portion in bound.named],
            "portions": [_portion(portion) for portion in bound.portions],
        },
    }


def timeline_json(record: Record, rows: Sequence[Row], pieces: Sequence[Piece], bound: Bound) -> str:
    """The timeline as JSON text that no terminal can be steered by: everything but ASCII is escaped."""
    return json.dumps(timeline_value(record, rows, pieces, bound), indent=2, allow_nan=False)


def _spans(number: int, row: Row) -> Iterator[dict[str, Any]]:
    """The spans of a row, which share its number; nanoseconds since the trial's start."""
    known = row.call or row.tool
    for span in row.spans:
        yield {
            "t0_ns": span.t0,
            "t1_ns": span.t1,
            "phase": span.phase,
            "sub": one_line(span.sub),
            "name": one_line(span.name),
            "row": number,
            "kind": row.kind.value,
            "label": row.label,
            "turn": known.turn if known else None,
            "output_tokens": row.call.output_tokens if row.call else None,
            "work": one_line(row.tool.work) if row.tool else None,
            "summary": one_line(row.tool.summary) if row.tool else None,
            "failed": row.tool.failed if row.tool else None,
        }


def _piece(piece: Piece) -> dict[str, Any]:
    return {"what": piece.what, "phase": piece.phase, "ns": piece.ns, "share": piece.share, "count": piece.count}


def _portion(portion: Portion) -> dict[str, Any]:
    return {
        "part": portion.part.value,
        "work": one_line(portion.work) or None,
        "ns": portion.ns,
        "share": portion.share,
        "count": portion.count,
        "tokens_per_s": portion.tokens_per_s,
    }
