"""`splitclock timeline`: one trial, call by call and tool by tool, and what bounds it."""

from typing import Annotated

import typer

from harness.artefacts import read_spans
from harness.commands import options
from harness.commands.picking import pick_record
from harness.commands.session import output
from harness.current import current_attempts
from harness.errors import ConfigError, InfraError
from harness.run_folder import RunFolder
from scoreboards.bounds import bound, pieces
from scoreboards.report.timeline_machine import timeline_json
from scoreboards.report.waterfall import LEAST_WIDTH, Waterfall, print_waterfall
from scoreboards.timeline import timeline_rows


def command(
    run: options.RunFolderArgument,
    trial: options.TrialArgument = None,
    *,
    attempt: options.Attempt = None,
    whole: Annotated[bool, typer.Option("--all", help="Show each row, however many there are.")] = False,
    as_json: options.Json = False,
) -> None:
    """Where one trial's time went: each call and tool on one axis, the most expensive pieces, and what bounds it.

    Example: splitclock timeline runs/demo-20260101T120000Z fast/bookings/waitlist/1
    """
    record = pick_record(run, trial, attempt, current_attempts(run))
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
