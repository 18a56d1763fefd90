"""`splitclock board`: the leaderboard of one or more runs."""

import sys
from typing import Annotated

import typer

from harness.commands import options
from harness.commands.session import output
from harness.commands.showing import attempts, board_of
from harness.errors import ConfigError
from harness.run_folders import runs_since
from scoreboards.report.tool_tables import By


def command(
    runs: options.RunFolders,
    *,
    since: options.Since = None,
    as_json: options.Json = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print GitHub-flavoured Markdown.")] = False,
    by_class: Annotated[
        bool, typer.Option("--by-class", help="Show where tool time goes by class of work: test, build, search, ...")
    ] = False,
    by_tool: Annotated[bool, typer.Option("--by-tool", help="Show where tool time goes by tool.")] = False,
) -> None:
    """Pass rates, wall-clock by phase and sub-phase, model calls, speed, tokens and cost, per model and per feature.

    Example: splitclock board runs/demo-20260101T120000Z --by-class --by-tool
    """
    if as_json and markdown:
        raise ConfigError("--json and --markdown: choose one")
    runs = runs_since(runs, since)
    kinds = [by for by, asked in ((By.CLASS, by_class), (By.TOOL, by_tool)) if asked]
    if as_json:
        from scoreboards.report.machine import write_board_json

        write_board_json(attempts(runs), sys.stdout)
    elif markdown:
        from scoreboards.report.markdown import board_markdown

        typer.echo(board_markdown(board_of(runs), kinds))
    else:
        from scoreboards.report.terminal import print_board

        print_board(board_of(runs), output(), kinds)
