"""A board in the terminal: the answer first, tables that fit 80 columns and use more; lists where there are less."""

from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.clock import Phase
from harness.untrusted import one_line
from scoreboards import words
from scoreboards.board import Board, FeatureRow, Figures
from scoreboards.inside import AGENT_PHASES
from scoreboards.model_bound import bound_sentence
from scoreboards.report import layout
from scoreboards.report.bars import bar, head
from scoreboards.report.call_tables import calls_grid
from scoreboards.report.grid_view import grid_view
from scoreboards.report.inside_table import inside_grid
from scoreboards.report.notes import READ, notes
from scoreboards.report.tables import clock_grid, cost, features_grid, models_grid, tokens_out
from scoreboards.report.tool_tables import By, tool_grids
from scoreboards.report.turned import turned_view
from scoreboards.speedup import pick_pair, sentence, speedup

_GOOD, _BAD, _MIXED = "color(28)", "color(160)", "color(136)"
_HEADS = ("solved\n95 % CI", "pass@1\nerrors", "agent wall\ntotal", "tok/s\nTTFT", "turns\ntokens", "cost\n")
_WIDE_HEADS = (
    "solved\n95 % interval",
    "pass@1\nerrors",
    "agent wall, median\ntotal",
    "decode tokens/s\nfirst token",
    "turns\noutput tokens",
    "cost\n",
)


FEW_FEATURES = 12
"""Lines of features that a board shows unasked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a board is to show beside its answer: what is inside the phases and calls, every feature, tool work."""

    inside: bool = False
    features: bool = False
    kinds: tuple[By, ...] = ()


def print_board(board: Board, console: Console, asked: Asked | None = None) -> None:
    """Print the board at the console's width; the console decides on colour (NO_COLOR, not a terminal)."""
    console.print(board_view(board, console.width, asked))


def board_view(board: Board, width: int, asked: Asked | None = None) -> RenderableType:
    """The sentence about the slowest and the fastest model and what bounds them, the tables, and the notes."""
    if not board.models:
        return Text("No trial has finished yet.")
    wanted = asked or Asked()
    spaced = [part for shown in _tables(board, width, wanted) for part in (shown, Text())]
    below = [line for line in notes(board) if wanted.inside or line not in READ]
    more = [] if wanted != Asked() else [_more(board)]
    return Group(*_answer(board), *spaced, *(Text(line, style="dim") for line in (*below, *more)))


def _answer(board: Board) -> Iterator[Text]:
    pair, bound = pick_pair(board), bound_sentence(board)
    if pair is not None:
        yield Text(sentence(speedup(board, *pair)), style="bold")
    if bound:
        yield Text(bound)
    if pair is not None or bound:
        yield Text()


def _tables(board: Board, width: int, asked: Asked) -> Iterator[RenderableType]:
    yield models_table(board, width) or turned_view(models_grid(board), width)
    yield clock_table(board, width) or turned_view(clock_grid(board), width)
    if asked.inside:
        yield turned_view(inside_grid(board, shares=True), width)
        yield turned_view(calls_grid(board), width)
    for grid in tool_grids(board, asked.kinds):
        yield grid_view(grid, width)
    if asked.features or _feature_lines(board) <= FEW_FEATURES:
        yield features_table(board, width) or turned_view(features_grid(board), width)


def _feature_lines(board: Board) -> int:
    return sum(1 + len(feature.models) for feature in board.features)


def _more(board: Board) -> str:
    features = "" if _feature_lines(board) <= FEW_FEATURES else f"--features ({len(board.features):,} of them), "
    return f"More: {features}--inside (phases, calls), --by-class, --by-tool; as a page: splitclock report."


def models_table(board: Board, width: int) -> Table | None:
    """One model a row: what it solved, how long it took, how fast it spoke, what it used; None if it does not fit."""
    names = [Text("model\n"), *map(_model_name, board.models)]
    rows = [_model_cells(row) for row in board.models]
    heads = [_head(text) for text in _WIDE_HEADS]
    if layout.widths(names, [heads, *rows], width, bar=False).folds:
        heads = [_head(text) for text in _HEADS]
    if not layout.goes(names, [heads, *rows], width, bar=False):
        return None
    table = layout.table("Models", [names[0], *heads], layout.widths(names, [heads, *rows], width, bar=False).name)
    for name, row in zip(names[1:], rows, strict=True):
        table.add_row(name, *row)
    return table


def clock_table(board: Board, width: int) -> Table | None:
    """Where the agent's wall-clock went, in percent and as a bar; None if it does not fit."""
    phases = [phase for phase in AGENT_PHASES if phase is not Phase.OVERLAP or _any_overlap(board)]
    names = [Text("model"), *(_two(_name(row), "simulated" if row.simulated else "") for row in board.models)]
    heads = [*map(head, phases)]
    rows = [_clock_cells(row, phases) for row in board.models]
    if not layout.goes(names, [heads, *rows], width, bar=True):
        return None
    cells = layout.widths(names, [heads, *rows], width, bar=True)
    table = layout.table("Where the agent's wall-clock went", [names[0], Text(), *heads], cells.name)
    for name, row, own in zip(names[1:], rows, board.models, strict=True):
        table.add_row(name, bar(own.times.shares, cells.bar), *row)
    return table


def features_table(board: Board, width: int) -> Table | None:
    """Each feature with the models that tried it; bars are as long as the median agent wall, within the feature.

    None if it does not fit.
    """
    heads = [Text(text) for text in ("solved", "agent wall", "turns", "tokens", "cost")]
    groups = [(feature, [_feature_cells(row) for row in feature.models]) for feature in board.features]
    names = [Text("feature"), *(_inner_name(row) for row in board.models)]
    titles = [Text(one_line(feature.feature), style="bold") for feature in board.features]
    all_rows = [row for _, rows in groups for row in rows]
    if not layout.goes([*names, *titles], [heads, *all_rows], width, bar=True):
        return None
    cells = layout.widths([*names, *titles], [heads, *all_rows], width, bar=True)
    table = layout.table("Features", [names[0], *heads[:2], Text(), *heads[2:]], cells.name)
    table.columns[3].justify = "left"
    for title, (feature, rows) in zip(titles, groups, strict=True):
        table.add_row(title)
        for own, row in zip(feature.models, rows, strict=True):
            table.add_row(_inner_name(own), *row[:2], _wall_bar(feature, own, cells.bar), *row[2:])
    return table


def _two(first: str | Text, second: str) -> Text:
    """A cell of two lines, the second one fainter; of one line where there is no second."""
    return Text.assemble(first, "\n", (second, "dim")) if second else Text.assemble(first)


def _head(text: str) -> Text:
    return _two(*text.split("\n"))


def _name(row: Figures) -> Text:
    return Text(one_line(row.model), style="bold")


def _simulated(row: Figures) -> tuple[str, str]:
    return (" (simulated)" if row.simulated else "", "dim")


def _model_name(row: Figures) -> Text:
    features, trials = row.features, row.outcomes.trials
    counts = f"{words.counted(features, 'feature')}, {words.counted(trials, 'trial')}"
    return _two(Text.assemble(_name(row), _simulated(row)), counts)


def _inner_name(row: Figures) -> Text:
    return Text.assemble("  ", one_line(row.model), _simulated(row))


def _solved(row: Figures) -> Text:
    passed, scored = row.outcomes.passed, row.outcomes.scored
    if not scored:
        return Text(words.UNKNOWN)
    return Text(f"{passed}/{scored}", style=_GOOD if passed == scored else _MIXED if passed else _BAD)


def _errors(row: Figures) -> Text:
    return Text(f"{row.outcomes.errors} err", style=_BAD) if row.outcomes.errors else Text("0", style="dim")


def _model_cells(row: Figures) -> list[Text]:
    outcomes, times, speeds = row.outcomes, row.times, row.speeds
    interval = outcomes.pass_interval
    between = words.UNKNOWN if interval is None else f"{interval.low * 100:.0f} to {interval.high * 100:.0f} %"
    return [
        _two(Text.assemble(_solved(row), "  ", words.percent(outcomes.pass_rate)), between),
        Text.assemble(words.percent(outcomes.pass_at_1), "\n", _errors(row)),
        _two(words.duration(times.agent_wall_median_ns), words.duration(times.agent_wall_total_ns)),
        _two(words.speed(speeds.decode_tokens_per_s), words.duration(speeds.first_token_median_ns)),
        _two(words.count(row.work.turns), tokens_out(row)),
        Text(cost(row)),
    ]


def _clock_cells(row: Figures, phases: list[Phase]) -> list[Text]:
    shares = row.times.shares
    return [Text(words.percent(None if shares is None else shares[phase])) for phase in phases]


def _feature_cells(row: Figures) -> list[Text]:
    solved = Text.assemble(_solved(row), " +", _errors(row)) if row.outcomes.errors else _solved(row)
    wall = words.duration(row.times.agent_wall_median_ns)
    return [solved, Text(wall), Text(words.count(row.work.turns)), Text(tokens_out(row)), Text(cost(row))]


def _wall_bar(feature: FeatureRow, row: Figures, cells: int) -> Text:
    longest = max((own.times.agent_wall_median_ns or 0) for own in feature.models)
    wall = row.times.agent_wall_median_ns
    return bar(row.times.shares, max(1, round(cells * wall / longest))) if wall and longest else Text()


def _any_overlap(board: Board) -> bool:
    return any(row.times.shares is not None and row.times.shares[Phase.OVERLAP] > 0 for row in board.models)
