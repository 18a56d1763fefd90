"""Flat rows as CSV, NDJSON and Parquet, written row by row: memory does not grow with the number of trials."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Protocol

from scoreboards.flat import Flat, FlatTable, Told, Value


class _Writes(Protocol):
    def write(self, text: str, /) -> object: ...


_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_TYPES: Mapping[type, str] = {str: "VARCHAR", int: "BIGINT", float: "DOUBLE", bool: "BOOLEAN"}


def write_csv(table: FlatTable, told: Iterable[Told], to: _Writes) -> int:
    """One line for each row under a line of names; returns the number of rows.

    Unknown is empty. Text that a spreadsheet would run as a formula gets an apostrophe in front.
    """
    writer = csv.writer(to, lineterminator="\n")
    writer.writerow(table.columns)
    number = 0
    for row in _rows(table, told):
        writer.writerow([_cell(row[name]) for name in table.columns])
        number += 1
    return number


def write_ndjson(table: FlatTable, told: Iterable[Told], to: _Writes) -> int:
    """One JSON object a line, all but ASCII escaped; returns the number of rows."""
    number = 0
    for row in _rows(table, told):
        to.write(json.dumps({name: row[name] for name in table.columns}, allow_nan=False) + "\n")
        number += 1
    return number


def write_parquet(table: FlatTable, told: Iterable[Told], path: Path) -> int:
    """A Parquet file with the table's columns (whole numbers of 64 bits); returns the number of rows.

    Raises OSError where the file cannot be written.
    """
    import duckdb  # only who needs it pays for loading it

    columns = ", ".join(f"'{name}': '{_TYPES[kind]}'" for name, kind in table.columns.items())
    with NamedTemporaryFile("w", suffix=".ndjson", dir=path.parent) as rows:
        number = write_ndjson(table, told, rows)
        rows.flush()
        source = f"read_json({_quoted(rows.name)}, columns={{{columns}}}, format='newline_delimited')"
        with duckdb.connect() as connection:
            try:
                connection.execute(f"COPY (SELECT * FROM {source}) TO {_quoted(str(path))} (FORMAT parquet)")  # noqa: S608 - quoted
            except duckdb.IOException as error:
                raise OSError(str(error)) from error
    return number


def _rows(table: FlatTable, told: Iterable[Told]) -> Iterator[Flat]:
    for one in told:
        yield from table.rows(one)


def _cell(value: Value) -> Value:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        flat = value.replace("\0", "").encode("utf-8", "replace").decode()
        return "'" + flat if flat.startswith(_FORMULA) else flat
    return value


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
