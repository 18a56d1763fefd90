"""Statistics against known answers and against exact arithmetic."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreboards.statistics import (
    geometric_mean,
    mean,
    median,
    median_int,
    pass_at_k,
    pass_hat_k,
    percentile_int,
    wilson,
)

COUNTS = st.integers(1, 300).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n)))


@pytest.mark.parametrize(
    ("passed", "trials", "low", "high"),
    [
        (5, 5, 0.565518, 1.0),
        (0, 10, 0.0, 0.277533),
        (8, 10, 0.490162, 0.943318),
        (1, 2, 0.094531, 0.905469),
        (500, 1000, 0.469070, 0.530930),
        (0, 0, 0.0, 1.0),
    ],
)
def test_wilson_known_answers(passed: int, trials: int, low: float, high: float) -> None:
    """Published and hand-computed intervals at 95 %."""
    interval = wilson(passed, trials)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=1e-6)


@given(COUNTS)
def test_wilson_holds_the_rate_and_is_symmetric(counts: tuple[int, int, int]) -> None:
    """The interval of failures mirrors that of passes; more confidence is wider."""
    trials, passed, _ = counts
    interval, mirror, wider = wilson(passed, trials), wilson(trials - passed, trials), wilson(passed, trials, 0.99)
    assert 0 <= interval.low <= passed / trials <= interval.high <= 1
    assert interval.low == pytest.approx(1 - mirror.high, abs=1e-12)
    assert wider.low <= interval.low
    assert interval.high <= wider.high


@given(COUNTS)
def test_pass_at_k_and_pass_hat_k_are_exact(counts: tuple[int, int, int]) -> None:
    """Both agree with the binomial formulas in exact fractions."""
    trials, passed, k = counts
    ways = math.comb(trials, k)
    assert pass_at_k(trials, passed, k) == pytest.approx(
        float(1 - Fraction(math.comb(trials - passed, k), ways)), abs=1e-12
    )
    assert pass_hat_k(trials, passed, k) == pytest.approx(float(Fraction(math.comb(passed, k), ways)), abs=1e-12)


def test_pass_at_k_known_answers() -> None:
    """Small cases by hand, and counts whose binomials no float can hold."""
    assert pass_at_k(5, 2, 3) == pytest.approx(0.9)
    assert pass_hat_k(5, 2, 2) == pytest.approx(0.1)
    assert pass_at_k(4, 0, 2) == 0.0
    assert pass_at_k(4, 3, 2) == 1.0
    assert pass_at_k(3, 2, 1) == pytest.approx(2 / 3)
    assert pass_at_k(100_000, 10, 50_000) == pytest.approx(1 - 0.5**10, rel=1e-3)


@pytest.mark.parametrize(("trials", "passed", "k"), [(3, 4, 1), (3, -1, 1), (3, 1, 0), (3, 1, 4)])
def test_impossible_counts_are_refused(trials: int, passed: int, k: int) -> None:
    """Each with a message that names the figures."""
    for function in (pass_at_k, pass_hat_k):
        with pytest.raises(ValueError, match=r"is no count of passes|is not within"):
            function(trials, passed, k)
    with pytest.raises(ValueError, match="3 of 2 is no count"):
        wilson(3, 2)


@given(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=30))
def test_geometric_mean_of_reciprocals(values: list[float]) -> None:
    """Turning every ratio round turns their mean round; it lies among the values."""
    found, turned = geometric_mean(values), geometric_mean(1 / value for value in values)
    assert found is not None
    assert turned is not None
    assert found * turned == pytest.approx(1)
    assert min(values) * (1 - 1e-9) <= found <= max(values) * (1 + 1e-9)


def test_means_and_medians_of_little() -> None:
    """Known answers, and None of nothing."""
    assert geometric_mean([1, 4]) == pytest.approx(2)
    assert mean([1, 2, 6]) == 3
    assert (median([3, 1, 2]), median([4, 1, 2, 3])) == (2, 2.5)
    assert [median_int(values) for values in ([3, 1, 2], [1, 2], [2, 3], [1, 3], [7])] == [2, 2, 2, 2, 7]
    assert (geometric_mean([]), mean([]), median([]), median_int([])) == (None, None, None, None)
    for bad in (0.0, -1.0, math.inf, math.nan):
        with pytest.raises(ValueError, match="positive, finite"):
            geometric_mean([1.0, bad])


@given(st.lists(st.integers(0, 10**18), min_size=1, max_size=20))
def test_median_int_is_exact(values: list[int]) -> None:
    """Nanoseconds beyond a float's precision keep their last digit."""
    ordered = sorted(values)
    exact = Fraction(ordered[(len(values) - 1) // 2] + ordered[len(values) // 2], 2)
    assert median_int(values) == round(exact)


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=40), st.integers(1, 100))
def test_percentiles_are_nearest_ranks(values: list[int], percent: int) -> None:
    """A value that is there; so many do not exceed it, and the next smaller value would not do."""
    found = percentile_int(values, percent)
    assert found in values
    assert sum(value <= found for value in values) * 100 >= percent * len(values)
    assert sum(value < found for value in values) * 100 < percent * len(values)


def test_percentiles_by_hand() -> None:
    """The ninth of ten; of one it is that one; of nothing there is none."""
    assert percentile_int(range(1, 11), 90) == 9
    assert percentile_int([5], 90) == 5
    assert percentile_int([], 90) is None
