"""Where tool time goes, as grids: by class of work and by tool, a model each. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from enum import StrEnum

from scoreboards import words
from scoreboards.board import Board, Figures
from scoreboards.loops import LEAST
from scoreboards.report.grid import Cell, Grid, Name
from scoreboards.report.tables import model_name
from scoreboards.sums import share
from scoreboards.tool_work import ToolGroup, ToolWork


class By(StrEnum):
    """What tool calls are put together by."""

    CLASS = "class"
    TOOL = "tool"


_HEADS = (
    "calls",
    "% of calls",
    "time",
    "% of time",
    "median",
    "p90",
    "longest",
    "exec",
    "transport",
    "CPU",
    "I/O",
    "output",
    "failed",
    "timed out",
)
_FLAT = [[place] for place in range(len(_HEADS))]
_PAIRS = [[0, 1], [2, 3], [4, 5], [6], [7, 8], [9, 10], [11], [12, 13]]
_THREES = [[0, 1, 12], [2, 3, 13], [4, 5, 6], [7, 8], [9, 10, 11]]
_READ = (
    "Tool time is summed work of the scored trials: calls that ran at once count each. Exec is the command's own time,"
    " transport the rest: what the sandbox costs. CPU is its part of exec (over 100 %: several cores), I/O exec without"
    " CPU."
)


def tool_grids(board: Board, kinds: Iterable[By]) -> tuple[Grid, ...]:
    """A grid for each model and each kind that is asked for; what all calls have in common is said under the first."""
    asked = tuple(dict.fromkeys(kinds))
    grids = [_grid(row, by, first=by is asked[0]) for row in board.models if row.tools.whole for by in asked]
    if grids:
        grids[-1] = replace(grids[-1], lines=(*grids[-1].lines, _READ))
    none = [row.model for row in board.models if row.tools.whole is None]
    if asked and none and not grids:
        return (Grid(title="Tool work", heads=("model",), rows=tuple((Name(text=name),) for name in none)),)
    return tuple(grids)


def _grid(row: Figures, by: By, *, first: bool) -> Grid:
    tools = row.tools
    groups = tools.by_class if by is By.CLASS else tools.by_tool
    whole = [] if tools.whole is None else [tools.whole]
    lines = [*(_class_lines(tools) if by is By.CLASS else ()), *(_common_lines(row) if first else ())]
    return Grid(
        title=f"Tool work by {by}",
        of=model_name(row),
        heads=("class of work" if by is By.CLASS else "tool", *_HEADS),
        rows=(*(_cells(_name(group), group) for group in groups), *(_cells("all", group) for group in whole)),
        stacks=(_FLAT, _PAIRS, _THREES),
        lines=tuple(lines),
    )


def _name(group: ToolGroup) -> Cell:
    return "(not recorded)" if group.name is None else Name(text=group.name)


def _cells(name: Cell, group: ToolGroup) -> tuple[Cell, ...]:
    return (
        name,
        words.count(group.calls),
        words.percent(group.calls_share),
        words.duration(group.total_ns),
        words.percent(group.time_share),
        words.duration(group.median_ns),
        words.duration(group.p90_ns),
        words.duration(group.max_ns),
        words.duration(group.exec_ns),
        words.duration(group.transport_ns),
        words.percent(group.cpu_share),
        ("≥ " if group.io_ns.is_lower_bound else "") + words.duration(group.io_ns.value),
        words.size(group.output_bytes),
        words.count(group.failed),
        words.count(group.timed_out),
    )


def _class_lines(tools: ToolWork) -> Iterator[str]:
    other = tools.other
    if other is None:
        known = any(group.name is not None for group in tools.by_class)
        yield (
            "Nothing is in other, the class of work that nobody can tell."
            if known
            else "The classes of work are not in these records."
        )
    else:
        calls, time = words.percent(other.calls_share), words.percent(other.time_share)
        yield f"Of class other, work that nobody can tell: {calls} of calls, {time} of tool time."


def _common_lines(row: Figures) -> Iterator[str]:
    whole, loops = row.tools.whole, row.tools.loops
    if whole is not None:
        calls, time = share(whole.long_calls, whole.calls), share(whole.long_ns, whole.total_ns)
        yield f"Calls longer than a minute: {words.percent(calls)} of calls, {words.percent(time)} of tool time."
    kind = f"Retry loops (a call that failed {LEAST} times or more in a row)"
    if loops is None:
        yield f"{kind}: not known, these records do not tell calls apart."
    else:
        part = words.percent(share(loops.repeat_ns, row.times.agent_wall_total_ns))
        yield (
            f"{kind}: {loops.loops:,}; {loops.repeats:,} repeats took {words.duration(loops.repeat_ns)},"
            f" {part} of the agent wall."
        )
