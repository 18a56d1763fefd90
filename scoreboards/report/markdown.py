"""A board as GitHub-flavoured Markdown, for pull requests and job summaries."""

import html
import re
from collections.abc import Iterable, Iterator, Sequence

from harness.untrusted import one_line
from scoreboards.board import Board
from scoreboards.model_bound import bound_sentence
from scoreboards.report.call_tables import calls_grid
from scoreboards.report.grid import Cell, Grid, Name
from scoreboards.report.inside_table import inside_grid
from scoreboards.report.notes import notes
from scoreboards.report.tables import clock_grid, features_grid, models_grid
from scoreboards.report.tool_tables import By, tool_grids
from scoreboards.speedup import pick_pair, sentence, speedup

_MARKUP = "\\`*_[]<>|#~&$"
_NOTHING = "\u200b"
"""A blank of no width, after which the rest of a name is no longer a mention, an issue's number or an address."""

_LINKING = re.compile(r"@|#|\bGH-|:(?=//)|\bwww(?=\.)", re.IGNORECASE)


def board_markdown(board: Board, kinds: Iterable[By] = ()) -> str:
    """The answer; the tables of models, of where the wall-clock went, of calls, of tool work if asked for; notes."""
    if not board.models:
        return "No trial has finished yet.\n"
    grids = (
        models_grid(board),
        clock_grid(board),
        inside_grid(board, shares=True),
        calls_grid(board),
        *tool_grids(board, kinds),
        features_grid(board),
    )
    return "\n".join((*_answer(board), *map(_section, grids), *_bullets(notes(board)), ""))


def _answer(board: Board) -> Iterator[str]:
    """The sentence about the slowest and the fastest model, and what bounds them, a paragraph each."""
    pair = pick_pair(board)
    if pair is not None:
        yield f"**{_worded(sentence(speedup(board, *pair)))}**\n"
    bound = bound_sentence(board)
    if bound:
        yield f"{_worded(bound)}\n"


def _worded(text: str) -> str:
    """Words of ours, in which names stand between backticks already: they stay the code that they are."""
    return "`".join(piece if at % 2 else escaped(piece) for at, piece in enumerate(text.split("`")))


def code(text: str) -> str:
    """Text from outside as a code span inside a table cell: no markup, no mention, no new column."""
    line = one_line(text).replace("`", "'").replace("\\|", f"\\{_NOTHING}|")  # `\\\|` would be a column's end after all
    return "`" + (line.replace("|", "\\|") or " ") + "`"


def escaped(text: str) -> str:
    """Prose that may quote names from outside: no markup, no mention of a person or an issue, no link by itself."""
    marked = "".join("\\" + letter if letter in _MARKUP else letter for letter in text)
    return _unlinked(marked)


def _unlinked(text: str) -> str:
    return _LINKING.sub(lambda found: found[0] + _NOTHING, text)


def in_html(text: str) -> str:
    """The same for what stands inside an HTML element, where Markdown is not read."""
    return html.escape(_unlinked(text)).replace("$", "&#36;")


def _section(grid: Grid) -> str:
    title = grid.title if grid.of is None else f"{grid.title}: {_cell(grid.of)}"
    below = "".join(f"\n{line}" for line in _bullets(grid.lines))
    return f"### {title}\n\n{_table(grid)}{below}{chr(10) if below else ''}"


def _bullets(lines: Sequence[str]) -> list[str]:
    return [f"- {escaped(line)}" for line in lines]


def _table(grid: Grid) -> str:
    rule = ["---"] * grid.names + ["---:"] * (len(grid.heads) - grid.names)
    rows = [[_cell(cell) for cell in row] for row in grid.rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (grid.heads, rule, *rows))


def _cell(cell: Cell) -> str:
    if isinstance(cell, Name):
        return code(cell.text) + (" (simulated)" if cell.simulated else "")
    return cell
