"""The form of a journal: its tables, the kinds of its rows, how an older one is brought forward."""

import shlex
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from secrets import token_hex

from harness.clock import SystemClock
from harness.errors import ConfigError, InfraError
from harness.files import disk_full
from harness.run_folder import RunFolder

SCHEMA = 2
"""Number of the journal's form; an older one is migrated when it is opened for writing, a newer one refused.

From 2 on an attempt may have several records, of which the last one counts; who knows only 1 would count all of them.
"""

Migration = Callable[[sqlite3.Connection], None]


def _nothing_to_rewrite(_connection: sqlite3.Connection) -> None:
    """The rows stay as they are; what changed is what they mean to a reader."""


MIGRATIONS: Mapping[int, Migration] = {1: _nothing_to_rewrite}
"""The step that leads from each older schema to the next one; run inside one transaction."""

TABLES = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
    """CREATE TABLE rows (seq INTEGER PRIMARY KEY AUTOINCREMENT, at_utc TEXT NOT NULL, trial TEXT NOT NULL,
    attempt INTEGER NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL)""",
    "CREATE INDEX rows_by_kind ON rows (kind, trial, attempt)",
    "CREATE TRIGGER rows_keep BEFORE UPDATE ON rows BEGIN SELECT RAISE(ABORT, 'rows are append-only'); END",
    "CREATE TRIGGER rows_stay BEFORE DELETE ON rows BEGIN SELECT RAISE(ABORT, 'rows are append-only'); END",
)
"""The statements that make a journal's tables."""


class Kind(StrEnum):
    """What a row tells. Rows of kinds that a reader does not know are kept and skipped."""

    RUN_STARTED = "run_started"
    TRIAL_STARTED = "trial_started"
    INTENT = "intent"
    RESPONSE = "response"
    IN_DOUBT = "in_doubt"
    TOOL_START = "tool_start"
    TOOL_END = "tool_end"
    FEATURE = "feature"
    SUBMISSION = "submission"
    REGRADE = "regrade"
    RESUMED = "resumed"
    NOTE = "note"
    RECORD = "record"
    RUN_FINISHED = "run_finished"


def migrate(connection: sqlite3.Connection, steps: Mapping[int, Migration], goal: int) -> None:
    """Bring a journal forward to schema `goal`, all steps or none. Raises ConfigError for a newer or unknown schema."""
    found = _schema(connection)
    if found == goal:
        return
    for version in range(found, goal):
        if version not in steps:
            raise ConfigError(f"journal schema {version} is too old for this Splitclock; use the one that wrote it")
    connection.execute("BEGIN IMMEDIATE")
    try:
        for version in range(found, goal):
            steps[version](connection)
        connection.execute("UPDATE meta SET value = ? WHERE key = 'schema'", (str(goal),))
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def check_schema(connection: sqlite3.Connection, path: Path) -> None:
    """Raise ConfigError when `path` is no journal or a newer Splitclock wrote it."""
    try:
        found = _schema(connection)
    except (LookupError, ValueError):
        if began(RunFolder(root=path.parent)):
            raise ConfigError(damaged(path, "its tables are gone")) from None
        raise ConfigError(
            f"{path}: its run was ended before it began; `splitclock run MATRIX --out {_quoted(path.parent)}` begins it"
        ) from None
    if found > SCHEMA:
        raise ConfigError(
            f"{path}: a newer Splitclock wrote this journal (schema {found}); this one reads up to {SCHEMA}: upgrade it"
        )


def _schema(connection: sqlite3.Connection) -> int:
    known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone()
    row = connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone() if known else None
    if row is None:
        raise LookupError("schema")
    return int(row[0])


def lay_tables(connection: sqlite3.Connection) -> None:
    """Make the tables, all or none; refuse a file that has them."""
    connection.execute("BEGIN IMMEDIATE")
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone():
        raise ConfigError(f"{_path(connection).parent}: already holds a run; give another folder")
    for statement in TABLES:
        connection.execute(statement)
    known = {
        "schema": str(SCHEMA),
        "run": _path(connection).parent.name,
        "id": token_hex(4),
        "created_utc": SystemClock().utc().isoformat(),
    }
    connection.executemany("INSERT INTO meta (key, value) VALUES (?, ?)", known.items())
    connection.execute("COMMIT")


def lay_or_bring_forward(connection: sqlite3.Connection) -> None:
    """Make the tables where there are none yet, as a process leaves it that died at its start; else bring forward."""
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone():
        bring_forward(connection)
    else:
        lay_tables(connection)


def bring_forward(connection: sqlite3.Connection) -> None:
    """Make an existing journal one of this schema, or raise ConfigError."""
    check_schema(connection, _path(connection))
    migrate(connection, MIGRATIONS, SCHEMA)


def _path(connection: sqlite3.Connection) -> Path:
    return Path(connection.execute("PRAGMA database_list").fetchone()[2])


def make_durable(connection: sqlite3.Connection, path: Path) -> None:
    """Set write-ahead logging and full synchronisation: a committed row outlives a crash of process or machine."""
    (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
    if mode != "wal":
        raise InfraError(
            f"{path}: this file system cannot hold a write-ahead log; put the run on a local disk with --out"
        )
    connection.execute("PRAGMA synchronous=FULL")


def must_exist(run: RunFolder) -> None:
    """Raise ConfigError when the folder holds no journal."""
    if run.journal.is_file():
        return
    if began(run):
        raise ConfigError(damaged(run.journal, "it is gone"))
    raise ConfigError(
        f"{run.root}: no run lies here (no {run.journal.name}); give the folder that `splitclock run` made"
    )


@contextmanager
def database_errors(path: Path) -> Iterator[None]:
    """Type what SQLite says about `path`: DiskFullError, or InfraError with its words."""
    try:
        yield
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            raise disk_full(path) from error
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED:
            raise InfraError(damaged(path, str(error))) from error
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _FORBIDDEN:
            raise InfraError(
                f"{path}: cannot be written: {error}; make {path.parent} and its files writable for this user, or copy "
                "the folder to where it is, then go on with `splitclock resume` there"
            ) from error
        raise InfraError(
            f"{path}: the journal cannot be used: {error}; look at the disk, then go on with `splitclock resume "
            f"{_quoted(path.parent)}`"
        ) from error


def began(run: RunFolder) -> bool:
    """Whether a folder holds what a run leaves there beside its journal."""
    return run.plan.exists() or (run.root / "trials").is_dir()


def damaged(journal: Path, what: str) -> str:
    """The line about a journal that was a run's, with the next step."""
    return (
        f"{journal}: the journal is damaged ({what}); restore the run folder from a copy; what is readable still "
        f"lies in {journal.parent / 'trials'}"
    )


def _quoted(folder: Path) -> str:
    return shlex.quote(str(folder))


_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_FORBIDDEN = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM})
