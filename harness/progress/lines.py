"""Plain lines for logs and CI."""

import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from harness.clock import Clock, SystemClock
from harness.plan import Trial
from harness.progress.contract import Quiet
from harness.progress.live import Frame, Shared
from harness.progress.overview import headline
from harness.progress.standing import Picture
from harness.progress.words import NS_A_SECOND, seconds, waiting
from harness.record import Record, Verdict
from harness.untrusted import one_line, rich_text

LONG_WAIT_S = 10.0
"""Waits for a provider from here on are worth a line of a log."""

HEARTBEAT_S = 180
"""Seconds between two lines about the run as a whole."""

_REASON = 160
_WIDE = 400


class PlainLines(Quiet):
    """One line when a trial begins and one when it ends, and every three minutes one about the whole run.

    The heartbeat is told with the event that comes when it is due: a run without events has none, and a thread that
    only counts time would be one more to disturb what is measured.
    """

    def __init__(
        self,
        console: Console,
        trials: Iterable[Trial] = (),
        clock: Clock | None = None,
        frame: Frame | None = None,
    ) -> None:
        self._console = console
        self._clock = clock or SystemClock()
        frame = frame or Frame()
        self._clean = frame.redactor.text
        self._shared = Shared(trials, self._clock, frame)
        self._lock = threading.RLock()
        self._last = self._clock.now_ns()
        self.broken = False

    def begun(self, run: Path) -> None:
        """Count what an earlier process finished."""
        self._shared.begun(run)

    def say(self, line: str) -> None:
        """The line, made safe. Where nobody reads any more nothing is said from then on, and `broken` says so."""
        if self.broken:
            return
        try:
            self._console.print(rich_text(self._clean(line)), soft_wrap=True)
        except (OSError, ValueError):  # a pipe that nobody reads, a disk that is full, a closed file
            self.broken = True

    def event(self, trial: Trial, kind: str, body: Mapping[str, Any]) -> None:
        """The begin of a trial, and of its grading; long waits."""
        self._shared.event(trial, kind, body)
        if kind == "trial_started":
            self.say(f"{trial.label}: started (attempt {body['attempt']})")
        elif kind == "resumed":
            self.say(f"{trial.label}: goes on (attempt {body['attempt']})")
        elif kind == "suite":
            self.say(f"{trial.label}: agent stopped ({body['stop']}), grading")
        elif (body.get("wait_s") or 0.0) >= LONG_WAIT_S:
            self.say(f"{trial.label}: {waiting(body)}")
        self._beat()

    def done(self, trial: Trial, record: Record) -> None:
        """Verdict and the time it took."""
        self._shared.done(record)
        self.say(f"{trial.label}: {record.verdict} in {seconds(record.wall_ns)}, {record.turns} turns{_why(record)}")
        self._beat()

    def _beat(self) -> None:
        now = self._clock.now_ns()
        with self._lock:
            if now - self._last < HEARTBEAT_S * NS_A_SECOND:
                return
            self._last = now
        self.say(heartbeat(self._shared.picture()))


def heartbeat(picture: Picture) -> str:
    """The whole run in one line."""
    first, *others = headline(picture, _WIDE)
    done = first.plain.split("  ")[0]
    return " | ".join([done, *(line.plain for line in others)])


def _why(record: Record) -> str:
    reason = record.error or record.grade.reason
    return f": {one_line(reason, _REASON)}" if reason and record.verdict is not Verdict.PASS else ""
