"""How often the gate's own rule fails simulated pairs of runs, and what its power says of them beforehand."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from scoreboards.gate.decisions import Evidence, decide, fails, gather
from scoreboards.gate.findings import Decision
from scoreboards.gate.paired import Effort
from scoreboards.gate.policy import TIMES, Metric, Policy, Spending
from scoreboards.gate.power import DROPS, RISES, Plan, chances
from scoreboards.gate.sequential import nominal_alphas
from tests.calibration.world import (
    Features,
    Run,
    as_baseline,
    asked,
    drawn_features,
    drawn_run,
    dropped,
    rate_question,
    uneven,
)

POLICY = Policy()
"""The one without a file."""

STRICT = Policy.model_validate(
    {
        "pass_rate": {"margin": 0},
        "time": dict.fromkeys(("agent_wall", "model", "tool", "wait", "harness"), 0),
        "spend": {"cost": 0, "output_tokens": 0},
    }
)
"""One that allows nothing, so that every change is one to see."""

_OFF = {
    "time": dict.fromkeys(("model", "tool", "wait", "harness"), "off"),
    "spend": {"cost": "off", "output_tokens": "off"},
}

WALL = Policy.model_validate(_OFF | {"pass_rate": {"margin": "off"}, "time": _OFF["time"] | {"agent_wall": 0}})

RATE = Policy.model_validate(_OFF | {"pass_rate": {"margin": 0}, "time": _OFF["time"] | {"agent_wall": "off"}})

POLICIES = {"default": (POLICY, POLICY), "strict": (STRICT, STRICT), "alone": (WALL, RATE)}
"""For rises and for drops: the default, nothing allowed, and nothing allowed of a single criterion."""

EFFORT = Effort(enumerated=12, flips=4_000, resamples=1_000)
"""The rule with fewer random draws, for there are thousands of pairs."""

LOOKS = (1, 2, 4)

Family = dict[Metric, Evidence | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """How much is simulated: features and repeats of a run, and how many pairs."""

    features: int
    repeats: int
    pairs: int = 2_000
    baselines: int = 16
    simulations: int = 60
    seed: int = 7


@dataclass(slots=True, kw_only=True)
class Measured:
    """Of a design: how many pairs failed for each truth, and the power stated beforehand, one of each baseline.

    Truths that begin with "passed" count pairs that pass though the change is just the limit.
    """

    design: Design
    failed: Counter[str] = field(default_factory=Counter)
    stated: dict[str, list[float]] = field(default_factory=dict)

    def rate(self, truth: str) -> float:
        """The share of pairs that failed."""
        return self.failed[truth] / self.design.pairs


def measure(design: Design) -> Measured:
    """All figures of one design; the same design gives the same ones."""
    found = Measured(design=design)
    rng = np.random.default_rng([design.seed, design.features, design.repeats])
    for pair in range(design.pairs):
        features = drawn_features(rng, design.features)
        before, after = (drawn_run(rng, features, design.repeats, features.rates) for _ in range(2))
        questions = asked(before, after, POLICY)
        family: Family = {metric: gather(question, EFFORT) for metric, question in questions.items()}
        passing = [gather(one, EFFORT) for one in asked(before, after, POLICY, passing=True).values()]
        found.failed["none"] += any(fails(list(family.values()), POLICY.alpha))
        found.failed["none, passing"] += any(fails(passing, POLICY.alpha))
        _at_limits(found, family)
        skewed = uneven(rng, questions[Metric.AGENT_WALL], questions[Metric.AGENT_WALL].limit)
        _count(found, "limit: uneven", family | {Metric.AGENT_WALL: gather(skewed, EFFORT)}, Metric.AGENT_WALL)
        _rises(found, family)
        _drops(found, family, _dropped_runs(rng, features, before))
        if pair < design.baselines:
            _state(found, as_baseline(questions), pair)
    return found


def measure_looks(design: Design) -> Measured:
    """How often any of the looks of a sequential design fails, by spending function."""
    found = Measured(design=design)
    rng = np.random.default_rng([design.seed, design.features, LOOKS[-1]])
    for _ in range(design.pairs):
        features = drawn_features(rng, design.features)
        before, after = (drawn_run(rng, features, LOOKS[-1], features.rates) for _ in range(2))
        seen = [_seen_by(before, after, look) for look in LOOKS]
        for spending in Spending:
            alphas = nominal_alphas(LOOKS, spending, POLICY.alpha)
            for truth, moved in (("none", ()), ("limit: agent_wall", (Metric.AGENT_WALL,)), ("limit: all", RATIOS)):
                failing = [
                    fails(list(_at_limit(one, moved).values()), alpha) for one, alpha in zip(seen, alphas, strict=True)
                ]
                found.failed[f"{truth}, {spending}"] += any(map(any, failing))
    return found


RATIOS = tuple(metric for metric in Metric if metric != Metric.PASS_RATE)
"""All that is no rate."""


def _seen_by(before: Run, after: Run, look: int) -> Family:
    first = [
        Run(
            seconds=run.seconds[:, :look],
            tokens=run.tokens[:, :look],
            cost=run.cost[:, :look],
            passes=run.passes[:, :look],
        )
        for run in (before, after)
    ]
    return {metric: gather(question, EFFORT) for metric, question in asked(first[0], first[1], POLICY).items()}


def _at_limits(found: Measured, family: Family) -> None:
    """Each ratio in turn changed by exactly its limit, and all of them at once."""
    for metric in RATIOS:
        _count(found, f"limit: {metric}", _at_limit(family, (metric,)), metric)
    alone = {Metric.AGENT_WALL: _limited(family[Metric.AGENT_WALL], 0.0)}
    _count(found, "limit: wall alone", alone, Metric.AGENT_WALL)
    found.failed["passed: wall"] += _passes(alone)
    found.failed["limit: all"] += any(fails(list(_at_limit(family, RATIOS).values()), POLICY.alpha))


def _at_limit(family: Family, metrics: Sequence[Metric]) -> Family:
    """A change by the limit in all features: a limit of nothing on what did not change."""
    return family | {metric: _limited(family[metric], 0.0) for metric in metrics}


def _rises(found: Measured, family: Family) -> None:
    """A rise of the agent's wall, and with it of all phases, under either policy."""
    for name, (policy, _) in POLICIES.items():
        own = _under(family, policy)
        for rise in RISES:
            risen = {metric: _moved(own[metric], math.log1p(rise)) for metric in TIMES if metric in own}
            _count(found, f"{name}: rise {rise}", own | risen, Metric.AGENT_WALL)


def _dropped_runs(rng: np.random.Generator, features: Features, before: Run) -> dict[float, tuple[Run, Run]]:
    repeats = before.passes.shape[1]
    return {drop: (before, drawn_run(rng, features, repeats, dropped(features, drop))) for drop in DROPS}


def _drops(found: Measured, family: Family, runs: Mapping[float, tuple[Run, Run]]) -> None:
    margin = float(POLICY.pass_rate.margin)
    alone: Family = {Metric.PASS_RATE: gather(rate_question(*runs[margin], margin), EFFORT)}
    _count(found, "limit: rate alone", alone, Metric.PASS_RATE)
    found.failed["passed: rate"] += _passes(alone)
    for name, (_, policy) in POLICIES.items():
        own = _under(family, policy)
        for drop, (before, after) in runs.items():
            rate = gather(rate_question(before, after, policy.limit(Metric.PASS_RATE) or 0.0), EFFORT)
            _count(found, f"{name}: drop {drop}", own | {Metric.PASS_RATE: rate}, Metric.PASS_RATE)


def _state(found: Measured, baseline: Mapping[Metric, Sequence[Sequence[float]]], seed: int) -> None:
    """What the power of this baseline says of the same changes."""
    plan = Plan(simulations=found.design.simulations, seed=1_000 * seed)
    for name, (walls, rates) in POLICIES.items():
        changes: dict[Policy, list[tuple[Metric, float]]] = {walls: [], rates: []}
        changes[walls] += [(Metric.AGENT_WALL, rise) for rise in RISES]
        changes[rates] += [(Metric.PASS_RATE, drop) for drop in DROPS]
        for policy, some in changes.items():
            for chance in chances(baseline, policy, some, plan):
                what = "rise" if chance.metric == Metric.AGENT_WALL else "drop"
                if chance.power is not None:
                    found.stated.setdefault(f"{name}: {what} {chance.change}", []).append(chance.power)


def _count(found: Measured, truth: str, family: Family, metric: Metric) -> None:
    found.failed[truth] += fails(list(family.values()), POLICY.alpha)[list(family).index(metric)]


def _passes(family: Family) -> bool:
    return all(one.decision == Decision.PASS for one in decide(list(family.values()), POLICY.alpha))


def _under(family: Family, policy: Policy) -> Family:
    """The criteria that a policy judges, with its limits."""
    found: Family = {}
    for metric, one in family.items():
        if (limit := policy.limit(metric)) is not None:
            found[metric] = _limited(one, limit if metric == Metric.PASS_RATE else math.log1p(limit))
    return found


def _limited(evidence: Evidence | None, limit: float) -> Evidence | None:
    return None if evidence is None else replace(evidence, question=replace(evidence.question, limit=limit))


def _moved(evidence: Evidence | None, rise: float) -> Evidence | None:
    """The same rise in all features moves effects, intervals and resamples alike: the limit moves the other way."""
    return None if evidence is None else _limited(evidence, evidence.question.limit - rise)
