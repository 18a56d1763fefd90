"""A table without a layout: heads and cells that the terminal and Markdown show each in their way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """A name from outside, not yet safe to print, and whether it is of a simulated model."""

    text: str
    simulated: bool = False


Cell = str | Name
"""Figures and words of our own, or a name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A table: `rows` are as long as `heads`, of which the first `names` say what a row is and the others are figures.

    `of` is whom the table is about, where that is one model; `lines` go below. `stacks` say how the terminal may put
    figures on top of each other, by their index, from the widest way to the narrowest, under `short_heads`. `styles`
    are how the terminal shows certain words among the figures.
    """

    title: str
    heads: tuple[str, ...]
    short_heads: tuple[str, ...] = ()
    rows: tuple[tuple[Cell, ...], ...]
    names: int = 1
    of: Name | None = None
    stacks: tuple[Sequence[Sequence[int]], ...] = ()
    lines: tuple[str, ...] = ()
    styles: Mapping[str, str] = field(default_factory=dict)
