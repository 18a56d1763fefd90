"""A run on one screen, whatever its size: lines that fit a terminal's width and height. Pure."""

import heapq
from collections.abc import Callable, Iterator, Sequence

from rich.text import Text

from harness.progress.forecast import SHARE
from harness.progress.layout import fitted, joined, lay
from harness.progress.rows import (
    ERROR_COLUMNS,
    TRIAL_COLUMNS,
    VERDICT_STYLE,
    error_rows,
    group_columns,
    group_rows,
    trial_row,
)
from harness.progress.standing import Picture
from harness.progress.tally import Cell
from harness.progress.words import count, money, percent, roughly, seconds, waiting
from harness.record import Verdict
from harness.untrusted import one_line

_SLOWEST = 8
_ERRORS = 5
_LEAST_BAR = 10
_MOST_BAR = 40
_NO_DECIMALS = 10


def view(picture: Picture, width: int, height: int) -> list[Text]:
    """The whole view: a row a trial where they are few, else counts; at most `height` lines of at most `width`."""
    head = headline(picture, width)
    foot = [fitted(picture.said, width)] if picture.said else []
    room = max(0, height - len(head) - len(foot))
    blocks = [_trials(picture, width, room)] if picture.cells else list(_blocks(picture, width))
    body = [line for block in _allotted(blocks, room) for line in block]
    return (head + body + foot)[: max(1, height)]


def headline(picture: Picture, width: int) -> list[Text]:
    """How much is done, what it came to, how fast it goes, what it cost, and who keeps trials waiting."""
    lines = [_done(picture, width), _verdicts(picture), _pace(picture), _spend(picture), _providers(picture)]
    return [fitted(line, width) for line in lines if line.plain]


def _done(picture: Picture, width: int) -> Text:
    whole = picture.whole
    said = f"{whole.done} of {whole.total} trials"
    room = min(_MOST_BAR, width - len(said) - 8)
    if room < _LEAST_BAR:
        return Text(said, style="bold")
    filled = round(room * whole.done / whole.total) if whole.total else 0
    line = Text(said, style="bold")
    line.append("  ").append("█" * filled, style="green").append("░" * (room - filled), style="dim")
    return line.append(f"  {percent(whole.done, whole.total)}", style="not bold")


def _verdicts(picture: Picture) -> Text:
    whole = picture.whole
    shown = [
        Text(f"{verdict.value} {whole.verdicts[verdict]}", style=VERDICT_STYLE.get(verdict, "yellow"))
        for verdict in Verdict
        if whole.verdicts.get(verdict)
    ]
    under_way = [Text(f"running {whole.running}", style="cyan")] if whole.running else []
    queued = [Text(f"queued {whole.queued}", style="dim")] if whole.queued else []
    return joined([*shown, *under_way, *queued])


def _pace(picture: Picture) -> Text:
    rate = (
        "" if picture.rate is None else f"{picture.rate:.{0 if picture.rate >= _NO_DECIMALS else 1}f} trials a minute"
    )
    begun = f"for {seconds(picture.now - picture.began)}" if picture.now > picture.began else ""
    return joined([ending(picture), rate, begun])


def ending(picture: Picture) -> str:
    """When the run will have ended: "ends in 38 min to 51 min (80 %)"; "" once it has."""
    if picture.whole.done == picture.whole.total:
        return ""
    if picture.outlook is None:
        return "end unknown"
    least, most = roughly(picture.outlook.least_s), roughly(picture.outlook.most_s)
    return f"ends in {least} to {most} ({100 * SHARE:.0f} %)" if least != most else f"ends in about {least}"


def _spend(picture: Picture) -> Text:
    whole, limits = picture.whole, picture.limits or {}
    parts = [_against(money(whole.cost_usd), whole.cost_usd, limits.get("cost_usd"), money)]
    if picture.cost_is_partial and whole.cost_usd is not None:
        parts[0] = f"at least {parts[0]}"
    tokens = _against(count(whole.tokens), whole.tokens, limits.get("output_tokens"), count)
    parts.append(f"{tokens} output tokens" if whole.tokens or limits.get("output_tokens") else "")
    turns = _against(count(whole.turns), whole.turns, limits.get("turns"), count)
    parts.append(f"{turns} turns" if whole.turns or limits.get("turns") else "")
    if limits.get("wall_s"):
        parts.append(f"of {roughly(limits['wall_s'])} wall")
    marks = (("in doubt", picture.in_doubt), ("noisy", picture.noisy), ("resumed", picture.resumed))
    return joined([*parts, *(f"{name} {number}" for name, number in marks if number)])


def _against(said: str, value: float | None, limit: float | None, words: Callable[[float], str]) -> str:
    """A figure, and how much of the budget it is."""
    if limit is None:
        return said
    return f"{said or '0'} of {words(limit)} ({percent(value or 0, limit)})"


def _providers(picture: Picture) -> Text:
    """Models whose trials wait for their provider, or whose provider takes fewer calls at once than it might."""
    return joined([*_waits(picture), *_faults(picture)])


def _waits(picture: Picture) -> Iterator[Text]:
    waits: dict[str, list[Cell]] = {}
    for cell in picture.running:
        if cell.wait is not None and cell.wait.get("wait_s"):
            waits.setdefault(cell.trial.model, []).append(cell)
    for model, cells in waits.items():
        longest = max(cells, key=lambda cell: float((cell.wait or {})["wait_s"]))
        yield Text(f"{one_line(model)}: {len(cells)} {waiting(longest.wait or {})}", style="yellow")
    for provider, cap in picture.caps.items():
        if cap.at_once < cap.of:
            yield Text(f"{one_line(provider)}: {cap.at_once} of {cap.of} calls at once", style="yellow")


def _faults(picture: Picture) -> Iterator[Text]:
    for model, faults in picture.faults.items():
        told = ", ".join(f"{number} x {one_line(fault).replace('_', ' ')}" for fault, number in faults.items())
        yield Text(f"{one_line(model)} so far: {told}", style="dim")


def _trials(picture: Picture, width: int, room: int) -> list[Text]:
    """A row for each trial: those at work first, then those that ended, then the others."""
    cells = sorted(picture.cells, key=lambda cell: (not cell.is_running, cell.head is None))
    fit = len(cells) if len(cells) < room else max(0, room - 2)
    lines = lay(TRIAL_COLUMNS, [trial_row(cell, picture.now) for cell in cells[:fit]], width)
    more = len(cells) - fit
    return [*lines, Text(f"and {more} more", style="dim")] if more else lines


def _blocks(picture: Picture, width: int) -> Iterator[list[Text]]:
    """The parts of the overview, the most important first; the first line of each is its heading."""
    yield lay(group_columns("model"), group_rows(picture.models), width)
    if picture.running:
        slowest = heapq.nlargest(_SLOWEST, picture.running, key=lambda cell: cell.elapsed(picture.now))
        yield _named("longest at work", lay(TRIAL_COLUMNS, [trial_row(cell, picture.now) for cell in slowest], width))
    if picture.errors:
        yield _named("last errors", lay(ERROR_COLUMNS, error_rows(picture.errors[:_ERRORS]), width))
    if len(picture.features) > 1:
        yield lay(group_columns("feature"), group_rows(picture.features), width)


def _named(name: str, lines: list[Text]) -> list[Text]:
    """The block under a name of its own instead of its columns' names."""
    return [fitted(Text(name, style="bold"), lines[0].cell_len or len(name)), *lines[1:]]


def _allotted(blocks: Sequence[list[Text]], room: int) -> list[list[Text]]:
    """The blocks, each cut to what it may have of so many lines: a heading and a row each in turn, then more rows.

    What is cut off is counted in the last line of the block.
    """
    given = [0] * len(blocks)
    for at, block in enumerate(blocks):
        if sum(given) + min(len(block), 2) <= room:
            given[at] = min(len(block), 2)
    left = room - sum(given)
    for at, block in enumerate(blocks):
        if given[at]:
            more = min(left, len(block) - given[at])
            given[at] += more
            left -= more
    return [_cut(block, lines) for block, lines in zip(blocks, given, strict=True) if lines]


def _cut(block: list[Text], lines: int) -> list[Text]:
    if lines >= len(block) or lines < 3:  # noqa: PLR2004 - a heading and one row are not cut further
        return block[:lines]
    return [*block[: lines - 1], Text(f"and {len(block) - lines + 1} more", style="dim")]
