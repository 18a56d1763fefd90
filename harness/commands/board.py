"""`splitclock board`: the leaderboard of one or more runs."""

from typing import Annotated

import typer

from harness.commands import options
from harness.commands.showing import load_board, show_board
from harness.errors import ConfigError


def command(
    runs: options.RunFolders,
    *,
    as_json: options.Json = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print GitHub-flavoured Markdown.")] = False,
) -> None:
    """Pass rates, wall-clock by phase, speed, tokens and cost, per model and per feature.

    Example: splitclock board runs/demo-20260101T120000Z --markdown
    """
    if as_json and markdown:
        raise ConfigError("--json and --markdown: choose one")
    if as_json:
        from scoreboards.report.machine import board_json

        typer.echo(board_json(load_board(runs)))
    elif markdown:
        from scoreboards.report.markdown import board_markdown

        typer.echo(board_markdown(load_board(runs)))
    else:
        show_board(runs)
