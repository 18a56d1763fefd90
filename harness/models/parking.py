"""Trials that sleep long for their provider let another one work meanwhile."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

PARK_S = 10.0
"""A sleep of this many seconds or more frees the place of the trial that sleeps."""


class Place(Protocol):
    """One of the places that the trials of a run share, as its holder sees it."""

    def leave(self) -> None:
        """Let another trial have it."""
        ...

    def come_back(self, useless: Callable[[], bool]) -> None:
        """Wait for a place and take it; without one once there is no more use in it, or the run is stopped."""
        ...


_place: ContextVar[Place | None] = ContextVar("place", default=None)


@contextmanager
def holding(place: Place) -> Iterator[None]:
    """This thread holds the place in the body, and gives it away while it sleeps for a provider."""
    token = _place.set(place)
    try:
        yield
    finally:
        _place.reset(token)


def place_for(seconds: float) -> Place | None:
    """The place to give away for a sleep of so many seconds; None where that is not worth it, or there is none."""
    return _place.get() if seconds >= PARK_S else None
