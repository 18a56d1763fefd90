"""The plan: which trials, in which order, under which ids."""

from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.config import Matrix, ModelConfig, Parallel, TrialLimits
from harness.features import EnvironmentSpec, Feature, Source, Suite, Target
from harness.models.prices import Price
from harness.models.settings import Quirks, Timeouts
from harness.plan import Trial, identity, plan, trial_id
from harness.run_budget import RunBudget
from sandbox.contract import Limits

TARGET = Target(
    name="shop",
    description="",
    folder=Path("shop"),
    source=Source(path=Path("shop/app")),
    environment=EnvironmentSpec(image="splitclock/base"),
    suite=Suite(runner="pytest", command=("pytest",), protected=(), timeout_s=5),
    service=None,
    limits=Limits(),
)
MODEL = ModelConfig(name="a", provider="openai", api="chat", model="m", base_url="http://x/v1", key_env="KEY")
SIMULATED = ModelConfig(
    name="sim", provider="simulator", api="chat", model="sim", turns="demo", first_token_ms=1, tokens_per_s=2
)


def feature(name: str) -> Feature:
    """A feature of the target `shop`."""
    return Feature(name=name, target=TARGET, folder=Path("shop/features") / name, brief="Build it.")


ONE, TWO = feature("one"), feature("two")
DIGESTS = {"shop/one": "1", "shop/two": "2", "shop/one:demo": "s1", "shop/two:demo": "s2"}


def matrix(*models: ModelConfig, repeats: int = 1, limits: TrialLimits | None = None) -> Matrix:
    """A matrix over these models."""
    return Matrix(
        name="m",
        features=("shop/*",),
        models={model.name: model for model in models},
        repeats=repeats,
        limits=limits or TrialLimits(),
    )


def only_id(asked: Matrix, digests: dict[str, str] | None = None) -> str:
    """The id of the single trial of a matrix on the first feature."""
    (trial,) = plan(asked, [ONE], digests or DIGESTS)
    return trial.id


def test_models_alternate() -> None:
    """Repeats outermost, then features, then models: what drifts with the hour meets all models alike."""
    trials = plan(matrix(MODEL, replace(MODEL, name="b"), repeats=2), [ONE, TWO], DIGESTS)
    assert [trial.label for trial in trials] == [
        "a shop/one 1",
        "b shop/one 1",
        "a shop/two 1",
        "b shop/two 1",
        "a shop/one 2",
        "b shop/one 2",
        "a shop/two 2",
        "b shop/two 2",
    ]
    assert len({trial.id for trial in trials}) == 8


def test_a_trial_says_all_about_itself() -> None:
    """A trial carries its model, feature, repeat and limits as frozen values."""
    asked = matrix(MODEL)
    (trial,) = plan(asked, [ONE], DIGESTS)
    expected = Trial(id=trial.id, model="a", settings=MODEL, feature=ONE, repeat=1, limits=asked.limits)
    assert trial == expected
    assert trial.id == trial_id(identity(asked, MODEL, ONE, DIGESTS) | {"repeat": 1})
    assert len(trial.id) == 12
    assert set(trial.id) <= set("0123456789abcdef")


def test_id_is_the_same_tomorrow() -> None:
    """Ids live in journals: this one changes only with ID_SCHEMA."""
    assert trial_id({"repeat": 1, "a": {"c": 1.5, "b": None}}) == trial_id({"a": {"b": None, "c": 1.5}, "repeat": 1})
    assert trial_id({"repeat": 1}) == "def9d035e850"


@pytest.mark.parametrize(
    "changed",
    [
        replace(MODEL, name="b"),
        replace(MODEL, provider="groq"),
        replace(MODEL, model="n"),
        replace(MODEL, base_url="http://y/v1"),
        replace(MODEL, parameters={"temperature": 0}),
        replace(MODEL, context_window=5),
        replace(MODEL, quirks=Quirks(stream_usage=False)),
        replace(MODEL, timeouts=Timeouts(idle_s=5)),
        SIMULATED,
        replace(SIMULATED, first_token_ms=2),
        replace(SIMULATED, tokens_per_s=3),
        replace(SIMULATED, tokens_per_chunk=3),
        replace(SIMULATED, most_in_flight=3),
    ],
    ids=str,
)
def test_what_changes_the_measurement_changes_the_id(changed: ModelConfig) -> None:
    """Everything sent, where it is sent, and the pace of a simulated model are in the id."""
    others = {only_id(matrix(model)) for model in (MODEL, SIMULATED) if model != changed}
    assert only_id(matrix(changed)) not in others


@pytest.mark.parametrize(
    "changed",
    [
        replace(MODEL, claimed_tokens_per_s=65),
        replace(MODEL, key_env="OTHER"),
        replace(MODEL, concurrency=3),
        replace(MODEL, price=Price(input=1, output=2)),
        replace(MODEL, price_source="another edition of the table"),
    ],
    ids=["claim", "key", "concurrency", "price", "source"],
)
def test_what_changes_nothing_keeps_the_id(changed: ModelConfig) -> None:
    """A claim, the name of a key's variable, and a price that stops nothing are no reason to pay again."""
    assert only_id(matrix(changed)) == only_id(matrix(MODEL))


def test_the_matrix_around_keeps_the_id() -> None:
    """Its name, its other models and features, its repeats, parallelism and budget are not the trial's."""
    wide = matrix(replace(MODEL, name="b"), MODEL, repeats=5)
    wide = replace(
        wide, name="other", parallel=Parallel(trials=9, tool_slots=1), only=("shop/one",), budget=RunBudget(turns=1)
    )
    ids = {trial.id for trial in plan(wide, [TWO, ONE], DIGESTS)}
    assert only_id(matrix(MODEL)) in ids


def test_a_price_counts_where_cost_stops() -> None:
    """With a cost limit the price decides when a trial stops, so it is in the id."""
    limits = TrialLimits(cost_usd=1.0)
    dear = replace(MODEL, price=Price(input=1, output=2))
    assert only_id(matrix(dear, limits=limits)) != only_id(matrix(MODEL, limits=limits))
    again = replace(dear, price_source="another edition of the table")
    assert only_id(matrix(again, limits=limits)) == only_id(matrix(dear, limits=limits))
    assert only_id(matrix(dear, limits=limits)) == "f22bdc0cbb4b"  # as before prices had tiers
    tiered = replace(MODEL, price=Price(input=1, output=2, tiers={"flex": Price(input=0.5, output=1)}))
    assert only_id(matrix(tiered, limits=limits)) != only_id(matrix(dear, limits=limits))


@pytest.mark.parametrize("limit", [field.name for field in fields(TrialLimits)])
def test_every_limit_counts(limit: str) -> None:
    """A changed limit makes a new trial."""
    assert only_id(matrix(MODEL, limits=replace(TrialLimits(), **{limit: 7}))) != only_id(matrix(MODEL))


def test_digests_count() -> None:
    """A changed feature makes a new trial; a changed script does for the model that plays it only."""
    assert only_id(matrix(MODEL), DIGESTS | {"shop/one": "x"}) != only_id(matrix(MODEL))
    assert only_id(matrix(SIMULATED), DIGESTS | {"shop/one:demo": "x"}) != only_id(matrix(SIMULATED))
    assert only_id(matrix(MODEL), DIGESTS | {"shop/one:demo": "x"}) == only_id(matrix(MODEL))


def test_missing_digest_is_an_error() -> None:
    """A plan without the digest of a feature, or of a script that is played, would give ids that lie."""
    with pytest.raises(KeyError):
        plan(matrix(MODEL), [ONE], {})
    with pytest.raises(KeyError):
        plan(matrix(SIMULATED), [ONE], {"shop/one": "1"})


@given(st.sets(st.integers(0, 11)))
def test_finished_trials_are_left_out(done: set[int]) -> None:
    """What is finished does not run again, and the rest keeps its order and ids."""
    asked = matrix(MODEL, SIMULATED, repeats=3)
    every = plan(asked, [ONE, TWO], DIGESTS)
    finished = {every[index].id for index in done}
    expected = tuple(trial for index, trial in enumerate(every) if index not in done)
    assert plan(asked, [ONE, TWO], DIGESTS, finished) == expected


@given(st.integers(1, 4), st.integers(1, 3), st.integers(0, 3))
def test_count_is_the_product(models: int, repeats: int, features: int) -> None:
    """Models x features x repeats, each with an id of its own."""
    wanted = [feature(str(number)) for number in range(features)]
    asked = matrix(*(replace(MODEL, name=str(number)) for number in range(models)), repeats=repeats)
    trials = plan(asked, wanted, {one.key: "same" for one in wanted})
    assert len({trial.id for trial in trials}) == len(trials) == models * repeats * features
