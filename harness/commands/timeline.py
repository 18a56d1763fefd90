"""`splitclock timeline`: one trial, call by call and tool by tool, and what bounds it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from harness.artefacts import read_spans
from harness.commands import options
from harness.commands.session import output
from harness.commands.status import planned_rows
from harness.errors import ConfigError, InfraError
from harness.journal import read_attempts, read_last_rows
from harness.record import Record
from harness.run_folder import RunFolder
from harness.untrusted import one_line
from scoreboards.bounds import bound, pieces
from scoreboards.report.timeline_machine import timeline_json
from scoreboards.report.waterfall import LEAST_WIDTH, Waterfall, print_waterfall
from scoreboards.timeline import timeline_rows

MOST_CANDIDATES = 8
"""Trials that an error names."""


def command(
    run: options.RunFolderArgument,
    trial: Annotated[
        str | None, typer.Argument(help="Its id, the beginning of it, or MODEL/FEATURE/REPEAT.", show_default=False)
    ] = None,
    *,
    attempt: Annotated[int | None, typer.Option("--attempt", metavar="N", help="Not the latest attempt.")] = None,
    whole: Annotated[bool, typer.Option("--all", help="Show each row, however many there are.")] = False,
    as_json: options.Json = False,
) -> None:
    """Where one trial's time went: each call and tool on one axis, the most expensive pieces, and what bounds it.

    Example: splitclock timeline runs/demo-20260101T120000Z fast/bookings/waitlist/1
    """
    found = pick(planned_rows(run), trial, run)
    record = _record(run, found, attempt)
    rows = timeline_rows(record, read_spans(RunFolder(root=run), record.trial.id, record.attempt))
    try:
        bounds = bound(record, rows)
    except ValueError as error:
        raise InfraError(f"{run}: trial {record.trial.id}: {error}; restore the run folder from a copy") from error
    dear = pieces(record, rows)
    if as_json:
        typer.echo(timeline_json(record, rows, dear, bounds))
        return
    console = output()
    if console.width < LEAST_WIDTH:
        raise ConfigError(f"a timeline needs {LEAST_WIDTH} columns and has {console.width}: widen it, or take --json")
    print_waterfall(Waterfall(record=record, rows=rows, pieces=dear, bound=bounds, is_whole=whole), console)


def pick(planned: Sequence[dict[str, Any]], wanted: str | None, run: Path) -> dict[str, Any]:
    """The one planned trial that is meant: by id, by label, by the beginning of either, or as the run's only one.

    Raises ConfigError, with the candidates, when it is none or several.
    """
    found = list(planned) if wanted is None else _matching(planned, wanted)
    if len(found) == 1:
        return found[0]
    if wanted is None:
        problem = f"{run} has {len(planned)} trials; name one"
    else:
        problem = f"{one_line(wanted)!r} is {'none' if not found else f'{len(found)}'} of the trials of {run}; name one"
    raise ConfigError(f"{problem}: {_listed(found or planned)}" if planned else f"{run} has no trials")


def _matching(planned: Sequence[dict[str, Any]], wanted: str) -> list[dict[str, Any]]:
    label = wanted.replace(" ", "/")
    exact = [row for row in planned if row["id"] == wanted or _path(row) == label]
    return exact or [row for row in planned if row["id"].startswith(wanted) or _path(row).startswith(f"{label}/")]


def _path(row: dict[str, Any]) -> str:
    return f"{row['model']}/{row['feature']}/{row['repeat']}".replace(" ", "/")


def _listed(rows: Sequence[dict[str, Any]]) -> str:
    shown = [f"{row['id']} ({one_line(_path(row), 80)})" for row in rows[:MOST_CANDIDATES]]
    more = len(rows) - len(shown)
    return ", ".join(shown) + (f" and {more} more, see `splitclock status`" if more else "")


def _record(run: Path, row: dict[str, Any], attempt: int | None) -> Record:
    """The record of the latest attempt, or of the one asked for. Raises ConfigError where there is none."""
    name = f"trial {row['id']} ({one_line(_path(row), 80)})"
    records = {record.attempt: record for record in read_attempts(run) if record.trial.id == row["id"]}
    if not records:
        last = read_last_rows(run).get(row["id"])
        state = f"last journalled: {last.kind}" if last else "it has not begun"
        raise ConfigError(f"{name} has no record yet ({state}); `splitclock status {run}` shows how far the run is")
    wanted = max(records) if attempt is None else attempt
    if wanted not in records:
        raise ConfigError(f"{name} has no record of attempt {wanted}; known: {', '.join(map(str, sorted(records)))}")
    return records[wanted]
