"""A what-if in the terminal: the agent wall as it was and as it would be, by model and feature."""

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from scoreboards import words
from scoreboards.report.grid import Cell, Grid, Name
from scoreboards.report.grid_view import grid_view
from scoreboards.statistics import geometric_mean, median_int
from scoreboards.whatif import Changes, Outcome


def what_if_view(outcomes: Sequence[Outcome], changes: Changes, width: int) -> RenderableType:
    """Medians by model and feature for `width` columns, and what was changed."""
    if not outcomes:
        return Text("No trial was scored, so there is nothing to change.")
    groups: dict[tuple[str, str], list[Outcome]] = {}
    for one in outcomes:
        groups.setdefault((one.record.trial.model, one.record.trial.feature), []).append(one)
    grid = Grid(
        title="What if",
        heads=("model", "feature", "trials", "agent wall", "would be", "times as fast"),
        short_heads=("model", "feature", "n", "wall", "then", "ratio"),
        rows=tuple(_row(group) for _, group in sorted(groups.items())),
        names=2,
        lines=tuple(_lines(outcomes, changes)),
    )
    return Group(grid_view(grid, width))


def _row(group: Sequence[Outcome]) -> tuple[Cell, ...]:
    first = group[0].record
    known = [(one.record.agent_wall_ns, one.wall_ns) for one in group if one.wall_ns]
    ratio = geometric_mean(before / after for before, after in known if before)
    return (
        Name(text=first.trial.model, simulated=first.trial.simulated),
        Name(text=first.trial.feature),
        str(len(group)),
        words.duration(median_int(one.record.agent_wall_ns for one in group)),
        words.duration(median_int(after for _, after in known)),
        words.UNKNOWN if ratio is None else words.times(ratio),
    )


def _lines(outcomes: Sequence[Outcome], changes: Changes) -> Iterator[str]:
    yield f"Changed: {', '.join(_told(changes)) or 'nothing'}. What a model would do otherwise is not in it."
    unknown = sum(one.wall_ns is None for one in outcomes)
    if unknown:
        yield f"{unknown} trials do not tell their tokens: what they would take is unknown."


def _told(changes: Changes) -> Iterator[str]:
    if changes.decode_tokens_per_s is not None:
        yield f"decoding at {words.speed(changes.decode_tokens_per_s)} tokens/s"
    elif changes.decode != 1:
        yield f"decoding {changes.decode:g} times as fast"
    if changes.first_token_ns is not None:
        yield f"first token after {words.duration(changes.first_token_ns)}"
    elif changes.first_token != 1:
        yield f"first tokens {changes.first_token:g} times as fast"
    if changes.tools != 1:
        yield f"tools {changes.tools:g} times as fast"
    if changes.turns != 1:
        yield f"{changes.turns:g} times the turns"
