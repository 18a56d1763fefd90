"""The one rule of the gate: each answer, and why."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreboards.gate.decisions import Answer, Kind, Question, Why, answer
from scoreboards.gate.findings import Decision
from scoreboards.gate.paired import Group

TEN_PERCENT = math.log(1.1)

values = st.integers(-300, 300).map(lambda value: value / 301)
repeats = st.lists(values, min_size=1, max_size=3).map(tuple)
groups = st.lists(st.tuples(repeats, repeats), min_size=1, max_size=9).map(tuple)


def ratio(*effects: float, limit: float = TEN_PERCENT) -> Question:
    """A question of features that changed by these logarithms, one repeat each."""
    return Question(kind=Kind.RATIO, groups=tuple(((1.0,), (1.0 + effect,)) for effect in effects), limit=limit)


def rate(lost: int, gained: int, same: int, limit: float = 0.1) -> Question:
    """A question of features with one repeat: so many lost, gained, and unchanged."""
    kinds: tuple[tuple[Group, int], ...] = (
        (((1.0,), (0.0,)), lost),
        (((0.0,), (1.0,)), gained),
        (((1.0,), (1.0,)), same),
    )
    return Question(kind=Kind.RATE, groups=tuple(group for group, count in kinds for _ in range(count)), limit=limit)


def alone(question: Question, alpha: float = 0.05) -> Answer:
    """The answer to a family of one."""
    return answer([question], alpha)[0]


def said(question: Question, alpha: float = 0.05) -> tuple[Decision, Why]:
    """Decision and reason of a family of one."""
    found = alone(question, alpha)
    return found.decision, found.why


SPREAD = (0.28, 0.3, 0.31, 0.33, 0.35, 0.36, 0.38, 0.4)


def test_all_features_slower_than_allowed_fail() -> None:
    """Eight features, each a third slower against ten percent: 2 of 256 flips, so p is 2/256."""
    found = alone(ratio(*SPREAD))
    assert (found.decision, found.why) == (Decision.FAIL, Why.BEYOND)
    assert found.change == pytest.approx(math.expm1(sum(SPREAD) / 8))
    assert found.p == found.p_adjusted == 2 / 256
    assert (found.pairs, found.needed_pairs) == (8, 6)


def test_what_did_not_change_passes() -> None:
    """Small changes both ways, well within ten percent."""
    found = alone(ratio(-0.02, -0.01, 0.0, 0.01, 0.02, 0.015, -0.005))
    assert (found.decision, found.why) == (Decision.PASS, Why.WITHIN)
    assert found.p == 1.0


def test_nothing_but_noise_free_runs_pass_at_no_allowance() -> None:
    """Identical runs against a limit of nothing: shown to be no slower, for there is no doubt at all."""
    assert said(ratio(*[0.0] * 6, limit=0.0)) == (Decision.PASS, Why.WITHIN)


def test_just_at_the_limit_is_within_it() -> None:
    """Features that all rose by exactly the limit are no further than it, whatever the rounding."""
    exact = Question(
        kind=Kind.RATIO, groups=tuple(((math.log(t),), (math.log(t * 1.1),)) for t in range(1, 9)), limit=TEN_PERCENT
    )
    assert said(exact) == (Decision.PASS, Why.WITHIN)


def test_few_features_never_fail() -> None:
    """Five features, each ten times slower: p is 2/32, which is no evidence at 5 %."""
    found = alone(ratio(*[2.3] * 5))
    assert (found.decision, found.why, found.interval) == (Decision.INCONCLUSIVE, Why.TOO_FEW, None)
    assert found.needed_pairs == 6


def test_an_alpha_next_to_nothing_decides_nothing() -> None:
    """As an early look of O'Brien & Fleming's type has it: there is no interval, and no error either."""
    found = alone(ratio(*[2.3] * 20), alpha=5e-316)
    assert (found.decision, found.why, found.interval) == (Decision.INCONCLUSIVE, Why.TOO_FEW, None)
    assert alone(rate(20, 0, 0), alpha=5e-316).decision == Decision.INCONCLUSIVE


def test_a_limit_within_the_interval_decides_nothing() -> None:
    """Features that scatter about the limit."""
    assert said(ratio(-0.4, -0.2, 0.0, 0.1, 0.3, 0.5, 0.6)) == (Decision.INCONCLUSIVE, Why.WIDE)


def test_holm_takes_back_what_one_alone_would_show() -> None:
    """Nine features are beyond at 5 % by themselves and not among twenty: 20 * 2/512 * 3 is more than alpha."""
    borderline = ratio(*SPREAD, 0.05)
    assert said(borderline) == (Decision.FAIL, Why.BEYOND)
    family = answer([borderline, *[ratio(*[0.0] * 9)] * 19], 0.05)
    assert (family[0].decision, family[0].why) == (Decision.INCONCLUSIVE, Why.TOO_FEW)
    larger = ratio(*SPREAD, 0.05, 0.04, 0.05, 0.06)
    family = answer([larger, *[ratio(*[0.0] * 12)] * 19], 0.05)
    assert (family[0].decision, family[0].why) == (Decision.INCONCLUSIVE, Why.HOLM)
    assert family[1].decision == Decision.PASS


def test_disagreement_decides_nothing() -> None:
    """Repeats that scatter widely within features whose means agree: flips see no doubt, the bootstrap does."""
    group: Group = ((0.0, 0.0, 0.0, 0.0), (-1.5, -0.7, 0.9, 1.7))
    found = alone(Question(kind=Kind.RATIO, groups=(group,) * 7, limit=math.log(1.2)))
    assert (found.decision, found.why) == (Decision.INCONCLUSIVE, Why.DISAGREE)
    assert found.interval is not None
    assert found.second_opinion is not None
    assert found.second_opinion.high > found.interval.high


def test_candidates_ended_by_the_wall_count_for_failing_only() -> None:
    """Bounds of the candidate make a fail where they suffice, and forbid a pass that the rest would give."""
    calm = ratio(*[0.01, -0.01] * 4)
    ended: tuple[Group, ...] = (((1.0,), (1.0,)),)
    assert said(calm)[0] == Decision.PASS
    assert said(replace(calm, at_least=ended)) == (Decision.INCONCLUSIVE, Why.CENSORED)
    late: tuple[Group, ...] = (((1.0,), (1.5,)),)
    found = alone(replace(ratio(*SPREAD[:6]), at_least=late))
    assert (found.decision, found.pairs) == (Decision.FAIL, 7)


def test_baselines_ended_by_the_wall_count_for_passing_only() -> None:
    """Bounds of the baseline let a pass stand, and forbid a fail."""
    ended: tuple[Group, ...] = (((1.0,), (1.0,)),)
    assert said(replace(ratio(*[0.01, -0.01] * 4), at_most=ended))[0] == Decision.PASS
    found = alone(replace(ratio(*SPREAD), at_most=ended))
    assert (found.decision, found.why, found.p) == (Decision.INCONCLUSIVE, Why.CENSORED, 1.0)


def test_bounds_on_both_sides_decide_nothing() -> None:
    """With either kind of bound there is neither a fail nor a pass."""
    bound: tuple[Group, ...] = (((1.0,), (1.0,)),)
    for question in (ratio(*SPREAD), ratio(*[0.0] * 8)):
        assert alone(replace(question, at_least=bound, at_most=bound)).decision == Decision.INCONCLUSIVE


def test_bounds_alone_are_no_evidence_against_them() -> None:
    """Where every candidate was ended at its bound, a fail needs the bounds themselves to be beyond."""
    late: tuple[Group, ...] = (((1.0,), (2.0,)),) * 6
    assert said(Question(kind=Kind.RATIO, groups=(), limit=TEN_PERCENT, at_least=late)) == (Decision.FAIL, Why.BEYOND)
    assert alone(Question(kind=Kind.RATIO, groups=(), limit=TEN_PERCENT, at_most=late)).decision != Decision.FAIL


def test_nothing_to_compare_is_no_test() -> None:
    """A question without groups has no p, and takes no share of alpha from the others."""
    found = answer([Question(kind=Kind.RATIO, groups=(), limit=0.1), ratio(*SPREAD)], 0.05)
    assert (found[0].decision, found[0].why, found[0].p) == (Decision.INCONCLUSIVE, Why.NOTHING, None)
    assert found[1].p_adjusted == found[1].p


def test_lost_features_fail() -> None:
    """Fourteen of twenty lost: a drop beyond ten points, and McNemar's table is given."""
    found = alone(rate(14, 0, 6))
    assert (found.decision, found.mcnemar, found.second_opinion) == (Decision.FAIL, (14, 0), None)
    assert found.change == pytest.approx(-0.7)
    assert found.interval is not None
    assert found.interval.high < -0.1


def test_few_lost_features_are_open() -> None:
    """One of nine lost is eleven points, and shows nothing."""
    assert said(rate(1, 0, 8)) == (Decision.INCONCLUSIVE, Why.WIDE)


def test_a_hundred_unchanged_features_pass() -> None:
    """No change in a hundred features is within ten points; in ten it is not shown."""
    assert said(rate(0, 0, 100)) == (Decision.PASS, Why.WITHIN)
    assert said(rate(0, 0, 10)) == (Decision.INCONCLUSIVE, Why.WIDE)


def test_mcnemar_may_disagree() -> None:
    """Eight lost and two gained are beyond no loss at 10 % by the first opinion, and not by McNemar's 0.109."""
    assert said(rate(8, 2, 0, limit=0.0), alpha=0.1) == (Decision.INCONCLUSIVE, Why.DISAGREE)


def test_five_lost_features_are_too_few() -> None:
    """Five of five lost are beyond no loss by the first opinion; McNemar's test cannot see less than six."""
    assert said(rate(5, 0, 0, limit=0.0)) == (Decision.INCONCLUSIVE, Why.TOO_FEW)


def test_lost_repeats_are_seconded_by_the_bootstrap() -> None:
    """With repeats the second opinion is an interval."""
    group: Group = ((1.0, 1.0, 1.0), (0.0, 0.0, 1.0))
    found = alone(Question(kind=Kind.RATE, groups=(group,) * 12, limit=0.1))
    assert (found.decision, found.mcnemar) == (Decision.FAIL, None)
    assert found.second_opinion is not None
    assert found.second_opinion.high < -0.1


@given(groups)
def test_order_of_features_is_irrelevant(found: tuple[Group, ...]) -> None:
    """Features and repeats in any order give the same answer, to the last bit."""
    rng = np.random.default_rng(hash(found) % 2**32)
    mixed = tuple((tuple(rng.permutation(a)), tuple(rng.permutation(b))) for a, b in found)
    mixed = tuple(mixed[index] for index in rng.permutation(len(mixed)))
    one, other = (Question(kind=Kind.RATIO, groups=some, limit=0.1) for some in (found, mixed))
    assert answer([one], 0.1) == answer([other], 0.1)


@given(groups)
def test_exchanged_sides_negate(found: tuple[Group, ...]) -> None:
    """With baseline and candidate exchanged the logarithm of the change has the other sign, and so has its interval."""
    question = Question(kind=Kind.RATIO, groups=found, limit=0.1)
    swapped = Question(kind=Kind.RATIO, groups=tuple((b, a) for a, b in found), limit=0.1)
    one, other = alone(question, 0.3), alone(swapped, 0.3)
    assert one.change is not None
    assert other.change is not None
    assert math.log1p(one.change) == pytest.approx(-math.log1p(other.change), abs=1e-9)
    if one.interval is not None and other.interval is not None:
        assert math.log1p(one.interval.low) == pytest.approx(-math.log1p(other.interval.high), abs=1e-9)


@given(groups, st.integers(0, 5))
def test_a_seed_gives_the_same_again(found: tuple[Group, ...], seed: int) -> None:
    """The same data and seed give the same answer."""
    question = Question(kind=Kind.RATIO, groups=found, limit=0.1)
    assert answer([question], 0.1, seed) == answer([question], 0.1, seed)
