"""A world of runs whose truth is known: features differ, repeats scatter, providers stall, some trials fail."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from scoreboards.gate.decisions import Kind, Question
from scoreboards.gate.paired import Array, Group
from scoreboards.gate.policy import Metric, Policy
from scoreboards.gate.simulated import Baseline

PHASES = (Metric.MODEL, Metric.TOOL, Metric.WAIT, Metric.HARNESS)

SHARES = np.array([0.55, 0.30, 0.10, 0.05])
"""Of a usual agent wall, in the order of PHASES."""

COMMON = 0.08
"""What all phases of a trial have in common, as the standard deviation of a logarithm."""

OWN = np.array([0.12, 0.08, 0.30, 0.10])
"""What each has for itself."""

STALLS = 0.1
"""The share of trials whose waits are three times as long."""

TOKENS = 0.15

RATES = (2.1, 0.9)
"""Of the beta distribution of features' pass rates, whose mean is 0.7: many that nearly always pass, some seldom."""

MEAN_RATE = RATES[0] / sum(RATES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """What is true of each feature: log seconds of its phases (features, phases), its noise, tokens and pass rate."""

    levels: Array
    noise: Array
    tokens: Array
    rates: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one run saw: seconds (features, repeats, phases), tokens and USD (features, repeats), passes as 0 and 1."""

    seconds: Array
    tokens: Array
    cost: Array
    passes: Array


def drawn_features(rng: np.random.Generator, count: int) -> Features:
    """Features of a suite: about a minute each, give or take a factor of two, some noisier than others."""
    minutes = rng.normal(math.log(60), 0.7, (count, 1))
    return Features(
        levels=minutes + np.log(SHARES) + rng.normal(0, 0.4, (count, len(PHASES))),
        noise=np.exp(rng.normal(0, 0.3, count)),
        tokens=rng.normal(math.log(3000), 0.8, count),
        rates=rng.beta(*RATES, count),
    )


def drawn_run(rng: np.random.Generator, features: Features, repeats: int, rates: Array) -> Run:
    """A run of these features with these pass rates, which may be other than the features' own."""
    shape = (len(features.noise), repeats)
    noise = features.noise[:, None]
    common = rng.normal(0, COMMON, shape) * noise
    own = rng.normal(0, 1, (*shape, len(PHASES))) * OWN * noise[..., None]
    stalls = np.where(rng.random(shape) < STALLS, math.log(3), 0.0)
    logs = features.levels[:, None, :] + common[..., None] + own
    logs[..., PHASES.index(Metric.WAIT)] += stalls
    tokens = np.exp(features.tokens[:, None] + common + rng.normal(0, TOKENS, shape) * noise)
    return Run(
        seconds=np.exp(logs),
        tokens=tokens,
        cost=0.01 + 1e-5 * tokens,
        passes=(rng.random(shape) < rates[:, None]).astype(np.float64),
    )


def dropped(features: Features, drop: float) -> Array:
    """Pass rates whose mean is lower by `drop`, each by the same share of itself."""
    return np.asarray(features.rates * (1 - drop / MEAN_RATE), dtype=np.float64)


def compared(run: Run, walls: Array, floor: float) -> dict[Metric, Array]:
    """What is compared of each trial: logarithms, phases with `floor` of the baseline's agent walls beside them."""
    found = {Metric.AGENT_WALL: np.log(run.seconds.sum(axis=2))}
    for index, phase in enumerate(PHASES):
        found[phase] = np.log(run.seconds[..., index] + floor * walls[:, None])
    found[Metric.COST] = np.log(run.cost)
    found[Metric.OUTPUT_TOKENS] = np.log(run.tokens)
    return found


def asked(before: Run, after: Run, policy: Policy, *, passing: bool = False) -> dict[Metric, Question]:
    """The family of questions of one model, of times on all trials or on the passing ones."""
    walls = before.seconds.sum(axis=2).mean(axis=1)
    found = {Metric.PASS_RATE: rate_question(before, after, policy.limit(Metric.PASS_RATE) or 0.0)}
    sides = compared(before, walls, policy.time.floor), compared(after, walls, policy.time.floor)
    for metric in sides[0]:
        found[metric] = Question(
            kind=Kind.RATIO,
            groups=_groups(sides[0][metric], sides[1][metric], (before, after) if passing else None),
            limit=math.log1p(policy.limit(metric) or 0.0),
        )
    return found


def rate_question(before: Run, after: Run, margin: float) -> Question:
    """Whether the pass rate dropped by more than the margin."""
    return Question(kind=Kind.RATE, groups=_groups(before.passes, after.passes, None), limit=margin)


def uneven(rng: np.random.Generator, question: Question, rise: float) -> Question:
    """The same question where on average a fifth of the features carry all of a mean rise of a logarithm."""
    hit = rng.random(len(question.groups)) < 0.2
    groups = tuple(
        (before, tuple(value + 5 * rise * bool(one) for value in after))
        for (before, after), one in zip(question.groups, hit, strict=True)
    )
    return replace(question, groups=groups)


def as_baseline(questions: Mapping[Metric, Question]) -> Baseline:
    """What is known before there is a candidate."""
    return {metric: [before for before, _ in question.groups] for metric, question in questions.items()}


def _groups(before: Array, after: Array, runs: tuple[Run, Run] | None) -> tuple[Group, ...]:
    """Features as groups; with `runs` only of trials that passed, of features with some on both sides."""
    if runs is None:
        return tuple(zip(before.tolist(), after.tolist(), strict=True))
    groups = (
        (tuple(a[run_a > 0].tolist()), tuple(b[run_b > 0].tolist()))
        for a, b, run_a, run_b in zip(before, after, runs[0].passes, runs[1].passes, strict=True)
    )
    return tuple(group for group in groups if all(group))
