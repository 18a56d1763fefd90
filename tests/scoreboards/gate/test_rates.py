"""Paired differences of rates against hand-made answers and scipy."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

from scoreboards.gate.paired import Array
from scoreboards.gate.rates import PairedRate, PairedScore, discordant, least_lost, mcnemar, pretended_by

DIFFERENCES = st.lists(st.integers(-5, 5).map(lambda value: value / 5), min_size=1, max_size=30).map(np.array)


def test_interval_is_bonett_and_price_by_hand() -> None:
    """Twenty features of one repeat, four lost and one gained: (4+1 - 1-1) / 22 with the spread of 22 values."""
    lost, gained, features = 4, 1, 20
    values = np.array([1.0] * lost + [-1.0] * gained + [0.0] * (features - lost - gained))
    found = PairedRate.of(values).interval(0.05)
    p_lost, p_gained = (lost + 1) / (features + 2), (gained + 1) / (features + 2)
    spread = math.sqrt((p_lost + p_gained - (p_lost - p_gained) ** 2) / (features + 1))
    half = float(stats.t.ppf(0.975, features + 1)) * spread
    assert (found.low, found.high) == pytest.approx((p_lost - p_gained - half, p_lost - p_gained + half))


@given(DIFFERENCES, st.floats(0, 0.5))
def test_p_is_the_t_test_of_the_padded_values(values: Array, margin: float) -> None:
    """Scipy's one-sample test of the differences with one lost and one gained is the same."""
    reference = stats.ttest_1samp(np.append(values, [1.0, -1.0]), margin, alternative="greater")
    assert PairedRate.of(values).beyond(margin) == pytest.approx(float(reference.pvalue), abs=1e-9)


@given(DIFFERENCES, st.sampled_from([0.01, 0.05, 0.2]))
def test_interval_and_p_say_the_same(values: Array, alpha: float) -> None:
    """The two-sided p at the lower end is alpha, unless the end is that of all rates; swapped sides mirror it."""
    paired = PairedRate.of(values)
    interval, mirrored = paired.interval(alpha), PairedRate.of(-values).interval(alpha)
    assert (interval.low, interval.high) == pytest.approx((-mirrored.high, -mirrored.low))
    if interval.low > -1:
        assert 2 * paired.beyond(interval.low) == pytest.approx(alpha)


def test_repeats_shrink_what_is_pretended() -> None:
    """One repeat on both sides pretends whole features, four repeats quarters; sides average by their inverses."""
    assert pretended_by([((1.0,), (0.0,))]) == 1.0
    assert pretended_by([((1.0,) * 4, (0.0,) * 4)]) == 0.25
    assert pretended_by([((1.0,), (0.0,) * 2)]) == 0.75


@given(st.integers(0, 15), st.integers(0, 15), st.integers(1, 30), st.floats(0.02, 0.6))
def test_score_is_of_the_likeliest_rates_at_the_limit(lost: int, gained: int, same: int, limit: float) -> None:
    """The variance is that of the rates that are likeliest among all with just this loss, found by search."""
    pairs = lost + gained + same

    def unlikely(gaining: float) -> float:
        rates = (gaining + limit, gaining, 1 - 2 * gaining - limit)
        counts = (lost, gained, same)
        return -math.fsum(count * math.log(rate) for count, rate in zip(counts, rates, strict=True) if count)

    found = optimize.minimize_scalar(unlikely, bounds=(1e-9, (1 - limit) / 2 - 1e-9), method="bounded")
    variance = pairs * (2 * float(found.x) + limit - limit**2)
    expected = (lost - gained - pairs * limit) / math.sqrt(variance)
    assert PairedScore(pairs=pairs, lost=lost, gained=gained).z(limit) == pytest.approx(expected, rel=1e-3, abs=1e-3)


def test_score_of_no_loss_is_mcnemar() -> None:
    """At no loss it is McNemar's statistic, and of nothing lost nor gained it is nothing."""
    assert PairedScore(pairs=40, lost=9, gained=3).z(0) == pytest.approx(6 / math.sqrt(12))
    assert PairedScore(pairs=40, lost=0, gained=0).z(0) == 0


def test_score_interval_of_trials_that_agree() -> None:
    """Thirty pairs without a difference leave z^2 / (30 + z^2) possible on both sides; thirty-five are ten points."""
    found = PairedScore(pairs=30, lost=0, gained=0).interval(0.05)
    assert (found.low, found.high) == pytest.approx((-3.8415 / 33.8415, 3.8415 / 33.8415), abs=1e-4)
    assert PairedScore(pairs=35, lost=0, gained=0).interval(0.05).high < 0.1


@given(st.integers(0, 9), st.integers(0, 9), st.integers(1, 9), st.sampled_from([0.01, 0.05, 0.2]))
def test_score_interval_is_what_the_test_keeps(lost: int, gained: int, same: int, alpha: float) -> None:
    """The two-sided p at its ends is alpha; with the sides exchanged it is mirrored."""
    score = PairedScore(pairs=lost + gained + same, lost=lost, gained=gained)
    interval = score.interval(alpha)
    mirrored = PairedScore(pairs=lost + gained + same, lost=gained, gained=lost).interval(alpha)
    assert (interval.low, interval.high) == pytest.approx((-mirrored.high, -mirrored.low), abs=1e-9)
    assert 2 * score.beyond(interval.low) == pytest.approx(alpha, rel=1e-6)


def test_repeats_stand_beside_all_of_the_other_side() -> None:
    """Two of four passes before, one of four after: four pairs, of which 4 * 1/2 * 3/4 are lost."""
    found = PairedScore.of([((1.0, 1.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0))])
    assert (found.pairs, found.lost, found.gained) == pytest.approx((4.0, 1.5, 0.5))
    assert PairedScore.of([((1.0,), (0.0, 0.0, 0.0))]).pairs == pytest.approx(1.5)


def test_features_that_agree_still_leave_doubt() -> None:
    """Six of six unchanged is no certainty: the interval goes beyond ten points, where a plain one has no width."""
    assert PairedRate.of(np.zeros(6)).interval(0.05).high > 0.1


@given(st.integers(0, 40), st.integers(0, 40))
def test_mcnemar_is_a_binomial_test(lost: int, gained: int) -> None:
    """Scipy's exact binomial test of one half finds the same p."""
    reference = stats.binomtest(lost, lost + gained).pvalue if lost + gained else 1.0
    assert mcnemar(lost, gained) == pytest.approx(float(reference))


def test_mcnemar_needs_six() -> None:
    """Five features lost and none gained are no evidence at 5 %, six are."""
    assert mcnemar(5, 0) > 0.05 >= mcnemar(6, 0)


def test_discordant_counts_single_repeats_only() -> None:
    """Lost and gained features are counted where each side has one repeat."""
    lost, gained, same = ((1.0,), (0.0,)), ((0.0,), (1.0,)), ((1.0,), (1.0,))
    assert discordant([lost, lost, gained, same]) == (2, 1)
    assert discordant([lost, ((1.0, 0.0), (1.0,))]) is None


@pytest.mark.parametrize(("alpha", "limit"), [(0.05, 0.1), (0.05 / 7, 0.1), (0.05, 0.0), (0.05, 0.9)])
def test_least_lost_is_the_first_that_shows(alpha: float, limit: float) -> None:
    """That many lost features are beyond the limit at alpha by both tests, one fewer are not by one of them."""

    def p(lost: int) -> float:
        score = PairedScore(pairs=lost, lost=lost, gained=0)
        return 2 * max(PairedRate.of(np.ones(lost)).beyond(limit), score.beyond(limit))

    least = least_lost(alpha, limit)
    assert p(least) <= alpha < p(least - 1)


def test_no_loss_exceeds_all_there_is() -> None:
    """A margin of a hundred points cannot be exceeded by any number of features."""
    assert least_lost(0.05, 1.0) == 10_000
