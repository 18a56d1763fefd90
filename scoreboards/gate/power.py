"""How likely a gate is to see a change, from the baseline alone: it decides simulated pairs of runs. Pure.

Assumed: a change is the same in all features (a rate falls by the same share of itself), the candidate's noise is the
baseline's, as many trials count on both sides, and a fixed number of repeats is looked at once.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from scoreboards.gate.decisions import Evidence, fails
from scoreboards.gate.policy import TIMES, Metric, Policy
from scoreboards.gate.simulated import Baseline, Rates, sources

RISES = (0.1, 0.2, 0.5)
"""Shares of the baseline, for durations, costs and tokens."""

DROPS = (0.05, 0.1, 0.2)
"""Shares of all trials, for the pass rate."""

_LARGEST = 9.0
"""Ten times as long: a rise past which none is looked for."""

_MOST_REPEATS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is simulated: so many pairs, of `models` that share the alpha, with `repeats` or as many as there are."""

    simulations: int = 200
    repeats: int | None = None
    models: int = 1
    wanted: float = 0.8
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Chance:
    """The chance that a metric's own criterion fails after a change: a rise, or a drop of the pass rate, in shares.

    A change of the agent's wall is one of all phases; any other is of that metric alone. None where one repeat cannot
    tell. `error` is the standard error of the simulation.
    """

    metric: Metric
    change: float
    power: float | None
    error: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """What a gate of this matrix would see. `smallest` changes fail with the chance `wanted`; None where none does.

    `features` and `repeats` (the most of any feature) are the baseline's or the plan's, `family` the tests that share
    alpha. `unknown` are metrics whose noise one repeat cannot tell.
    """

    chances: tuple[Chance, ...]
    smallest: Mapping[Metric, float | None]
    unknown: tuple[Metric, ...]
    features: int
    repeats: int
    family: int
    wanted: float


def power(baseline: Baseline, policy: Policy, plan: Plan = Plan()) -> Power:
    """The chances to see usual changes, and the smallest change seen with the wanted chance."""
    lab = _Lab(baseline, policy, plan)
    counts = [len(side) for features in baseline.values() for side in features]
    return Power(
        chances=tuple(
            lab.chance(metric, change)
            for metric in lab.sources
            for change in (DROPS if metric == Metric.PASS_RATE else RISES)
        ),
        smallest={metric: lab.smallest(metric) for metric in lab.sources},
        unknown=tuple(metric for metric in lab.sources if not lab.known(metric)),
        features=max(map(len, baseline.values()), default=0),
        repeats=plan.repeats or max(counts, default=0),
        family=len(lab.sources) * plan.models,
        wanted=plan.wanted,
    )


def chances(
    baseline: Baseline, policy: Policy, changes: Sequence[tuple[Metric, float]], plan: Plan = Plan()
) -> tuple[Chance, ...]:
    """The chance to see each of these changes, alone. Raises KeyError for a metric that is not judged."""
    lab = _Lab(baseline, policy, plan)
    return tuple(lab.chance(metric, change) for metric, change in changes)


def repeats_for(baseline: Baseline, policy: Policy, changed: tuple[Metric, float], plan: Plan = Plan()) -> int | None:
    """The fewest repeats with which a change is seen with the wanted chance; None where 64 are not enough.

    None as well where one repeat cannot tell. Raises KeyError for a metric that is not judged.
    """

    @cache
    def enough(repeats: int) -> bool:
        found = chances(baseline, policy, [changed], replace(plan, repeats=repeats))[0].power
        return found is not None and found >= plan.wanted

    high = 1
    while not enough(high):
        if (high := high * 2) > _MOST_REPEATS:
            return None
    return next(repeats for repeats in range(high // 2 + 1, high + 1) if enough(repeats))


class _Lab:
    """Pairs simulated once, decided as often as is asked."""

    def __init__(self, baseline: Baseline, policy: Policy, plan: Plan) -> None:
        self.sources = sources(baseline, policy, plan.repeats)
        self._policy = policy
        self._plan = plan
        seeds = range(plan.seed, plan.seed + plan.simulations)
        self._pairs = [{metric: one.evidence(seed) for metric, one in self.sources.items()} for seed in seeds]

    def known(self, metric: Metric) -> bool:
        source = self.sources[metric]
        return isinstance(source, Rates) or source.known

    def chance(self, metric: Metric, change: float) -> Chance:
        if not self.known(metric):
            return Chance(metric=metric, change=change, power=None, error=None)
        share = self._seen(metric, change)
        error = math.sqrt(share * (1 - share) / self._plan.simulations)
        return Chance(metric=metric, change=change, power=share, error=error)

    def smallest(self, metric: Metric) -> float | None:
        """By bisection, to a hundredth of the change."""
        low, high = self._policy.limit(metric) or 0.0, 1.0 if metric == Metric.PASS_RATE else _LARGEST
        if not self.known(metric) or low >= high or self._seen(metric, high) < self._plan.wanted:
            return None
        while high - low > 0.01 * high:
            middle = (low + high) / 2
            low, high = (low, middle) if self._seen(metric, middle) >= self._plan.wanted else (middle, high)
        return high

    def _seen(self, metric: Metric, change: float) -> float:
        source, index = self.sources[metric], list(self.sources).index(metric)
        failed = 0
        for seed, pair in enumerate(self._pairs, self._plan.seed):
            changed = dict(pair)
            if isinstance(source, Rates):
                changed[metric] = source.evidence(seed, change)
            else:
                changed |= {one: _risen(pair[one], change) for one in _moved(metric) if one in pair}
            others = list(pair.values()) * (self._plan.models - 1)
            failed += fails([*changed.values(), *others], self._policy.alpha)[index]
        return failed / len(self._pairs)


def _moved(metric: Metric) -> tuple[Metric, ...]:
    return TIMES if metric == Metric.AGENT_WALL else (metric,)


def _risen(found: Evidence | None, change: float) -> Evidence | None:
    """The same rise in all features moves effects, intervals and resamples alike: the limit moves the other way."""
    if found is None:
        return None
    return replace(found, question=replace(found.question, limit=found.question.limit - math.log1p(change)))
