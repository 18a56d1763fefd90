"""The live view on a terminal."""

import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from rich.console import Console, Group
from rich.live import Live

from harness.clock import Clock
from harness.head_reader import ShortRow, read_heads, read_newest, read_open_rows, with_tokens
from harness.heads import Head, head_of, latest_heads
from harness.plan import Trial
from harness.progress.forecast import Outlook
from harness.progress.overview import view
from harness.progress.standing import Picture, Standing
from harness.progress.tally import Planned
from harness.progress.words import NS_A_SECOND
from harness.record import Record
from harness.redact import Redactor
from harness.untrusted import one_line

REDRAWS_A_SECOND = 2
FORECAST_NS = 10 * NS_A_SECOND
"""A forecast is worth a few milliseconds, so it is made anew this often, while the view is redrawn more often."""

_SAID = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What a view of a run needs to know beside its events: places for trials, the budget's limits by name, secrets."""

    places: int = 1
    limits: Mapping[str, float] = field(default_factory=dict)
    redactor: Redactor = field(default_factory=Redactor)


class Shared:
    """A standing that many threads tell of events, and pictures of it with a forecast that is not too old."""

    def __init__(self, trials: Iterable[Trial], clock: Clock, frame: Frame) -> None:
        self._clock = clock
        self._frame = frame
        self._lock = threading.RLock()  # a signal's handler may speak while the main thread does
        self._standing = Standing(map(Planned.of, trials), clock.now_ns())
        self._said = ""
        self._outlook: Outlook | None = None
        self._foretold: int | None = None

    def begun(self, run: Path) -> None:
        """Take in what lies in the run's journal from before."""
        before = read_before(run)
        with self._lock:
            take_in(self._standing, before, self._clock.now_ns())

    def say(self, line: str) -> None:
        """Remember the last line."""
        with self._lock:
            self._said = one_line(self._frame.redactor.text(line), _SAID)

    def event(self, trial: Trial, kind: str, body: Mapping[str, Any]) -> None:
        """Take in an event."""
        now = self._clock.now_ns()
        with self._lock:
            self._standing.event(trial.id, kind, body, now)

    def done(self, record: Record) -> None:
        """Take in a record."""
        head, now, clean = head_of(record), self._clock.now_ns(), self._frame.redactor.text
        head = replace(head, error=clean(head.error), reason=clean(head.reason))
        with self._lock:
            self._standing.finish(head, now)

    def picture(self) -> Picture:
        """How the run stands now."""
        now = self._clock.now_ns()
        with self._lock:
            picture = self._standing.picture(now)
            said, due = self._said, self._foretold is None or now - self._foretold >= FORECAST_NS
            prospects = self._standing.prospects(now) if due else None
        if prospects is not None:
            self._outlook, self._foretold = prospects.outlook(self._frame.places), now
        outlook = passed(self._outlook, now - (self._foretold or now))
        return replace(picture, outlook=outlook, limits=self._frame.limits, said=said)


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What earlier processes left of a run: the heads of all attempts, and the rows of those without a record."""

    heads: tuple[Head, ...]
    rows: tuple[ShortRow, ...]

    @property
    def finished(self) -> frozenset[str]:
        """The trials that have a verdict, by id: nothing is left to do of them."""
        return frozenset(trial for trial, head in latest_heads(self.heads).items() if head.verdict.scored)


def read_before(run: Path) -> Before:
    """What lies in a run's journal. Raises ConfigError, InfraError."""
    heads = with_tokens(run, read_heads(run))
    return Before(heads=heads, rows=read_open_rows(run, heads, read_newest(run)))


def take_in(standing: Standing, before: Before, now: int) -> None:
    """Tell a standing of all attempts that a journal holds: those without a verdict are still to do."""
    last = latest_heads(before.heads)
    for head in before.heads:
        if last[head.trial] is not head:
            standing.superseded(head)
        elif head.verdict.scored:
            standing.finish(head, now, earlier=True)
        else:
            standing.unfinished(head)
    for row in before.rows:
        standing.earlier(row.trial, row.kind, row.body)


def passed(outlook: Outlook | None, since: int) -> Outlook | None:
    """A forecast that was made some nanoseconds ago, as seen from now."""
    if outlook is None:
        return None
    gone = since / NS_A_SECOND
    return Outlook(least_s=max(0.0, outlook.least_s - gone), most_s=max(0.0, outlook.most_s - gone))


class LiveTable:
    """The whole run on one screen, redrawn twice a second: a row a trial up to 30 trials, counts beyond."""

    def __init__(self, console: Console, trials: Iterable[Trial], clock: Clock, frame: Frame | None = None) -> None:
        self._console = console
        self._shared = Shared(trials, clock, frame or Frame())
        self._live = Live(
            console=console, refresh_per_second=REDRAWS_A_SECOND, get_renderable=self.render, transient=True
        )

    def __enter__(self) -> Self:
        """Start drawing."""
        self._live.__enter__()
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Take the view away; the summary follows it. A terminal that is gone ends no run."""
        with suppress(OSError):
            self._live.__exit__(None, None, None)

    def begun(self, run: Path) -> None:
        """Count what an earlier process finished."""
        self._shared.begun(run)

    def say(self, line: str) -> None:
        """The line at the bottom."""
        self._shared.say(line)

    def event(self, trial: Trial, kind: str, body: Mapping[str, Any]) -> None:
        """Move the trial."""
        self._shared.event(trial, kind, body)

    def done(self, _trial: Trial, record: Record) -> None:
        """Count the verdict."""
        self._shared.done(record)

    def render(self) -> Group:
        """What is drawn: lines that fit the terminal as it is now, one line less than it has."""
        return drawn(self._shared.picture(), self._console)


def drawn(picture: Picture, console: Console) -> Group:
    """The view that fits a console; its last line stays free for the cursor."""
    lines = view(picture, console.width, max(1, console.height - 1))
    for line in lines:
        line.no_wrap, line.overflow = True, "crop"
    return Group(*lines)
