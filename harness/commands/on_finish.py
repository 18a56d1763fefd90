"""`--on-finish CMD`: a command of the user's that is run when a run has ended, however it ended."""

import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from harness.commands.session import say
from harness.errors import ConfigError
from harness.untrusted import one_line

PATIENCE_S = 60.0
"""Seconds after which the command is ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """The words of the command, split as a shell would but run without one, and the environment that it gets."""

    words: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    patience_s: float = PATIENCE_S

    def run(self, folder: Path, exit_code: int, summary: Path) -> str:
        """Run it; returns what went wrong, or "". It says nothing on standard output, which may hold a document."""
        told = {
            "SPLITCLOCK_RUN": str(folder.absolute()),
            "SPLITCLOCK_EXIT_CODE": str(exit_code),
            "SPLITCLOCK_SUMMARY": str(summary.absolute()),
        }
        try:
            process = subprocess.Popen(
                self.words,
                env={**self.environment, **told},
                stdin=subprocess.DEVNULL,
                stdout=_STANDARD_ERROR,
                start_new_session=True,
            )
        except OSError as error:
            return f"--on-finish {self.words[0]}: {error.strerror or error}"
        return self._waited(process)

    def _waited(self, process: "subprocess.Popen[bytes]") -> str:
        """Its end, or the end that is made of it and of what it started."""
        try:
            code = process.wait(self.patience_s)
        except subprocess.TimeoutExpired:
            return f"--on-finish {self.words[0]}: was ended after {self.patience_s:.0f} s"
        finally:
            if process.poll() is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        return f"--on-finish {self.words[0]}: exit code {code}" if code else ""


_STANDARD_ERROR = 2


def hook_of(command: str | None, environment: Mapping[str, str]) -> Hook | None:
    """The hook that a command line asks for. Raises ConfigError for a command that could not be run at the end."""
    if command is None:
        return None
    try:
        words = tuple(shlex.split(command))
    except ValueError as error:
        raise ConfigError(f"--on-finish {one_line(command)}: {error}") from error
    if not words:
        raise ConfigError("--on-finish: names no command")
    if shutil.which(words[0], path=environment.get("PATH")) is None:
        raise ConfigError(f"--on-finish {one_line(words[0])}: no such program; give its path, or install it")
    return Hook(words=words, environment=environment)


def call(hook: Hook | None, folder: Path, exit_code: int, summary: Path) -> None:
    """Run the hook, if there is one; its failure is said and changes nothing."""
    problem = "" if hook is None else hook.run(folder, exit_code, summary)
    if problem:
        say(f"splitclock: {problem}")
