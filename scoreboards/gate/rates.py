"""Pass rates, paired by feature: intervals of their difference for few features and few trials. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import numpy as np

from scoreboards.gate.paired import Array, Group
from scoreboards.statistics import Interval

_MOST = 10_000
"""Features past which nobody asks how many are needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedRate:
    """Student's t on differences of rates per feature, with two pretended ones: a trial lost, and a trial gained.

    They keep the spread from being nothing where all features agree, which is where the plain interval is far too
    short. With one repeat a trial is a whole feature, as in the source; of more it is one over the repeats. Source:
    Bonett & Price (2012), Journal of Educational and Behavioral Statistics 37:479-488.
    """

    centre: float
    error: float
    freedom: int

    @classmethod
    def of(cls, differences: Array, pretended: float = 1.0) -> Self:
        """That of these differences, one per feature, in any order; the pretended ones differ by so much."""
        padded = np.concatenate([np.sort(differences), [pretended, -pretended]])
        error = float(padded.std(ddof=1)) / math.sqrt(padded.size)
        return cls(centre=float(padded.mean()), error=error, freedom=padded.size - 1)

    def interval(self, alpha: float) -> Interval:
        """The interval of the confidence 1 - `alpha`, within -1 and 1."""
        from scipy.special import stdtrit

        half = float(stdtrit(self.freedom, 1 - alpha / 2)) * self.error
        return Interval(low=max(-1.0, self.centre - half), high=min(1.0, self.centre + half))

    def beyond(self, limit: float) -> float:
        """The one-sided p of "the mean difference is no larger than `limit`"."""
        from scipy.special import stdtr

        return float(stdtr(self.freedom, (limit - self.centre) / self.error))


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedScore:
    """The score test of a difference of paired rates, on the pairs of trials: how many, how many lost, how many gained.

    It takes features for alike, and knows what Student's t does not: how little a few trials that all agree can say.
    Thirty of thirty on both sides leave a loss of eleven points possible. Source: Tango (1998), Statistics in Medicine
    17:891-908. Repeats have no partners, so that each stands beside all of the other side's, in equal shares.
    """

    pairs: float
    lost: float
    gained: float

    @classmethod
    def of(cls, groups: Sequence[Group]) -> Self:
        """That of these features; one with different repeats has as many pairs as their harmonic mean."""
        pairs = lost = gained = 0.0
        for before, after in groups:
            weight = 2 / (1 / len(before) + 1 / len(after))
            was, now = math.fsum(before) / len(before), math.fsum(after) / len(after)
            pairs, lost, gained = pairs + weight, lost + weight * was * (1 - now), gained + weight * (1 - was) * now
        return cls(pairs=pairs, lost=lost, gained=gained)

    def z(self, limit: float) -> float:
        """How many standard errors, were the loss just `limit`, the loss is above that; falls with the limit."""
        if limit < 0:
            return -PairedScore(pairs=self.pairs, lost=self.gained, gained=self.lost).z(-limit)
        linear = self.lost * (1 + limit) + self.gained * (1 - limit) - 2 * self.pairs * limit
        root = math.sqrt(linear**2 + 8 * self.pairs * self.gained * limit * (1 - limit))
        gaining = max(0.0, linear + root) / (4 * self.pairs)
        variance = self.pairs * (2 * gaining + limit * (1 - limit))
        excess = self.lost - self.gained - self.pairs * limit
        return excess / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, excess) if excess else 0.0

    def interval(self, alpha: float) -> Interval:
        """All losses that a two-sided test at `alpha` keeps."""
        from scipy.special import ndtri

        error = float(ndtri(1 - alpha / 2))
        return Interval(low=self._where(error), high=self._where(-error))

    def beyond(self, limit: float) -> float:
        """The one-sided p of "the loss is no larger than `limit`"."""
        from scipy.special import ndtr

        return float(ndtr(-self.z(limit)))

    def _where(self, error: float) -> float:
        """The loss from which the one seen is so many standard errors away, by bisection."""
        low, high = -1.0, 1.0
        for _ in range(50):
            middle = (low + high) / 2
            low, high = (middle, high) if self.z(middle) > error else (low, middle)
        return high


def pretended_by(groups: Sequence[Group]) -> float:
    """By how much a trial lost or gained moves its feature's rate: the mean of one over the repeats of each side."""
    inverses = [1 / len(side) for group in groups for side in group]
    return math.fsum(inverses) / len(inverses)


@lru_cache(maxsize=256)
def least_lost(alpha: float, limit: float, pretended: float = 1.0) -> int:
    """The fewest features that, were all of them lost, show at a two-sided `alpha` a loss beyond `limit`."""

    def shown(size: int) -> bool:
        score = PairedScore(pairs=size / pretended, lost=size / pretended, gained=0.0)
        return 2 * max(PairedRate.of(np.ones(size), pretended).beyond(limit), score.beyond(limit)) <= alpha

    return next(filter(shown, range(1, _MOST)), _MOST) if limit < 1 else _MOST


def discordant(groups: Sequence[Group]) -> tuple[int, int] | None:
    """How many features were lost and how many gained; None where any has more than one repeat on a side."""
    if any(len(before) != 1 or len(after) != 1 for before, after in groups):
        return None
    return sum(b[0] < a[0] for a, b in groups), sum(b[0] > a[0] for a, b in groups)


def mcnemar(lost: int, gained: int) -> float:
    """The exact two-sided p of "as likely lost as gained"; 1 where neither happened.

    Six at least are needed for 5 %: 2 / 2^6. Source: McNemar (1947), Psychometrika 12:153-157, with the binomial.
    """
    flips = lost + gained
    tail = sum(math.comb(flips, k) for k in range(min(lost, gained) + 1))
    return float(min(1.0, 2 * tail / 2**flips))
