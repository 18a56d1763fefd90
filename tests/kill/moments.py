"""When to kill: after some time, or right after something new stands in the journal or in the provider's log."""

import math
import random
import sqlite3
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.end_to_end.desk import Started
from tests.kill.world import World

ROWS = {
    "trial_started": 2,
    "intent": 5,
    "response": 5,
    "tool_start": 6,
    "tool_end": 6,
    "export": 2,
    "submission": 2,
    "suite": 2,
    "record": 2,
    "resumed": 2,
    "in_doubt": 1,
}
"""What a row is called here, its kind or the name of a note, and how many of them at most are waited for."""

_POLL_S = 0.002
_START, _TIMED, _SENT, _ANSWERED = 0.08, 0.2, 0.35, 0.5
_MOST_SENT = 5
_LONGEST_S = 6.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """`after` is "start", "time", "begun" or "answered" (by the provider, in its own log), or the name of a row.

    `times` is how many of them have to come first; the kill comes `delay_s` later. What has not come `within_s` seconds
    after the command's first row is not waited for; with "start" these seconds begin when the command does.
    """

    after: str
    times: int = 1
    delay_s: float = 0.0
    within_s: float


def some_moment(draw: random.Random) -> Moment:
    """One of all kinds of moments."""
    kind, within_s = draw.random(), draw.uniform(0.05, _LONGEST_S)
    if kind < _START:
        return Moment(after="start", within_s=draw.uniform(0.1, 3.0))
    if kind < _TIMED:
        return Moment(after="time", within_s=draw.uniform(0.01, 2.0))
    if kind < _SENT:
        return Moment(after="sent", times=draw.randint(1, _MOST_SENT), delay_s=draw.uniform(0, 0.25), within_s=within_s)
    after = draw.choice(list(ROWS))
    delay_s = draw.choice((0, draw.uniform(0, 0.05)))
    return Moment(after=after, times=draw.randint(1, ROWS[after]), delay_s=delay_s, within_s=within_s)


class Watch:
    """What has come since it was made, polled while a command is at work."""

    def __init__(self, world: World, moment: Moment) -> None:
        self._world = world
        self._moment = moment
        self._rows = last_row(world.run)
        self._told = {event: _events(world.provider.log, event) for event in ("begun", "answered")}
        self._began: float | None = None

    def wait(self, alive: Started) -> str:
        """What the kill comes after, "time" where nothing else came; "" where the command has ended."""
        poll, after = alive.process.poll, self._moment.after
        while not self._has_come():
            if poll() is not None:
                return ""
            if time.monotonic() > self._deadline():
                return after if after == "start" else "time"
            time.sleep(_POLL_S)
        time.sleep(self._moment.delay_s)
        return after if poll() is None else ""

    def _deadline(self) -> float:
        """When there is no more waiting; never, before anything has begun."""
        if self._began is None and (self._moment.after == "start" or last_row(self._world.run) > self._rows):
            self._began = time.monotonic()
        return math.inf if self._began is None else self._began + self._moment.within_s

    def _has_come(self) -> bool:
        moment = self._moment
        if moment.after in {"start", "time"}:
            return False
        if moment.after in self._told:
            return _events(self._world.provider.log, moment.after) - self._told[moment.after] >= moment.times
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


def _events(log: Path, event: str) -> int:
    """How many answers the provider began, or gave to their end."""
    return log.read_text(encoding="utf-8").count(f'{{"event": "{event}"') if log.exists() else 0
