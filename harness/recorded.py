"""What earlier lives of an attempt are known to have said and done: what its agent goes through again for nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.errors import HarnessError
from harness.models.contract import Message, Reply, ToolCall
from harness.record import CallRow, ToolRow
from harness.tools.contract import ToolResult

CallPlace = tuple[int, int]
"""Where a tool call stands: its turn from 1 on, and its number among that turn's calls from 0 on."""


class RecordEndsError(HarnessError):
    """What is known of an attempt ends here, and nothing but the record was to be gone through."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedReply:
    """An answer that was paid for: what the agent acts on, and its row. Its moments are in the attempt's spans."""

    reply: Reply
    row: CallRow


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedTool:
    """A tool call that ended: what was called, what the model was told, and its row."""

    call: ToolCall
    content: str
    row: ToolRow
    finished: bool = False

    @property
    def result(self) -> ToolResult:
        """The result as the toolbox hands it to the agent."""
        return ToolResult(
            content=self.content, summary=self.row.summary, failed=self.row.failed, finished=self.finished
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedFailure:
    """A call that was given up, and what that meant for the attempt."""

    stop: str
    error: str = ""
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """The known part of a conversation: by turn the answers, by place the tool calls; empty for a new attempt.

    `failures` are calls that ended the attempt's work, by turn. `unanswered_calls` may be billed, `spent_ns` is what
    of the trial's wall limit was used. `life` is the number of the one that goes on from here.
    """

    opening: tuple[Message, ...] = ()
    replies: Mapping[int, RecordedReply] = field(default_factory=dict)
    tools: Mapping[CallPlace, RecordedTool] = field(default_factory=dict)
    failures: Mapping[int, RecordedFailure] = field(default_factory=dict)
    unanswered_calls: int = 0
    spent_ns: int = 0
    life: int = 1

    def knows(self, turn: int) -> bool:
        """Whether that turn's call has been made, however it ended."""
        return turn in self.replies or turn in self.failures


NOTHING = Recorded()
"""What is known of an attempt that begins."""
