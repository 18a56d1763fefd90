"""The view of a run fits whatever terminal it is drawn on, and says the important things first."""

from dataclasses import replace

import pytest

from harness.progress.forecast import Outlook
from harness.progress.layout import Column, lay
from harness.progress.overview import view
from harness.progress.standing import Cap, Picture
from tests.harness.progress.runs import busy, planned

WIDTHS = (40, 60, 80, 120, 200)
HEIGHTS = (10, 16, 24, 40, 60)


def picture(models: int, features: int, repeats: int, done: int) -> Picture:
    """A run under way, with all that there may be to say."""
    standing, now = busy(planned(models, features, repeats), done, 8)
    return replace(
        standing.picture(now),
        outlook=Outlook(least_s=600, most_s=900),
        limits={"cost_usd": 100.0},
        caps={"groq (api.groq.com)": Cap(at_once=4, of=8)},
        said="run folder: " + "runs/long-name-" * 10,
    )


LARGE = picture(10, 10, 10, 400)
SMALL = picture(3, 3, 3, 9)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("height", HEIGHTS)
@pytest.mark.parametrize("shown", [LARGE, SMALL, picture(50, 1, 20, 300), picture(1, 1, 1, 0)])
def test_it_fits(shown: Picture, width: int, height: int) -> None:
    """No line is longer than the terminal is wide, there are no more than fit, and how far the run is stands first."""
    lines = view(shown, width, height)
    assert len(lines) <= height
    assert max(line.cell_len for line in lines) <= width
    assert lines[0].plain.startswith(f"{shown.whole.done} of {shown.whole.total} trials")


@pytest.mark.parametrize("shown", [LARGE, SMALL])
def test_text_from_outside_is_plain(shown: Picture) -> None:
    """What a provider said in its error steers no terminal, and markup stands as it was written."""
    text = "\n".join(line.plain for line in view(shown, 200, 60))
    assert all(letter == "\n" or letter.isprintable() for letter in text)
    assert all(not line.spans or "nope" not in str(line.style) for line in view(shown, 200, 60))
    if shown is LARGE:
        assert "no[/nope]" in text


def test_a_large_run_is_summed_up() -> None:
    """Counts by model and by feature, the slowest trials, the last errors, waits, pace, end and spending."""
    text = "\n".join(line.plain for line in view(LARGE, 120, 60))
    for told in (
        "400 of 1000 trials",
        "error:provider 40",
        "running 8 · queued 592",
        "ends in 10 min to 15 min (80 %)",
        "trials a minute",
        "of $100.00",
        "groq (api.groq.com) takes 4 of 8 calls at once",
        "waiting 17 s (rate limit)",
        "longest at work",
        "last errors",
        "model-9",
        "bookings/feature-9",
        "tried again: model-1: 1 x rate limit",
    ):
        assert told in text, told


def test_a_small_run_has_a_row_a_trial() -> None:
    """Those at work first."""
    lines = [line.plain for line in view(SMALL, 120, 60)]
    rows = [line for line in lines if line.startswith("model-")]
    assert len(rows) == SMALL.whole.total
    assert all("queued" not in row and "pass" not in row for row in rows[: SMALL.whole.running])


def test_the_end_is_unknown_without_data() -> None:
    """Nobody pretends."""
    lines = view(replace(LARGE, outlook=None), 120, 60)
    assert any("end unknown" in line.plain for line in lines)


def test_columns_are_dropped_by_rank() -> None:
    """The highest rank goes first, rank 0 never, and names keep what can be read of them as long as possible."""
    columns = (
        Column(name="name", flexible=True),
        Column(name="b", rank=1),
        Column(name="c", rank=2),
        Column(name="empty", rank=3),
    )
    rows = [("x" * 30, "b" * 10, "c" * 10, "")]
    assert lay(columns, rows, 60)[1].plain == f"{'x' * 30}  {'b' * 10}  {'c' * 10}"
    assert lay(columns, rows, 35)[1].plain == f"{'x' * 22}…  {'b' * 10}"
    assert lay(columns, rows, 20)[1].plain == f"{'x' * 19}…"
    assert all(line.cell_len <= 5 for line in lay(columns, rows, 5))


def test_wide_letters_count_twice() -> None:
    """A name in Chinese characters takes two columns each."""
    (_, line) = lay((Column(name="n", flexible=True), Column(name="x")), [("模型" * 10, "1")], 20)
    assert line.cell_len <= 20
    assert line.plain.endswith("1")
