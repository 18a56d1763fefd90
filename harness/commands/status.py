"""`splitclock status`: how far a run is, from another terminal or afterwards."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rich.table import Table
from rich.text import Text

from harness.commands import options
from harness.commands.session import output, print_json
from harness.commands.showing import summary
from harness.current import left_out, planned_only
from harness.journal import Row, read_last_rows, read_records
from harness.lock import is_written
from harness.progress import seconds, waiting
from harness.record import Record
from harness.run_folder import RunFolder
from harness.run_plan import planned_rows
from harness.untrusted import one_line, plain, rich_text

_MOST_WHY = 300
"""Characters of a reason that are shown."""


def command(run: options.RunFolderArgument, *, as_json: options.Json = False) -> None:
    """The state of every trial of a run, while it runs or afterwards.

    Example: splitclock status runs/demo-20260101T120000Z
    """
    planned = planned_rows(run)
    if as_json:
        print_json(summary(run, len(planned)))
        return
    records = {record.trial.id: record for record in planned_only(run, read_records(run))}
    last = read_last_rows(run)
    console = output()
    live = is_written(RunFolder(root=run).lock)
    states = {str(row["id"]): _state(records.get(row["id"]), last.get(row["id"]), live=live) for row in planned}
    console.print(_table(planned, states))
    for trial, state in states.items():
        if state.why and state.state != "pass":
            console.print(Text.assemble((trial, "bold"), "  ", state.why))
    finished = len(records)
    if finished < len(planned) and not live:
        console.print(rich_text(f"nobody writes this run any more: `splitclock resume {run}` goes on with it"))
    console.print(f"{finished} of {len(planned)} trials have a record")
    if earlier := left_out(run):
        console.print(f"{earlier} records of earlier settings are left out")


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """How far a trial is, as text; `why` is a sentence, which stands under the table."""

    state: str
    turns: str = ""
    wall: str = ""
    why: str = ""


def _table(planned: Iterable[dict[str, Any]], states: dict[str, _State]) -> Table:
    table = Table(box=None)
    for name in ("trial", "model", "feature", "#", "state", "turns", "wall"):
        figure = name in ("#", "turns", "wall")
        table.add_column(
            name, justify="right" if figure else "left", no_wrap=figure or name == "trial", overflow="fold"
        )
    for row in planned:
        state = states[str(row["id"])]
        names = (str(row["id"]), plain(str(row["model"])), str(row["feature"]), str(row["repeat"]))
        table.add_row(*map(Text, (*names, state.state, state.turns, state.wall)))
    return table


def _doing(row: Row) -> str:
    """What a trial is at, as far as its last row tells."""
    if row.body.get("wait_s"):
        return waiting(row.body)
    return f"last journalled: {row.body.get('note', row.kind)}"


def _state(record: Record | None, row: Row | None, *, live: bool) -> _State:
    if record is not None:
        why = one_line(record.error or record.grade.reason, _MOST_WHY)
        return _State(state=record.verdict.value, turns=str(record.turns), wall=seconds(record.wall_ns), why=why)
    if row is not None:
        why = one_line(str(row.body.get("message", "")), _MOST_WHY)
        state = _doing(row) if live else "left unfinished"
        return _State(state=state, turns=str(row.body.get("turn", "")), why=why)
    return _State(state="not begun")
