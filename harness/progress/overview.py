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
_MODELS = 8
_TALL = 30


def view(picture: Picture, width: int, height: int) -> list[Text]:
    """The whole view: a row a trial where they are few, else counts; at most `height` lines of at most `width`."""
    head = headline(picture, width)
    if height >= _TALL:
        head += [fitted(line, width) for line in (_faults(picture),) if line.plain]
    foot = [fitted(picture.said, width)] if picture.said else []
    room = max(0, height - len(head) - len(foot))
    blocks = [_trials(picture, width, room)] if picture.cells else _allotted(list(_blocks(picture, width)), room)
    body = [line for block in blocks for line in block]
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
    begun = f"begun {seconds(picture.now - picture.began)} ago" if picture.now > picture.began else ""
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
    """Providers that take fewer calls at once than they might, and models whose trials wait for theirs."""
    caps = [
        f"{one_line(provider)} takes {cap.at_once} of {cap.of} calls at once"
        for provider, cap in picture.caps.items()
        if cap.at_once < cap.of
    ]
    waits: dict[str, list[Cell]] = {}
    for cell in picture.running:
        if cell.wait is not None and cell.wait.get("wait_s"):
            waits.setdefault(cell.trial.model, []).append(cell)
    told = [f"{one_line(model)} {len(cells)} {_longest(cells)}" for model, cells in waits.items()]
    line = joined([*caps, *told])
    line.stylize("yellow")
    return line


def _longest(cells: Sequence[Cell]) -> str:
    waits = [cell.wait or {} for cell in cells]
    return waiting(max(waits, key=lambda wait: float(wait["wait_s"])))


def _faults(picture: Picture) -> Text:
    """What went wrong at the providers so far, and was tried again."""
    told = [
        f"{one_line(model)}: " + ", ".join(f"{number} x {_fault(fault)}" for fault, number in faults.items())
        for model, faults in picture.faults.items()
    ]
    return Text(f"tried again: {'; '.join(told)}", style="dim") if told else Text()


def _fault(fault: str) -> str:
    return one_line(fault).replace("_", " ")


def _trials(picture: Picture, width: int, room: int) -> list[Text]:
    """A row for each trial: those at work first, then those that ended, then the others."""
    cells = sorted(picture.cells, key=lambda cell: (not cell.is_running, cell.head is None))
    fit = len(cells) if len(cells) < room else max(0, room - 2)
    lines = lay(TRIAL_COLUMNS, [trial_row(cell, picture.now) for cell in cells[:fit]], width)
    more = len(cells) - fit
    return [*lines, Text(f"and {more} more", style="dim")] if more else lines


def _blocks(picture: Picture, width: int) -> Iterator[tuple[list[Text], int]]:
    """The parts of the overview, the most important first, each with the lines that it should have before others grow.

    The first line of each is its heading.
    """
    yield lay(group_columns("model"), group_rows(picture.models), width), _MODELS + 1
    if picture.errors:
        yield _named("last errors", lay(ERROR_COLUMNS, error_rows(picture.errors[:_ERRORS]), width)), 4
    if picture.running:
        slowest = heapq.nlargest(_SLOWEST, picture.running, key=lambda cell: cell.elapsed(picture.now))
        lines = lay(TRIAL_COLUMNS, [trial_row(cell, picture.now) for cell in slowest], width)
        yield _named("longest at work", lines), 5
    if len(picture.features) > 1:
        yield lay(group_columns("feature"), group_rows(picture.features), width), 2


def _named(name: str, lines: list[Text]) -> list[Text]:
    """The block under a name of its own instead of its columns' names."""
    return [Text(name, style="bold"), *lines[1:]]


def _allotted(blocks: Sequence[tuple[list[Text], int]], room: int) -> list[list[Text]]:
    """The blocks, each cut to what it may have of so many lines; the last one counts what was cut off.

    First each gets a row, then what it should have, then all that is left, always in their order.
    """
    given = [0] * len(blocks)
    for wish in (2, 0, room):
        for at, (block, fair) in enumerate(blocks):
            wanted = min(len(block), wish or fair)
            free = room - sum(given) + given[at]
            if wanted > given[at] and free >= 2:  # noqa: PLR2004 - a heading alone says nothing
                given[at] = min(wanted, free)
    return [_cut(block, lines) for (block, _), lines in zip(blocks, given, strict=True) if lines]


def _cut(block: list[Text], lines: int) -> list[Text]:
    if lines >= len(block) or lines < 3:  # noqa: PLR2004 - a heading and one row are not cut further
        return block[:lines]
    return [*block[: lines - 1], Text(f"and {len(block) - lines + 1} more", style="dim")]
