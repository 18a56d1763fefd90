"""Tool calls of an earlier life run again in a new sandbox, so that it comes to stand where the old one stood."""

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

from harness.clock import Clock, Stopwatch
from harness.errors import HarnessError
from harness.past import Past
from harness.record import ToolRow
from harness.recorded import RecordedTool
from harness.same_output import difference, masked
from harness.slots import Slots
from harness.toolbox import Toolbox
from harness.tools.registry import TOOLS
from sandbox.contract import Sandbox

NS_A_SECOND = 10**9


class DivergedError(HarnessError):
    """A tool call that was run again did not do what it had done; `place` is its turn, and its number in that turn."""

    def __init__(self, message: str, *, place: tuple[int, int], tool: str) -> None:
        super().__init__(message)
        self.place = place
        self.tool = tool


def rerun(past: Past, box: Sandbox, clock: Clock, slots: Slots) -> None:
    """Run what changed the old sandbox in the new one, in the same order.

    Nothing is told or booked of it. What only reads is left out. A command that had been cut off is so again. Raises
    DivergedError at the first call that answers otherwise, SandboxError, InterruptedRunError.
    """
    toolbox = Toolbox(sandbox=box, stopwatch=Stopwatch(clock), slots=slots, on_event=_unheard)
    for (turn, index), tool in sorted(past.recorded.tools.items()):
        if not _acts(tool):
            continue
        (outcome,) = toolbox.run((tool.call,), turn, partial(_most_s, tool.row))
        then, now = masked(tool.content, past.workspace), masked(outcome.result.content, box.workspace)
        differs = difference(then, now)
        if differs:
            what = f"turn {turn}, call {index + 1} ({tool.row.tool}: {tool.row.summary[:80]})"
            message = f"run again in a new sandbox, {what} does not do what it did: {differs}"
            raise DivergedError(message, place=(turn, index), tool=tool.row.tool)


def _most_s(row: ToolRow) -> float:
    """How long the call may take: as long as it took where the time was what ended it."""
    return row.total_ns / NS_A_SECOND if row.timed_out else math.inf


def _acts(tool: RecordedTool) -> bool:
    """Whether the call can have changed its sandbox."""
    known = TOOLS.get(tool.call.name)
    return known is not None and not known.reads_only


def _unheard(_kind: str, _body: Mapping[str, Any]) -> None:
    """Nobody is told."""
