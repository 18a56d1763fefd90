"""Who is told of a running matrix."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, Self

from harness.plan import Trial
from harness.record import Record


class Progress(Protocol):
    """Told of everything that happens; called from many threads. A context manager around the whole run."""

    def __enter__(self) -> Self:
        """Begin to show."""
        ...

    def __exit__(self, *exc_info: object) -> None:
        """Stop showing."""
        ...

    def begun(self, run: Path) -> None:
        """The run's folder and journal are there; what lies in it from before counts as done."""
        ...

    def say(self, line: str) -> None:
        """One line about the run as a whole; may hold untrusted text."""
        ...

    def event(self, trial: Trial, kind: str, body: Mapping[str, Any]) -> None:
        """Something happened in a trial."""
        ...

    def done(self, trial: Trial, record: Record) -> None:
        """A trial has its record."""
        ...


class Quiet:
    """Shows nothing."""

    def __enter__(self) -> Self:
        """Nothing."""
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Nothing."""

    def begun(self, run: Path) -> None:
        """Nothing."""

    def say(self, line: str) -> None:
        """Nothing."""

    def event(self, trial: Trial, kind: str, body: Mapping[str, Any]) -> None:
        """Nothing."""

    def done(self, trial: Trial, record: Record) -> None:
        """Nothing."""


class Several(Quiet):
    """Tells several at once, in their order."""

    def __init__(self, *parts: Progress) -> None:
        self._parts = parts

    def __enter__(self) -> Self:
        """All begin."""
        for part in self._parts:
            part.__enter__()
        return self

    def __exit__(self, *exc_info: object) -> None:
        """All stop, the last one first."""
        for part in reversed(self._parts):
            part.__exit__(*exc_info)

    def begun(self, run: Path) -> None:
        """Tell all."""
        for part in self._parts:
            part.begun(run)

    def say(self, line: str) -> None:
        """Tell all."""
        for part in self._parts:
            part.say(line)

    def event(self, trial: Trial, kind: str, body: Mapping[str, Any]) -> None:
        """Tell all."""
        for part in self._parts:
            part.event(trial, kind, body)

    def done(self, trial: Trial, record: Record) -> None:
        """Tell all."""
        for part in self._parts:
            part.done(trial, record)
