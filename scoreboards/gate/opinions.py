"""Both opinions of one set of features: flips of signs or Student's t, and what seconds them. Pure.

Worse is positive here, whatever is compared: logarithms rise, and lost passes count up.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Protocol

from scoreboards.gate.findings import Decision
from scoreboards.gate.paired import (
    SAME,
    Array,
    Effort,
    Group,
    SignFlips,
    bootstrap,
    effects,
    least_pairs,
    percentile,
)
from scoreboards.gate.rates import PairedRate, PairedScore, discordant, least_lost, mcnemar, pretended_by
from scoreboards.statistics import Interval


class Opinions(Protocol):
    """Both opinions of one set of groups; worse is positive whatever is compared. The second is drawn when asked."""

    pairs: int
    estimate: float
    lost_and_gained: tuple[int, int] | None

    def interval(self, alpha: float) -> Interval | None:
        """The first opinion's interval of the confidence 1 - `alpha`; None where it is not finite."""

    def p(self, limit: float) -> float:
        """The first opinion's two-sided p of "no further than `limit`"."""

    def second(self, alpha: float) -> Interval | None:
        """The bootstrap's interval; None where a rate has one repeat."""

    def agrees(self, decision: Decision, alpha: float, limit: float) -> bool:
        """Whether the second opinion is the first one's `decision`."""

    def least(self, alpha: float, share: float, limit: float) -> int:
        """The fewest features that could fail: at its share of alpha, and by both opinions."""


class RatioOpinions:
    """Flips of signs, seconded by the bootstrap."""

    def __init__(self, groups: Sequence[Group], effort: Effort) -> None:
        values = effects(groups)
        self.pairs = len(groups)
        self.estimate = float(values.mean())
        self.lost_and_gained: tuple[int, int] | None = None
        self._flips = SignFlips.of(values, effort)
        self._drawn_from = groups, effort

    @cached_property
    def _resampled(self) -> Array:
        return bootstrap(*self._drawn_from)

    def interval(self, alpha: float) -> Interval | None:
        """All mean effects that flips of signs keep; None with too few features."""
        return self._flips.interval(alpha)

    def p(self, limit: float) -> float:
        """Twice the share of flips that are as far beyond `limit`, or 1."""
        return min(1.0, 2 * self._flips.beyond(limit))

    def second(self, alpha: float) -> Interval | None:
        """The bootstrap's percentile interval."""
        return percentile(self._resampled, alpha)

    def agrees(self, decision: Decision, alpha: float, limit: float) -> bool:
        """Whether the bootstrap says the same."""
        return verdict(self.second(alpha), limit) == decision

    def least(self, alpha: float, share: float, limit: float) -> int:  # noqa: ARG002 - the bootstrap needs no number
        """The features that have enough flips."""
        return least_pairs(share)


class RateOpinions:
    """Student's t of features and the score test of trials, whichever is less sure; a fail has a second opinion."""

    def __init__(self, groups: Sequence[Group], effort: Effort) -> None:
        values = -effects(groups)
        self.pairs = len(groups)
        self.estimate = float(values.mean())
        self.lost_and_gained = discordant(groups)
        self._pretended = pretended_by(groups)
        self._features = PairedRate.of(values, self._pretended)
        self._trials = PairedScore.of(groups)
        self._drawn_from = groups, effort

    @cached_property
    def _resampled(self) -> Array:
        return -bootstrap(*self._drawn_from)[::-1]

    def interval(self, alpha: float) -> Interval | None:
        """From the lower of both lower ends to the higher of both higher ones."""
        one, other = self._features.interval(alpha), self._trials.interval(alpha)
        return Interval(low=min(one.low, other.low), high=max(one.high, other.high))

    def p(self, limit: float) -> float:
        """Twice the larger one-sided p, or 1."""
        return min(1.0, 2 * max(self._features.beyond(limit), self._trials.beyond(limit)))

    def second(self, alpha: float) -> Interval | None:
        """The bootstrap's percentile interval; None where there is one repeat."""
        return None if self.lost_and_gained is not None else percentile(self._resampled, alpha)

    def agrees(self, decision: Decision, alpha: float, limit: float) -> bool:
        """A pass needs no second opinion; a fail McNemar's with one repeat, else the bootstrap's."""
        if decision == Decision.PASS:
            return True
        if self.lost_and_gained is not None:
            return mcnemar(*self.lost_and_gained) <= alpha
        return verdict(self.second(alpha), limit) == decision

    def least(self, alpha: float, share: float, limit: float) -> int:
        """Enough for both at its share of alpha, and for McNemar's test where that has a say."""
        seconded = least_pairs(alpha) if self.lost_and_gained is not None else 1
        return max(seconded, least_lost(share, limit, self._pretended))


def verdict(interval: Interval | None, limit: float) -> Decision:
    """Beyond the limit by the whole interval is a fail, within it a pass; worse is positive."""
    if interval is not None and interval.low > limit + SAME:
        return Decision.FAIL
    if interval is not None and interval.high <= limit + SAME:
        return Decision.PASS
    return Decision.INCONCLUSIVE
