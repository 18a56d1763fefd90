"""Rows of views: one for a trial, one for all trials of a model or a feature."""

from collections.abc import Iterable, Mapping

from rich.text import Text

from harness.heads import Head
from harness.progress.layout import Column, Row
from harness.progress.tally import Cell, Tally
from harness.progress.words import count, money, percent, seconds, waiting
from harness.record import Verdict
from harness.untrusted import one_line

VERDICT_STYLE = {Verdict.PASS: "bold green", Verdict.FAIL: "red", Verdict.NOT_RUN: "dim"}
BAR_WIDTH = 12

TRIAL_COLUMNS = (
    Column(name="model", flexible=True),
    Column(name="feature", flexible=True),
    Column(name="#", right=True, rank=1),
    Column(name="now", flexible=True),
    Column(name="turns", right=True, rank=3),
    Column(name="tokens", right=True, rank=4),
    Column(name="cost", right=True, rank=2),
    Column(name="elapsed", right=True),
    Column(name="model/tool", rank=5),
)
GROUP_COLUMNS = (
    Column(name="done", right=True),
    Column(name="running", right=True, rank=2),
    Column(name="queued", right=True, rank=3),
    Column(name="pass", right=True),
    Column(name="fail", right=True, rank=1),
    Column(name="errors", right=True),
    Column(name="rate", right=True, rank=4),
    Column(name="cost", right=True, rank=5),
    Column(name="mean wall", right=True, rank=7),
    Column(name="tokens", right=True, rank=6),
)
ERROR_COLUMNS = (Column(name="trial", flexible=True), Column(name="ended in"), Column(name="why", flexible=True))


def trial_row(cell: Cell, now: int) -> Row:
    """The row of one trial."""
    trial = cell.trial
    elapsed = cell.elapsed(now)
    return (
        one_line(trial.model) + (" (simulated)" if trial.simulated else ""),
        trial.feature,
        str(trial.repeat),
        state(cell),
        str(cell.turns or ""),
        count(cell.tokens) if cell.tokens else "",
        money(cell.cost_usd),
        seconds(elapsed) if elapsed else "",
        bar(cell.share("model", now), cell.share("tool", now)),
    )


def state(cell: Cell) -> Text:
    """What a trial does, or what it came to."""
    if cell.head is not None:
        return Text(cell.head.verdict.value, style=VERDICT_STYLE.get(cell.head.verdict, "yellow"))
    if cell.wait is not None and cell.wait.get("wait_s"):
        return Text(waiting(cell.wait), style="yellow")
    return Text(cell.phase, style="cyan" if cell.is_running else "dim")


def group_columns(name: str) -> tuple[Column, ...]:
    """The columns of a table of models or features."""
    return (Column(name=name, flexible=True), *GROUP_COLUMNS)


def group_row(name: str, tally: Tally) -> Row:
    """The row of all trials of a model or of a feature."""
    failed = tally.scored - tally.passed
    return (
        one_line(name) + (" (simulated)" if tally.simulated else ""),
        f"{tally.done}/{tally.total}",
        _some(tally.running),
        _some(tally.queued),
        Text(_some(tally.passed), style="green"),
        Text(_some(failed), style="red"),
        Text(_some(tally.errors), style="yellow"),
        percent(tally.passed, tally.scored),
        money(tally.cost_usd),
        seconds(tally.wall_ns / tally.done) if tally.done else "",
        count(tally.tokens) if tally.tokens else "",
    )


def group_rows(groups: Mapping[str, Tally]) -> list[Row]:
    """All groups, in the order of the matrix."""
    return [group_row(name, tally) for name, tally in groups.items()]


def error_rows(heads: Iterable[Head]) -> list[Row]:
    """A row for each trial that ended in an error."""
    return [(one_line(head.label), Text(head.verdict.value, style="yellow"), one_line(head.why)) for head in heads]


def bar(model: float, tool: float, width: int = BAR_WIDTH) -> Text:
    """Shares of model and tool time as a bar."""
    model_cells = min(width, round(model * width))
    tool_cells = min(width - model_cells, round(tool * width))
    shown = Text("█" * model_cells, style="blue")
    shown.append("█" * tool_cells, style="yellow")
    shown.append("░" * (width - model_cells - tool_cells), style="dim")
    return shown


def _some(number: int) -> str:
    return str(number) if number else "-"
