"""Flat rows as CSV, NDJSON and Parquet, written row by row: memory does not grow with the number of trials."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import NamedTemporaryFile, _TemporaryFileWrapper
from typing import Protocol

from scoreboards.flat import Flat, FlatTable, Told, Value


class Writes(Protocol):
    """Whatever text can be written to."""

    def write(self, text: str, /) -> object:
        """Take the text."""


MEMORY = "1GB"
"""What DuckDB may take while it writes a file."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
TYPES: Mapping[type, str] = {str: "VARCHAR", int: "BIGINT", float: "DOUBLE", bool: "BOOLEAN"}
"""Columns in SQL."""


def write_csv(table: FlatTable, told: Iterable[Told], to: Writes) -> int:
    """One line for each row under a line of names; returns the number of rows.

    Unknown is empty. Text that a spreadsheet would run as a formula gets an apostrophe in front.
    """
    writer = csv.writer(to, lineterminator="\n")
    writer.writerow(table.columns)
    number = 0
    for row in _rows(table, told):
        writer.writerow([cell(row[name]) for name in table.columns])
        number += 1
    return number


def write_ndjson(table: FlatTable, told: Iterable[Told], to: Writes) -> int:
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
    return write_tables([(table, path)], told)[table.name]


def write_tables(files: Sequence[tuple[FlatTable, Path]], told: Iterable[Told]) -> dict[str, int]:
    """A Parquet file for each of some tables, in one pass; returns each one's number of rows, by its name.

    Raises OSError where a file cannot be written.
    """
    numbers = {table.name: 0 for table, _ in files}
    with ExitStack() as opened:
        drafts = [(table, path, opened.enter_context(_draft(path))) for table, path in files]
        for one in told:
            for table, _, draft in drafts:
                numbers[table.name] += write_ndjson(table, (one,), draft)
        for table, path, draft in drafts:
            draft.flush()
            _to_parquet(table, Path(draft.name), path)
    return numbers


def _draft(path: Path) -> "_TemporaryFileWrapper[str]":
    return NamedTemporaryFile("w", suffix=".ndjson", dir=path.parent)


def _to_parquet(table: FlatTable, rows: Path, path: Path) -> None:
    import duckdb  # only who needs it pays for loading it

    columns = ", ".join(f"'{name}': '{TYPES[kind]}'" for name, kind in table.columns.items())
    source = f"read_json({quoted(str(rows))}, columns={{{columns}}}, format='newline_delimited')"
    with duckdb.connect(config={"memory_limit": MEMORY, "threads": 2}) as connection:
        try:
            connection.execute(f"COPY (SELECT * FROM {source}) TO {quoted(str(path))} (FORMAT parquet)")  # noqa: S608 - quoted
        except duckdb.IOException as error:
            raise OSError(str(error)) from error


def _rows(table: FlatTable, told: Iterable[Told]) -> Iterator[Flat]:
    for one in told:
        yield from table.rows(one)


def cell(value: Value) -> Value:
    """A value as a spreadsheet may read it: no text of it is run as a formula."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        flat = value.replace("\0", "").encode("utf-8", "replace").decode()
        return "'" + flat if flat.startswith(_FORMULA) else flat
    return value


def quoted(text: str) -> str:
    """The text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"
