"""What a plan will take, by what earlier trials took."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.estimate import ComingTrial, PastTrial, Range, estimate, makespan

PAST = PastTrial(
    run="r1", requested_model="gpt", feature="shop/one", wall_ns=10, cost_usd=1.0, disk_bytes=100, is_simulated=False
)
COMING = ComingTrial(model="fast", requested_model="gpt", feature="shop/one")


def test_a_trial_is_guessed_by_its_own_feature() -> None:
    """Others of the model serve where the feature is new; how many of how many runs is told."""
    past = [PAST, replace(PAST, run="r2", wall_ns=30, cost_usd=3.0), replace(PAST, feature="shop/two", wall_ns=100)]
    made = estimate([COMING, replace(COMING, feature="shop/new")], past, 1)
    (model,) = made.models
    assert (model.planned, model.unknown, model.from_other_features) == (2, 0, 1)
    assert (model.trials, model.runs) == (3, 2)
    assert made.cost_usd == Range(mean=2.0 + 5 / 3, least=2.0, most=6.0)
    assert made.wall_ns is not None
    assert (made.wall_ns.least, made.wall_ns.mean, made.wall_ns.most) == pytest.approx((20, 20 + 140 / 3, 130))


def test_what_nobody_saw_is_unknown() -> None:
    """Never zero: neither the trial of a new model, nor the cost of one that told none."""
    made = estimate([COMING, replace(COMING, model="new", requested_model="other")], [replace(PAST, cost_usd=None)], 2)
    assert (made.planned, made.unknown, made.unpriced) == (2, 1, 1)
    assert made.cost_usd is None
    assert made.wall_ns == Range(mean=10, least=10, most=10)
    known, unknown = made.models
    assert known.cost_usd is None
    assert (unknown.wall_ns, unknown.cost_usd, unknown.disk_bytes, unknown.trials) == (None, None, None, 0)
    assert estimate([COMING], [], 2).wall_ns is None


def test_what_is_free_costs_nothing() -> None:
    """A simulated model's trials tell no cost, and need none; those of a real one of its name are others."""
    coming = replace(COMING, is_simulated=True, is_billed=False)
    made = estimate([coming], [PAST, replace(PAST, is_simulated=True, cost_usd=None, wall_ns=7)], 1)
    assert made.cost_usd == Range(mean=0, least=0, most=0)
    assert made.wall_ns == Range(mean=7, least=7, most=7)


def test_trials_end_as_places_become_free() -> None:
    """Three jobs in two places: the third begins when the first ends."""
    assert makespan([3, 5, 4], 2) == 7
    assert makespan([3, 5, 4], 9) == 5
    assert makespan([], 2) == 0


@given(st.lists(st.integers(1, 50), min_size=1, max_size=6), st.integers(1, 4))
def test_the_bounds_hold_for_every_order(durations: Sequence[int], places: int) -> None:
    """However the trials are ordered, the end is between them."""
    past = [replace(PAST, feature=str(place), wall_ns=wall) for place, wall in enumerate(durations)]
    coming = [replace(COMING, feature=str(place)) for place, _ in enumerate(durations)]
    made = estimate(coming, past, places).wall_ns
    assert made is not None
    for order in list(permutations(durations))[:120]:
        assert made.least - 1e-9 <= makespan(order, places) <= made.most + 1e-9
    assert made.mean == makespan(durations, places)
