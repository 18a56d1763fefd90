"""Paired statistics on plain numbers: flips of signs, and a bootstrap of features and of repeats within them. Pure.

A group is one feature: the baseline's repeats and the candidate's. Its effect is the mean of the candidate's less the
mean of the baseline's, so that a feature counts once however often it was repeated.
"""

import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from scoreboards.statistics import Interval

Array: TypeAlias = NDArray[np.float64]
Group: TypeAlias = tuple[Sequence[float], Sequence[float]]

SAME = 1e-9
"""Effects closer than this are equal: a difference of logarithms is rounded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much is resampled: up to `enumerated` features every flip, else `flips` random ones; and `resamples`.

    Up to so many `weights` of a side's repeats in the resamples are kept for other metrics: eight bytes each.
    """

    enumerated: int = 16
    flips: int = 20_000
    resamples: int = 2_000
    weights: int = 4_000_000
    seed: int = 0


FULL = Effort()
"""What a verdict rests on."""


def in_order(groups: Iterable[Group]) -> tuple[Group, ...]:
    """The same groups in an order of their own, so that what is resampled does not hang on the caller's.

    Raises ValueError for a group that lacks a side.
    """
    ordered = sorted((tuple(sorted(before)), tuple(sorted(after))) for before, after in groups)
    if any(not before or not after for before, after in ordered):
        raise ValueError("a group needs repeats on both sides")
    return tuple(ordered)


def effects(groups: Iterable[Group]) -> Array:
    """The effect of each group, in their order: the candidate's mean less the baseline's."""
    return np.array([math.fsum(b) / len(b) - math.fsum(a) / len(a) for a, b in groups])


@dataclass(frozen=True, slots=True, kw_only=True)
class SignFlips:
    """The sign-flip permutation test of the mean effect, for every hypothetical mean at once.

    If the true mean is `c` and effects scatter about it symmetrically, then each effect less `c` could as well have had
    the other sign. Flipping the signs of a set of features yields a sum at least as large as the observed one exactly
    if the mean effect of that set is at most `c`. So the means of all sets, sorted, are the whole test and, by their
    order statistics, its exact interval. Sources: Fisher (1935), "The Design of Experiments", section 21; Hartigan
    (1969), JASA 64:1303-1317 (typical values, and random sets of them).
    """

    means: Array
    """Of the sets but the empty one, which always counts; ascending, shape (sets,)."""

    @classmethod
    def of(cls, values: Array, effort: Effort = FULL) -> Self:
        """The test of these effects, one per feature, in any order."""
        if values.size <= effort.enumerated:
            sets = _every_set(values.size)
        else:
            sets = _random_sets(values.size, effort.flips, effort.seed)
        return cls(means=np.sort(sets @ np.sort(values)))

    def beyond(self, limit: float) -> float:
        """The one-sided p of "the mean is no larger than `limit`"."""
        return float(1 + np.searchsorted(self.means, limit + SAME, side="right")) / (self.means.size + 1)

    def within(self, limit: float) -> float:
        """The one-sided p of "the mean is no smaller than `limit`"."""
        below = np.searchsorted(self.means, limit - SAME, side="left")
        return float(1 + self.means.size - below) / (self.means.size + 1)

    def interval(self, alpha: float) -> Interval | None:
        """All means that a two-sided test at `alpha` keeps; None where it would be all numbers: too few features."""
        rank = math.floor(alpha / 2 * (self.means.size + 1) + SAME)
        if rank < 1:
            return None
        return Interval(low=float(self.means[rank - 1]), high=float(self.means[self.means.size - rank]))


def least_pairs(alpha: float) -> int:
    """The fewest features with which flips of signs can reach a two-sided p of `alpha`: 2 / 2^n <= alpha."""
    return max(1, math.ceil(1 - math.log2(max(alpha, sys.float_info.min)) - SAME))


def bootstrap(groups: Sequence[Group], effort: Effort = FULL) -> Array:
    """Mean effects, ascending, of resamples: features drawn with replacement, then repeats within each drawn feature.

    Drawn plainly, the noise of repeats would count twice, once in the scatter of the features' means. So these are
    shrunk towards their mean by what noise explains, and residuals stretched by what a mean of few takes from them; the
    variance is then that of the mean effect. Shape (effort.resamples,). Sources: Davison & Hinkley (1997), "Bootstrap
    Methods and their Application", section 3.8; Ng, Grieve & Carpenter (2013), Stata Journal 13:141-164.
    """
    counts = tuple((len(before), len(after)) for before, after in groups)
    before, after = ([_residuals(side) for side in sides] for sides in zip(*groups, strict=True))
    levels = _shrunk(effects(groups), math.fsum(map(_noise, (*before, *after))) / len(groups))
    raised = np.concatenate([level + residuals for level, residuals in zip(levels, after, strict=True)])
    drawn_before, drawn_after = _means(counts, np.concatenate(before), raised, effort)
    return np.sort(drawn_after - drawn_before)


def _means(counts: tuple[tuple[int, int], ...], before: Array, after: Array, effort: Effort) -> tuple[Array, Array]:
    """The mean of each side's repeats in each resample, shape (resamples,).

    Weights serve all metrics of as many repeats; where they would be many megabytes, the same is drawn anew instead.
    """
    if effort.resamples * max(before.size, after.size) <= effort.weights:
        drawn_before, drawn_after = _drawn(counts, effort.resamples, effort.seed)
        return drawn_before @ before, drawn_after @ after
    rng = np.random.default_rng(effort.seed)
    features = rng.integers(len(counts), size=(effort.resamples, len(counts)))
    sizes = zip(*counts, strict=True)
    first, second = (
        _picked_means(features, np.array(side), values, rng)
        for side, values in zip(sizes, (before, after), strict=True)
    )
    return first, second


def _picked_means(
    features: NDArray[np.int64], counts: NDArray[np.int64], values: Array, rng: np.random.Generator
) -> Array:
    """What `_weights` of the same draws would make of the values."""
    first = np.cumsum(counts) - counts
    each = counts[features]
    means = np.zeros(len(features))
    for draw in range(int(counts.max())):
        picked = first[features] + np.floor(rng.random(features.shape) * each).astype(np.int64)
        means += (np.where(draw < each, values[picked], 0.0) / each).sum(axis=1)
    return np.asarray(means / features.shape[1], dtype=np.float64)


def _residuals(side: Sequence[float]) -> Array:
    """Deviations from the mean, stretched so that their variance is the unbiased one."""
    values = np.asarray(side, dtype=np.float64)
    stretch = math.sqrt(values.size / max(1, values.size - 1))
    return np.asarray((values - values.mean()) * stretch, dtype=np.float64)


def _noise(residuals: Array) -> float:
    """The variance of a mean of as many repeats."""
    return float(residuals @ residuals) / residuals.size**2


def _shrunk(values: Array, noise: float) -> Array:
    """Effects about their mean with the variance that is not noise, as a sample of their own size is to show it."""
    if values.size < 2 or (spread := float(values.var(ddof=1))) <= noise:  # noqa: PLR2004 - one has no spread
        return np.full(values.size, values.mean())
    scale = math.sqrt((1 - noise / spread) * values.size / (values.size - 1))
    return np.asarray(values.mean() + scale * (values - values.mean()), dtype=np.float64)


def percentile(resampled: Array, alpha: float) -> Interval:
    """The percentile interval of ascending resampled means, at the confidence 1 - `alpha`."""
    rank = max(1, math.floor(alpha / 2 * (resampled.size + 1)))
    return Interval(low=float(resampled[rank - 1]), high=float(resampled[resampled.size - rank]))


def holm(values: Sequence[float]) -> tuple[float, ...]:
    """Each p adjusted for its family by Holm's step-down rule, in the order given. Source: Holm (1979)."""
    adjusted = [1.0] * len(values)
    so_far = 0.0
    for rank, index in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        so_far = max(so_far, min(1.0, (len(values) - rank) * values[index]))
        adjusted[index] = so_far
    return tuple(adjusted)


@lru_cache(maxsize=32)
def _every_set(features: int) -> Array:
    """Rows that average over each set of features but the empty one; shape (2^features - 1, features)."""
    return _averaging((np.arange(1, 2**features)[:, None] >> np.arange(features)) & 1)


@lru_cache(maxsize=8)
def _random_sets(features: int, flips: int, seed: int) -> Array:
    """The same of `flips` random sets; an empty one is dropped, for it stands for the data as they are."""
    members = np.random.default_rng(seed).random((flips, features)) < 0.5  # noqa: PLR2004 - a fair coin
    return _averaging(members[members.any(axis=1)])


def _averaging(members: NDArray[np.int64] | NDArray[np.bool_]) -> Array:
    return np.asarray(members / members.sum(axis=1, keepdims=True), dtype=np.float64)


@lru_cache(maxsize=16)
def _drawn(counts: tuple[tuple[int, int], ...], resamples: int, seed: int) -> tuple[Array, Array]:
    """How much each repeat of the baseline, and of the candidate, weighs in each resample's mean.

    It depends on how many repeats there are only, so that every metric, and every simulation, is a product with it.
    """
    rng = np.random.default_rng(seed)
    features = rng.integers(len(counts), size=(resamples, len(counts)))
    before, after = (np.array(side) for side in zip(*counts, strict=True))
    return _weights(features, before, rng), _weights(features, after, rng)


def _weights(features: NDArray[np.int64], counts: NDArray[np.int64], rng: np.random.Generator) -> Array:
    """Weights of one side's repeats, shape (resamples, all repeats), for drawn features (resamples, features)."""
    resamples, total = len(features), int(counts.sum())
    first = np.cumsum(counts) - counts
    weights = np.zeros(resamples * total)
    rows = np.arange(resamples)[:, None] * total
    for draw in range(int(counts.max())):
        each = counts[features]
        picked = rows + first[features] + np.floor(rng.random(features.shape) * each).astype(np.int64)
        share = np.where(draw < each, 1 / (each * features.shape[1]), 0.0)
        weights += np.bincount(picked.ravel(), share.ravel(), minlength=weights.size)
    return weights.reshape(resamples, total)
