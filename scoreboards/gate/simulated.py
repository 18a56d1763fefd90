"""Pairs of runs simulated from a baseline alone, gathered as evidence for the gate's own rule. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from scoreboards.gate.decisions import Evidence, Kind, Question, gather
from scoreboards.gate.paired import Array, Effort
from scoreboards.gate.policy import Metric, Policy

Baseline: TypeAlias = Mapping[Metric, Sequence[Sequence[float]]]
"""For each metric its features' repeats: logarithms as they are compared, and 0 or 1 for the pass rate."""

Counts: TypeAlias = NDArray[np.int64]

_OWN = 5
"""Repeats from which a feature's own noise is known; with fewer it is pooled over features."""

_CHEAP = Effort(enumerated=12, flips=2_000, resamples=500)
"""The same rule with fewer random draws: simulated runs are many, and each rests on its own noise anyway."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratios:
    """How repeats of a metric scatter: deviations from their feature's mean, with the variance made unbiased.

    `values` are those of all repeated features in a row, `lengths` how many each of these has; `counts` are the
    repeats to simulate. Of a metric that no feature was repeated for the noise is not `known`, and none is simulated.
    """

    values: Array
    lengths: Counts
    counts: Counts
    limit: float
    known: bool

    @classmethod
    def of(cls, features: Sequence[Sequence[float]], limit: float, repeats: int | None) -> Self:
        """The noise of a baseline's features, to be simulated with as many repeats as given or as they have."""
        sides = [np.asarray(side, dtype=np.float64) for side in features if len(side) > 1]
        stretched = [(side - side.mean()) * math.sqrt(side.size / (side.size - 1)) for side in sides]
        return cls(
            values=np.concatenate(stretched) if sides else np.zeros(1),
            lengths=np.array([side.size for side in sides] or [1]),
            counts=np.array([repeats or len(side) for side in features]),
            limit=limit,
            known=bool(sides),
        )

    def evidence(self, seed: int) -> Evidence | None:
        """One pair without any change. Metrics with the same counts draw the same trials from the same seed."""
        rng = np.random.default_rng(seed)
        return _gathered(Kind.RATIO, self._drawn(rng), self._drawn(rng), self.counts, self.limit)

    def _drawn(self, rng: np.random.Generator) -> Array:
        """Shape (features, most repeats); each feature has the noise of one that was drawn."""
        source = rng.integers(len(self.lengths), size=(len(self.counts), 1))
        own = self.lengths[source] >= _OWN
        first = np.where(own, (np.cumsum(self.lengths) - self.lengths)[source], 0)
        among = np.where(own, self.lengths[source], self.values.size)
        picked = np.floor(rng.random((len(self.counts), int(self.counts.max()))) * among).astype(np.int64)
        return self.values[first + picked]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Each feature's pass rate, drawn towards one half as far as few repeats leave it unknown: (c + 0.5) / (k + 1)."""

    rates: Array
    counts: Counts
    limit: float

    @classmethod
    def of(cls, features: Sequence[Sequence[float]], limit: float, repeats: int | None) -> Self:
        """The rates of a baseline's features, to be simulated with as many repeats as given or as they have."""
        return cls(
            rates=np.array([(math.fsum(side) + 0.5) / (len(side) + 1) for side in features]),
            counts=np.array([repeats or len(side) for side in features]),
            limit=limit,
        )

    def evidence(self, seed: int, drop: float = 0.0) -> Evidence | None:
        """One pair whose mean rate drops by so much, each feature's by the same share of it.

        The same seed draws the same luck, so that more is lost the larger the drop.
        """
        rng = np.random.default_rng(seed)
        shape = (len(self.counts), int(self.counts.max()))
        kept = max(0.0, 1 - drop / float(self.rates.mean()))
        before = (rng.random(shape) < self.rates[:, None]).astype(np.float64)
        after = (rng.random(shape) < self.rates[:, None] * kept).astype(np.float64)
        return _gathered(Kind.RATE, before, after, self.counts, self.limit)


def sources(baseline: Baseline, policy: Policy, repeats: int | None) -> dict[Metric, Ratios | Rates]:
    """What the criteria that a policy judges are simulated from; metrics without any feature are left out."""
    found: dict[Metric, Ratios | Rates] = {}
    for metric, features in baseline.items():
        limit = policy.limit(metric)
        if limit is None or not features:
            continue
        if metric == Metric.PASS_RATE:
            found[metric] = Rates.of(features, limit, repeats)
        else:
            found[metric] = Ratios.of(features, math.log1p(limit), repeats)
    return found


def _gathered(kind: Kind, before: Array, after: Array, counts: Counts, limit: float) -> Evidence | None:
    groups = tuple(
        (a[:count], b[:count]) for a, b, count in zip(before.tolist(), after.tolist(), counts.tolist(), strict=True)
    )
    return gather(Question(kind=kind, groups=groups, limit=limit), _CHEAP)
