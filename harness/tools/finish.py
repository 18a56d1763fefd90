"""`finish`: the model says that its work is done."""

from pydantic import Field

from harness.tools.contract import Arguments, Reach, Tool, ToolResult
from harness.untrusted import one_line


class FinishArguments(Arguments):
    """What was done, in a few sentences."""

    summary: str = Field(default="", description="What was done, in a few sentences.")


def run(_reach: Reach, arguments: FinishArguments) -> ToolResult:
    """Ends the agent's work; what stands in the workspace is what gets graded."""
    return ToolResult(content="finished", summary=one_line(arguments.summary, 100), finished=True)


FINISH = Tool(
    name="finish",
    description="Declare the work done. Call it alone, after the tests pass.",
    arguments=FinishArguments,
    run=run,
)
