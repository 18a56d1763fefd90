"""One agent's work on a script, in a local sandbox, and everything that can be looked at afterwards."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.agent import Agent, Assignment, Transcript
from harness.clock import Clock, Stopwatch, SystemClock, partition
from harness.config import TrialLimits
from harness.models.contract import Message, Model, Reply, Role, ToolSpec
from harness.models.replay import ReplayModel
from harness.slots import Slots
from harness.turns import ScriptedCall, Turn
from sandbox.contract import File
from tests.harness.boxes import local_box

OpenModel = Callable[[Clock], Model]


class Play:
    """An agent that has worked: on turns without a wire, or with a model that is opened on the play's clock."""

    def __init__(self, cache: Path, turns: Sequence[Turn] | OpenModel, **settings: Any) -> None:
        clock = SystemClock()
        self.events: list[tuple[str, Mapping[str, Any]]] = []
        self.stopwatch = Stopwatch(clock)
        limits = TrialLimits(**settings.pop("limits", {}))
        assignment = Assignment(brief="Do it.", test_command="pytest", limits=limits, **settings)
        self.model = Recorder(turns(clock) if callable(turns) else ReplayModel(turns, clock))
        self.start_ns = clock.now_ns()
        with local_box(cache, File(path="a.txt", data=b"one\n" * 3)) as box:
            agent = Agent(
                model=self.model,
                sandbox=box,
                stopwatch=self.stopwatch,
                slots=Slots(1),
                on_event=lambda kind, body: self.events.append((kind, body)),
            )
            self.transcript: Transcript = agent.work(assignment)
        self.end_ns = clock.now_ns()
        self.model.close()

    def kinds(self) -> list[str]:
        """The events in order."""
        return [kind for kind, _ in self.events]

    def of_kind(self, kind: str) -> list[Mapping[str, Any]]:
        """The bodies of the events of a kind, in order."""
        return [body for found, body in self.events if found == kind]

    def told(self) -> list[str]:
        """What the tools answered, in order."""
        return [message.content for message in self.transcript.messages if message.role is Role.TOOL]

    def sub_phases_s(self) -> dict[str, float]:
        """Seconds by sub-phase, such as "wait.rate_limit"; the ledger must add up."""
        split = partition(self.stopwatch.spans(), self.start_ns, self.end_ns)
        assert sum(split.phases.values()) == self.end_ns - self.start_ns
        return {name: ns / 1e9 for name, ns in split.sub_phases.items()}


class Recorder:
    """A model that keeps what it was sent, and how much time it was given."""

    def __init__(self, inner: Model) -> None:
        self._inner = inner
        self.sent: list[list[Message]] = []
        self.left_s: list[float] = []

    def reply(self, messages: Sequence[Message], tools: Sequence[ToolSpec], left_s: float = math.inf) -> Reply:
        """The inner model's reply."""
        self.sent.append(list(messages))
        self.left_s.append(left_s)
        return self._inner.reply(messages, tools, left_s)

    def close(self) -> None:
        """Closes the inner model."""
        self._inner.close()


def calls(*pairs: tuple[str, Any]) -> Turn:
    """A turn of tool calls."""
    return Turn(tool_calls=tuple(ScriptedCall(name=name, arguments=arguments) for name, arguments in pairs))


FINISH = calls(("finish", {"summary": "done"}))
