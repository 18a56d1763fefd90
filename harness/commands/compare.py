"""`splitclock compare`: a slow model against a fast one, and where the difference went."""

from typing import Annotated

import typer

from harness.commands import options
from harness.commands.session import output
from harness.commands.showing import load_board
from harness.errors import ConfigError
from harness.untrusted import one_line
from scoreboards.board import Board
from scoreboards.speedup import pick_pair


def command(
    runs: options.RunFolders,
    *,
    slow: Annotated[str | None, typer.Option("--slow", metavar="MODEL", help="The slower model.")] = None,
    fast: Annotated[str | None, typer.Option("--fast", metavar="MODEL", help="The faster model.")] = None,
    every: Annotated[
        bool, typer.Option("--all-trials", help="Compare all scored trials, not only solved ones.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Claimed against real speed, and the difference in wall-clock divided exactly among its causes.

    Without --slow and --fast the slowest and the fastest model by measured decode speed are compared.

    Example: splitclock compare runs/demo-20260101T120000Z --slow frontier --fast fast
    """
    board = load_board(runs)
    names = _pair(board, slow, fast)
    from scoreboards.comparison import compare

    found = compare(board, *names, solved_only=not every)
    beside = compare(board, *names, solved_only=False) if found.found.solved_only else None
    if as_json:
        from scoreboards.report.compare_machine import compare_json

        typer.echo(compare_json(found, beside))
        return
    from scoreboards.report.compare_view import compare_view

    console = output()
    console.print(compare_view(found, beside, console.width))


def _pair(board: Board, slow: str | None, fast: str | None) -> tuple[str, str]:
    """The two models that are meant. Raises ConfigError that names the known ones."""
    known = [row.model for row in board.models]
    listed = ", ".join(one_line(name, 40) for name in sorted(known)) or "none"
    for name in (slow, fast):
        if name is not None and name not in known:
            raise ConfigError(f"no model `{one_line(name, 40)}` in these runs; known: {listed}")
    if slow is not None and fast is not None:
        if slow == fast:
            raise ConfigError("--slow and --fast: name two models")
        return slow, fast
    picked = pick_pair(board)
    others = [name for name in known if name not in (slow, fast)]
    if slow is None and fast is None and picked is not None:
        return picked
    if len(others) == 1 and (slow is not None or fast is not None):
        return (slow, others[0]) if slow is not None else (others[0], str(fast))
    raise ConfigError(f"which two models? Give --slow and --fast; known: {listed}")
