"""Which trial of a run is meant, and which of its attempts: what every command about one trial shares."""

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from harness.errors import ConfigError
from harness.journal import read_last_rows
from harness.record import Record
from harness.run_plan import planned_rows
from harness.untrusted import one_line

MOST_CANDIDATES = 8
"""Trials that an error names."""


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


def pick_record(run: Path, wanted: str | None, attempt: int | None, records: Iterable[Record]) -> Record:
    """Among a run's records that of the trial and attempt that are meant, by default the latest.

    Raises ConfigError where it is not clear which, or there is none.
    """
    return _record(run, pick(planned_rows(run), wanted, run), attempt, records)


def _record(run: Path, row: dict[str, Any], attempt: int | None, known: Iterable[Record]) -> Record:
    name = f"trial {row['id']} ({one_line(_path(row), 80)})"
    records = {record.attempt: record for record in known if record.trial.id == row["id"]}
    if not records:
        last = read_last_rows(run).get(row["id"])
        state = f"last journalled: {last.kind}" if last else "it has not begun"
        raise ConfigError(
            f"{name} has no record yet ({state}); `splitclock status {shlex.quote(str(run))}` shows how far the run is"
        )
    wanted = max(records) if attempt is None else attempt
    if wanted not in records:
        raise ConfigError(f"{name} has no record of attempt {wanted}; known: {', '.join(map(str, sorted(records)))}")
    return records[wanted]
