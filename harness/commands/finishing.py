"""From a job to the command's exit code: run it, show what it came to, keep its summary, call the user's hook."""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from harness.clock import SystemClock
from harness.commands.on_finish import Hook, call
from harness.commands.running import Finished, Job, execute
from harness.commands.session import Session, errors, output, print_json, say
from harness.commands.showing import show_board
from harness.commands.summing_up import Sum, document, screen, sum_up
from harness.errors import HarnessError, InfraError
from harness.files import write_atomic
from harness.progress.json_lines import line
from harness.run_folder import RunFolder
from harness.run_plan import read_plan
from harness.untrusted import one_line
from sandbox.errors import SandboxError

_FAILED = 4
_INTERRUPTED = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a run is shown when it has ended, and what is called then."""

    as_json: bool = False
    json_lines: bool = False
    board: bool = False
    on_finish: Hook | None = None

    @property
    def for_machines(self) -> bool:
        """Whether standard output belongs to a machine, so that people are told on standard error."""
        return self.as_json or self.json_lines


def carry_out(job: Job, session: Session, ending: Ending, exit_code: Callable[[Finished], int]) -> int:
    """Run a job to its end; returns its exit code. Raises what stops all of it, after the hook was called."""
    folders: list[Path] = []
    job = replace(job, json_lines=ending.json_lines, began=folders.append)
    try:
        finished = execute(job, session, errors() if ending.for_machines else output())
    except BaseException as error:
        if folders:
            _given_up(folders[0], ending, code_of(error))
        raise
    found = _summed_up(finished.folder, finished.planned)
    if found is not None:
        _try_to_show(found, ending)
    code = exit_code(finished)
    if ending.json_lines:
        _last_line(found, code)
    call(ending.on_finish, finished.folder, code, RunFolder(root=finished.folder).summary)
    return code


def _summed_up(folder: Path, planned: int) -> Sum | None:
    """What a run came to, kept in its folder; None where that cannot be read, which is said and changes nothing."""
    try:
        found = sum_up(folder, planned)
        _keep(found)
    except (HarnessError, SandboxError, OSError, ValueError, LookupError, TypeError) as error:
        say(f"splitclock: {folder}: cannot be summed up: {one_line(str(error)) or type(error).__name__}")
        return None
    return found


def _try_to_show(found: Sum, ending: Ending) -> None:
    """Show it; where it cannot be shown, the run came to what it came to."""
    try:
        _show(found, ending)
    except OSError:  # nobody reads it
        _drop_output()
    except (HarnessError, SandboxError, ValueError, LookupError, TypeError) as error:
        say(f"splitclock: {one_line(str(error)) or type(error).__name__}")


def _drop_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _show(found: Sum, ending: Ending) -> None:
    if ending.as_json:
        print_json(document(found))
    if ending.for_machines:
        return
    console = output()
    if ending.board:
        show_board([found.folder])
        console.print()
    for one in screen(found, console.width):
        console.print(one, soft_wrap=True)


def _given_up(folder: Path, ending: Ending, code: int) -> None:
    """The end of a run that something stopped: what there is is summed up, as far as it can be read."""
    found = _summed_up(folder, _planned(folder))
    if ending.json_lines:
        _last_line(found, code)
    call(ending.on_finish, folder, code, RunFolder(root=folder).summary)


def _planned(folder: Path) -> int:
    """How many trials the run planned; 0 where it did not get as far, or its plan cannot be read."""
    try:
        return len(read_plan(folder).trials)
    except HarnessError:
        return 0


def _keep(found: Sum) -> None:
    """Write `summary.json` into the run folder; where it cannot be written, that is said."""
    try:
        write_atomic(RunFolder(root=found.folder).summary, (json.dumps(document(found), indent=1) + "\n").encode())
    except (InfraError, OSError) as error:
        say(f"splitclock: {error}")


def _last_line(found: Sum | None, code: int) -> None:
    """`run_finished`; a reader who is gone does not make a failure of a run that ended."""
    told = {"summary": None if found is None else document(found), "exit_code": code}
    try:
        sys.stdout.write(line("run_finished", SystemClock().utc().isoformat(), told))
        sys.stdout.flush()
    except (OSError, ValueError):
        _drop_output()


def code_of(error: BaseException) -> int:
    """The exit code that the command line will end with for this."""
    if isinstance(error, HarnessError):
        return error.exit_code
    return _INTERRUPTED if isinstance(error, KeyboardInterrupt) else _FAILED
