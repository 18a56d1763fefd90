"""Pass rates, paired by feature: an interval of their difference for few features, and McNemar's test. Pure."""

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


def pretended_by(groups: Sequence[Group]) -> float:
    """By how much a trial lost or gained moves its feature's rate: the mean of one over the repeats of each side."""
    inverses = [1 / len(side) for group in groups for side in group]
    return math.fsum(inverses) / len(inverses)


@lru_cache(maxsize=256)
def least_lost(alpha: float, limit: float, pretended: float = 1.0) -> int:
    """The fewest features that, were all of them lost, show at a two-sided `alpha` a loss beyond `limit`."""
    sizes = (size for size in range(1, _MOST) if 2 * PairedRate.of(np.ones(size), pretended).beyond(limit) <= alpha)
    return next(sizes, _MOST) if limit < 1 else _MOST


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
