"""Answers to SQL as a table, as JSON and as CSV: whatever a query returns, nothing of it steers a terminal."""

import csv
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, time
from itertools import islice
from typing import Any

from rich.table import Table

from harness.untrusted import one_line, rich_text
from scoreboards.history.query import Answer
from scoreboards.report.spreadsheet import Writes, cell
from scoreboards.words import UNKNOWN

MOST_ROWS = 200
"""So many rows are shown as a table; --json and --csv give all."""

_MOST_CHARACTERS = 200


def answer_table(answer: Answer) -> tuple[Table, bool]:
    """The first rows, and whether there are more."""
    rows = list(islice(answer.rows, MOST_ROWS + 1))
    table = Table(box=None, pad_edge=False)
    for place, name in enumerate(answer.columns):
        figures = all(isinstance(row[place], (int, float)) and not isinstance(row[place], bool) for row in rows)
        table.add_column(rich_text(one_line(name, 60)), justify="right" if rows and figures else "left")
    for row in rows[:MOST_ROWS]:
        table.add_row(*(rich_text(_shown(value)) for value in row))
    return table, len(rows) > MOST_ROWS


def write_answer_json(answer: Answer, to: Writes) -> None:
    """One object: "schema", "columns", "rows" (a list each); all but ASCII escaped, no number that JSON lacks."""
    to.write(f'{{"schema": 1, "columns": {json.dumps(list(answer.columns))}, "rows": [')
    for number, row in enumerate(answer.rows):
        to.write(("," if number else "") + "\n" + json.dumps([_plain(value) for value in row], allow_nan=False))
    to.write("]}\n")


def write_answer_csv(answer: Answer, to: Writes) -> None:
    """A line of names, then the rows; text that a spreadsheet would run gets an apostrophe in front."""
    writer = csv.writer(to, lineterminator="\n")
    writer.writerow([cell(name) for name in answer.columns])
    writer.writerows([_flat(value) for value in row] for row in answer.rows)


def _shown(value: Any) -> str:
    plain = _plain(value)
    if plain is None:
        return UNKNOWN
    if isinstance(plain, (dict, list)):
        return one_line(json.dumps(plain), _MOST_CHARACTERS)
    return one_line(str(plain), _MOST_CHARACTERS)


def _flat(value: Any) -> Any:
    plain = _plain(value)
    return cell(json.dumps(plain) if isinstance(plain, (dict, list)) else plain)


def _plain(value: Any) -> Any:
    """A value of DuckDB as one of JSON."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    for kind, convert in _CONVERSIONS:
        if isinstance(value, kind):
            return convert(value)
    return str(value)


def _mapping(value: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name): _plain(one) for name, one in value.items()}


def _sequence(value: Iterable[Any]) -> list[Any]:
    return [_plain(one) for one in value]


_CONVERSIONS: Sequence[tuple[type | tuple[type, ...], Callable[[Any], Any]]] = (
    (Mapping, _mapping),
    ((list, tuple), _sequence),
    ((datetime, date, time), lambda value: value.isoformat()),
)
