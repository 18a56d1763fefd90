"""Lines that fit: columns are shortened, then dropped, until a row is no wider than the terminal."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from harness.untrusted import one_line

GAP = 2
_NARROWEST = 6
_MOST = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column; `rank` says how early it is dropped (0: never, the highest first), `flexible` whether it may shrink."""

    name: str
    right: bool = False
    flexible: bool = False
    rank: int = 0


Row = Sequence[Text | str]


def lay(columns: Sequence[Column], rows: Sequence[Row], width: int) -> list[Text]:
    """A heading and the rows as lines of at most `width` columns."""
    kept = list(range(len(columns)))
    cells = [[_text(cell) for cell in row] for row in rows]
    while True:
        widths = _widths(columns, cells, kept, width)
        droppable = [at for at in kept if columns[at].rank]
        if _whole(widths, kept) <= width or not droppable:
            break
        kept.remove(max(droppable, key=lambda at: columns[at].rank))
    heading = [Text(column.name, style="bold") for column in columns]
    return [_line(columns, row, kept, widths, width) for row in (heading, *cells)]


def fitted(line: Text | str, width: int) -> Text:
    """One line of at most `width` columns, with "…" where it was cut."""
    text = _text(line)
    if cell_len(text.plain) > width:
        text.truncate(max(1, width), overflow="ellipsis")
    return text


def joined(parts: Sequence[Text | str], between: str = " · ") -> Text:
    """The parts that are not empty, in one text."""
    return Text(between).join(text for part in parts if (text := _text(part)).plain)


def _text(cell: Text | str) -> Text:
    return cell.copy() if isinstance(cell, Text) else Text(one_line(cell, _MOST))


def _widths(columns: Sequence[Column], cells: Sequence[Sequence[Text]], kept: Sequence[int], width: int) -> list[int]:
    """The columns' widths: as wide as their widest cell, flexible ones less as long as it does not fit."""
    widths = [
        max(cell_len(column.name), *(cell_len(row[at].plain) for row in cells), 0) for at, column in enumerate(columns)
    ]
    flexible = [at for at in kept if columns[at].flexible]
    while (over := _whole(widths, kept) - width) > 0:
        widest = max(flexible, key=lambda at: widths[at], default=None)
        if widest is None or widths[widest] <= _NARROWEST:
            break
        others = [widths[at] for at in flexible if at != widest]
        goal = max([_NARROWEST, *(one for one in others if one < widths[widest])])
        widths[widest] -= max(1, min(over, widths[widest] - goal))
    return widths


def _whole(widths: Sequence[int], kept: Sequence[int]) -> int:
    return sum(widths[at] for at in kept) + GAP * (len(kept) - 1)


def _line(
    columns: Sequence[Column], row: Sequence[Text], kept: Sequence[int], widths: Sequence[int], width: int
) -> Text:
    line = Text()
    for place, at in enumerate(kept):
        cell = fitted(row[at], widths[at])
        blank = " " * (widths[at] - cell_len(cell.plain))
        last = place == len(kept) - 1
        for part in (blank, cell) if columns[at].right else (cell, "" if last else blank):
            line.append(part)
        line.append("" if last else " " * GAP)
    return fitted(line, width)
