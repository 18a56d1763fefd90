"""The store's folder: which runs it holds, how one is added whole or not at all. One process adds at a time."""

import hashlib
import json
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from uuid import uuid4

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from harness.errors import ConfigError, InfraError
from harness.files import disk_errors, sync_file, sync_folder, write_atomic
from harness.lock import RunLock, RunLockedError
from scoreboards.flat import TABLES, Told
from scoreboards.report.spreadsheet import write_tables

SCHEMA = 1
"""Number of the store's form; a newer one is refused, fields are only added."""

_SIGN = "splitclock-history.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A run as its journal knows it: its name, when it began, its id if any, and the number of the last row."""

    run: str
    created_utc: str
    id: str = ""
    last_row: int

    @property
    def key(self) -> str:
        """The run's name in the store: the same wherever its folder lies."""
        slug = re.sub(r"[^A-Za-z0-9._]+", "-", self.run).strip("-.")[:60] or "run"
        mark = hashlib.sha256(json.dumps([self.run, self.created_utc, self.id]).encode()).hexdigest()
        return f"{slug}-{mark[:12]}"


class Kept(BaseModel):
    """What the store notes of a run: where its tables lie, what they were made from, and their numbers of rows."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    schema_: int = Field(default=SCHEMA, alias="schema")
    key: str = Field(pattern=r"[A-Za-z0-9._-]+")
    run: str
    created_utc: AwareDatetime
    last_row: int
    columns: str
    data: str = Field(pattern=r"[A-Za-z0-9._-]+")
    rows: dict[str, int] = {}

    @property
    def began(self) -> datetime:
        """When its journal was begun, in UTC."""
        return self.created_utc.astimezone(UTC)


class Added(StrEnum):
    """What adding a run came to."""

    NEW = "added"
    REPLACED = "replaced"
    KNOWN = "already there"


def columns_mark() -> str:
    """A mark that changes when a table has another column: then a run is written anew when it is added again."""
    columns = {
        name: {column: kind.__name__ for column, kind in table.columns.items()} for name, table in TABLES.items()
    }
    return hashlib.sha256(json.dumps(columns).encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """A folder of runs as Parquet tables."""

    root: Path
    columns: str = field(default_factory=columns_mark)

    def runs(self) -> tuple[Kept, ...]:
        """The runs in it, the oldest first. Raises ConfigError where there is no store, InfraError."""
        self._check()
        with disk_errors(self.root, "read"):
            notes = sorted((self.root / "runs").glob("*.json"))
        return tuple(sorted(map(_kept, notes), key=lambda kept: (kept.created_utc, kept.key)))

    def files(self, kept: Kept) -> Mapping[str, Path]:
        """The Parquet file of each table of a run."""
        return {name: self.root / "data" / kept.data / f"{name}.parquet" for name in kept.rows}

    def add(self, source: Source, told: Iterable[Told]) -> Added:
        """Put a run in, over what was there of it, unless it is there as it is: then `told` is not looked at.

        Raises ConfigError when another process is adding or the folder is no store, InfraError.
        """
        with self._alone():
            note = self.root / "runs" / f"{source.key}.json"
            before = _kept(note) if note.exists() else None
            if before is not None and (before.last_row, before.columns) == (source.last_row, self.columns):
                return Added.KNOWN
            data = self.root / "data" / f"{source.key}.{uuid4().hex[:8]}"
            with disk_errors(data):
                rows = _write(data, told)
            kept = Kept(
                key=source.key,
                run=source.run,
                created_utc=datetime.fromisoformat(source.created_utc),
                last_row=source.last_row,
                columns=self.columns,
                data=data.name,
                rows=rows,
            )
            write_atomic(note, (kept.model_dump_json(by_alias=True, indent=1) + "\n").encode())
            if before is not None:
                shutil.rmtree(self.root / "data" / before.data, ignore_errors=True)
            return Added.NEW if before is None else Added.REPLACED

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the store, which is made if need be, and clear away what a killed process left half written."""
        with disk_errors(self.root, "used for the history"):
            self.root.mkdir(parents=True, exist_ok=True)
            if not (self.root / _SIGN).exists():
                if any(self.root.iterdir()):
                    raise ConfigError(f"{self.root}: holds other files and no history; give an empty or new folder")
                write_atomic(self.root / _SIGN, json.dumps({"schema": SCHEMA}).encode() + b"\n")
        self._check()
        try:
            lock = RunLock(self.root / "history.lock")
        except RunLockedError as error:
            raise ConfigError(f"{self.root}: another process adds to this history; wait for it to end") from error
        try:
            with disk_errors(self.root, "used for the history"):
                self._sweep()
            yield
        finally:
            lock.release()

    def _sweep(self) -> None:
        for name in ("runs", "data"):
            (self.root / name).mkdir(exist_ok=True)
        named = {kept.data for kept in self.runs()}
        for folder in (self.root / "data").iterdir():
            if folder.name not in named:
                shutil.rmtree(folder, ignore_errors=True)

    def _check(self) -> None:
        sign = self.root / _SIGN
        if not sign.is_file():
            raise ConfigError(f"{self.root}: holds no history; `splitclock history add RUN --to {self.root}` makes one")
        with disk_errors(sign, "read"):
            text = sign.read_bytes()
        try:
            found = int(json.loads(text)["schema"])
        except (ValueError, KeyError, TypeError):
            raise InfraError(f"{sign}: is not readable; restore it from a copy") from None
        if found > SCHEMA:
            raise ConfigError(f"{self.root}: a newer Splitclock made this history (schema {found}): upgrade this one")


def _write(data: Path, told: Iterable[Told]) -> dict[str, int]:
    """The tables in a new folder, on disk when this returns; nothing of it stays when this fails."""
    data.mkdir(parents=True)
    try:
        files = [(table, data / f"{name}.parquet") for name, table in TABLES.items()]
        rows = write_tables(files, told)
        for _, path in files:
            sync_file(path)
        sync_folder(data)
        sync_folder(data.parent)
    except BaseException:
        shutil.rmtree(data, ignore_errors=True)
        raise
    return rows


def _kept(note: Path) -> Kept:
    with disk_errors(note, "read"):
        text = note.read_bytes()
    try:
        return Kept.model_validate_json(text)
    except ValidationError as error:
        raise InfraError(f"{note}: is not readable; remove it and add the run again") from error
