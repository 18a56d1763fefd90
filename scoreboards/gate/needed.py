"""What would decide a question that is open: how many repeats of its features, or how many features. Pure.

The error of the mean effect is (omega^2 + s_A^2/K_A + s_B^2/K_B) / n for n features of K repeats: omega is how much the
features' true effects differ, s how much repeats do. Repeats shrink the latter only. It is decided, with a chance of
`power`, when the distance from the limit is as many errors as the test and the power ask for. Source: Miller (2024),
arXiv 2411.00640, section 5, here with Student's t for few features.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from scoreboards.gate.decisions import Kind, Question
from scoreboards.gate.paired import Group, effects, in_order, least_pairs
from scoreboards.gate.rates import PairedScore, least_lost

_MOST_REPEATS = 1_000
_MOST_FEATURES = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """What scatters, as variances: true effects `between` features, and repeats within `baseline` and `candidate`.

    One repeat cannot tell them apart: then all is in `between`, and `told` is False.
    """

    between: float
    baseline: float
    candidate: float
    told: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """How much data would decide a question with a chance of `power`, if the true change is the one that was seen.

    `repeats` of each of its `pairs` features on both sides; None where no number of them would, or where one repeat
    cannot tell. `features`, each repeated as often as now; None where no number would, as when the change is just the
    limit. `distance` is how far the change is from the limit, in logarithms or shares; `fails` says on which side.
    """

    repeats: int | None
    features: int | None
    pairs: int
    distance: float
    fails: bool
    spread: Spread
    power: float


def needed(question: Question, alpha: float, *, family: int = 1, power: float = 0.8) -> Needed | None:
    """What would decide this question in a family of so many; None with nothing to compare.

    Assumed: the change that was seen is the true one, new features and repeats scatter as these do, and errors of means
    are normal. A change beyond the limit has to hold at alpha / family, one within it at alpha. Bounds count at their
    values.
    """
    groups = in_order((*question.groups, *question.at_least, *question.at_most))
    if not groups:
        return None
    values = effects(groups) if question.kind == Kind.RATIO else -effects(groups)
    estimate = float(values.mean())
    fails = estimate > question.limit
    share = alpha / family if fails else alpha
    spread = spread_of(groups)
    design = _Design(question=question, groups=groups, spread=spread, estimate=estimate, alpha=share, power=power)
    now = (_mean_inverse(side for side, _ in groups), _mean_inverse(side for _, side in groups))
    return Needed(
        repeats=_fewest(lambda k: design.decides(len(groups), (1 / k, 1 / k)), _MOST_REPEATS) if spread.told else None,
        features=_fewest(lambda n: design.decides(n, now), _MOST_FEATURES),
        pairs=len(groups),
        distance=abs(estimate - question.limit),
        fails=fails,
        spread=spread,
        power=power,
    )


def spread_of(groups: Sequence[Group]) -> Spread:
    """The variances between and within features, by the method of moments; none is below nothing."""
    values = effects(groups)
    total = float(values.var(ddof=1)) if values.size > 1 else 0.0
    baseline, candidate = (_pooled([group[side] for group in groups]) for side in (0, 1))
    if baseline is None or candidate is None:
        return Spread(between=total, baseline=0.0, candidate=0.0, told=False)
    noise = baseline * _mean_inverse(side for side, _ in groups) + candidate * _mean_inverse(side for _, side in groups)
    return Spread(between=max(0.0, total - noise), baseline=baseline, candidate=candidate, told=values.size > 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Design:
    question: Question
    groups: Sequence[Group]
    spread: Spread
    estimate: float
    alpha: float
    power: float

    def decides(self, features: int, inverses: tuple[float, float]) -> bool:
        """Whether so many features are enough, with one over the repeats of the baseline and of the candidate."""
        from scipy.special import ndtri, stdtrit

        error, distance, freedom = self._error(features, inverses)
        if features < self._least(inverses) or distance <= 0 or not self._scored(features, inverses):
            return False
        return (float(stdtrit(freedom, 1 - self.alpha / 2)) + float(ndtri(self.power))) * error <= distance

    def _scored(self, features: int, inverses: tuple[float, float]) -> bool:
        """Whether so many trials, lost and gained as often as now, are enough for the score test of rates."""
        from scipy.special import ndtri

        if self.question.kind == Kind.RATIO:
            return True
        now = PairedScore.of(self.groups)
        times = 2 * features / sum(inverses) / now.pairs
        then = PairedScore(pairs=now.pairs * times, lost=now.lost * times, gained=now.gained * times)
        return abs(then.z(self.question.limit)) >= float(ndtri(1 - self.alpha / 2))

    def _error(self, features: int, inverses: tuple[float, float]) -> tuple[float, float, int]:
        """The error, the distance that counts, and the freedom; a rate's with its two pretended features."""
        variance = self.spread.between + self.spread.baseline * inverses[0] + self.spread.candidate * inverses[1]
        side = 1 if self.estimate > self.question.limit else -1
        if self.question.kind == Kind.RATIO:
            distance = side * (self.estimate - self.question.limit)
            return math.sqrt(variance / features), distance, max(1, features - 1)
        centre, pretended = self.estimate * features / (features + 2), sum(inverses) / 2
        padded = (features * (variance + self.estimate**2) + 2 * pretended**2) / (features + 2) - centre**2
        return math.sqrt(padded / (features + 1)), side * (centre - self.question.limit), features + 1

    def _least(self, inverses: tuple[float, float]) -> int:
        if self.question.kind == Kind.RATIO:
            return least_pairs(self.alpha)
        if self.estimate <= self.question.limit:
            return 1
        return least_lost(self.alpha, self.question.limit, sum(inverses) / 2)


def _fewest(enough: Callable[[int], bool], most: int) -> int | None:
    """The smallest number from one to the most that is enough, more being enough as well; None if there is none."""
    if not enough(most):
        return None
    low, high = 1, most
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle + 1, high)
    return low


def _pooled(sides: Sequence[Sequence[float]]) -> float | None:
    """The variance of repeats, pooled over features; None where none was repeated."""
    freedom = sum(len(side) - 1 for side in sides)
    if freedom == 0:
        return None
    squares = (math.fsum((value - math.fsum(side) / len(side)) ** 2 for value in side) for side in sides)
    return math.fsum(squares) / freedom


def _mean_inverse(sides: Iterable[Sequence[float]]) -> float:
    """The mean over features of one over their repeats."""
    inverses = [1 / len(side) for side in sides]
    return math.fsum(inverses) / len(inverses)
