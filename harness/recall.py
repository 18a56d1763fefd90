"""An agent's work gone through from its record alone: no model, no sandbox, the same steps, so the same transcript."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, cast

from harness.agent import Agent, Assignment, Transcript
from harness.clock import ManualClock, Stopwatch
from harness.models.contract import Message, ToolSpec
from harness.past import Past
from harness.recorded import RecordEndsError
from harness.slots import Slots
from sandbox.contract import Sandbox


def recall(past: Past, assignment: Assignment) -> Transcript:
    """What the agent of that attempt said and did until its record ends, and why it stopped where that is known.

    Of an attempt whose rows nobody can go on from its paid calls.
    """
    known = past.recorded
    if not past.readable or not known.opening:
        rows = [known.replies[turn].row for turn in sorted(known.replies)]
        return Transcript(turns=len(rows), calls=rows, unanswered_calls=known.unanswered_calls)
    agent = Agent(
        model=_Nobody(),
        sandbox=cast("Sandbox", _Nowhere(past.workspace)),
        stopwatch=Stopwatch(ManualClock()),
        slots=Slots(1),
        on_event=_unheard,
    )
    transcript = agent.transcript
    try:
        agent.work(assignment, known)
    except RecordEndsError:
        transcript.stop = ""
    if past.stop:
        transcript.stop, transcript.error = past.stop, past.error
    return transcript


class _Nobody:
    """A model that is never asked."""

    def reply(self, messages: Sequence[Message], tools: Sequence[ToolSpec], left_s: float = math.inf) -> NoReturn:  # noqa: ARG002 - nobody hears it
        """Raises RecordEndsError."""
        raise RecordEndsError("the record ends before the next answer")

    def close(self) -> None:
        """Nothing to close."""


class _Nowhere:
    """A sandbox that is gone: its workspace has a name, and nothing can be done in it."""

    def __init__(self, workspace: str) -> None:
        self.workspace = workspace

    def __getattr__(self, name: str) -> NoReturn:
        raise RecordEndsError(f"the record ends before the tool that needs `{name}`")


def _unheard(_kind: str, _body: Mapping[str, Any]) -> None:
    """Nobody is told."""
