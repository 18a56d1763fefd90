"""`splitclock report`: one HTML page about one or more runs."""

from pathlib import Path
from typing import Annotated

import typer

from harness.commands import options
from harness.commands.session import say
from harness.commands.showing import load_board
from harness.errors import ConfigError
from harness.files import disk_errors, write_atomic
from harness.untrusted import one_line
from scoreboards.words import size


def command(
    runs: options.RunFolders,
    *,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="Where to.")] = Path("report.html"),
    title: Annotated[str | None, typer.Option("--title", help="The page's title, instead of the run's name.")] = None,
) -> None:
    """Where the wall-clock went, as one page that opens from disk without network, to mail or to keep.

    Example: splitclock report runs/demo-20260101T120000Z -o report.html
    """
    board = load_board(runs)
    if not board.trials:
        raise ConfigError(f"{runs[0]}: no trial has a record yet, so there is nothing to report")
    from scoreboards.report.page.page import page_html

    page = page_html(board, one_line(title or _named(runs), 120)).encode("utf-8", "replace")
    with disk_errors(out, "written"):
        write_atomic(out, page)
    say(f"{out}: {len(board.trials)} trials, {size(len(page))}")


def _named(runs: list[Path]) -> str:
    first = runs[0].resolve().name
    return f"Splitclock: {first}" if len(runs) == 1 else f"Splitclock: {first} and {len(runs) - 1} more"
