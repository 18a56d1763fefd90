"""Looks at data that grow: the alpha of each look, so that all looks together have the one that was asked for. Pure.

The statistic at the looks is taken for a Brownian motion seen at shares of the final information. What a look may spend
follows from a spending function, and its boundary from integrating over all paths that crossed none before. Sources:
Armitage, McPherson & Rowe (1969), JRSS A 132:235-244, for the recursion; Lan & DeMets (1983), Biometrika 70:659-663,
for spending.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

from scoreboards.gate.paired import Array
from scoreboards.gate.policy import Spending

_NODES = 512
"""Of the Gauss-Legendre rule over paths that go on; kernels are no narrower than a few of their distances."""

_FARTHEST = 38.0
"""Standard deviations past which a normal tail is no number."""


def nominal_alphas(looks: Sequence[int], spending: Spending, alpha: float) -> tuple[float, ...]:
    """The two-sided alpha to test with at each look; `looks` are the repeats after which one looks, rising.

    Repeats stand for information: the last look has all of it. Where features differ in their true changes, looks are
    more alike than that, and less than `alpha` is spent. Raises ValueError where looks do not rise.
    """
    times = [look / looks[-1] for look in looks]
    if not times or times[0] <= 0 or any(a >= b for a, b in itertools.pairwise(times)):
        raise ValueError("looks must be positive numbers that rise")
    return tuple(_nominal(bound) for bound in _bounds(times, [spent(spending, alpha, time) for time in times]))


def spent(spending: Spending, alpha: float, time: float) -> float:
    """How much of a two-sided `alpha` is spent once the share `time` of the information is in.

    Half of it is spent on either side, which for O'Brien & Fleming's type is less than the function of the whole.
    """
    from scipy.special import ndtr, ndtri

    if spending == Spending.POCOCK:
        return alpha * math.log(1 + (math.e - 1) * time)
    return 4 * float(ndtr(ndtri(alpha / 4) / math.sqrt(time)))


def _bounds(times: Sequence[float], cumulative: Sequence[float]) -> list[float]:
    """The z of each look's boundary, symmetric about zero."""
    bounds: list[float] = []
    paths, weights = np.zeros(1), np.ones(1)  # all begin at zero
    for before, time, spend in zip((0.0, *times), times, np.diff((0.0, *cumulative)), strict=False):
        step = math.sqrt(time - before)
        edge = _edge(_crossing(paths, weights, step), float(spend), _FARTHEST * math.sqrt(time))
        bounds.append(edge / math.sqrt(time))
        paths, weights = _going_on(paths, weights, step, edge)
    return bounds


def _crossing(paths: Array, weights: Array, step: float) -> Callable[[float], float]:
    """The chance to be beyond an edge after a step of this standard deviation, from weighted paths."""
    from scipy.special import ndtr

    return lambda edge: float(weights @ (ndtr((paths - edge) / step) + ndtr((-paths - edge) / step)))


def _edge(crossing: Callable[[float], float], spend: float, farthest: float) -> float:
    """The edge that is crossed with the chance `spend`, by bisection."""
    low, high = 0.0, farthest
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if crossing(middle) > spend else (low, middle)
    return high


def _going_on(paths: Array, weights: Array, step: float, edge: float) -> tuple[Array, Array]:
    """Nodes within the edge, and the weight of the paths that are there after the step."""
    roots, shares = _legendre()
    reach = min(edge, float(np.abs(paths).max()) + 10 * step)
    nodes = reach * roots
    density = np.exp(-(((nodes[:, None] - paths) / step) ** 2) / 2) / (step * math.sqrt(2 * math.pi))
    return nodes, reach * shares * (density @ weights)


@lru_cache(maxsize=1)
def _legendre() -> tuple[Array, Array]:
    return np.polynomial.legendre.leggauss(_NODES)


def _nominal(bound: float) -> float:
    from scipy.special import ndtr

    return float(2 * ndtr(-bound))
