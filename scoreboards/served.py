"""Who answered: the model that was asked for against the one that the provider says it served. Pure."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from harness.record import CallRow, Record

_VERSION = re.compile(r"(?:[-_@:](?:\d{3,8}(?:-\d{2}){0,2}|\d{2}-(?:\d{2}|\d{4})))?")
_LATEST = re.compile(r"[-:]latest$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """Calls by what was asked for and what was served, both "" where the record does not say.

    `other` says that the served one is another model, not the one asked for nor a dated version of it.
    """

    requested: str
    served: str
    calls: int
    other: bool


Answered = tuple[str, str, bool]
"""What was asked for, what was served, and whether the call left the process."""


def answered_by(record: Record, call: CallRow) -> Answered:
    """Who answered a call."""
    return record.trial.requested_model, call.served_model, _has_wire(record, call)


def served_models(records: Iterable[Record]) -> tuple[Served, ...]:
    """Who answered the calls of some trials, most calls first."""
    return served(Counter(answered_by(record, call) for record in records for call in record.calls))


def served(found: Mapping[Answered, int]) -> tuple[Served, ...]:
    """The same from how many calls were answered by whom."""
    rows: dict[Answered, int] = {}
    for (requested, name, wire), calls in found.items():
        key = (requested, name, wire and is_other(requested, name))
        rows[key] = rows.get(key, 0) + calls
    return tuple(
        Served(requested=requested, served=name, calls=calls, other=other)
        for (requested, name, other), calls in sorted(rows.items(), key=lambda row: (-row[1], row[0]))
    )


def is_other(requested: str, served: str) -> bool:
    """Whether the served model is not the requested one; a date or version behind its name makes no other model.

    What is not known is no other model either. "gpt-5" may be served as "gpt-5-2026-01-01", but neither as "gpt-5-mini"
    nor as "gpt-5.1".
    """
    if not requested or not served:
        return False
    asked, got = (_LATEST.sub("", name.casefold()) for name in (requested, served))
    if ("/" in asked) != ("/" in got):  # some name the vendor first, some do not
        asked, got = asked.rpartition("/")[2], got.rpartition("/")[2]
    return not got.startswith(asked) or _VERSION.fullmatch(got[len(asked) :]) is None


def _has_wire(record: Record, call: CallRow) -> bool:
    """Whether the call left the process: a replayed conversation is served by nobody."""
    return bool(call.transport) or not record.trial.simulated
