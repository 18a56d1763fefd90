"""The few statistics that a board needs: rates with intervals, pass@k, pass^k, means and medians. Pure."""

import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A closed interval, `low` <= `high`."""

    low: float
    high: float


def wilson(successes: int, trials: int, confidence: float = 0.95) -> Interval:
    """The Wilson score interval of a rate, within [0, 1]; the whole of it when nothing was tried.

    Honest at small counts, where the normal approximation is not: 5 of 5 is [0.57, 1]. It takes the trials as
    independent. Source: Wilson (1927), JASA 22:209-212. Raises ValueError unless 0 <= successes <= trials.
    """
    if not 0 <= successes <= trials:
        raise ValueError(f"{successes} of {trials} is no count of successes")
    if trials == 0:
        return Interval(low=0.0, high=1.0)
    z = statistics.NormalDist().inv_cdf(0.5 + confidence / 2)
    rate = successes / trials
    scale = 1 + z * z / trials
    centre = (rate + z * z / (2 * trials)) / scale
    half = z / scale * math.sqrt(rate * (1 - rate) / trials + z * z / (4 * trials * trials))
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == trials else min(1.0, centre + half)
    return Interval(low=low, high=high)


def pass_at_k(trials: int, passed: int, k: int) -> float:
    """The chance that at least one of `k` tries passes, without bias from `passed` of `trials`: 1 - C(n-c,k)/C(n,k).

    Computed as a product, so that no large binomial occurs. Source: Chen et al. (2021), "Evaluating Large Language
    Models Trained on Code" (HumanEval), arXiv 2107.03374. Raises ValueError unless 1 <= k <= trials.
    """
    _check(trials, passed, k)
    if trials - passed < k:
        return 1.0
    return 1.0 - math.prod(1.0 - k / i for i in range(trials - passed + 1, trials + 1))


def pass_hat_k(trials: int, passed: int, k: int) -> float:
    """The chance that all of `k` tries pass, without bias from `passed` of `trials`: C(c,k)/C(n,k).

    Source: Yao et al. (2024), "tau-bench", arXiv 2406.12045. Raises ValueError unless 1 <= k <= trials.
    """
    _check(trials, passed, k)
    return math.prod((passed - i) / (trials - i) for i in range(k)) if passed >= k else 0.0


def _check(trials: int, passed: int, k: int) -> None:
    if not 0 <= passed <= trials:
        raise ValueError(f"{passed} of {trials} is no count of passes")
    if not 1 <= k <= trials:
        raise ValueError(f"k = {k} is not within 1 and the {trials} trials there are")


def mean(values: Iterable[float]) -> float | None:
    """The arithmetic mean; None of nothing."""
    known = tuple(values)
    return math.fsum(known) / len(known) if known else None


def geometric_mean(values: Iterable[float]) -> float | None:
    """The geometric mean, right for ratios: that of the reciprocals is its reciprocal. None of nothing.

    Raises ValueError for a value that is not positive and finite.
    """
    known = tuple(values)
    if any(not 0 < value < math.inf for value in known):
        raise ValueError("a geometric mean needs positive, finite values")
    return math.exp(math.fsum(map(math.log, known)) / len(known)) if known else None


def ratio_interval(ratios: Iterable[float], confidence: float = 0.95) -> Interval | None:
    """The interval of the geometric mean of ratios, one of each independent unit (a feature); None below two.

    Student's t on their logarithms, so that the interval of the reciprocals is its reciprocal. Source: Student (1908);
    that the feature is the unit: Miller (2024), arXiv 2411.00640. Raises ValueError as `geometric_mean` does.
    """
    known = tuple(ratios)
    centre = geometric_mean(known)
    if centre is None or len(known) < 2:  # noqa: PLR2004 - one value has no spread
        return None
    from scipy.stats import t  # takes most of a second to import: only who needs it pays

    logs = [math.log(ratio) for ratio in known]
    error = statistics.stdev(logs) / math.sqrt(len(logs))
    half = float(t.ppf(0.5 + confidence / 2, len(logs) - 1)) * error
    return Interval(low=math.exp(math.log(centre) - half), high=math.exp(math.log(centre) + half))


def median(values: Iterable[float]) -> float | None:
    """The median, the middle of the two middle ones where there are two; None of nothing."""
    known = tuple(values)
    return statistics.median(known) if known else None


def median_int(values: Iterable[int]) -> int | None:
    """The median in whole numbers (nanoseconds, turns), halves rounded to even; None of nothing."""
    ordered = sorted(values)
    if not ordered:
        return None
    low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    whole, half = divmod(low + high, 2)
    return whole + (half and whole % 2)


def percentile_int(values: Iterable[int], percent: int) -> int | None:
    """The smallest value that `percent` in a hundred (1 to 100) do not exceed: the nearest rank. None of nothing."""
    ordered = sorted(values)
    return ordered[max(0, -(-percent * len(ordered) // 100) - 1)] if ordered else None
