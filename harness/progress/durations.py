"""How long trials take, as far as those that ended and those still at work tell. Pure.

The short trials of a run end first: to look only at those that ended would promise too much. A trial at work says that
its duration is longer than it has taken so far; both go into the product-limit estimate (Kaplan and Meier, 1958), and
what lies beyond the longest one follows an exponential tail with as many endings in so much time as were seen.
"""

import math
import random
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate

_SHORTEST = 0.2


class Durations:
    """A distribution of durations in seconds, from at least two `ended` ones and those that are `going` on."""

    def __init__(self, ended: Sequence[float], going: Sequence[float]) -> None:
        self._values = sorted(ended)
        steps = self._steps(sorted([*ended, *going]))
        self._below = list(accumulate(steps))
        self._beyond = max(0.0, 1.0 - self._below[-1])
        self._longest = max((*ended, *going))
        self._pace = (math.fsum(ended) + math.fsum(going)) / len(ended)
        beyond = self._longest + self._pace
        self.mean = math.fsum(map(_product, steps, self._values)) + self._beyond * beyond
        squares = math.fsum(step * value**2 for step, value in zip(steps, self._values, strict=True))
        squares += self._beyond * (beyond**2 + self._pace**2)
        self.variance = max(0.0, squares - self.mean**2)

    def _steps(self, every: Sequence[float]) -> list[float]:
        """The probability of each ended duration: what is left when it ends, shared among those still at work then."""
        left, steps = 1.0, []
        for place, value in enumerate(self._values):
            first = bisect_left(self._values, value)
            at_work = len(every) - bisect_left(every, value) - (place - first)
            steps.append(left / at_work)
            left -= steps[-1]
        return steps

    def draw(self, dice: random.Random, beyond: float = 0.0) -> float:
        """A duration that is longer than `beyond` seconds."""
        known = bisect_right(self._values, beyond)
        floor = self._below[known - 1] if known else 0.0
        found = bisect_left(self._below, floor + dice.random() * (1.0 - floor))
        if found < len(self._values) and self._values[found] > beyond:
            return self._values[found]
        return max(self._longest, beyond) + dice.expovariate(1.0) * self._pace

    def scale(self, dice: random.Random) -> float:
        """By what factor the true mean may differ from this one: one draw, of Student's t."""
        freedom = len(self._values) - 1
        t = dice.gauss(0, 1) / math.sqrt(dice.gammavariate(freedom / 2, 2) / freedom)
        error = t * math.sqrt(self.variance / len(self._values))
        return max(_SHORTEST, 1 + error / self.mean) if self.mean > 0 else 1.0


def _product(one: float, other: float) -> float:
    return one * other
