"""Where a gate's outcome goes: the terminal, JSON, files, and a job of GitHub's."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.text import Text

from harness.commands.session import output, say
from harness.config import settings
from harness.errors import ConfigError
from harness.files import disk_errors, write_atomic
from scoreboards.report.gate_outcome import Outcome

_STDOUT = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """What a command line asks for beside the exit code; `markdown` is a file or "-"."""

    as_json: bool = False
    markdown: str | None = None
    junit: Path | None = None
    github: bool = False

    def check(self) -> None:
        """Raises ConfigError where two documents would share standard output, or one has no file."""
        if self.junit is not None and str(self.junit) == _STDOUT:
            raise ConfigError("--junit -: is written to a file only; name one")
        if self.as_json and self.markdown == _STDOUT:
            raise ConfigError("--json and --markdown -: only one of them can have standard output; name a file")

    def write(self, outcome: Outcome) -> None:
        """Everything that was asked for; of a gate that could not be decided, all but the view for people.

        Raises InfraError where a file cannot be written.
        """
        if self.markdown not in {None, _STDOUT}:
            from scoreboards.report.gate_markdown import gate_markdown

            write_atomic(Path(str(self.markdown)), gate_markdown(outcome).encode("utf-8", "replace"))
        if self.junit is not None:
            from scoreboards.report.gate_junit import gate_junit

            write_atomic(self.junit, gate_junit(outcome).encode("utf-8", "replace"))
        if not self.github:
            self._print(outcome)
            return
        _append_summary(outcome)
        with _no_commands(is_needed=not self.as_json):
            self._print(outcome)
        self._annotate(outcome)

    def _print(self, outcome: Outcome) -> None:
        if self.as_json:
            from scoreboards.report.gate_machine import gate_json

            typer.echo(gate_json(outcome))
        elif self.markdown == _STDOUT:
            from scoreboards.report.gate_markdown import gate_markdown

            typer.echo(gate_markdown(outcome), nl=False)
        elif outcome.gate is not None:
            _show(outcome)

    def _annotate(self, outcome: Outcome) -> None:
        """GitHub's runner reads commands from both streams: standard output is left to a document."""
        from scoreboards.report.gate_github import annotations

        for line in annotations(outcome):
            typer.echo(line, err=self.as_json or self.markdown == _STDOUT)


def _show(outcome: Outcome) -> None:
    from scoreboards.report.gate_view import gate_view

    console = output()
    if outcome.gate is not None:
        for part in gate_view(outcome.gate, outcome.policy, console.width):
            console.print(part, soft_wrap=isinstance(part, Text) and bool(part.no_wrap))


@contextmanager
def _no_commands(*, is_needed: bool) -> Iterator[None]:
    """What is printed meanwhile is text to GitHub's runner, whatever names in it look like.

    JSON needs none of it: no line of it begins as a command does.
    """
    if not is_needed:
        yield
        return
    token = secrets.token_hex(16)
    typer.echo(f"::stop-commands::{token}")
    try:
        yield
    finally:
        typer.echo(f"::{token}::")


def _append_summary(outcome: Outcome) -> None:
    """Add to the summary of the job's step; where there is none, or no room in it, that is said."""
    from scoreboards.report.gate_github import summary

    path = settings().step_summary
    if path is None:
        say("--github: GITHUB_STEP_SUMMARY is not set, so no summary was written")
        return
    with disk_errors(path):
        text = summary(outcome, path.stat().st_size if path.exists() else 0)
        if not text:
            say(f"--github: {path} is full, so the gate is not in the summary")
            return
        with path.open("ab") as file:
            file.write(text.encode("utf-8", "replace"))
