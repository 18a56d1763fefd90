"""A trend in the terminal: each model on each feature with small bars, and run by run."""

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from harness.untrusted import one_line
from scoreboards import words
from scoreboards.history.trend import FIGURES, WALL, Point, Series
from scoreboards.report.grid import Grid, Name
from scoreboards.report.grid_view import grid_view
from scoreboards.statistics import Interval

_LEVELS = "▁▂▃▄▅▆▇█"
_GAP = "·"
MOST_BARS = 20
"""So many runs, the latest ones, are shown as bars."""

NOTES = (
    "Bars are runs, the oldest first: pass rates from 0 to 100 %, times from 0 to the longest shown.",
    "Figures run by run, with 95 % Wilson intervals; nothing here claims that a change is more than chance.",
)


def trend_view(found: Sequence[Series], figure: str, width: int, *, run_by_run: bool) -> RenderableType:
    """The overview for `width` columns; below it a table for each series, where that is wanted."""
    heads = ("model", "feature", "runs", "pass rate", "latest [95 %]", _called(figure), "latest")
    grid = Grid(
        title="Trend",
        heads=heads,
        rows=tuple(_overview(series, figure) for series in found),
        names=2,
        stacks=(((0,), (1,), (2,), (3,), (4,)), ((0,), (1, 2), (3, 4)), ((0, 1, 2), (3, 4))),
        lines=(*NOTES, *_mixed(found)),
    )
    tables = (part for series in found for part in (Text(), grid_view(_by_run(series), width)))
    return Group(grid_view(grid, width), *(tables if run_by_run else ()))


def spark(values: Sequence[float | None], top: float | None = None) -> str:
    """A bar for each of the last values, of eight heights up to `top` (the largest by default); "·" for an unknown."""
    shown = values[-MOST_BARS:]
    highest = max((value for value in shown if value is not None), default=0) if top is None else top
    return "".join(_GAP if value is None else _LEVELS[_height(value, highest)] for value in shown)


def _height(value: float, highest: float) -> int:
    return round(value / highest * (len(_LEVELS) - 1)) if highest > 0 else 0


def _overview(series: Series, figure: str) -> tuple[str | Name, ...]:
    points = series.points
    return (
        Name(text=series.model, simulated=series.simulated),
        Name(text=series.feature),
        str(len(points)),
        spark([point.pass_rate for point in points], 1.0),
        _rate(points[-1]),
        spark([point.medians[figure] for point in points]),
        words.duration(points[-1].medians[figure]),
    )


def _by_run(series: Series) -> Grid:
    heads = ("run", "began (UTC)", "scored", "pass rate [95 %]", *map(_called, FIGURES))
    places = tuple(range(len(heads) - 1))
    return Grid(
        title=f"Run by run, {one_line(series.feature, 60)}",
        of=Name(text=series.model, simulated=series.simulated),
        heads=heads,
        rows=tuple(_run(point) for point in series.points),
        stacks=(tuple((place,) for place in places), (*((place, place + 1) for place in places[:-1:2]), places[-1:])),
    )


def _run(point: Point) -> tuple[str | Name, ...]:
    return (
        Name(text=point.run),
        f"{point.began:%Y-%m-%d %H:%M}",
        f"{point.scored} of {point.trials}",
        _rate(point),
        *(words.duration(point.medians[name]) for name in FIGURES),
    )


def _rate(point: Point) -> str:
    interval: Interval | None = point.pass_interval
    if interval is None:
        return words.UNKNOWN
    return f"{words.percent(point.pass_rate)} [{round(interval.low * 100)}, {round(interval.high * 100)}]"


def _called(figure: str) -> str:
    return "agent wall" if figure == WALL else figure


def _mixed(found: Sequence[Series]) -> Iterator[str]:
    """A line for each name under which several models were asked for: their figures are not of one series."""
    asked: dict[str, set[str]] = {}
    for series in found:
        asked.setdefault(series.model, set()).update(series.requested_models)
    for model, names in sorted(asked.items()):
        if len(names) > 1:
            listed = ", ".join(one_line(name, 60) for name in sorted(names))
            yield f"{one_line(model, 60)}: several models were asked for under this name: {listed}."
    noisy = sum(point.noisy for series in found for point in series.points)
    if noisy:
        yield f"{noisy:,} of the trials ran on a machine too busy to be trusted (noisy)."
