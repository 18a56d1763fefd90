"""`shell`: run a command line in the workspace."""

import signal

from pydantic import Field

from harness.tools.contract import Arguments, Reach, Tool, ToolResult
from harness.tools.text import output_text
from harness.untrusted import one_line
from harness.work import work_of
from sandbox.contract import Command, CommandResult

DEFAULT_TIMEOUT_S = 120
MOST_TIMEOUT_S = 600


class ShellArguments(Arguments):
    """A command line for /bin/sh and the seconds it may take."""

    command: str = Field(min_length=1, description="Command line for /bin/sh; starts in the root of the repository.")
    timeout_s: int = Field(
        default=DEFAULT_TIMEOUT_S,
        ge=1,
        le=MOST_TIMEOUT_S,
        description=f"Seconds until it is killed (default {DEFAULT_TIMEOUT_S}).",
    )


def run(reach: Reach, arguments: ShellArguments) -> ToolResult:
    """Run the command line to its end; a non-zero exit is shown, not hidden."""
    deadline_s = max(1.0, min(float(arguments.timeout_s), reach.most_s))
    command = Command(argv=("/bin/sh", "-c", arguments.command), deadline_s=deadline_s, merge_stderr=True)
    result = reach.sandbox.run(command)
    shown = output_text(result.stdout)
    ending = "" if not shown.text or shown.text.endswith("\n") else "\n"
    return ToolResult(
        content=f"{shown.text}{ending}[{ended(result, deadline_s)}]",
        summary=one_line(arguments.command, 100),
        failed=result.exit_code != 0,
        produced_bytes=result.stdout.total,
        kept_bytes=min(shown.kept_bytes, result.stdout.total),
        command=result,
    )


def ended(result: CommandResult, deadline_s: float) -> str:
    """How a command ended, in words for the model."""
    if result.timed_out:
        how = f"killed: still running after {deadline_s:g} s"
    elif result.oom_killed:
        how = "killed: out of memory"
    elif result.exit_code is None:
        how = f"killed by signal {_signal_name(result.signal)}"
    else:
        how = f"exit code {result.exit_code}"
    if result.output_held:
        how += "; a background process is still running"
    return how


def _signal_name(number: int | None) -> str:
    try:
        return signal.Signals(number or 0).name
    except ValueError:
        return str(number)


SHELL = Tool(
    name="shell",
    description="Run a command line in the root of the repository. Output and errors come back together, with the "
    "exit code. There is no network. Files and background processes stay from call to call; the current folder and "
    "variables do not.",
    arguments=ShellArguments,
    run=run,
    starts_process=True,
    work=lambda arguments: work_of(arguments.command),
)
