"""A matrix divided among machines."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import ConfigError
from harness.plan import Trial, plan
from harness.shards import Shard, shards
from tests.harness.test_plan import DIGESTS, MODEL, ONE, TWO, matrix


def trials(models: int, repeats: int, *, api: str = "chat") -> tuple[Trial, ...]:
    """Those of so many models on two features."""
    named = (replace(MODEL, name=f"m{number}", api=api) for number in range(models))
    return plan(matrix(*named, repeats=repeats), [ONE, TWO], DIGESTS)


@given(models=st.integers(1, 5), repeats=st.integers(1, 6), of=st.integers(1, 9))
def test_shards_differ_by_one_trial_at_most(models: int, repeats: int, of: int) -> None:
    """Every trial is in one shard; none has two more than another, of a feature neither."""
    every = trials(models, repeats)
    found = shards(every, of)
    assert found.keys() == {trial.id for trial in every}
    for feature in ("shop/one", "shop/two", None):
        counts = Counter(dict.fromkeys(range(1, of + 1), 0))
        counts.update(found[trial.id] for trial in every if feature in {trial.feature.key, None})
        assert set(counts) == set(range(1, of + 1))
        assert max(counts.values()) - min(counts.values()) <= 1


def test_the_order_of_the_matrix_moves_no_trial() -> None:
    """Models and features named the other way round: the same shards."""
    every = trials(3, 4)
    assert shards(reversed(every), 4) == shards(every, 4)


def test_a_changed_parameter_moves_no_trial() -> None:
    """Other ids, the same model, feature and repeat: the same shard, so that a shard's folder keeps what it has."""
    before, after = (trials(3, 4, api=api) for api in ("chat", "responses"))
    assert not {trial.id for trial in before} & {trial.id for trial in after}
    old, new = shards(before, 4), shards(after, 4)
    assert [old[trial.id] for trial in before] == [new[trial.id] for trial in after]


def test_no_model_always_meets_the_same_machine() -> None:
    """As many shards as models, or divisors of them: each shard has trials of each model."""
    every = trials(2, 16)
    found = shards(every, 2)
    assert len({(trial.model, found[trial.id]) for trial in every}) == 4


@pytest.mark.parametrize("text", ["", "2", "0/8", "9/8", "-1/8", "1/0", "a/b", "1/99999", "1/8/2", "1.5/8"])
def test_what_is_no_shard_is_refused(text: str) -> None:
    """With an example of what is."""
    with pytest.raises(ConfigError, match="write --shard 2/8"):
        Shard.parse(text)
    assert str(Shard.parse("2/8")) == "2/8"
