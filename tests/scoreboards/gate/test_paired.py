"""Flips of signs, the bootstrap and Holm's rule, against hand-made answers and against scipy's own tests."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from scoreboards.gate.paired import (
    Array,
    Effort,
    SignFlips,
    bootstrap,
    effects,
    holm,
    in_order,
    least_pairs,
    percentile,
)

EFFECTS = st.lists(st.integers(-1000, 1000).map(lambda value: value / 997), min_size=1, max_size=9).map(np.array)
LIMITS = st.integers(-500, 500).map(lambda value: value / 499)


def by_hand(values: Array, limit: float) -> float:
    """The one-sided p by flipping every sign and summing."""
    shifted = [value - limit for value in values]
    observed = math.fsum(shifted)
    flips = list(itertools.product((1, -1), repeat=len(shifted)))
    sums = [math.fsum(s * v for s, v in zip(flip, shifted, strict=True)) for flip in flips]
    return sum(one >= observed - 1e-9 for one in sums) / len(flips)


@given(EFFECTS, LIMITS)
def test_means_of_sets_are_flips_of_signs(values: Array, limit: float) -> None:
    """Counting the sets whose mean is at most the limit is the enumeration of all flips, on either side."""
    flips = SignFlips.of(values)
    assert flips.beyond(limit) == by_hand(values, limit)
    assert flips.within(limit) == by_hand(-values, -limit)


def test_flips_agree_with_scipy() -> None:
    """Scipy's exact permutation test of paired samples finds the same p."""
    values = np.array([0.31, -0.12, 0.25, 0.4, 0.05, 0.18, -0.02, 0.22])
    reference = stats.permutation_test(
        (values - 0.1,), np.mean, permutation_type="samples", alternative="greater", n_resamples=9_999
    )
    assert SignFlips.of(values).beyond(0.1) == pytest.approx(float(reference.pvalue))


def test_flips_of_ranks_are_wilcoxon() -> None:
    """On signed ranks the flips are Wilcoxon's exact test."""
    values = np.array([1.0, 2.0, -3.0, 4.0, 5.0, 6.0, -7.0, 8.0, 9.0, 10.0])
    reference = stats.wilcoxon(values, alternative="greater", method="exact")
    assert SignFlips.of(values).beyond(0) == pytest.approx(float(reference.pvalue))


@given(EFFECTS, st.sampled_from([0.01, 0.05, 0.1, 0.2, 0.5]))
def test_interval_is_what_the_test_keeps(values: Array, alpha: float) -> None:
    """Just within each end the two-sided p exceeds alpha, just outside it does not; without one nothing is rejected."""
    flips = SignFlips.of(values)
    interval = flips.interval(alpha)
    if interval is None:
        assert 2 / 2 ** len(values) > alpha
        return
    step = 1e-6
    assert 2 * flips.beyond(interval.low - step) <= alpha + 1e-12 < 2 * flips.beyond(interval.low + step) + 1e-9
    assert 2 * flips.within(interval.high + step) <= alpha + 1e-12 < 2 * flips.within(interval.high - step) + 1e-9


def test_interval_by_hand() -> None:
    """Of three features at 25 % the ends are the first and last of the seven means of sets: the extremes themselves."""
    interval = SignFlips.of(np.array([1.0, 2.0, 4.0])).interval(0.25)
    assert interval is not None
    assert (interval.low, interval.high) == (1.0, 4.0)


@given(EFFECTS)
def test_swap_of_sides_negates(values: Array) -> None:
    """With the sides exchanged the interval is the mirrored one."""
    one, other = SignFlips.of(values).interval(0.3), SignFlips.of(-values).interval(0.3)
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        assert (one.low, one.high) == pytest.approx((-other.high, -other.low), abs=1e-12)


def test_random_flips_come_near_all_of_them() -> None:
    """With more features than are enumerated the p and the interval are close to the exact ones, and repeat."""
    values = np.random.default_rng(7).normal(0.1, 0.3, 14)
    exact, random = SignFlips.of(values), SignFlips.of(values, Effort(enumerated=10))
    assert random.beyond(0.0) == pytest.approx(exact.beyond(0.0), abs=0.01)
    near, far = random.interval(0.05), exact.interval(0.05)
    assert near is not None
    assert far is not None
    assert (near.low, near.high) == pytest.approx((far.low, far.high), abs=0.02)
    assert np.array_equal(random.means, SignFlips.of(values[::-1], Effort(enumerated=10)).means)


@pytest.mark.parametrize(("alpha", "least"), [(0.05, 6), (0.05 / 5, 8), (0.05 / 7, 9), (0.5, 2), (0.25, 3)])
def test_least_pairs(alpha: float, least: int) -> None:
    """Six features for one criterion at 5 %, eight for five under Holm; one fewer cannot reach alpha."""
    assert least_pairs(alpha) == least
    ones = np.ones(least)
    assert 2 * SignFlips.of(ones).beyond(0) <= alpha < 2 * SignFlips.of(ones[1:]).beyond(0)


def test_effects_weigh_features_alike() -> None:
    """A feature counts once, whether it was repeated once or thrice."""
    assert effects([((1.0, 3.0), (4.0,)), ((0.0,), (1.0, 2.0, 6.0))]).tolist() == [2.0, 3.0]


@pytest.mark.parametrize("between", [0.0, 0.5, 2.0])
@pytest.mark.parametrize(("repeats", "others"), [(1, 1), (3, 4), (1, 5)])
def test_bootstrap_has_the_variance_of_the_mean(between: float, repeats: int, others: int) -> None:
    """Its variance is that of the mean effect, or that of the repeats alone where these explain more than all."""
    rng = np.random.default_rng(3)
    groups = in_order(
        [(tuple(rng.normal(0, 1, repeats)), tuple(rng.normal(one, 1, others))) for one in rng.normal(0, between, 12)]
    )
    values = effects(groups)
    noise = math.fsum(
        float(np.var(side, ddof=1)) / len(side) for group in groups for side in group if len(side) > 1
    ) / len(groups)
    resampled = bootstrap(groups, Effort(resamples=40_000))
    assert resampled.mean() == pytest.approx(values.mean(), abs=0.02)
    assert resampled.var() == pytest.approx(max(noise, values.var(ddof=1)) / len(groups), rel=0.05)


def test_bootstrap_of_equal_effects_has_no_spread() -> None:
    """With one repeat each, and the same effect in all features, each resample is that effect."""
    interval = percentile(bootstrap([((0.0,), (1.0,))] * 5), 0.05)
    assert (interval.low, interval.high) == pytest.approx((1.0, 1.0))


def test_bootstrap_draws_from_uneven_repeats() -> None:
    """Features of different sizes weigh the same: the effects 1 and 3, further apart by the root of two."""
    groups = [((0.0,), (1.0, 1.0, 1.0)), ((0.0, 0.0), (3.0,))]
    assert np.unique(bootstrap(groups).round(6)) == pytest.approx([2 - math.sqrt(2), 2.0, 2 + math.sqrt(2)], abs=1e-5)


def test_holm_by_hand() -> None:
    """The smallest is multiplied by the count, the next by one fewer, and none falls below the one before it."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))
    assert holm([0.9, 0.8]) == (1.0, 1.0)
    assert holm([]) == ()


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.floats(0.01, 0.2))
def test_holm_is_the_step_down_rule(values: list[float], alpha: float) -> None:
    """Adjusted values at most alpha are those that the sequential rule rejects."""
    order = sorted(range(len(values)), key=values.__getitem__)
    stops = [rank for rank, index in enumerate(order) if (len(values) - rank) * values[index] > alpha]
    rejected = set(order[: stops[0]] if stops else order)
    assert {index for index, value in enumerate(holm(values)) if value <= alpha} == rejected


def test_groups_are_ordered_and_whole() -> None:
    """Neither the order of features nor that of repeats matters; a group without a side is refused."""
    one, other = ((1.0, 2.0), (3.0,)), ((0.0,), (5.0, 4.0))
    assert in_order([one, other]) == in_order([((0.0,), (4.0, 5.0)), ((2.0, 1.0), (3.0,))])
    with pytest.raises(ValueError, match="both sides"):
        in_order([((), (1.0,))])


def test_many_repeats_are_resampled_without_their_weights() -> None:
    """The same draws, however many there are: weights of ten thousand trials would be hundreds of megabytes."""
    groups = [([0.1 * n, 0.3, 0.2], [0.4, 0.1 * n]) for n in range(7)]
    assert np.allclose(bootstrap(groups, Effort(weights=0)), bootstrap(groups))
