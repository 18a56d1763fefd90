"""One trial in the terminal: every call and tool on one axis of time, the most expensive pieces, what bounds it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.record import Record, Verdict
from harness.untrusted import one_line
from scoreboards import words
from scoreboards.bounds import Bound, Piece
from scoreboards.report import layout
from scoreboards.report.axis import SHADES, Axis, clock, shade_key
from scoreboards.report.totals import flowing, totals
from scoreboards.timeline import BRIEF_QUEUE_NS, Gap, Kind, Row, folded

LEAST_WIDTH = 60
"""Columns that a timeline needs."""

MOST_LINES = 40
"""Lines that the waterfall has unless everything is asked for."""

_NAME = 30
"""Columns for names that bars do not take, where there are twice as many."""

_VERDICTS = {Verdict.PASS: "bold color(28)", Verdict.NOT_RUN: "bold color(136)", Verdict.UNSTABLE: "bold color(136)"}
_FAILED = "bold color(160)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waterfall:
    """What the view shows of one trial; `is_whole` shows each row, however many there are."""

    record: Record
    rows: tuple[Row, ...]
    pieces: tuple[Piece, ...]
    bound: Bound
    is_whole: bool = False

    def lines(self) -> tuple[Row | Gap, ...]:
        """The lines of the waterfall."""
        return self.rows if self.is_whole else folded(self.rows, MOST_LINES)


def print_waterfall(waterfall: Waterfall, console: Console) -> None:
    """Print it at the console's width; the console decides on colour (NO_COLOR, not a terminal)."""
    console.print(waterfall_view(waterfall, console.width))


def waterfall_view(waterfall: Waterfall, width: int) -> RenderableType:
    """Header, waterfall, legend, totals, pieces and the sentence, for `width` columns, of which it needs 60."""
    record, lines = waterfall.record, waterfall.lines()
    return Group(
        *_header(record, width),
        Text(),
        _table(lines, record.wall_ns, width),
        Text(),
        _legend(lines, width),
        *_left_out(waterfall, lines),
        Text(),
        *totals(record, width),
        Text(),
        _pieces(waterfall.pieces, width),
        Text(),
        Text(waterfall.bound.sentence, style="bold"),
    )


def _header(record: Record, width: int) -> Iterable[Text]:
    trial = record.trial
    yield Text.assemble(
        (one_line(trial.model), "bold"),
        (" (simulated)" if trial.simulated else "", "dim"),
        f" on {one_line(trial.feature)}, repeat {trial.repeat}: ",
        (str(record.verdict), _VERDICTS.get(record.verdict, _FAILED)),
        f", {one_line(record.stop)}" if record.stop else "",
    )
    attempt = f", attempt {record.attempt}" if record.attempt > 1 else ""
    yield Text(f"trial {one_line(trial.id)}{attempt} of {one_line(record.run)}", style="dim")
    wall = f"wall {words.duration(record.wall_ns)}: agent {words.duration(record.agent_wall_ns)}"
    beside = (("set-up", record.phases["setup"]), ("queues", record.queue_ns), ("grading", record.phases["grade"]))
    yield Text(wall + "".join(f", {name} {words.duration(ns)}" for name, ns in beside if ns >= BRIEF_QUEUE_NS))
    why = record.error or record.grade.reason
    if why and record.verdict is not Verdict.PASS:
        yield Text(one_line(f"why: {why}", width), no_wrap=True)
    if record.noisy:
        reasons = one_line("; ".join(record.noise)) or "the machine was overloaded"
        yield Text(f"noisy, its times say less: {reasons}", style="color(136)")
    if record.resumed:
        yield Text("resumed after an interruption: the gap is not in its wall", style="color(136)")


def _table(lines: Sequence[Row | Gap], wall_ns: int, width: int) -> Table:
    labels = [_label(line) for line in lines]
    starts, times = [clock(line.t0, wall_ns) for line in lines], [words.duration(line.duration_ns) for line in lines]
    room = width - _widest(("start", *starts)) - _widest(("time", *times)) - 3 * layout.GAP
    name = min(_widest(("call or tool", *labels)), room // 2, max(_NAME, room * 2 // 5))
    axis = Axis(wall_ns=max(1, wall_ns), cells=room - name)
    table = layout.table("Timeline", [Text("call or tool"), Text("start"), Text("time"), axis.head()], name)
    table.columns[3].justify = "left"
    for line, label, start, time in zip(lines, labels, starts, times, strict=True):
        shown = Text(label, style=_label_style(line))
        shown.truncate(name, overflow="ellipsis")
        table.add_row(shown, Text(start, style="dim"), Text(time), axis.bar(line.spans))
    return table


def _label(line: Row | Gap) -> str:
    return f"… {len(line.rows)} shorter, together" if isinstance(line, Gap) else line.label


def _label_style(line: Row | Gap) -> str:
    if isinstance(line, Gap) or line.kind in {Kind.QUEUE, Kind.SETUP, Kind.GRADE}:
        return "dim"
    return ""


def _widest(texts: Iterable[str]) -> int:
    return max(map(cell_len, texts))


def _legend(lines: Iterable[Row | Gap], width: int) -> Text:
    seen = {shade_key(span) for line in lines for span in line.spans}
    entries = [
        Text.assemble((shade.glyph * 2, shade.style), (f" {shade.name}", "dim"))
        for key, shade in SHADES.items()
        if key in seen
    ]
    return flowing(entries, "  ", width)


def _left_out(waterfall: Waterfall, lines: Sequence[Row | Gap]) -> Iterable[Text]:
    """What a reader does not see, and how to."""
    if any(isinstance(line, Gap) for line in lines):
        yield Text("Short rows that follow each other are told in one line; --all shows each.", style="dim")
    elif len(lines) < len(waterfall.rows):
        brief = words.duration(BRIEF_QUEUE_NS)
        yield Text(f"Waits of less than {brief} for a slot are left out; --all shows them.", style="dim")


def _pieces(pieces: Sequence[Piece], width: int) -> RenderableType:
    if not pieces:
        return Text("The agent asked nothing and ran nothing.")
    figures = [(piece.phase, words.duration(piece.ns), words.percent(piece.share)) for piece in pieces]
    heads = ("phase", "time", "of agent wall")
    room = width - sum(_widest(column) for column in zip(heads, *figures, strict=True)) - 3 * layout.GAP
    name = min(_widest(piece.what for piece in pieces), room)
    table = layout.table("Most expensive pieces", [Text("what"), *map(Text, heads)], name)
    for piece, row in zip(pieces, figures, strict=True):
        shown = Text(piece.what)
        shown.truncate(name, overflow="ellipsis")
        table.add_row(shown, *map(Text, row))
    return table
