"""The arithmetic behind the tables; the benchmarks themselves are run by `make bench`."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from harness.clock import Phase, Span
from tests.bench.figures import Details, Figure, Findings, compared, figure_table, median, percentile, show, write
from tests.bench.residual import split

FIGURE = Figure(name="one", value=2.0, unit="ms", reference="another", reference_value=8.0, target="less", met=True)


def test_a_percentile_is_a_value_that_was_measured() -> None:
    """No interpolation: p99 of 500 is the 495th of them in order."""
    assert percentile(range(1, 501), 0.99) == 495
    assert percentile([7.0], 0.99) == percentile([7.0], 0.0) == 7.0
    assert median([3, 1, 2]) == 2.0


def test_the_file_holds_the_figures_of_this_run_only(tmp_path: Path) -> None:
    """What an earlier run measured is gone, so that no figure is older than the others."""
    path = tmp_path / "build" / "bench.json"
    write(path, [FIGURE, Figure(name="old", value=1, unit="s", reference="", reference_value=0)])
    assert json.loads(path.read_text())["old"]["ratio"] is None
    write(path, [FIGURE])
    row = {"value": 2.0, "unit": "ms", "reference": "another", "reference_value": 8.0, "ratio": 0.25}
    assert json.loads(path.read_text()) == {"one": row}


@pytest.mark.parametrize(("ratio", "words"), [(0.25, "4.0x less"), (1.5, "1.50x"), (0.0, "0.00x"), (None, "-")])
def test_ratios_are_told_in_words(ratio: float | None, words: str) -> None:
    """Less than the reference reads as how many times less."""
    assert compared(ratio) == words


def test_tables_show_values_references_and_whether_the_target_is_met() -> None:
    """A target that is missed cannot be overlooked."""
    console = Console(file=io.StringIO(), width=160)
    missed = Figure(name="two", value=9.0, unit="ms", reference="r", reference_value=3.0, target="at most 5", met=False)
    show(console, Findings(figures=(), details=(Details(title="behind it", columns=("a",), rows=(("[b]",),)),)))
    console.print(figure_table([FIGURE, missed]))
    shown = console.file.getvalue() if isinstance(console.file, io.StringIO) else ""
    for part in ("behind it", "[b]", "2.00 ms", "4.0x less", "yes", "at most 5", "NO"):
        assert part in shown


def test_the_residual_of_a_turn_is_what_no_span_covers() -> None:
    """From one call's sending to the next one's; the journal's rows count for the turn in which they were written."""
    spans = [
        Span(phase=Phase.WAIT, sub="tool_slot", t0=0, t1=1_000_000),
        Span(phase=Phase.MODEL, sub="connect", t0=2_000_000, t1=3_000_000, name="call 1"),
        Span(phase=Phase.MODEL, sub="decode", t0=3_000_000, t1=4_000_000, name="call 1"),
        Span(phase=Phase.TOOL, sub="exec", t0=6_000_000, t1=9_000_000, name="shell"),
        Span(phase=Phase.MODEL, sub="connect", t0=12_000_000, t1=14_000_000, name="call 2"),
        Span(phase=Phase.MODEL, sub="connect", t0=15_000_000, t1=16_000_000, name="call 3"),
    ]
    rows = [(1_500_000, 400_000), (4_000_000, 500_000), (9_000_000, 1_000_000), (14_000_000, 250_000)]
    worked = split(spans, rows)
    assert worked.harness == (5.0, 1.0)
    assert worked.journal == (1.5, 0.25)
