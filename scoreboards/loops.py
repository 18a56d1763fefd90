"""Retry loops: the same failing call over and over, and what the repeats cost. Pure."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.record import Record, ToolRow
from scoreboards.sums import says

LEAST = 3
"""So many failures of one call in a row are a loop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loops:
    """How many loops there were; `repeats` are their calls beyond the first ones, `repeat_ns` the time of those."""

    loops: int = 0
    repeats: int = 0
    repeat_ns: int = 0


def retry_loops(calls: Sequence[ToolRow]) -> Loops | None:
    """The loops in one trial's tool calls, in their order; None where the record cannot tell calls apart.

    A loop is the same call (by its signature), failed each time, `LEAST` times or more with no other call between. A
    call without a signature is like no other.
    """
    if any(not says(call, "signature") for call in calls):
        return None
    return _total(_loop(tuple(run)) for key, run in itertools.groupby(calls, _failure) if key)


def loops_of(records: Iterable[Record]) -> Loops | None:
    """The loops of several trials, each looked through by itself; None where some trial cannot tell."""
    return sum_loops(retry_loops(record.tool_calls) for record in records)


def sum_loops(found: Iterable[Loops | None]) -> Loops | None:
    """All of them; None where one is unknown."""
    every = tuple(found)
    known = [loops for loops in every if loops is not None]
    return _total(known) if len(known) == len(every) else None


def _failure(call: ToolRow) -> str:
    return call.signature if call.failed else ""


def _loop(run: tuple[ToolRow, ...]) -> Loops:
    if len(run) < LEAST:
        return Loops()
    return Loops(loops=1, repeats=len(run) - 1, repeat_ns=sum(call.total_ns for call in run[1:]))


def _total(parts: Iterable[Loops]) -> Loops:
    known = tuple(parts)
    return Loops(
        loops=sum(part.loops for part in known),
        repeats=sum(part.repeats for part in known),
        repeat_ns=sum(part.repeat_ns for part in known),
    )
