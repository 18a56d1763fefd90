"""What would decide: variances by the method of moments, the formula by hand, and whether it does decide."""

import math

import numpy as np
import pytest

from scoreboards.gate.decisions import Kind, Question, answer
from scoreboards.gate.findings import Decision
from scoreboards.gate.needed import needed, spread_of
from scoreboards.gate.paired import Group

TEN_PERCENT = math.log(1.1)


def drawn(rng: np.random.Generator, features: int, repeats: int, change: float, omega: float = 0.0) -> Question:
    """A question of features that changed by `change`, give or take omega, with noise of a fifth."""
    return Question(
        kind=Kind.RATIO,
        groups=tuple(
            (tuple(rng.normal(level, 0.2, repeats)), tuple(rng.normal(level + effect, 0.2, repeats)))
            for level, effect in zip(
                rng.normal(4, 1, features),
                rng.normal(change, omega, features) if omega else [change] * features,
                strict=True,
            )
        ),
        limit=TEN_PERCENT,
    )


def test_variances_come_back() -> None:
    """Of many features with a known spread between and within, both are found."""
    spread = spread_of(drawn(np.random.default_rng(1), 4000, 3, 0.2, omega=0.3).groups)
    assert spread.told
    assert spread.between == pytest.approx(0.09, rel=0.1)
    assert (spread.baseline, spread.candidate) == pytest.approx((0.04, 0.04), rel=0.05)


def test_one_repeat_cannot_tell() -> None:
    """Without repeats all scatter is between features, repeats are not advised, and features still are."""
    found = needed(drawn(np.random.default_rng(2), 8, 1, 0.2), 0.05)
    assert found is not None
    assert not found.spread.told
    assert found.repeats is None
    assert found.features is not None


def test_formula_by_hand() -> None:
    """A hundred features with known variances, against the formula with the normal's 1.96 and 0.84."""
    question = drawn(np.random.default_rng(4), 100, 2, 0.13, omega=0.05)
    found = needed(question, 0.05)
    assert found is not None
    spread = found.spread
    room = 100 * found.distance**2 / (1.984 + 0.8416) ** 2 - spread.between
    assert found.repeats == math.ceil((spread.baseline + spread.candidate) / room)


@pytest.mark.parametrize("change", [0.0, 0.25])
def test_what_is_advised_decides(change: float) -> None:
    """With the advised repeats about eighty percent of new runs decide as foretold, if the seen change is the true."""
    rng = np.random.default_rng(6)
    large = drawn(rng, 12, 200, change)
    found = needed(large, 0.05)
    assert found is not None
    assert found.repeats is not None
    wanted = Decision.FAIL if found.fails else Decision.PASS
    decided = [answer([drawn(rng, 12, found.repeats, change)], 0.05)[0].decision == wanted for _ in range(200)]
    assert 0.7 <= np.mean(decided) <= 0.97


def test_repeats_cannot_help_where_features_differ() -> None:
    """Effects that truly differ need features; repeats of these would never do."""
    found = needed(drawn(np.random.default_rng(8), 8, 5, 0.12, omega=0.6), 0.05)
    assert found is not None
    assert found.repeats is None
    assert found.features is not None
    assert found.features > 8


def test_too_few_features_are_not_mended_by_repeats() -> None:
    """Four features can never fail a family of five; eight can."""
    found = needed(drawn(np.random.default_rng(9), 4, 3, 0.9), 0.05, family=5)
    assert found is not None
    assert (found.repeats, found.features) == (None, 8)


def test_unchanged_rates_need_features() -> None:
    """Ten features that all pass on both sides show ten points only once there are about thirty."""
    groups: tuple[Group, ...] = (((1.0,), (1.0,)),) * 10
    found = needed(Question(kind=Kind.RATE, groups=groups, limit=0.1), 0.05)
    assert found is not None
    assert not found.fails
    assert found.features is not None
    assert answer([Question(kind=Kind.RATE, groups=groups[:1] * found.features, limit=0.1)], 0.05)[0].decision == "pass"
    assert 20 <= found.features <= 45


def test_nothing_decides_what_is_just_at_the_limit() -> None:
    """A change that equals the limit is decided by no data, and nothing to compare by none either."""
    groups: tuple[Group, ...] = (((0.0, 0.1), (0.5, 0.6)), ((0.1, 0.0), (0.4, 0.5))) * 4
    found = needed(Question(kind=Kind.RATIO, groups=groups, limit=0.45), 0.05)
    assert found is not None
    assert (found.repeats, found.features) == (None, None)
    assert needed(Question(kind=Kind.RATIO, groups=(), limit=0.1), 0.05) is None
