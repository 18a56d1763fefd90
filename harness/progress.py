"""What a running matrix shows: a live table on a terminal, plain lines elsewhere, nothing when a machine reads."""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from harness.clock import Clock
from harness.plan import Trial
from harness.record import Record, Verdict
from harness.untrusted import plain, rich_text

PHASE_OF_EVENT = {
    "trial_started": "setup",
    "intent": "model",
    "response": "harness",
    "call_failed": "harness",
    "attempt_failed": "wait",
    "cool_down": "wait",
    "attempt": "model",
    "tool_queued": "wait",
    "tool_start": "tool",
    "tool_end": "harness",
    "export": "grade",
    "grade_queued": "wait",
    "suite": "grade",
}
VERDICT_STYLE = {Verdict.PASS: "bold green", Verdict.FAIL: "red", Verdict.NOT_RUN: "dim"}
ROWS_SHOWN = 30
LONG_WAIT_S = 10.0
"""Waits for a provider from here on are worth a line of a log."""
NS_A_SECOND = 10**9


class Progress(Protocol):
    """Told of everything that happens; called from many threads. A context manager around the whole run."""

    def __enter__(self) -> Self:
        """Begin to show."""
        ...

    def __exit__(self, *exc_info: object) -> None:
        """Stop showing."""
        ...

    def say(self, line: str) -> None:
        """One line about the run as a whole; may hold untrusted text."""
        ...

    def event(self, trial: Trial, kind: str, body: Mapping[str, Any]) -> None:
        """Something happened in a trial."""
        ...

    def done(self, trial: Trial, record: Record) -> None:
        """A trial has its record."""
        ...


class Quiet:
    """Shows nothing."""

    def __enter__(self) -> Self:
        """Nothing."""
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Nothing."""

    def say(self, line: str) -> None:
        """Nothing."""

    def event(self, trial: Trial, kind: str, body: Mapping[str, Any]) -> None:
        """Nothing."""

    def done(self, trial: Trial, record: Record) -> None:
        """Nothing."""


class PlainLines(Quiet):
    """One line when a trial begins and one when it ends: for logs and CI."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def say(self, line: str) -> None:
        """The line, made safe."""
        self._console.print(rich_text(line), soft_wrap=True)

    def event(self, trial: Trial, kind: str, body: Mapping[str, Any]) -> None:
        """The begin of a trial, and of its grading."""
        if kind == "trial_started":
            self.say(f"{trial.label}: started (attempt {body['attempt']})")
        elif kind == "suite":
            self.say(f"{trial.label}: agent stopped ({body['stop']}), grading")
        elif (body.get("wait_s") or 0.0) >= LONG_WAIT_S:
            self.say(f"{trial.label}: {waiting(body)}")

    def done(self, trial: Trial, record: Record) -> None:
        """Verdict and the time it took."""
        self.say(f"{trial.label}: {record.verdict} in {seconds(record.wall_ns)}, {record.turns} turns{_why(record)}")


@dataclass(slots=True)
class Cell:
    """The live state of one trial; `spent` are nanoseconds by phase, `since` when the present phase began.

    `state` is what is shown of the phase.
    """

    trial: Trial
    phase: str = "queued"
    state: str = "queued"
    since: int = 0
    began: int = 0
    turns: int = 0
    tokens: int = 0
    cost_usd: float | None = None
    spent: dict[str, int] = field(default_factory=dict)
    record: Record | None = None

    def move(self, phase: str, now: int) -> None:
        """Go to another phase, booking the time since the last move."""
        self.spent[self.phase] = self.spent.get(self.phase, 0) + now - self.since
        self.phase, self.state, self.since = phase, phase, now

    def share(self, phase: str, now: int) -> float:
        """The phase's share of the trial's time so far."""
        spent = self.spent.get(phase, 0) + (now - self.since if self.phase == phase else 0)
        whole = now - self.began
        return spent / whole if whole > 0 else 0.0


class LiveTable:
    """A table with a row per trial, redrawn four times a second."""

    def __init__(self, console: Console, trials: Iterable[Trial], clock: Clock) -> None:
        self._cells = {trial.id: Cell(trial=trial) for trial in trials}
        self._clock = clock
        self._lock = threading.RLock()  # a signal's handler may speak while the main thread does
        self._line = ""
        self._live = Live(console=console, refresh_per_second=4, get_renderable=self._render, transient=True)
        self._console = console

    def __enter__(self) -> Self:
        """Start drawing."""
        self._live.__enter__()
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Take the table away; the board follows it."""
        self._live.__exit__(None, None, None)

    def say(self, line: str) -> None:
        """The line below the table."""
        with self._lock:
            self._line = plain(line)

    def event(self, trial: Trial, kind: str, body: Mapping[str, Any]) -> None:
        """Move the trial's row."""
        now = self._clock.now_ns()
        with self._lock:
            cell = self._cells[trial.id]
            if kind == "trial_started":
                cell.began, cell.since, cell.spent, cell.phase, cell.state = now, now, {}, "setup", "setup"
                cell.turns = cell.tokens = 0
            elif kind in PHASE_OF_EVENT:
                cell.move(PHASE_OF_EVENT[kind], now)
            if body.get("wait_s"):
                cell.state = waiting(body)
            if kind == "response":
                cell.turns = body["turn"]
                cell.tokens += body.get("output_tokens") or 0
                if body.get("cost_usd") is not None:
                    cell.cost_usd = (cell.cost_usd or 0.0) + body["cost_usd"]

    def done(self, trial: Trial, record: Record) -> None:
        """Put the verdict into the row."""
        with self._lock:
            cell = self._cells[trial.id]
            cell.record = record
            cell.phase = "done"

    def _render(self) -> Table:
        with self._lock:
            now = self._clock.now_ns()
            cells = sorted(self._cells.values(), key=lambda cell: (cell.phase == "queued", cell.record is not None))
            return self._table(cells, now)

    def _table(self, cells: list[Cell], now: int) -> Table:
        finished = sum(cell.record is not None for cell in cells)
        table = Table(
            title=f"{finished} of {len(cells)} trials",
            title_justify="left",
            caption=self._line,
            caption_justify="left",
            box=None,
        )
        for name, justify in COLUMNS:
            table.add_column(name, justify="right" if justify else "left", no_wrap=True)
        for cell in cells[:ROWS_SHOWN]:
            table.add_row(*_row(cell, now))
        if len(cells) > ROWS_SHOWN:
            table.add_row(Text(f"and {len(cells) - ROWS_SHOWN} more", style="dim"))
        return table


COLUMNS = (
    ("model", False),
    ("feature", False),
    ("#", True),
    ("now", False),
    ("turns", True),
    ("tokens", True),
    ("cost", True),
    ("elapsed", True),
    ("model/tool", False),
)


def _row(cell: Cell, now: int) -> tuple[Text | str, ...]:
    trial, record = cell.trial, cell.record
    model = trial.model + (" (simulated)" if trial.settings.simulated else "")
    if record is not None:
        state = Text(record.verdict.value, style=VERDICT_STYLE.get(record.verdict, "yellow"))
        elapsed, agent = record.wall_ns, max(1, record.wall_ns)
        shares = (record.phases["model"] / agent, record.phases["tool"] / agent)
    else:
        state = Text(cell.state, style="dim" if cell.phase == "queued" else "cyan")
        elapsed = now - cell.began if cell.phase != "queued" else 0
        shares = (cell.share("model", now), cell.share("tool", now))
    cost = "" if cell.cost_usd is None else f"${cell.cost_usd:.2f}"
    figures = (str(cell.turns or ""), str(cell.tokens or ""), cost, seconds(elapsed) if elapsed else "")
    return (rich_text(model), Text(trial.feature.key), str(trial.repeat), state, *figures, _bar(*shares))


def _bar(model: float, tool: float, width: int = 12) -> Text:
    """Shares of model and tool time as a bar."""
    model_cells, tool_cells = round(model * width), round(tool * width)
    bar = Text("█" * model_cells, style="blue")
    bar.append("█" * tool_cells, style="yellow")
    bar.append("░" * max(0, width - model_cells - tool_cells), style="dim")
    return bar


def waiting(body: Mapping[str, Any]) -> str:
    """What a trial waits for before it asks its provider again: "waiting 12 s (rate limit)"."""
    return f"waiting {body['wait_s']:.0f} s ({plain(str(body['fault'])).replace('_', ' ')})"


def _why(record: Record) -> str:
    reason = record.error or record.grade.reason
    return f": {plain(reason)[:160]}" if reason and record.verdict is not Verdict.PASS else ""


def seconds(nanoseconds: int) -> str:
    """A duration for people: "8.3 s", "2 min 05 s"."""
    value = nanoseconds / NS_A_SECOND
    minute = 60
    if value < minute:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), minute)
    return f"{minutes} min {rest:02d} s"
