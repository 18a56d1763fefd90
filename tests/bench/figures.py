"""What a benchmark finds: figures with their references and targets, as a table and as JSON."""

import json
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

DIGITS = 6
"""Decimals kept in bench.json."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured value beside a reference measured in the same run, both in `unit`.

    `target` says in words what is wanted of it, `met` whether that holds; both empty for figures that only inform.
    """

    name: str
    value: float
    unit: str
    reference: str
    reference_value: float
    target: str = ""
    met: bool | None = None

    @property
    def ratio(self) -> float | None:
        """Value by reference; None where the reference is zero."""
        return self.value / self.reference_value if self.reference_value else None

    def row(self) -> dict[str, Any]:
        """As it stands in bench.json."""
        return {
            "value": round(self.value, DIGITS),
            "unit": self.unit,
            "reference": self.reference,
            "reference_value": round(self.reference_value, DIGITS),
            "ratio": None if self.ratio is None else round(self.ratio, DIGITS),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """A table of what lies behind the figures: a title, the columns' heads, the rows."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What one benchmark brings home."""

    figures: tuple[Figure, ...]
    details: tuple[Details, ...] = ()


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest value that at least this share (0 to 1) of all values do not exceed. Raises IndexError for none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def median(values: Iterable[float]) -> float:
    """The median, as a float."""
    return float(statistics.median(values))


def compared(ratio: float | None) -> str:
    """A ratio in words: how many times more or less than the reference."""
    if ratio is None:
        return "-"
    if 0 < ratio < 1:
        return f"{1 / ratio:.1f}x less"
    return f"{ratio:.2f}x"


def show(console: Console, findings: Findings) -> None:
    """Print the tables that lie behind the figures."""
    for details in findings.details:
        console.print(Text(details.title))
        table = Table(*details.columns)
        for row in details.rows:
            table.add_row(*map(Text, row))
        console.print(table)


def figure_table(figures: Sequence[Figure]) -> Table:
    """Figures as rows."""
    table = Table("figure", "value", "reference", "against it", "target", "met")
    table.columns[0].no_wrap = True
    for one in figures:
        met = Text("") if one.met is None else Text("yes", "green") if one.met else Text("NO", "bold red")
        table.add_row(
            Text(one.name),
            f"{one.value:,.2f} {one.unit}",
            Text(f"{one.reference_value:,.2f} {one.unit}: {one.reference}"),
            compared(one.ratio),
            Text(one.target),
            met,
        )
    return table


def write(path: Path, figures: Iterable[Figure]) -> None:
    """Write these figures, and no others, to bench.json."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = {one.name: one.row() for one in figures}
    path.write_text(json.dumps(rows, indent=1, allow_nan=False) + "\n", encoding="utf-8")
