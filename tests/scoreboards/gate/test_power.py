"""Power from a baseline alone: against what is known of easy cases, and against the formula of what would decide."""

import math
from dataclasses import replace

import numpy as np
import pytest

from scoreboards.gate.policy import Metric, Policy
from scoreboards.gate.power import Plan, chances, power, repeats_for
from scoreboards.gate.simulated import Baseline, Rates, Ratios

ONLY_WALL = Policy.model_validate(
    {
        "pass_rate": {"margin": "off"},
        "time": {"model": "off", "tool": "off", "wait": "off", "harness": "off"},
        "spend": {"cost": "off", "output_tokens": "off"},
    }
)
QUICK = Plan(simulations=40)


def baseline(features: int, repeats: int, noise: float = 0.1, rate: float = 0.8) -> Baseline:
    """One of every metric, all times with this noise, and this share of passes."""
    rng = np.random.default_rng(11)
    found: dict[Metric, list[list[float]]] = {}
    for metric in Metric:
        logs = rng.normal(4, 1, (features, 1)) + rng.normal(0, noise, (features, repeats))
        found[metric] = logs.tolist()
    found[Metric.PASS_RATE] = (rng.random((features, repeats)) < rate).astype(float).tolist()
    return found


def test_large_changes_are_seen_and_none_are_not() -> None:
    """Twelve features with little noise: half as long again is always seen, what is allowed hardly ever."""
    changes = [(Metric.AGENT_WALL, 0.5), (Metric.AGENT_WALL, 0.1), (Metric.PASS_RATE, 0.05)]
    large, allowed, within = (one.power for one in chances(baseline(12, 3), Policy(), changes, QUICK))
    assert large == 1.0
    assert allowed is not None
    assert allowed <= 0.1
    assert within == 0.0


def test_smallest_change_is_seen_as_often_as_wanted() -> None:
    """At the smallest change the chance is the wanted one, a little below it is less."""
    known = baseline(12, 3)
    smallest = power(known, ONLY_WALL, QUICK).smallest[Metric.AGENT_WALL]
    assert smallest is not None
    at, below = chances(known, ONLY_WALL, [(Metric.AGENT_WALL, size) for size in (smallest, smallest * 0.9)], QUICK)
    assert at.power is not None
    assert below.power is not None
    assert at.power >= 0.8 > below.power
    assert at.error == pytest.approx(math.sqrt(at.power * (1 - at.power) / 40))


def test_more_noise_sees_less() -> None:
    """The same rise with three times the noise is seen less often."""
    wall = [(Metric.AGENT_WALL, 0.2)]
    calm, noisy = (chances(baseline(12, 3, noise), Policy(), wall, QUICK)[0].power for noise in (0.08, 0.24))
    assert calm is not None
    assert noisy is not None
    assert calm > noisy + 0.3


def test_other_models_share_alpha() -> None:
    """With ten models judged at once the same rise is seen less often."""
    wall = [(Metric.AGENT_WALL, 0.22)]
    one, ten = (
        chances(baseline(14, 3, 0.12), ONLY_WALL, wall, Plan(simulations=100, models=count))[0].power or 0.0
        for count in (1, 10)
    )
    assert one > ten


def test_few_features_see_nothing() -> None:
    """Five features fail no criterion of time, however much slower they are."""
    found = power(baseline(5, 3), ONLY_WALL, QUICK)
    assert {one.power for one in found.chances} == {0.0}
    assert found.smallest == {Metric.AGENT_WALL: None}
    assert (found.features, found.repeats, found.family) == (5, 3, 1)


def test_one_repeat_cannot_tell() -> None:
    """Without repeats the noise of times is unknown; of passes it follows from the rates."""
    found = power(baseline(15, 1), Policy(), Plan(simulations=10))
    assert Metric.AGENT_WALL in found.unknown
    assert {one.power for one in found.chances if one.metric == Metric.TOOL} == {None}
    assert found.smallest[Metric.TOOL] is None
    assert all(one.power is not None for one in found.chances if one.metric == Metric.PASS_RATE)
    assert repeats_for(baseline(15, 1), Policy(), (Metric.AGENT_WALL, 0.3), QUICK) is None


def test_repeats_that_are_needed_are_enough() -> None:
    """With the repeats it names the change is seen as often as wanted, with one fewer it is not; some are never."""
    known = baseline(9, 3, 0.15)
    wanted = (Metric.AGENT_WALL, 0.25)
    found = repeats_for(known, ONLY_WALL, wanted, QUICK)
    assert found is not None
    assert found > 1
    enough, short = (
        chances(known, ONLY_WALL, [wanted], Plan(simulations=40, repeats=repeats))[0].power or 0.0
        for repeats in (found, found - 1)
    )
    assert enough >= 0.8 > short
    assert repeats_for(baseline(5, 3), ONLY_WALL, wanted, QUICK) is None


def test_a_seed_gives_the_same_again() -> None:
    """The same baseline and seed give the same figures, another seed others."""
    wall = [(Metric.AGENT_WALL, 0.2)]
    one, again, other = (
        chances(baseline(10, 2, 0.15), ONLY_WALL, wall, replace(QUICK, seed=seed)) for seed in (0, 0, 1_000)
    )
    assert one == again != other


def test_simulated_noise_has_the_variance_of_the_repeats() -> None:
    """Pooled over features of three repeats, and with uneven counts as they are in the baseline."""
    rng = np.random.default_rng(5)
    features = [rng.normal(level, 0.2, 2 + level % 3).tolist() for level in range(400)]
    groups = [
        group
        for seed in range(5)
        if (found := Ratios.of(features, 0.1, None).evidence(seed)) is not None
        for group in found.question.groups
    ]
    assert [len(before) for before, _ in groups[:3]] == [2, 3, 4]
    assert np.var([value for before, after in groups for value in (*before, *after)]) == pytest.approx(0.04, rel=0.1)


def test_a_drop_is_one_of_the_mean_rate() -> None:
    """Rates fall by ten points on average, the same luck losing passes only."""
    rates = Rates.of([[1.0] * 9 + [0.0]] * 2_000, 0.1, None)
    whole, fewer = rates.evidence(1), rates.evidence(1, 0.1)
    assert whole is not None
    assert fewer is not None
    after = [np.mean([value for _, side in one.question.groups for value in side]) for one in (whole, fewer)]
    assert after[0] - after[1] == pytest.approx(0.1, abs=0.01)
    assert rates.rates[0] == pytest.approx(9.5 / 11)
