"""The durable record of a run: append-only rows in one SQLite file, large bodies in files named by their content."""

import hashlib
import queue
import sqlite3
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from harness.clock import SystemClock
from harness.errors import HarnessError, InfraError
from harness.files import TEMPORARY, disk_errors, write_atomic
from harness.journal_reader import (
    Row,
    each_attempt,
    each_attempt_in_turn,
    read_attempts,
    read_body,
    read_last_rows,
    read_meta,
    read_records,
    read_rows,
)
from harness.journal_schema import Kind, bring_forward, database_errors, lay_tables, make_durable, must_exist
from harness.lock import RunLock
from harness.record import Record
from harness.redact import Redactor
from harness.run_folder import RunFolder, new_run_folder

__all__ = [
    "Entry",
    "Journal",
    "Kind",
    "Row",
    "each_attempt",
    "each_attempt_in_turn",
    "new_run_folder",
    "read_attempts",
    "read_body",
    "read_last_rows",
    "read_meta",
    "read_records",
    "read_rows",
]

_INSERT = "INSERT INTO rows (at_utc, trial, attempt, kind, body) VALUES (?, ?, ?, ?, ?)"
_BATCH = 256
_BUSY_S = 30.0
_MOST_ATTEMPTS = 2**31


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What to append: `body` is a JSON object; `trial` is "" and `attempt` 0 for what concerns the whole run."""

    kind: Kind
    body: Mapping[str, Any] = field(default_factory=dict)
    trial: str = ""
    attempt: int = 0


_Values = tuple[str, str, int, str, str]
_Pending = tuple[_Values, "Future[int]"]


class Journal:
    """The one writer of a run. `append` may be called from many threads; one thread of its own does the writing."""

    def __init__(self, folder: RunFolder, lock: RunLock, connection: sqlite3.Connection, redactor: Redactor) -> None:
        self.folder = folder
        self._lock = lock
        self._connection = connection
        self._redactor = redactor
        self._queue: queue.SimpleQueue[_Pending | None] = queue.SimpleQueue()
        self._gate = threading.Lock()
        self._closed = False
        self._failure: InfraError | None = None
        self._writer = threading.Thread(target=self._work, name="journal", daemon=True)
        self._writer.start()

    @classmethod
    def create(cls, folder: Path, redactor: Redactor | None = None) -> Self:
        """Start the journal of a new run in `folder`. Raises ConfigError when one is there, InfraError."""
        run = RunFolder(root=folder)
        with disk_errors(folder, "used for a run"):
            folder.mkdir(parents=True, exist_ok=True)
        return cls._start(run, redactor, lay_tables)

    @classmethod
    def open(cls, folder: Path, redactor: Redactor | None = None) -> Self:
        """Go on with a run whose writer is gone. Raises RunLockedError, ConfigError for what cannot be read."""
        run = RunFolder(root=folder)
        must_exist(run)
        return cls._start(run, redactor, bring_forward)

    @classmethod
    def _start(cls, run: RunFolder, redactor: Redactor | None, prepare: Callable[[sqlite3.Connection], None]) -> Self:
        lock = RunLock(run.lock)
        try:
            with database_errors(run.journal):
                connection = sqlite3.connect(
                    run.journal, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
                )
                try:
                    make_durable(connection, run.journal)
                    prepare(connection)
                except BaseException:
                    connection.close()
                    raise
            _sweep(run.root / "bodies")
            return cls(run, lock, connection, redactor or Redactor())
        except BaseException:
            lock.release()
            raise

    def append(self, entry: Entry) -> int:
        """Write one row; returns its number once it is on disk.

        Raises InfraError, also for every later append; HarnessError once closed; ValueError or TypeError for an entry
        that cannot be a row, which harms no other.
        """
        return self.post(entry).result()

    def post(self, entry: Entry) -> "Future[int]":
        """Queue one row behind those before it; its number comes once it is on disk.

        An error of the disk that nobody waits for is raised by the next `append`.
        """
        if not 0 <= entry.attempt < _MOST_ATTEMPTS:
            raise ValueError(f"{entry.attempt} is no number of an attempt")
        values = (
            SystemClock().utc().isoformat(),
            self._redactor.value(entry.trial),
            entry.attempt,
            str(entry.kind),
            self._redactor.json(entry.body),
        )
        pending: Future[int] = Future()
        with self._gate:
            if self._closed:
                raise HarnessError(f"{self.folder.root}: the journal is closed; nothing can be appended")
            self._queue.put((values, pending))
        return pending

    def append_record(self, record: Record) -> int:
        """Write a finished attempt's record; returns its row's number once it is on disk."""
        body = record.model_dump(mode="json", by_alias=True)
        return self.append(Entry(kind=Kind.RECORD, body=body, trial=record.trial.id, attempt=record.attempt))

    def put_body(self, data: bytes) -> str:
        """Keep a large body, secrets replaced; returns the SHA-256 (hex) that names it, once it is on disk."""
        clean = self._redactor.data(data)
        digest = hashlib.sha256(clean).hexdigest()
        path = self.folder.body(digest)
        if not path.exists():
            write_atomic(path, clean)
        return digest

    def close(self) -> None:
        """Write what is queued and let the run go; idempotent."""
        with self._gate:
            if self._closed:
                return
            self._closed = True
            self._queue.put(None)
        self._writer.join()
        with suppress(sqlite3.Error):  # a full disk has been reported by the append that met it
            self._connection.close()
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _work(self) -> None:
        """Until the end is called: take what has queued up, write it in one transaction, tell those who wait."""
        going = True
        while going:
            batch: list[_Pending] = []
            item = self._queue.get()
            while item is not None:
                batch.append(item)
                if len(batch) == _BATCH or self._queue.empty():
                    break
                item = self._queue.get()
            going = item is not None
            self._commit(batch)

    def _commit(self, batch: list[_Pending]) -> None:
        try:
            if self._failure is None:
                with database_errors(self.folder.journal):
                    numbers = self._insert([values for values, _ in batch])
                for number, (_, pending) in zip(numbers, batch, strict=True):
                    pending.set_result(number)
                return
        except InfraError as error:
            self._failure = error
        for _, pending in batch:
            pending.set_exception(type(self._failure)(str(self._failure)))

    def _insert(self, rows: list[_Values]) -> list[int]:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            numbers = [self._connection.execute(_INSERT, row).lastrowid or 0 for row in rows]
            self._connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            raise
        return numbers


def _sweep(bodies: Path) -> None:
    """Remove what a killed writer left half written; the lock says that no other is at work."""
    for path in bodies.glob(f"*/.*{TEMPORARY}"):
        path.unlink(missing_ok=True)
