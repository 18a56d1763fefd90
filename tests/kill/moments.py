"""When to kill: after some time, or right after something new stands in the journal or in the provider's log."""

import random
import sqlite3
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.end_to_end.desk import Started
from tests.kill.world import World

ROWS = (
    "trial_started",
    "intent",
    "response",
    "tool_start",
    "tool_end",
    "export",
    "submission",
    "suite",
    "record",
    "resumed",
    "in_doubt",
)
"""What a row is called here: its kind, or the name of a note."""

_POLL_S = 0.002
_TIMED, _SENT = 0.2, 0.3
_MOST_ROWS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """`after` is "time", "sent" (the provider begins to answer) or the name of a row; the kill comes `delay_s` later.

    `times` is how many of them have to come first.
    """

    after: str
    times: int
    delay_s: float


def some_moment(draw: random.Random) -> Moment:
    """One of all kinds of moments."""
    kind = draw.random()
    if kind < _TIMED:
        return Moment(after="time", times=0, delay_s=draw.uniform(0.1, 4.0))
    if kind < _SENT:
        return Moment(after="sent", times=draw.randint(1, _MOST_ROWS), delay_s=draw.uniform(0, 0.25))
    return Moment(
        after=draw.choice(ROWS), times=draw.randint(1, _MOST_ROWS), delay_s=draw.choice((0, draw.uniform(0, 0.05)))
    )


class Watch:
    """What has come since it was made, polled while a command is at work."""

    def __init__(self, world: World, moment: Moment) -> None:
        self._world = world
        self._moment = moment
        self._rows = last_row(world.run)
        self._sent = _begun(world.provider.log)
        self._began = time.monotonic()

    def wait(self, alive: Started) -> bool:
        """Whether the moment came while the command was at work; else it has ended."""
        poll = alive.process.poll
        while not self._is_now():
            if poll() is not None:
                return False
            time.sleep(_POLL_S)
        if self._moment.after != "time":
            time.sleep(self._moment.delay_s)
        return poll() is None

    def _is_now(self) -> bool:
        moment = self._moment
        if moment.after == "time":
            return time.monotonic() - self._began >= moment.delay_s
        if moment.after == "sent":
            return _begun(self._world.provider.log) - self._sent >= moment.times
        return names_after(self._world.run, self._rows).count(moment.after) >= moment.times


def last_row(run: Path) -> int:
    """The number of the last row, 0 without any."""
    rows = _select(run, "SELECT coalesce(max(seq), 0) FROM rows")
    return int(rows[0][0]) if rows else 0


def names_after(run: Path, number: int) -> list[str]:
    """The names of the rows after this one, in order."""
    found = _select(run, "SELECT kind, json_extract(body, '$.note') FROM rows WHERE seq > ? ORDER BY seq", number)
    return [note if kind == "note" else kind for kind, note in found]


def _select(run: Path, query: str, *values: int) -> list[tuple[str, str]]:
    """Rows of a journal that may not be there yet, or not have its tables."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{run}/journal.sqlite?mode=ro", uri=True)) as found:
        return found.execute(query, values).fetchall()
    return []


def _begun(log: Path) -> int:
    """How many answers the provider began."""
    return log.read_text(encoding="utf-8").count('{"event": "begun"') if log.exists() else 0
