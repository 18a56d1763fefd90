"""Tables whose figures are never cut: names fold, and a bar takes the room that is left."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.table import Table
from rich.text import Text

GAP = 2
"""Blank columns between two table columns."""

NAME_CELLS = 12
"""A name is folded before it is given less than this."""

LONG_NAME = 32
"""A longer name leaves a third of the room to the bar."""

BAR_CELLS = range(8, 61)
"""How short and how long a bar may be, in characters."""


LEAST = 60
"""No table is made for fewer columns: most would cut their figures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Widths:
    """Characters for the name column and for the bar; `folds` when the longest name does not fit in one line."""

    name: int
    bar: int
    folds: bool


def widths(names: Sequence[Text], figures: Sequence[Sequence[Text]], width: int, *, bar: bool) -> Widths:
    """How to share `width` columns: `names` and `figures` are columns, heads included, that stand beside the bar."""
    fixed = _fixed(figures) + (GAP if bar else 0)
    room = max(width - fixed, NAME_CELLS)
    longest = _widest(names)
    least = 0 if not bar else BAR_CELLS.start if longest <= LONG_NAME else max(BAR_CELLS.start, room // 3)
    name = min(longest, max(NAME_CELLS, room - least))
    return Widths(name=name, bar=max(BAR_CELLS.start, min(room - name, BAR_CELLS.stop - 1)), folds=name < longest)


def table(title: str, heads: Sequence[Text], name_cells: int) -> Table:
    """An empty table: the first column holds names, left and folding, the others figures, right and never wrapped."""
    made = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        padding=(0, GAP - 1, 0, 0),
        pad_edge=False,
        show_edge=False,
    )
    made.add_column(heads[0], width=name_cells, overflow="fold", vertical="top")
    for title_text in heads[1:]:
        made.add_column(title_text, justify="right", no_wrap=True)
    return made


def fits(names: Sequence[Text], figures: Sequence[Sequence[Text]], width: int) -> bool:
    """Whether `names` and `figures` (columns, heads included) go into `width` columns without folding a name."""
    return _widest(names) + _fixed(figures) <= width


def goes(names: Sequence[Text], figures: Sequence[Sequence[Text]], width: int, *, bar: bool) -> bool:
    """Whether they go into it at all, beside a short bar if there is one: names may fold, figures are never cut."""
    beside = GAP + BAR_CELLS.start if bar else 0
    return width >= LEAST and min(_widest(names), NAME_CELLS) + _fixed(figures) + beside <= width


def _fixed(figures: Sequence[Sequence[Text]]) -> int:
    return sum(map(_widest, zip(*figures, strict=True))) + GAP * len(figures[0])


def _widest(cells: Sequence[Text]) -> int:
    return max((line.cell_len for cell in cells for line in cell.split("\n", allow_blank=True)), default=0)
