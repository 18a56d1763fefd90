"""How a gate says names, changes and limits in its sentences. Pure."""

import shlex
from collections.abc import Iterable, Sequence

from harness.untrusted import one_line
from scoreboards.gate.policy import Metric
from scoreboards.statistics import Interval
from scoreboards.words import UNKNOWN

NAMES = {
    Metric.PASS_RATE: "pass rate",
    Metric.AGENT_WALL: "agent wall",
    Metric.MODEL: "model time",
    Metric.TOOL: "tool time",
    Metric.WAIT: "provider wait",
    Metric.HARNESS: "harness time",
    Metric.COST: "cost",
    Metric.OUTPUT_TOKENS: "output tokens",
}
"""The metrics, as a sentence names them."""

_MOST = 60
_SMALL = 9.95
_HUGE = 1e9


def named(name: str) -> str:
    """A name from outside on one short plain line."""
    return one_line(name, _MOST)


def quoted(path: str) -> str:
    """A path as an argument for a shell, on one plain line."""
    return shlex.quote(one_line(path, 4096))


def listed(names: Iterable[str], most: int = 3) -> str:
    """The first of some names from outside, and how many more there are."""
    return some([named(name) for name in names], most)


def some(texts: Sequence[str], most: int = 3) -> str:
    """The first of some texts, and how many more there are."""
    more = [f"and {len(texts) - most} more"] if len(texts) > most else []
    return ", ".join([*texts[:most], *more])


def signed(change: float | None, metric: Metric = Metric.AGENT_WALL) -> str:
    """A change with its sign, as in "+31 %" or "-0.4 %", of rates in points; none where it rounds to nothing."""
    if change is None:
        return UNKNOWN
    percent = change * 100
    shown = f"{percent:+.1f}" if abs(percent) < _SMALL else f"{percent:+,.0f}" if abs(percent) < _HUGE else ""
    shown = shown or f"{percent:+.1e}"
    unit = "points" if metric is Metric.PASS_RATE else "%"
    return f"{'0' if shown in {'+0.0', '-0.0'} else shown} {unit}"


def spread(interval: Interval, metric: Metric) -> str:
    """An interval of a change: "+24 % to +39 %"."""
    return f"{signed(interval.low, metric)} to {signed(interval.high, metric)}"


def allowed(limit: float, metric: Metric) -> str:
    """How far a metric may go: "+10 %", or for the pass rate "-10 points"."""
    return signed(-limit if metric is Metric.PASS_RATE else limit, metric)


def chance(p: float | None) -> str:
    """A p: "0.031", "below 0.001"."""
    if p is None:
        return UNKNOWN
    return "below 0.001" if p < 0.001 else f"{p:.3f}"  # noqa: PLR2004 - three digits
