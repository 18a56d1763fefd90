"""How plans are compared, and which runs can be merged."""

from collections.abc import Mapping
from typing import Any

import pytest

from harness.errors import ConfigError
from harness.merge_plan import Missing, Part, merge_plan
from harness.plan_compare import compare
from harness.record import Record, Verdict
from harness.run_plan import Asked, Elsewhere, PlannedTrial, RunPlan
from harness.shards import Shard
from tests.harness.test_journal import record

MODELS = {"fast": {"parameters": {"temperature": 0.2}, "api": "chat"}, "slow": {"parameters": {}}}
FEATURES = {"shop/one": {"brief": "b1", "tests": "t1"}}


def planned(*ids: str, **more: Any) -> RunPlan:
    """A plan of trials by id."""
    rows = tuple(PlannedTrial(id=one, model="fast", feature="shop/one", repeat=1) for one in ids)
    return RunPlan(**{"matrix": "m", "trials": rows, "models": MODELS, "features": FEATURES, **more})


def changed(**more: Any) -> tuple[str, ...]:
    """What is said of a plan with something else, and with other trials therefore."""
    return compare(planned("a", "b"), planned("c", "d", **more)).lines()


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (
            {"models": {**MODELS, "fast": {"parameters": {"temperature": 0.7}, "api": "chat"}}},
            "models.fast.parameters.temperature: 0.2 -> 0.7",
        ),
        (
            {"models": {**MODELS, "slow": {"parameters": {"seed": 1}}}},
            "models.slow.parameters.seed: unset -> 1",
        ),
        ({"models": {"fast": MODELS["fast"]}}, "models.slow: is gone"),
        ({"features": {"shop/one": {"brief": "b2", "tests": "t1"}}}, "features.shop/one: brief changed"),
        ({"features": {**FEATURES, "shop/two": {"brief": "b"}}}, "features.shop/two: is new"),
        ({"limits": {"turns": 5}}, "limits.turns: unset -> 5"),
        ({"settings": {"sandbox": "local"}}, "settings.sandbox: unset -> local"),
        ({"asked": Asked(shard="2/8")}, "--shard: all -> 2/8"),
    ],
)
def test_what_differs_is_said_in_words(more: Mapping[str, Any], line: str) -> None:
    """The path of the setting, before and after, and what it comes to."""
    assert changed(**more) == (f"{line}; 2 trials are new; 2 trials are no longer planned",)


def test_what_no_trial_hears_of_is_not_said() -> None:
    """Where all ids are the same there is nothing to say."""
    assert compare(planned("a"), planned("a", asked=Asked(fixtures=("/x",)), matrix="n")).lines() == ()


def test_trials_that_come_back_are_not_new() -> None:
    """A setting that is put back finds its records again."""
    lines = compare(planned("a", "b"), planned("c", "d"), {"c"}).lines()
    assert lines == ("1 trial is new; 1 trial is planned again; 2 trials are no longer planned",)


def test_many_differences_are_cut() -> None:
    """A line each, and how many more; untrusted names stay on their line."""
    limits = {f"limit{number}\n\x1b[31m": number for number in range(40)}
    lines = changed(limits=limits)
    assert len(lines) == 13
    assert lines[-1].startswith("and 28 more differences; 2 trials are new")
    assert all("\x1b" not in line and "\n" not in line for line in lines)


def test_a_plan_of_schema_1_says_how_many() -> None:
    """It knows no settings, so none is called new."""
    before = RunPlan.model_validate({"schema": 1, "trials": planned("a").model_dump()["trials"]})
    assert compare(before, planned("a", "b")).lines() == ("1 trial is new",)


def part(name: str, plan: RunPlan, *records: Record, at: str = "2026-01-01") -> Part:
    """A run with records of that day."""
    known = {one.trial.id: one for one in records}
    return Part(name=name, plan=plan, records=known, begun=dict.fromkeys(known, at))


def sharded(number: int, mine: str, other: str, of: int = 2) -> RunPlan:
    """The plan of one shard of two trials."""
    row = {"id": other, "model": "fast", "feature": "shop/one", "repeat": 1, "shard": 3 - number}
    return planned(mine, elsewhere=(Elsewhere.model_validate(row),), asked=Asked(shard=f"{number}/{of}"))


def test_shards_make_the_whole() -> None:
    """All trials planned, each from its own run; nothing missing, nothing twice, no shard asked for."""
    merge = merge_plan([part("x", sharded(1, "a", "b"), record("a")), part("y", sharded(2, "b", "a"), record("b"))])
    assert merge.plan.ids == {"a", "b"}
    assert merge.plan.elsewhere == ()
    assert merge.plan.asked.shard == ""
    assert merge.homes == {"a": 0, "b": 1}
    assert not merge.missing
    assert not merge.duplicates


def test_a_missing_shard_is_named() -> None:
    """With how many trials it would have had."""
    merge = merge_plan([part("x", sharded(1, "a", "b"), record("a"))])
    assert merge.missing == (Missing(shard=Shard(number=2, of=2), trials=1),)
    assert merge.plan.ids == {"a", "b"}


def test_of_two_verdicts_the_older_counts() -> None:
    """Whatever the order of the runs; a verdict goes before none; what the other cost is told."""
    dear = record("a", verdict=Verdict.FAIL).model_copy(update={"cost_usd": 0.5})
    young = part("young", planned("a"), dear, at="2026-01-02")
    old = part("old", planned("a"), record("a"), at="2026-01-01")
    lost = part("lost", planned("a"), record("a", verdict=Verdict.ERROR_INFRA), at="2025-01-01")
    for parts in ([young, old, lost], [lost, old, young]):
        merge = merge_plan(parts)
        (twice,) = merge.duplicates
        assert twice.kept == "old"
        assert set(twice.dropped) == {"young", "lost"}
        assert twice.cost_usd == 0.5
        assert parts[merge.homes["a"]].name == "old"


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (planned("a", limits={"turns": 3}), "limits.turns: unset -> 3"),
        (planned("a", "b"), "other trials are planned"),
        (planned("a", models={"fast": MODELS["fast"]}), "models.slow: is gone"),
    ],
)
def test_what_belongs_to_another_matrix_is_refused(other: RunPlan, why: str) -> None:
    """With the reason, and the names of both runs."""
    with pytest.raises(ConfigError) as caught:
        merge_plan([part("x", planned("a")), part("y", other)])
    assert caught.value.problems == (f"x and y are not parts of one run: {why}",)
