"""How a run stands, from its journal: read once, then only what was written since."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from harness.clock import Clock
from harness.head_reader import ShortRow, read_heads, read_newest, read_open_rows, read_short_rows
from harness.heads import Head, latest_heads
from harness.journal_reader import read_meta
from harness.lock import is_written
from harness.progress.live import FORECAST_NS, passed
from harness.progress.standing import Picture, Standing
from harness.progress.tally import Cell, Planned
from harness.run_folder import RunFolder

_NS_A_SECOND = 10**9


class Follower:
    """A run that is written by another process, or was. Moments are those of the day, in nanoseconds since 1970.

    Making one reads the heads of all records and the rows of what is under way; `update` reads what came since.
    """

    def __init__(self, folder: Path, planned: Iterable[Planned], clock: Clock, *, small: int) -> None:
        self._folder = folder
        self._clock = clock
        self._places = _places(folder)
        self._standing = Standing(planned, _moment(read_meta(folder)["created_utc"]), small=small)
        self._seen = read_newest(folder)
        heads = read_heads(folder, until=self._seen)
        last = latest_heads(heads)
        for head in heads:
            if last[head.trial] is head:
                self._standing.finish(head, _moment(head.at_utc))
            else:
                self._standing.superseded(head)
        for row in read_open_rows(folder, heads, self._seen):
            self._tell(row)
        self._foretold, self._outlook = self._foretell()

    @property
    def folder(self) -> Path:
        """The run's."""
        return self._folder

    @property
    def live(self) -> bool:
        """Whether some process still writes the run."""
        return is_written(RunFolder(root=self._folder).lock)

    @property
    def finished(self) -> bool:
        """Whether every planned trial has a record."""
        return self._standing.done == self._standing.total

    def update(self) -> None:
        """Take in what was written since the last time."""
        newest = read_newest(self._folder)
        rows = read_short_rows(self._folder, self._seen, newest)
        heads = read_heads(self._folder, self._seen, newest)
        self._seen = newest
        told: list[tuple[int, ShortRow | Head]] = [(row.seq, row) for row in rows]
        told += [(head.row, head) for head in heads]
        for _, one in sorted(told, key=lambda pair: pair[0]):
            if isinstance(one, Head):
                self._standing.finish(one, _moment(one.at_utc))
            else:
                self._tell(one)

    def cells(self) -> tuple[Cell, ...]:
        """All trials, in plan order."""
        return self._standing.cells()

    def picture(self) -> Picture:
        """How the run stands now."""
        now = self.now()
        if now - self._foretold >= FORECAST_NS:
            self._foretold, self._outlook = self._foretell()
        picture = self._standing.picture(now)
        if self.finished:
            return replace(picture, rate=None)
        return replace(picture, outlook=passed(self._outlook, now - self._foretold))

    def now(self) -> int:
        """The moment."""
        return _ns(self._clock.utc())

    def _foretell(self) -> tuple[int, Any]:
        now = self.now()
        return now, self._standing.prospects(now).outlook(self._places) if self.live else None

    def _tell(self, row: ShortRow) -> None:
        kind = str(row.body["note"]) if row.kind == "note" and row.body.get("note") else row.kind
        body = {"attempt": row.attempt, **row.body}
        self._standing.event(row.trial, kind, body, _moment(row.at_utc))


def planned_trials(rows: Iterable[Mapping[str, Any]]) -> tuple[Planned, ...]:
    """The trials that a run folder says were planned."""
    return tuple(
        Planned(id=str(row["id"]), model=str(row["model"]), feature=str(row["feature"]), repeat=int(row["repeat"]))
        for row in rows
    )


def _places(folder: Path) -> int:
    """How many trials the run has at work at once; 1 where it does not say."""
    try:
        told = json.loads(RunFolder(root=folder).provenance.read_text(encoding="utf-8"))
        return int(told["parallel_trials"])
    except (OSError, ValueError, KeyError, TypeError):
        return 1


def _moment(at_utc: str) -> int:
    try:
        return _ns(datetime.fromisoformat(at_utc))
    except ValueError:
        return 0


def _ns(moment: datetime) -> int:
    return round(moment.timestamp() * _NS_A_SECOND)
