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
from typing import Any, Self, TypeVar

from harness.clock import SystemClock
from harness.errors import HarnessError, InfraError
from harness.files import TEMPORARY, DiskFullError, disk_errors, disk_full, write_atomic
from harness.journal_reader import (
    Row,
    each_attempt,
    each_attempt_in_turn,
    read_attempts,
    read_body,
    read_last_at,
    read_last_rows,
    read_meta,
    read_records,
    read_rows,
)
from harness.journal_schema import (
    Kind,
    bring_forward,
    database_errors,
    lay_or_bring_forward,
    lay_tables,
    make_durable,
    must_exist,
)
from harness.lock import RunLock
from harness.record import Record
from harness.redact import Redactor
from harness.reserve import Reserve
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
    "read_last_at",
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
    """What to append: `body` is a JSON object; `trial` is "" and `attempt` 0 for what concerns the whole run.

    `at_utc` is when it happened, "" for now: a row that is copied from another journal keeps its own.
    """

    kind: Kind
    body: Mapping[str, Any] = field(default_factory=dict)
    trial: str = ""
    attempt: int = 0
    at_utc: str = ""


_Values = tuple[str, str, int, str, str]
_Pending = tuple[_Values, "Future[int]"]
_Done = TypeVar("_Done")


class Journal:
    """The one writer of a run. `append` may be called from many threads; one thread of its own does the writing.

    Once the disk is full, the space that was reserved is freed for the rows of what is under way, `on_full` is called,
    and no intent is taken any more: nothing new is paid for.
    """

    def __init__(self, folder: RunFolder, lock: RunLock, connection: sqlite3.Connection, redactor: Redactor) -> None:
        self.folder = folder
        self._lock = lock
        self._connection = connection
        self._redactor = redactor
        self._queue: queue.SimpleQueue[_Pending | None] = queue.SimpleQueue()
        self._gate = threading.Lock()
        self._closed = False
        self._failure: InfraError | None = None
        self._reserve = Reserve(folder.reserve)
        self._full = threading.Event()
        self.on_full: Callable[[], object] = _nothing
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
    def enter(cls, folder: Path, redactor: Redactor | None = None) -> Self:
        """Go on with the run in `folder`, or start one where a process died before its first row.

        Raises RunLockedError, ConfigError, InfraError.
        """
        run = RunFolder(root=folder)
        with disk_errors(folder, "used for a run"):
            folder.mkdir(parents=True, exist_ok=True)
        return cls._start(run, redactor, lay_or_bring_forward)

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
            Reserve(run.reserve).hold()
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
        if entry.kind is Kind.INTENT and self._full.is_set():
            raise disk_full(self.folder.journal)
        values = (
            entry.at_utc or SystemClock().utc().isoformat(),
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
            self.at_last(lambda: write_atomic(path, clean))
        return digest

    @property
    def is_full(self) -> bool:
        """Whether the disk became full, so that the last rows went into the space reserved for them."""
        return self._full.is_set()

    def at_last(self, write: Callable[[], _Done]) -> _Done:
        """What `write` returns; where it finds the disk full, once more in the space that was reserved.

        Raises DiskFullError where that is not enough.
        """
        try:
            return write()
        except DiskFullError:
            self._make_room()
            return write()  # also where somebody else has freed the space, perhaps this very moment

    def _make_room(self) -> None:
        """Free the reserved space, if that was not done yet. From then on no intent is taken."""
        first = not self._full.is_set()
        self._full.set()
        self._reserve.free()
        if first:
            self.on_full()

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
        self._reserve.free()
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
        if self._failure is not None:
            _refuse(batch, self._failure)
            return
        try:
            self._written_at_last(batch)
        except InfraError as error:
            self._fail(batch, error)
        except BaseException as error:  # noqa: BLE001 - whoever appends would wait for a dead thread for ever
            why = f"{self.folder.journal}: the journal cannot be written: {type(error).__name__}: {error}"
            self._fail(batch, InfraError(why))

    def _written_at_last(self, batch: list[_Pending]) -> None:
        """Write a batch; where the disk is found full, once more in the space that was reserved, without intents."""
        try:
            self._written(batch)
        except DiskFullError as error:
            self._make_room()
            self._shorten_log()
            self._written(_without_intents(batch, error))

    def _shorten_log(self) -> None:
        """Bring the write-ahead log into the journal and free its space, as far as that can be done."""
        with suppress(sqlite3.Error):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _fail(self, batch: list[_Pending], error: InfraError) -> None:
        self._failure = error
        _refuse(batch, error)

    def _written(self, batch: list[_Pending]) -> None:
        with database_errors(self.folder.journal):
            numbers = self._insert([values for values, _ in batch])
        for number, (_, pending) in zip(numbers, batch, strict=True):
            pending.set_result(number)

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


def _nothing() -> None:
    """What a full disk is to a journal that nobody listens to."""


def _without_intents(batch: list[_Pending], why: InfraError) -> list[_Pending]:
    """The rows but the intents, whose senders are told why: what could not be written shall not be paid for."""
    _refuse([pending for pending in batch if pending[0][3] == Kind.INTENT], why)
    return [pending for pending in batch if pending[0][3] != Kind.INTENT]


def _refuse(batch: list[_Pending], why: InfraError) -> None:
    """Tell those who wait for rows, and were told nothing yet, that these are not written."""
    for _, pending in batch:
        if not pending.done():
            pending.set_exception(type(why)(str(why)))


def _sweep(bodies: Path) -> None:
    """Remove what a killed writer left half written; the lock says that no other is at work."""
    for path in bodies.glob(f"*/.*{TEMPORARY}"):
        path.unlink(missing_ok=True)
