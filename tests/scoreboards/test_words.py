"""Figures as people read them."""

import pytest

from scoreboards import words


@pytest.mark.parametrize(
    ("nanoseconds", "said"),
    [
        (None, "\u2013"),
        (0, "0 s"),
        (1, "0.00 ms"),
        (400_000, "0.40 ms"),
        (9_996_000, "10 ms"),
        (902_400_000, "902 ms"),
        (999_600_000, "1.00 s"),
        (9_996_000_000, "10.0 s"),
        (41_240_000_000, "41.2 s"),
        (99_960_000_000, "1 min 40 s"),
        (725_000_000_000, "12 min 05 s"),
        (3_599_600_000_000, "1 h 00 min"),
        (11_220_000_000_000, "3 h 07 min"),
        (89_700_000_000_000, "24 h 55 min"),
    ],
)
def test_duration(nanoseconds: int | None, said: str) -> None:
    """Three digits or so, never "60 s" beside a minute."""
    assert words.duration(nanoseconds) == said


@pytest.mark.parametrize(
    ("share", "said"),
    [(None, "\u2013"), (0.0, "0 %"), (0.001, "<1 %"), (0.21, "21 %"), (0.999, ">99 %"), (1.0, "100 %"), (1.3, "130 %")],
)
def test_percent(share: float | None, said: str) -> None:
    """A little is not nothing, nearly all is not all."""
    assert words.percent(share) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "\u2013"),
        (0, "0"),
        (9999, "9,999"),
        (10_000, "10.0k"),
        (999_949, "999.9k"),
        (999_950, "1.0M"),
        (3.2e9, "3,200.0M"),
    ],
)
def test_count(value: float | None, said: str) -> None:
    """Thousands and millions from ten thousand on."""
    assert words.count(value) == said


def test_lower_bounds_are_marked() -> None:
    """A sum with unknown parts is at least that much; an unknown one is a dash."""
    assert words.count(20_500, at_least=True) == "≥ 20.5k"
    assert words.usd(1.5, at_least=True) == "≥ $1.50"
    assert words.usd(None, at_least=True) == words.count(None, at_least=True) == "\u2013"


@pytest.mark.parametrize(
    ("value", "said"), [(0, "$0.00"), (0.0123, "$0.0123"), (0.1, "$0.10"), (12345.6, "$12,345.60")]
)
def test_usd(value: float, said: str) -> None:
    """Small sums keep their digits."""
    assert words.usd(value) == said


def test_speed_and_times() -> None:
    """Tokens per second and ratios."""
    assert [words.speed(value) for value in (None, 64.84, 99.96, 1012.3)] == ["\u2013", "64.8", "100", "1,012"]
    assert [words.times(value) for value in (1, 15.14, 99.9, 1234.5)] == ["1.0x", "15.1x", "99.9x", "1,234x"]


@pytest.mark.parametrize(
    ("value", "said"),
    [(0, "0 B"), (999, "999 B"), (999.6, "1.0 kB"), (12_345, "12.3 kB"), (999_950, "1.0 MB"), (3.2e9, "3.2 GB")],
)
def test_size(value: float, said: str) -> None:
    """Bytes in thousands, never "1000.0 kB"."""
    assert words.size(value) == said


def test_difference() -> None:
    """A sign always, so that a server that counts more is seen."""
    assert [words.difference(ns) for ns in (12_000_000, -2_380_000, 0)] == ["+12 ms", "-2.38 ms", "+0 s"]
