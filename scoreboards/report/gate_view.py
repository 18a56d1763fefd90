"""A gate in the terminal: the answer, the criteria, where a change comes from, and what to look at."""

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from scoreboards.gate.findings import Blame, Criterion, Decision, Gate, Seen
from scoreboards.gate.policy import Policy
from scoreboards.report import gate_notes, gate_words
from scoreboards.report.gate_tables import COLOURS, criteria_grids
from scoreboards.report.grid_view import grid_view

_SHOWN = 3


def gate_view(gate: Gate, policy: Policy, width: int) -> Iterator[RenderableType]:
    """The parts of the view for `width` columns, one below the other.

    Commands are texts with `no_wrap`: they are printed with soft wrap, so that a long one can still be copied whole.
    """
    yield Text(gate_words.headline(gate), style=f"bold {COLOURS[gate.decision]}")
    yield Text()
    for grid in criteria_grids(gate, policy):
        yield grid_view(grid, width)
        yield Text()
    yield from _places(gate, width)
    yield from _section("Why", _why(gate))
    yield from _section("What differs", [_indented(line) for line in gate_notes.differences(gate)])
    yield from (Text(line, style="dim") for line in gate_notes.notes(gate, policy))


def _section(title: str, lines: Sequence[RenderableType]) -> Iterator[RenderableType]:
    if lines:
        yield Text(title, style="bold")
        yield from lines
        yield Text()


def _why(gate: Gate) -> list[RenderableType]:
    """Why what has not passed has not, and below what is undecided what would decide it."""
    lines: list[RenderableType] = []
    for one in gate_words.ranked(gate.criteria):
        if one.decision is not Decision.PASS:
            lines.append(_indented(gate_words.why(gate, one)))
            lines += [_decides(one)] if one.would_decide else []
    return lines


def _places(gate: Gate, width: int) -> Iterator[RenderableType]:
    """Where changes come from: of the first criterion with its parts, of others what is new."""
    shown: set[str] = set()
    is_first = True
    for one in gate_words.ranked(gate.criteria):
        fresh = [seen for seen in one.look_at[:_SHOWN] if gate_words.show_command(seen) not in shown]
        if one.blame is None and not fresh:
            continue
        yield Text(f"Where it comes from: {gate_words.short(gate, one)}", style="bold")
        lines = [] if one.blame is None else list(blame_lines(one.blame))
        yield from map(_indented, lines if is_first else lines[:1])
        yield from (_look_at(seen, width) for seen in fresh)
        yield Text()
        shown |= {gate_words.show_command(seen) for seen in fresh}
        is_first = is_first and not lines


def blame_lines(blame: Blame) -> Iterator[str]:
    """The sentence, then what carries most of the change, by cause, by class of work and by feature."""
    yield gate_words.sentence(blame.words)
    for title, parts in (("by cause", blame.causes), ("by work", blame.work), ("by feature", blame.features)):
        if parts:
            yield f"{title}: {gate_words.parts(parts)}"


def _look_at(seen: Seen, width: int) -> Text:
    """The command that shows a trial, which is never cut, and why to look, as far as there is room."""
    command = Text(f"  {gate_words.show_command(seen)}", no_wrap=True, overflow="ignore")
    line = command.copy().append(f"  # {gate_words.sentence(seen.why)}", style="dim")
    line.truncate(max(width, command.cell_len), overflow="ellipsis")
    return line


def _decides(one: Criterion) -> Padding:
    return Padding(Text(f"what would decide: {gate_words.decides(one)}", style="dim"), (0, 0, 0, 4))


def _indented(line: str) -> Padding:
    return Padding(Text(line), (0, 0, 0, 2))
