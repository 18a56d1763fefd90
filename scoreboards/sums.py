"""Sums of figures of which some may be unknown, and what a record does not say at all. Pure."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

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


def says(row: BaseModel, field: str) -> bool:
    """Whether the record wrote this field: one from before it existed did not, and its default means nothing."""
    return field in row.model_fields_set


def share(part: float | None, whole: float | None) -> float | None:
    """A part over its whole; None where either is unknown or there is no whole."""
    return part / whole if part is not None and whole else None
