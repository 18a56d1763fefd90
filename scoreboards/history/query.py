"""SQL over the store: read-only, no files or network beyond the store's own tables, bounded in time and memory."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from harness.errors import ConfigError, InfraError
from harness.untrusted import one_line
from scoreboards.flat import TABLES
from scoreboards.history.store import Kept, Store
from scoreboards.report.spreadsheet import TYPES, quoted

if TYPE_CHECKING:
    import duckdb

MEMORY = "1GB"
SPILL = "4GB"
"""What a query may keep in memory, and what on disk beyond that."""

_AT_ONCE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How long a query may take, in seconds."""

    seconds: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The columns' names, and the rows, which can be gone through once."""

    columns: tuple[str, ...]
    rows: Iterator[tuple[Any, ...]]


@contextmanager
def asked(store: Store, runs: Sequence[Kept], sql: str, bounds: Bounds | None = None) -> Iterator[Answer]:
    """The answer to one SELECT over views `runs`, `trials`, `calls`, `tools` and `spans` of these runs.

    Each view's `run_key` is the run's name in the store. Raises ConfigError for anything else than a SELECT and for
    what DuckDB refuses, InfraError when a file of the store cannot be read.
    """
    import duckdb  # only who needs it pays for loading it

    seconds = (bounds or Bounds()).seconds
    with TemporaryDirectory(prefix="splitclock-") as scratch, _connected(store, runs, Path(scratch)) as connection:
        timer = threading.Timer(seconds, connection.interrupt)
        timer.daemon = True
        timer.start()
        try:
            statement = _only(connection, sql)
            connection.execute(statement)
            columns = tuple(str(column[0]) for column in connection.description or ())
            yield Answer(columns=columns, rows=_fetched(connection))
        except duckdb.InterruptException:
            raise ConfigError(
                f"the query took more than {seconds:g} s; ask for less, or give it more with --timeout"
            ) from None
        except duckdb.IOException as error:
            raise InfraError(f"{store.root}: {_first(error)}; add its runs again") from error
        except duckdb.Error as error:
            raise ConfigError(f"the query cannot be answered: {_first(error)}") from error
        finally:
            timer.cancel()


def _only(connection: "duckdb.DuckDBPyConnection", sql: str) -> "duckdb.Statement":
    import duckdb

    statements = connection.extract_statements(sql)
    if len(statements) != 1 or statements[0].type is not duckdb.StatementType.SELECT:
        raise ConfigError("history is only read: give one SELECT")
    return statements[0]


def _fetched(connection: "duckdb.DuckDBPyConnection") -> Iterator[tuple[Any, ...]]:
    while rows := connection.fetchmany(_AT_ONCE):
        yield from rows


@contextmanager
def _connected(store: Store, runs: Sequence[Kept], scratch: Path) -> Iterator["duckdb.DuckDBPyConnection"]:
    """A database in memory with the views, whose settings are locked: it reads the tables' files and nothing else."""
    import duckdb

    files = {name: [store.files(kept)[name] for kept in runs if name in kept.rows] for name in TABLES}
    allowed = ", ".join(quoted(str(path)) for paths in files.values() for path in paths)
    with duckdb.connect(config=_SETTINGS) as connection:
        try:
            connection.execute("CREATE TABLE runs (run_key VARCHAR, run VARCHAR, created_utc TIMESTAMP, data VARCHAR)")
            for kept in runs:
                noted = (kept.key, kept.run, kept.began.replace(tzinfo=None), kept.data)
                connection.execute("INSERT INTO runs VALUES (?, ?, ?, ?)", noted)
            for name, paths in files.items():
                connection.execute(_view(name, paths))
            connection.execute(f"SET temp_directory = {quoted(str(scratch))}")
            connection.execute(f"SET max_temp_directory_size = '{SPILL}'")
            connection.execute(f"SET allowed_paths = [{allowed}]")
            connection.execute("SET enable_external_access = false")
            connection.execute("SET lock_configuration = true")
        except duckdb.Error as error:
            raise InfraError(f"{store.root}: {_first(error)}; add its runs again") from error
        yield connection


_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "memory_limit": MEMORY,
    "threads": 2,
    "python_enable_replacements": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
}


def _view(name: str, paths: Sequence[Path]) -> str:
    """A table of all runs: columns that a run of an older Splitclock does not have are null there."""
    known = ", ".join(f'NULL::{TYPES[kind]} AS "{column}"' for column, kind in TABLES[name].columns.items())
    empty = f"SELECT NULL::VARCHAR AS run_key, {known} WHERE false"
    if not paths:
        return f'CREATE VIEW "{name}" AS {empty}'
    listed = ", ".join(quoted(str(path)) for path in paths)
    source = f"read_parquet([{listed}], union_by_name = true, filename = 'file_') AS found"
    own = "runs.run_key, found.* EXCLUDE (file_)"
    joined = f"SELECT {own} FROM {source} JOIN runs ON runs.data = split_part(file_, '/', -2)"  # noqa: S608 - quoted
    return f'CREATE VIEW "{name}" AS {empty} UNION ALL BY NAME {joined}'


def _first(error: Exception) -> str:
    """What DuckDB says, without the lines that point into the query; its wish for a library is not for us to grant."""
    said = str(error).splitlines()[0]
    if "'pytz'" in said:
        return "a time with a zone cannot be shown: make it one in UTC with ::TIMESTAMP"
    return one_line(said, 300)
