"""Sums of figures of which some may be unknown, and what a record does not say at all. Pure."""

import math
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from pydantic import BaseModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """A sum of figures of which some may be unknown: then it is a lower bound; None when all are unknown."""

    value: float | None
    is_lower_bound: bool = False


def known_sum(values: Iterable[float | None]) -> Sum:
    """The sum of what is known."""
    given = tuple(values)
    known = [value for value in given if value is not None]
    if given and not known:
        return Sum(value=None)
    return Sum(value=math.fsum(known), is_lower_bound=len(known) < len(given))


Numbers: TypeAlias = "array[int]"
"""Whole numbers of 64 bits, eight bytes each: a median needs all of them, and there may be millions."""


def numbers() -> Numbers:
    """None yet."""
    return array("q")


@dataclass(slots=True)
class Adder:
    """A sum of whole numbers that come one by one, of which some may be unknown: `sum` is as `known_sum` of them."""

    total: int = 0
    known: int = 0
    given: int = 0

    def add(self, value: int | None) -> None:
        """One more; None is unknown."""
        self.given += 1
        if value is not None:
            self.known += 1
            self.total += value

    def take(self, other: "Adder") -> None:
        """All of another's."""
        self.total += other.total
        self.known += other.known
        self.given += other.given

    @property
    def sum(self) -> Sum:
        """The sum of what is known so far."""
        if self.given and not self.known:
            return Sum(value=None)
        return Sum(value=float(self.total), is_lower_bound=self.known < self.given)


def says(row: BaseModel, field: str) -> bool:
    """Whether the record wrote this field: one from before it existed did not, and its default means nothing."""
    return field in row.model_fields_set


def share(part: float | None, whole: float | None) -> float | None:
    """A part over its whole; None where either is unknown or there is no whole."""
    return part / whole if part is not None and whole else None
