"""Who is told of a run: people on a terminal or in a log, machines, or nobody."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console

from harness.clock import Clock
from harness.config import Matrix
from harness.plan import Trial
from harness.progress import Frame, JsonLines, LiveTable, PlainLines, Progress, Quiet, Several
from harness.redact import Redactor


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """How a run is watched: its matrix tells places and budget, the redactor what nobody may see."""

    matrix: Matrix
    redactor: Redactor
    quiet: bool = False
    json_lines: bool = False

    def progress(self, trials: Sequence[Trial], clock: Clock, console: Console) -> Progress:
        """Who is told. With `json_lines` people are told on the console only where that is a terminal."""
        frame = Frame(places=self.matrix.parallel.trials, limits=self._limits(), redactor=self.redactor)
        people = self._people(trials, clock, console, frame)
        if not self.json_lines:
            return people
        return Several(JsonLines(sys.stdout, trials, clock, frame), people)

    def _people(self, trials: Sequence[Trial], clock: Clock, console: Console, frame: Frame) -> Progress:
        if self.quiet or (self.json_lines and not console.is_terminal):
            return Quiet()
        if console.is_terminal:
            return LiveTable(console, trials, clock, frame)
        return PlainLines(console, trials, clock, frame)

    def _limits(self) -> dict[str, float]:
        """The bounds of the run's budget by name, where the matrix sets one."""
        budget = getattr(self.matrix, "budget", None)
        return {} if budget is None else dict(budget.bounds)
