"""One axis of time for many bars: a cell is a stretch of the wall, and shows the sub-phase that has most of it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.text import Text

from harness.clock import Phase
from harness.record import SpanRow
from scoreboards import words
from scoreboards.report import bars

_SETUP, _GRADE, _QUEUE = "▌", "▙", "·"
_BLUE, _ORANGE, _VIOLET = bars.STYLES[Phase.MODEL], bars.STYLES[Phase.TOOL], bars.STYLES[Phase.WAIT]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shade:
    """How a sub-phase is drawn and what the legend calls it."""

    glyph: str
    style: str
    name: str


SHADES: Mapping[str, Shade] = {
    "setup": Shade(glyph=_SETUP, style="color(30)", name="set-up"),
    "model.connect": Shade(glyph="▁", style=_BLUE, name="connect"),
    "model.first_token": Shade(glyph="▄", style=_BLUE, name="first token"),
    "model.decode": Shade(glyph=bars.SHADES[Phase.MODEL], style=_BLUE, name="decode"),
    "tool.exec": Shade(glyph=bars.SHADES[Phase.TOOL], style=_ORANGE, name="exec"),
    "tool.transport": Shade(glyph="━", style=_ORANGE, name="transport"),
    "wait.failed_call": Shade(glyph="×", style=_VIOLET, name="failed call"),  # noqa: RUF001 - a glyph
    "wait.backoff": Shade(glyph="┄", style=_VIOLET, name="backoff"),
    "wait.rate_limit": Shade(glyph=bars.SHADES[Phase.WAIT], style=_VIOLET, name="rate limit"),
    "queue": Shade(glyph=_QUEUE, style=bars.STYLES[Phase.HARNESS], name="queue"),
    "grade": Shade(glyph=_GRADE, style="color(65)", name="grading"),
    "other": Shade(glyph=bars.SHADES[Phase.HARNESS], style=bars.STYLES[Phase.HARNESS], name="other"),
}
"""One character each, so that NO_COLOR loses nothing, in the order of the legend."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """The trial's wall on so many cells."""

    wall_ns: int
    cells: int

    def bar(self, spans: Sequence[SpanRow]) -> Text:
        """Each span from its nearest cell to its nearest cell, at least one; in a cell the longest sub-phase shows."""
        t0, t1 = min(span.t0 for span in spans), max(span.t1 for span in spans)
        first, end = self._cell(t0), self._cell(t1)
        if first == end:
            first = min((t0 + t1) // 2 * self.cells // self.wall_ns, self.cells - 1)
            return Text(" " * first, no_wrap=True).append_text(_drawn(spans, t0, t1))
        text = Text(" " * first, no_wrap=True)
        for cell in range(first, end):
            text.append_text(_drawn(spans, cell * self.wall_ns / self.cells, (cell + 1) * self.wall_ns / self.cells))
        return text

    def head(self) -> Text:
        """Where the wall begins, its half and its end; its end alone where there is no room for more."""
        half, whole = words.duration(self.wall_ns / 2), words.duration(self.wall_ns)
        left = "0 s".ljust(self.cells // 2) + half
        if len(left) + 1 + len(whole) > self.cells:
            left = "0 s"
        return Text(left + whole.rjust(self.cells - len(left)))

    def _cell(self, at_ns: int) -> int:
        return min(self.cells, (2 * at_ns * self.cells + self.wall_ns) // (2 * self.wall_ns))


def _drawn(spans: Sequence[SpanRow], t0: float, t1: float) -> Text:
    """One cell: the sub-phase with most of it, or a blank."""
    lengths: dict[str, float] = defaultdict(float)
    for span in spans:
        if span.t0 < t1 and span.t1 > t0:
            lengths[shade_key(span)] += min(span.t1, t1) - max(span.t0, t0)
    if not lengths:
        return Text(" ")
    shade = SHADES[max(lengths, key=lambda key: lengths[key])]
    return Text(shade.glyph, shade.style)


def shade_key(span: SpanRow) -> str:
    """The key of `SHADES` that a span is drawn with."""
    if span.sub in {"tool_slot", "model_slot"}:
        return "queue"
    if span.phase in {Phase.SETUP, Phase.GRADE}:
        return "queue" if span.sub == "slot" else span.phase
    key = f"{span.phase}.{span.sub}"
    return key if key in SHADES else "other"


_MINUTE, _HOUR = 60, 3600


def clock(at_ns: int, wall_ns: int) -> str:
    """Time since the trial's start as clocks show it, with more digits the shorter the trial: "1:07.3", "0.042"."""
    wall_s = wall_ns / 1e9
    digits = 3 if wall_s < 10 else 2 if wall_s < 100 else 1 if wall_s < _HOUR else 0  # noqa: PLR2004 - s
    seconds = round(at_ns / 1e9, digits)
    if wall_s < _MINUTE:
        return f"{seconds:.{digits}f}"
    minutes, rest = divmod(seconds, _MINUTE)
    if wall_s < _HOUR:
        return f"{minutes:.0f}:{rest:0{3 + digits}.{digits}f}"
    hours, minutes = divmod(minutes, _MINUTE)
    return f"{hours:.0f}:{minutes:02.0f}:{rest:02.0f}"
