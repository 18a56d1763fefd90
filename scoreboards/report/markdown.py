"""A board as GitHub-flavoured Markdown, for pull requests and job summaries."""

from collections.abc import Iterable, Iterator, Sequence

from harness.untrusted import one_line
from scoreboards.board import Board
from scoreboards.bounded import bound_sentence
from scoreboards.report.call_tables import calls_grid
from scoreboards.report.grid import Cell, Grid, Name
from scoreboards.report.inside_table import inside_grid
from scoreboards.report.notes import notes
from scoreboards.report.tables import clock_grid, features_grid, models_grid
from scoreboards.report.tool_tables import By, tool_grids
from scoreboards.speedup import pick_pair, sentence, speedup


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
    """Words of ours, in which names stand between backticks."""
    pieces = text.split("`")
    return "".join(code(piece) if at % 2 else _escaped(piece) for at, piece in enumerate(pieces))


def code(text: str) -> str:
    """Text from outside as a code span inside a table cell: no markup, no mention, no new column."""
    return "`" + (one_line(text).replace("`", "'").replace("|", "\\|") or " ") + "`"


def _section(grid: Grid) -> str:
    title = grid.title if grid.of is None else f"{grid.title}: {_cell(grid.of)}"
    below = "".join(f"\n{line}" for line in _bullets(grid.lines))
    return f"### {title}\n\n{_table(grid)}{below}{chr(10) if below else ''}"


def _bullets(lines: Sequence[str]) -> list[str]:
    return [f"- {_escaped(line)}" for line in lines]


def _escaped(text: str) -> str:
    marked = "".join("\\" + letter if letter in "\\`*_[]<>|#~&" else letter for letter in text)
    return marked.replace("@", "@\u200b")  # so that no name becomes a mention


def _table(grid: Grid) -> str:
    rule = ["---"] * grid.names + ["---:"] * (len(grid.heads) - grid.names)
    rows = [[_cell(cell) for cell in row] for row in grid.rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (grid.heads, rule, *rows))


def _cell(cell: Cell) -> str:
    if isinstance(cell, Name):
        return code(cell.text) + (" (simulated)" if cell.simulated else "")
    return cell
