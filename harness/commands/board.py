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
    inside: Annotated[
        bool, typer.Option("--inside", help="Show what is inside the phases, model calls, and how to read it.")
    ] = False,
    features: Annotated[bool, typer.Option("--features", help="Show every feature, also where they are many.")] = False,
    by_class: Annotated[
        bool, typer.Option("--by-class", help="Show where tool time goes by class of work: test, build, search, ...")
    ] = False,
    by_tool: Annotated[bool, typer.Option("--by-tool", help="Show where tool time goes by tool.")] = False,
) -> None:
    """How much faster the fast model really was, and what bounds it; pass rates, wall-clock by phase, speed and cost.

    Example: splitclock board runs/demo-20260101T120000Z --inside
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
        from scoreboards.report.terminal import Asked, print_board

        print_board(board_of(runs), output(), Asked(inside=inside, features=features, kinds=tuple(kinds)))
