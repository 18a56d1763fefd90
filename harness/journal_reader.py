"""Reading a run: while it runs, after it died, from a folder that cannot be written."""

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import ValidationError

from harness.errors import InfraError
from harness.files import disk_errors
from harness.journal_schema import Kind, check_schema, database_errors, must_exist
from harness.record import Record, latest, slim
from harness.run_folder import RunFolder

_LABEL = 12
"""Digits of the hash by which runs of one name are told apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row as it was written; `kind` is text, for a newer Splitclock may have written kinds of its own."""

    seq: int
    at_utc: str
    trial: str
    attempt: int
    kind: str
    body: dict[str, Any]


def read_meta(folder: Path) -> dict[str, str]:
    """What the journal says of itself: "schema", "run", "id", "created_utc". Raises ConfigError, InfraError."""
    with reading(folder) as connection:
        return dict(connection.execute("SELECT key, value FROM meta"))


def run_label(folder: Path) -> str:
    """What a run's sandboxes are known by: its name, and a hash of its journal's id and of where it lies.

    For two folders may have one name, and a copy of a folder has its id; one that was moved does not find the sandboxes
    that it left. Runs of older versions have no id, but the time they began. Raises ConfigError, InfraError.
    """
    meta = read_meta(folder)
    what = f"{meta.get('id') or meta['created_utc']}\n{folder.resolve()}"
    return f"{meta['run']}.{hashlib.sha256(what.encode(errors='surrogateescape')).hexdigest()[:_LABEL]}"


def read_rows(folder: Path, kind: Kind | None = None, after: int = 0) -> tuple[Row, ...]:
    """The rows in the order they were written, of one kind or all, those numbered above `after`."""
    wanted = "" if kind is None else str(kind)
    return _selected(folder, "seq > ? AND (? = '' OR kind = ?)", (after, wanted, wanted))


def read_last_rows(folder: Path) -> dict[str, Row]:
    """The latest row of each trial, by its id: no other row's body is looked at. Raises ConfigError, InfraError."""
    latest = _selected(folder, "seq IN (SELECT max(seq) FROM rows WHERE trial != '' GROUP BY trial)")
    return {row.trial: row for row in latest}


def read_last_at(folder: Path) -> str:
    """When the last row was written, in ISO form; of a journal without rows, when it was made.

    Raises ConfigError, InfraError.
    """
    with reading(folder) as connection:
        (last,) = connection.execute("SELECT max(at_utc) FROM rows").fetchone()
        (made,) = connection.execute("SELECT value FROM meta WHERE key = 'created_utc'").fetchone()
    return str(last or made)


def read_trials(folder: Path, trials: Iterable[str]) -> Iterator[tuple[str, tuple[Row, ...]]]:
    """Each trial with all of its rows in the order they were written, one trial at a time.

    Raises ConfigError, InfraError.
    """
    kinds = ", ".join("?" * len(Kind))  # of each kind, for that is what the index begins with
    wanted = f"kind IN ({kinds}) AND trial = ?"
    query = f"SELECT seq, at_utc, trial, attempt, kind, body FROM rows WHERE {wanted} ORDER BY seq"  # noqa: S608 - ours
    with reading(folder) as connection:
        for trial in trials:
            yield trial, _rows(connection.execute(query, (*map(str, Kind), trial)))


def select(folder: Path, query: str, values: tuple[int | str, ...] = ()) -> list[tuple[Any, ...]]:
    """What a query over table `rows` finds: for readers that want few columns of many rows."""
    with reading(folder) as connection:
        return connection.execute(query, values).fetchall()


def _selected(folder: Path, condition: str, values: tuple[int | str, ...] = ()) -> tuple[Row, ...]:
    query = f"SELECT seq, at_utc, trial, attempt, kind, body FROM rows WHERE {condition} ORDER BY seq"  # noqa: S608 - ours
    with reading(folder) as connection:
        return _rows(connection.execute(query, values))


def _rows(found: Iterable[tuple[int, str, str, int, str, str]]) -> tuple[Row, ...]:
    return tuple(
        Row(seq=seq, at_utc=at_utc, trial=trial, attempt=attempt, kind=kind, body=json.loads(body))
        for seq, at_utc, trial, attempt, kind, body in found
    )


def each_attempt(folder: Path) -> Iterator[Record]:
    """The record of every attempt of a run in the order they were written, read one by one.

    An attempt that was interrupted and went on later has several records: the last one is its record.
    """
    last = "SELECT max(seq) FROM rows WHERE kind = ?1 GROUP BY trial, attempt"
    query = f"SELECT seq, body FROM rows WHERE seq IN ({last}) ORDER BY seq"  # noqa: S608 - ours
    with reading(folder) as connection:  # one text at a time: all of them together are larger than the records
        for seq, body in connection.execute(query, (str(Kind.RECORD),)):
            yield _record(folder, seq, body)


def read_attempts(folder: Path) -> tuple[Record, ...]:
    """All of them at once, superseded attempts included."""
    return tuple(map(slim, each_attempt(folder)))


def each_attempt_in_turn(folder: Path) -> Iterator[tuple[Record, bool]]:
    """The same, the attempts at one trial together, and with each whether it is the trial's latest.

    Trials come in the order in which they first finished.
    """
    last = "SELECT trial, attempt, max(seq) AS seq FROM rows WHERE kind = ?1 GROUP BY trial, attempt"
    final = "attempt = max(attempt) OVER (PARTITION BY trial)"
    query = f"SELECT seq, {final}, min(seq) OVER (PARTITION BY trial) AS first FROM ({last}) ORDER BY first, seq"  # noqa: S608 - ours
    with reading(folder) as connection:
        for seq, is_final, _ in connection.execute(query, (str(Kind.RECORD),)).fetchall():
            (body,) = connection.execute("SELECT body FROM rows WHERE seq = ?", (seq,)).fetchone()
            yield _record(folder, seq, body), bool(is_final)


def read_records(folder: Path) -> tuple[Record, ...]:
    """The record of each trial's latest attempt, in the order the trials first finished."""
    return latest(read_attempts(folder))


def read_body(folder: Path, digest: str) -> bytes:
    """A large body by the hash in its row. Raises InfraError when it is missing or is not what it was."""
    path = RunFolder(root=folder).body(digest)
    with disk_errors(path, "read"):
        data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != digest:
        raise InfraError(f"{path}: its content is not what was written; restore the run folder from a copy")
    return data


def _record(folder: Path, seq: int, body: str) -> Record:
    try:
        return Record.model_validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InfraError(f"{folder}: row {seq} holds no readable record: {where}: {first['msg']}") from error


@contextmanager
def reading(folder: Path) -> Iterator[sqlite3.Connection]:
    """A read-only connection; the run's writer, if there is one, is not disturbed. Raises ConfigError, InfraError."""
    run = RunFolder(root=folder)
    must_exist(run)
    with (
        database_errors(run.journal),
        TemporaryDirectory(prefix="splitclock-") as scratch,
        closing(_connect(run.journal, Path(scratch))) as connection,
    ):
        check_schema(connection, run.journal)
        yield connection


def _connect(journal: Path, scratch: Path) -> sqlite3.Connection:
    """Open the file itself; where its folder cannot be written, which SQLite needs to read a log, open a copy."""
    try:
        return _read_only(journal)
    except sqlite3.OperationalError:
        with disk_errors(journal, "read"):
            for path in (journal, journal.with_name(journal.name + "-wal")):
                if path.exists():
                    shutil.copyfile(path, scratch / path.name)
        return _read_only(scratch / journal.name)


def _read_only(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", timeout=30.0, uri=True)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection
