"""Grids in the terminal: figures stacked until they fit, or as lists where no table would."""

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.untrusted import one_line
from scoreboards.report import layout
from scoreboards.report.grid import Cell, Grid, Name


def grid_view(grid: Grid, width: int) -> RenderableType:
    """The grid for `width` columns and its lines below, with names made safe to print."""
    return Group(grid_table(grid, width) or grid_list(grid), *(Text(line, style="dim") for line in grid.lines))


def grid_table(grid: Grid, width: int) -> Table | None:
    """The grid as a table, stacked in the first of its ways that fits, else in the last; None where that is cut too."""
    stacks = grid.stacks or ([[place] for place in range(len(grid.heads) - grid.names)],)
    for stack in stacks:
        names, rows = _texts(grid, stack)
        if layout.fits(names, rows, width):
            break
    if not layout.goes(names, rows, width, bar=False):
        return None
    table = layout.table("", [names[0], *rows[0]], layout.widths(names, rows, width, bar=False).name)
    table.title = title(grid)
    for name, row in zip(names[1:], rows[1:], strict=True):
        table.add_row(name, *row)
    return table


def grid_list(grid: Grid) -> Group:
    """The grid as a list: what a row is, and under it a figure a line."""
    parts: list[Text] = [title(grid)]
    for row in grid.rows:
        parts.append(Text(" ").join(map(_bold, row[: grid.names])))
        parts += [Text(f"  {head}: {plain(cell)}") for head, cell in _figures(grid, row)]
    return Group(*parts)


def _figures(grid: Grid, row: tuple[Cell, ...]) -> Iterator[tuple[str, Cell]]:
    return zip(grid.heads[grid.names :], row[grid.names :], strict=True)


def title(grid: Grid) -> Text:
    """What the grid shows, and of whom."""
    about = "" if grid.of is None else f": {plain(grid.of)}"
    return Text(f"{grid.title}{about}", style="bold")


def _texts(grid: Grid, stack: Sequence[Sequence[int]]) -> tuple[list[Text], list[list[Text]]]:
    """The column of names and the rows of figures, each with its head first."""
    heads: tuple[Cell, ...] = grid.short_heads or grid.heads
    names = [_names(heads[: grid.names]), *_row_names(grid)]
    rows = [[_stacked(row[grid.names :], places) for places in stack] for row in (heads, *grid.rows)]
    tallest = max((len(places) for places in stack), default=1)  # no tool, no figure
    for text in (cell for row in rows[1:] for cell in row):
        for word, style in grid.styles.items():
            text.highlight_words([word], style)
    for text, places in zip(rows[0], stack, strict=True):
        text.append("\n" * (tallest - len(places)))  # heads stand on one line, not on the rule below them
    names[0].append("\n" * (tallest - 1))
    return names, rows


def _row_names(grid: Grid) -> Iterator[Text]:
    """What each row is, without the first name where the row above is of the same."""
    before: Cell | None = None
    for row in grid.rows:
        yield _names(row[: grid.names] if row[0] != before else ("", *row[1 : grid.names]))
        before = row[0]


def _names(cells: tuple[Cell, ...]) -> Text:
    """What a row is: the first name bold, "simulated" and any further ones fainter below."""
    first, *others = cells
    name = Text(one_line(first.text) if isinstance(first, Name) else first, style="bold")
    below = ["simulated"] if isinstance(first, Name) and first.simulated else []
    lines = [*below, *filter(None, map(plain, others))]
    return Text("\n").join(filter(None, [name, *(Text(line, style="dim") for line in lines)]))


def _stacked(figures: Sequence[Cell], places: Sequence[int]) -> Text:
    first, *others = (plain(figures[place]) for place in places)
    return Text.assemble(first, *((f"\n{line}", "dim") for line in others))


def _bold(cell: Cell) -> Text:
    return Text(plain(cell), style="bold")


def plain(cell: Cell) -> str:
    """A cell as text that is safe to print."""
    if isinstance(cell, Name):
        return one_line(cell.text) + (" (simulated)" if cell.simulated else "")
    return cell
