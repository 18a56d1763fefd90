"""What a store of baselines can do, wherever it keeps them."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from harness.baselines.note import Note
from harness.errors import ConfigError

SCHEMA = 1
"""Number of the store's form; a newer one is refused."""

SIGN = "splitclock-baselines.json"
"""The file that says that a folder, or a branch, is a store of baselines."""

Write = Callable[[Path], Note]
"""Writes a baseline's files to an empty folder and returns its note, which the store seals and adds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of a baseline: `mark` is its number or the beginning of its commit, `key` the whole of that."""

    name: str
    mark: str
    key: str

    @property
    def full(self) -> str:
        """As it is asked for: "main@3"."""
        return f"{self.name}@{self.mark}"


class Store(Protocol):
    """Named baselines with their past. Methods raise ConfigError or InfraError, in one line."""

    @property
    def where(self) -> str:
        """Where it keeps them, for people."""

    def names(self) -> tuple[str, ...]:
        """The names in it, in order; none where it has not been begun."""

    def versions(self, name: str) -> tuple[Version, ...]:
        """The versions of a baseline, the newest first, unread; none where there is none of that name."""

    def note(self, version: Version) -> Note:
        """What a version says of itself; its files are not looked at."""

    def folder(self, version: Version) -> Path:
        """A run folder that holds a version, once its content has been found to be what was written."""

    def put(self, name: str, write: Write, after: Version | None) -> Version:
        """Add a version, whole or not at all. `after` is the one that it follows, None for the first.

        Raises ConfigError where that is no longer the newest: somebody else was faster.
        """


def overtaken(name: str, where: str) -> ConfigError:
    """The error for one who comes second."""
    return ConfigError(
        f"{name}: somebody else has set it in {where} meanwhile; look at `splitclock baseline show {name}`"
    )


def sign() -> bytes:
    """What the sign of a store holds."""
    return (json.dumps({"schema": SCHEMA}) + "\n").encode()


def check_sign(data: bytes, where: str) -> None:
    """Raise ConfigError for a store that a newer Splitclock began, or a sign that says nothing."""
    try:
        schema = int(json.loads(data)["schema"])
    except (ValueError, TypeError, LookupError, RecursionError):
        raise ConfigError(f"{where}: {SIGN} is damaged; restore it: {sign().decode().strip()}") from None
    if schema > SCHEMA:
        raise ConfigError(f"{where}: a newer Splitclock keeps baselines here (schema {schema}): upgrade this one")
