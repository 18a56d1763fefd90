"""`splitclock status`: how far a run is, from another terminal or afterwards."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.live import Live
from rich.table import Table
from rich.text import Text

from harness.clock import SystemClock
from harness.commands import options
from harness.commands.session import output, print_json
from harness.commands.showing import summary
from harness.current import left_out
from harness.errors import ConfigError
from harness.follow import Follower, planned_trials
from harness.journal import Kind, read_rows
from harness.progress.lines import heartbeat
from harness.progress.live import drawn
from harness.progress.overview import view
from harness.progress.tally import Cell
from harness.progress.words import seconds, waiting
from harness.record import Verdict
from harness.run_plan import planned_rows
from harness.untrusted import one_line, plain, rich_text

ROWS = 40
"""A run of more trials is summed up, unless its rows are asked for."""

WATCH_S = 2.0
_MOST_WHY = 300
_ENDLESS = 100_000


def command(
    run: options.RunFolderArgument,
    *,
    every: Annotated[bool, typer.Option("--all", help="A row for each trial, however many they are.")] = False,
    failed: Annotated[bool, typer.Option("--failed", help="Only trials that ended and did not pass, and why.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Go on showing it until the run ends.")] = False,
    as_json: options.Json = False,
) -> None:
    """How far a run is, while it runs or afterwards: trials and why they failed; beyond 40 trials the sums.

    Example: splitclock status runs/demo-20260101T120000Z --watch
    """
    if sum((every or failed, watch, as_json)) > 1:
        raise ConfigError("--watch, --json, and --all or --failed: choose one")
    planned = planned_rows(run)
    if as_json:
        print_json(summary(run, len(planned)))
        return
    follower = Follower(run, planned_trials(planned), SystemClock(), small=ROWS)
    if watch:
        _watch(follower)
    elif every or failed or len(planned) <= ROWS:
        _print_rows(follower, failed=failed)
    else:
        console = output()
        for line in view(follower.picture(), console.width, _ENDLESS):
            console.print(line, soft_wrap=True)
        _print_end(follower)


def _watch(follower: Follower) -> None:
    """Show the run again and again until nobody writes it any more: drawn anew on a terminal, else a line a change."""
    console = output()
    if not console.is_terminal:
        _watch_lines(follower)
        return
    with Live(console=console, auto_refresh=False) as live:
        while True:
            going = follower.live  # looked at first: what a run writes last is read after it ended
            follower.update()
            live.update(drawn(follower.picture(), console), refresh=True)
            if not going:
                break
            SystemClock().sleep(WATCH_S)
    _print_end(follower)


def _watch_lines(follower: Follower) -> None:
    last = -1
    while True:
        going = follower.live
        follower.update()
        picture = follower.picture()
        if picture.whole.done != last:
            output().print(Text(heartbeat(picture)), soft_wrap=True)
            last = picture.whole.done
        if not going:
            break
        SystemClock().sleep(WATCH_S)
    _print_end(follower)


def _print_rows(follower: Follower, *, failed: bool) -> None:
    console, live = output(), follower.live
    cells = [cell for cell in follower.cells() if not failed or _is_failed(cell)]
    console.print(_table(cells, live=live))
    for cell in cells:
        why = _why(cell)
        if why:
            console.print(Text.assemble((cell.trial.id, "bold"), "  ", why))
    _print_end(follower)


def _print_end(follower: Follower) -> None:
    cells = follower.cells()
    finished = sum(cell.head is not None for cell in cells)
    if finished < len(cells) and not follower.live:
        again = shlex.quote(str(follower.folder))
        if error := _last_error(follower.folder):
            output().print(Text(f"the last process that wrote this run ended: {one_line(error, _MOST_WHY)}"))
        output().print(rich_text(f"nobody writes this run any more: `splitclock resume {again}` goes on with it"))
    output().print(f"{finished} of {len(cells)} trials have a record")
    if earlier := left_out(follower.folder):
        records = "1 record of earlier settings is" if earlier == 1 else f"{earlier} records of earlier settings are"
        output().print(f"{records} left out")


def _last_error(run: Path) -> str:
    """What ended the last process that wrote the run, as it could still say itself; "" where nothing did."""
    begun = max((row.seq for row in read_rows(run, Kind.RUN_STARTED)), default=0)
    ends = read_rows(run, Kind.RUN_FINISHED, after=begun)
    return str(ends[-1].body.get("error", "")) if ends else ""


def _is_failed(cell: Cell) -> bool:
    return cell.head is not None and cell.head.verdict is not Verdict.PASS


def _table(cells: Sequence[Cell], *, live: bool) -> Table:
    table = Table(box=None)
    for name in ("trial", "model", "feature", "#", "state", "turns", "wall"):
        figure = name in ("#", "turns", "wall")
        table.add_column(
            name, justify="right" if figure else "left", no_wrap=figure or name == "trial", overflow="fold"
        )
    for cell in cells:
        trial = cell.trial
        names = (trial.id, plain(trial.model), plain(trial.feature), str(trial.repeat))
        wall = "" if cell.head is None else seconds(cell.head.wall_ns)
        turns = str(cell.turns) if cell.head is not None or cell.turns else ""
        table.add_row(*map(Text, (*names, _state(cell, live=live), turns, wall)))
    return table


def _state(cell: Cell, *, live: bool) -> str:
    """How far a trial is."""
    if cell.head is not None:
        return cell.head.verdict.value + (", graded again" if cell.head.regraded else "")
    if not cell.is_running:
        return "not begun"
    if not live:
        return "left unfinished"
    return waiting(cell.wait) if cell.wait is not None else f"at work: {cell.phase}"


def _why(cell: Cell) -> str:
    if cell.head is not None:
        return one_line(cell.head.why, _MOST_WHY)
    return one_line(str((cell.wait or {}).get("message") or ""), _MOST_WHY)
