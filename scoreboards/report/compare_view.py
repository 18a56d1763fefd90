"""A comparison in the terminal: the sentence, the ratios, and where the difference went, as bars from zero."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.untrusted import one_line
from scoreboards import words
from scoreboards.attribution import Cause
from scoreboards.comparison import Comparison, Premium
from scoreboards.speedup import sentence

CAUSES = {
    Cause.OUTPUT_TOKENS: "more tokens written",
    Cause.DECODE_SPEED: "slower decoding",
    Cause.FIRST_TOKEN: "slower first tokens",
    Cause.CONNECT: "slower to connect",
    Cause.CALLS: "more calls",
    Cause.WAIT: "more waiting for the provider",
    Cause.TOOL: "more tool work",
    Cause.TRANSPORT: "sandbox transport",
    Cause.OVERLAP: "model and tools at once",
    Cause.HARNESS: "the harness itself",
}
"""What a part of the difference means where it made the slow model slower."""

EATEN = {
    Cause.OUTPUT_TOKENS: "more tokens",
    Cause.DECODE_SPEED: "decoding on these features",
    Cause.FIRST_TOKEN: "first tokens",
    Cause.CONNECT: "connecting",
    Cause.CALLS: "more calls",
    Cause.WAIT: "waiting",
    Cause.TOOL: "tool work",
    Cause.TRANSPORT: "sandbox transport",
    Cause.OVERLAP: "model and tools at once",
    Cause.HARNESS: "the harness",
}
"""What took a part of the ratio of decode speeds."""

_LEAST_PART = 0.005
"""A smaller part of the ratio is not shown."""

_GAIN, _LOSS = "color(33)", "color(166)"
_MOST_BAR, _LEAST_BAR = 30, 6
_NS_AN_HOUR = 3600e9
_FIGURES = 48
"""Columns that names and figures need beside the bar."""


def compare_view(found: Comparison, every: Comparison | None, width: int) -> RenderableType:
    """The comparison for `width` columns; `every` is the same over all scored trials, where those are others."""
    if not found.found.pairs:
        return Text(sentence(found.found), style="bold")
    lines = [Text(line) for line in _lines(found)]
    beside = [] if every is None else [Text(), Text(f"All trials, solved or not: {_short(every)}", style="dim")]
    return Group(
        Text(sentence(found.found), style="bold"),
        Text(),
        *lines,
        Text(),
        _causes(found, width),
        *beside,
        *_notes(found),
    )


def _lines(found: Comparison) -> Iterator[str]:
    known = found.found
    interval = found.interval
    spread = f" (95 % interval {words.times(interval.low)} to {words.times(interval.high)})" if interval else ""
    rows = [
        ("claimed", None if known.claimed is None else words.times(known.claimed)),
        ("decode", None if known.decode is None else words.times(known.decode)),
        ("model time", None if found.model is None else words.times(found.model)),
        ("real", None if known.real is None else words.times(known.real) + spread),
        ("ceiling", None if found.ceiling is None else f"{words.times(found.ceiling)} with an infinitely fast model"),
    ]
    eaten = _eaten(found)
    if eaten:
        rows.append(("lost to", eaten))
    between = found.counterfactual
    if between is not None:
        told = f"{words.times(between.speed)} by speed alone, {words.times(between.behaviour)} by doing other things"
        rows.append(("of which", told))
    if found.premium is not None:
        rows.append(("premium", _premium(found.premium)))
    for name, value in rows:
        yield f"{name:<11} {words.UNKNOWN if value is None else value}"


def _eaten(found: Comparison) -> str:
    """What each cause took off the ratio of decode speeds, most first, as far as it shows; "" where none is known."""
    parts = sorted((found.eroded or {}).items(), key=lambda item: -item[1])
    shown = [(EATEN[cause], part) for cause, part in parts if abs(part) >= _LEAST_PART * (found.found.decode or 1)]
    return ", ".join(f"{name} {'+' * (part < 0)}{words.times(abs(part))}" for name, part in shown)


def _premium(found: Premium) -> str:
    hours = f"saves {words.duration(found.hours * _NS_AN_HOUR)} a feature" if found.hours > 0 else "saves no time"
    if found.usd is None:
        return f"{hours}; cost unknown"
    more = f"{words.usd(abs(found.usd))} {'more' if found.usd > 0 else 'less'} a feature"
    pays = "" if found.usd_an_hour is None else f": pays from {words.usd(found.usd_an_hour)} an hour on"
    return f"{hours}, costs {more}{pays}{' (costs are lower bounds)' if found.is_rough else ''}"


def _causes(found: Comparison, width: int) -> Table:
    """A row for each cause, the largest first; what is owed to nothing is left out."""
    slow, fast = (one_line(name, 40) for name in (found.found.slow, found.found.fast))
    table = Table(box=None, title_justify="left", title_style="bold", padding=(0, 2, 0, 0))
    longer = "longer" if found.difference_ns >= 0 else "less"
    table.title = Text(f"Why {slow} took {words.duration(abs(found.difference_ns))} {longer} than {fast}")
    for name, justify in (("owed to", "left"), ("time", "right"), ("share", "right"), ("", "left")):
        table.add_column(name, justify=justify, no_wrap=True)  # type: ignore[arg-type]  # the literals are rich's own
    room = max(_LEAST_BAR, min(_MOST_BAR, width - _FIGURES))
    largest = max((abs(ns) for ns in found.causes.values()), default=0) or 1
    for cause, ns in sorted(found.causes.items(), key=lambda item: -abs(item[1])):
        if ns:
            shade = Text("█" * round(abs(ns) / largest * room) or "▏", _LOSS if ns > 0 else _GAIN)
            table.add_row(CAUSES[cause], words.difference(ns), _share(ns, found.difference_ns), shade)
    table.add_row(Text("together", "bold"), Text(words.difference(found.difference_ns), "bold"), "100 %", "")
    return table


def _share(part: int, whole: int) -> str:
    """Of the difference, signed; a little is never shown as nothing."""
    if not whole:
        return words.UNKNOWN
    return ("-" if part / whole < 0 else "") + words.percent(abs(part / whole))


def _short(found: Comparison) -> str:
    if found.found.real is None:
        return "no feature was tried by both"
    censored = f"; {found.censored} of {found.trials} ended by their wall limit" if found.censored else ""
    features = "1 feature" if len(found.found.pairs) == 1 else f"{len(found.found.pairs)} features"
    return f"{words.times(found.found.real)} over {features}{censored}"


def _notes(found: Comparison) -> Iterator[Text]:
    if found.interval is None:
        yield Text("One feature only: no interval can be told.", style="dim")
    if any(ns < 0 for ns in found.causes.values()):
        slow = one_line(found.found.slow, 40)
        yield Text(f"Negative parts are what {slow} did less of, or faster.", style="dim")
