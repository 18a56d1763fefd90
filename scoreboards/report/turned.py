"""Grids turned on their side: each figure has a line and its name, each row a column; models stand side by side."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, zip_longest

from rich.cells import cell_len, chop_cells
from rich.console import Group, RenderableType
from rich.text import Text

from harness.untrusted import one_line
from scoreboards.report import layout
from scoreboards.report.grid import Cell, Grid, Name
from scoreboards.report.grid_view import grid_list, plain, title

_APART = "   "
"""Blanks before each block; columns within one stand two apart."""


_NAME_CELLS = 20
"""A longer name is folded, unless its columns are wider."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """Columns about one thing, heads first, and its name above them, as wide as they are."""

    name: str
    note: str
    columns: tuple[tuple[str, ...], ...]

    @property
    def widths(self) -> list[int]:
        return [max(map(cell_len, column)) for column in self.columns]

    @property
    def width(self) -> int:
        own = sum(self.widths) + layout.GAP * (len(self.columns) - 1)
        return max(own, min(max(cell_len(self.name), cell_len(self.note)), _NAME_CELLS))

    @property
    def title(self) -> list[str]:
        """The name in lines that are no longer than the columns are wide, and what is to be said of it."""
        return [*chop_cells(self.name, self.width), *([self.note] if self.note else [])]


def turned_view(grid: Grid, width: int) -> RenderableType:
    """The grid for `width` columns, as many blocks side by side as fit; as a list where not even one does."""
    labels = ["", *(grid.short_heads or grid.heads)[grid.names :]]
    blocks = [_block(list(rows), grid) for _, rows in groupby(grid.rows, key=lambda row: row[0])]
    room = width - max(map(cell_len, labels)) - len(_APART)
    if not blocks or max(block.width for block in blocks) > room:
        return Group(grid_list(grid), *_below(grid))
    tables = [_table(labels, some, ruled=width >= layout.LEAST) for some in _lots(blocks, room)]
    spaced = [part for table in tables for part in (*table, Text())]
    return Group(title(grid), *spaced[:-1], *_below(grid))


def turned_grid(grid: Grid) -> Grid:
    """The same as a grid of which each row is a figure; its columns are named as the rows were."""
    heads = [", ".join(map(plain, row[: grid.names])) for row in grid.rows]
    rows = [(head, *cells) for head, *cells in zip(grid.heads, *grid.rows, strict=True)]
    return replace(grid, heads=("", *heads), short_heads=(), rows=tuple(rows[grid.names :]), names=1)


def _below(grid: Grid) -> Iterator[Text]:
    return (Text(line, style="dim") for line in grid.lines)


def _block(rows: Sequence[tuple[Cell, ...]], grid: Grid) -> _Block:
    heads = [" ".join(map(plain, row[1 : grid.names])) for row in rows]
    columns = [(head, *map(plain, row[grid.names :])) for head, row in zip(heads, rows, strict=True)]
    first = rows[0][0]
    if not isinstance(first, Name):
        return _Block(name=first, note="", columns=tuple(columns))
    return _Block(name=one_line(first.text), note="simulated" if first.simulated else "", columns=tuple(columns))


def _lots(blocks: Sequence[_Block], room: int) -> Iterator[list[_Block]]:
    """Neighbours that stand side by side."""
    lot: list[_Block] = []
    for block in blocks:
        if lot and _across([*lot, block]) > room:
            yield lot
            lot = []
        lot.append(block)
    yield lot


def _across(lot: Sequence[_Block]) -> int:
    return sum(block.width for block in lot) + len(_APART) * (len(lot) - 1)


def _table(labels: Sequence[str], lot: Sequence[_Block], *, ruled: bool) -> Iterator[Text]:
    beside = max(map(cell_len, labels))
    for lines in zip_longest(*(block.title for block in lot), fillvalue=""):
        names = (_right(line, block.width) for line, block in zip(lines, lot, strict=True))
        yield Text(" " * beside + _APART + _APART.join(names), style="bold")
    for at, label in enumerate(labels):
        figures = _APART.join(_line(block, at) for block in lot)
        if at or figures.strip():
            indented = label.startswith(" ") or not at
            yield Text(label.ljust(beside) + _APART + figures, style="dim" if indented else "")
        if not at and ruled:
            yield Text("─" * (beside + len(_APART) + _across(lot)))


def _line(block: _Block, at: int) -> str:
    cells = (_right(column[at], width) for column, width in zip(block.columns, block.widths, strict=True))
    return _right((" " * layout.GAP).join(cells), block.width)


def _right(text: str, width: int) -> str:
    return " " * (width - cell_len(text)) + text
