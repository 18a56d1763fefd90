"""`splitclock show`: the whole story of one trial, from its brief to its verdict and why."""

from pathlib import Path
from typing import Annotated

import typer

from harness.commands import options
from harness.commands.picking import pick_record
from harness.commands.session import output
from harness.commands.stories import Stories
from harness.current import current_attempts
from harness.errors import ConfigError
from harness.story import Story
from scoreboards.report.story_machine import story_json
from scoreboards.report.story_view import LEAST_WIDTH, print_story


def command(
    run: options.RunFolderArgument,
    trial: options.TrialArgument = None,
    *,
    attempt: options.Attempt = None,
    full: Annotated[bool, typer.Option("--full", help="Every text uncut.")] = False,
    as_json: options.Json = False,
) -> None:
    """One trial from beginning to end: brief, turns, tools, difference, tests, signs of tampering, verdict, and why.

    Example: splitclock show runs/demo-20260101T120000Z fast/bookings/waitlist/1
    """
    story = load_story(run, trial, attempt)
    if as_json:
        typer.echo(story_json(story))
        return
    console = output()
    if console.width < LEAST_WIDTH:
        raise ConfigError(f"a story needs {LEAST_WIDTH} columns and has {console.width}: widen it, or take --json")
    print_story(story, console, is_full=full)


def load_story(run: Path, trial: str | None, attempt: int | None) -> Story:
    """What the run folder tells of one attempt. Raises ConfigError where it is not clear which, InfraError."""
    records = current_attempts(run)
    return Stories(run, records).story(pick_record(run, trial, attempt, records))
