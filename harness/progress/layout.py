"""Lines that fit: columns are shortened as far as they can be read, then dropped, then shortened further."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from harness.untrusted import one_line

GAP = 2
_NARROWEST = 6
_READABLE = 18
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
    """A heading and the rows as lines of at most `width` columns; a column that may be dropped is, if it is empty."""
    cells = [[_text(cell) for cell in row] for row in rows]
    kept = [at for at, column in enumerate(columns) if not column.rank or any(row[at].plain for row in cells)]
    while True:
        widths = _widths(columns, cells, kept, (width, _READABLE))
        droppable = [at for at in kept if columns[at].rank]
        if _whole(widths, kept) <= width or not droppable:
            break
        kept.remove(max(droppable, key=lambda at: columns[at].rank))
    widths = _widths(columns, cells, kept, (width, _NARROWEST))
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


def _widths(
    columns: Sequence[Column], cells: Sequence[Sequence[Text]], kept: Sequence[int], goal: tuple[int, int]
) -> list[int]:
    """The columns' widths: as wide as their widest cell, flexible ones less.

    They give way, the widest first, until the whole fits the goal's first figure, but not below its second.
    """
    width, floor = goal
    widths = [
        max((cell_len(column.name), *(cell_len(row[at].plain) for row in cells))) for at, column in enumerate(columns)
    ]
    flexible = [at for at in kept if columns[at].flexible]
    while (over := _whole(widths, kept) - width) > 0:
        widest = max(flexible, key=lambda at: widths[at], default=None)
        if widest is None or widths[widest] <= floor:
            break
        narrower = [widths[at] for at in flexible if widths[at] < widths[widest]]
        alike = sum(widths[at] == widths[widest] for at in flexible)
        widths[widest] -= max(1, min(over // alike, widths[widest] - max([floor, *narrower])))
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
