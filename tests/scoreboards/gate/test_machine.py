"""A machine that is slower on one side is neither a slower candidate nor, where it is faster, a better one."""

import math
import random

import pytest

from scoreboards.gate.findings import Criterion, Decision, Gate
from scoreboards.gate.judge import judge
from scoreboards.gate.policy import Metric, Policy, parse_policy
from scoreboards.gate.sample import Sample, sample
from tests.scoreboards.gate.trials import FEATURES, HOST, Pace, trial

US = 20_000.0


def on(machine: float, pace: Pace, work: str = "start of CPython 3.11.7", laid: float | None = None) -> Sample:
    """Three repeats on a machine so much slower, as its yardstick tells; `laid` is what it tells instead."""
    seen = machine if laid is None else laid
    slowed = Pace(
        decode=pace.decode, test=pace.test * machine, search=pace.search * machine, jitter=pace.jitter, seed=pace.seed
    )
    return sample(
        trial(
            feature,
            repeat,
            slowed,
            provenance=HOST | {"yardstick": work, "during.yardstick_us": f"{US * seen * (1 + 0.01 * repeat):.3f}"},
        )
        for repeat in (1, 2, 3)
        for feature in FEATURES
    )


def criterion(gate: Gate, metric: Metric) -> Criterion:
    """That of a metric."""
    return next(one for one in gate.criteria if one.metric is metric)


@pytest.fixture
def baseline() -> Sample:
    """On a machine as it usually is."""
    return on(1, Pace())


def test_a_slower_machine_is_no_slower_candidate(baseline: Sample) -> None:
    """Nothing changed but the machine, by 33 %: undecided with the reason, where it would have failed."""
    gate = judge(baseline, on(1.33, Pace(seed=1)), Policy())
    assert gate.decision is Decision.INCONCLUSIVE
    for metric in (Metric.TOOL, Metric.AGENT_WALL):
        found = criterion(gate, metric)
        assert found.decision is Decision.INCONCLUSIVE
        assert "the machine itself was 33 % slower, and without that it is" in found.reason
        assert "one right after the other" in found.would_decide
        assert "it would be a fail" not in found.reason
        assert found.machine == pytest.approx(0.33)
        assert found.steady is not None
        assert found.steady.change == pytest.approx(0, abs=0.02)
    assert any("the machine itself was 33 % slower" in note for note in gate.notes)
    assert criterion(gate, Metric.MODEL).decision is Decision.PASS
    ignoring = judge(baseline, on(1.33, Pace(seed=1)), parse_policy("time.yardstick = false", "gate.toml"))
    assert criterion(ignoring, Metric.TOOL).decision is Decision.FAIL


def test_slower_tests_fail_on_a_slower_machine_too(baseline: Sample) -> None:
    """Half as long again, of which the machine explains a tenth."""
    gate = judge(baseline, on(1.1, Pace(test=30, seed=1)), Policy())
    found = criterion(gate, Metric.TOOL)
    assert found.decision is Decision.FAIL
    assert found.steady is not None
    assert found.effect is not None
    assert (found.steady.change or 0) < (found.effect.change or 0)


def test_slower_tests_do_not_pass_on_a_faster_machine(baseline: Sample) -> None:
    """A third more work on a machine that is a quarter faster took no longer, and is shown to nobody as unchanged."""
    gate = judge(baseline, on(0.75, Pace(test=27, seed=1)), Policy())
    found = criterion(gate, Metric.TOOL)
    assert found.decision is Decision.INCONCLUSIVE
    assert "25 % faster" in found.reason


def test_machines_that_are_alike_change_nothing(baseline: Sample) -> None:
    """No note, and the decisions of the times as they are."""
    gate = judge(baseline, on(1, Pace(seed=1)), Policy())
    assert not any("machine itself" in note for note in gate.notes)
    assert {criterion(gate, one).decision for one in (Metric.TOOL, Metric.AGENT_WALL)} == {Decision.PASS}


@pytest.mark.parametrize(
    "candidate",
    [on(1.33, Pace(seed=1), work="start of CPython 3.14.0"), on(1.33, Pace(seed=1), laid=float("nan"))],
    ids=["other work", "not known"],
)
def test_what_cannot_be_compared_is_not(baseline: Sample, candidate: Sample) -> None:
    """Another yardstick says nothing of the machines; nor does one that is no number."""
    found = criterion(judge(baseline, candidate, Policy()), Metric.TOOL)
    assert found.decision is Decision.FAIL
    assert found.steady is None


def test_a_machine_as_fast_that_wanders_is_not_said_to_be_another() -> None:
    """Trials scatter, sides do not differ: more repeats help, and no run is to be made again."""

    def wandering(pace: Pace, seed: int) -> Sample:
        drawn = random.Random(seed)  # noqa: S311 - scatter
        us = [US * math.exp(drawn.gauss(0, 0.15)) for _ in range(3 * len(FEATURES))]
        usual = math.exp(sum(map(math.log, us)) / len(us))
        laid = iter(f"{US * one / usual:.3f}" for one in us)
        return sample(
            trial(one, repeat, pace, provenance=HOST | {"yardstick": "same", "during.yardstick_us": next(laid)})
            for repeat in (1, 2, 3)
            for one in FEATURES
        )

    found = criterion(judge(wandering(Pace(), 1), wandering(Pace(test=24, seed=1), 2), Policy()), Metric.TOOL)
    assert found.decision is Decision.INCONCLUSIVE
    assert "speed changed from trial to trial" in found.reason
    assert "more repeats" in found.would_decide


def test_the_note_needs_no_judged_wall(baseline: Sample) -> None:
    """Where the policy leaves agent wall out, the machine is told of all the same."""
    gate = judge(baseline, on(1.33, Pace(seed=1)), parse_policy('time.agent_wall = "off"', "gate.toml"))
    assert any("the machine itself was 33 % slower" in note for note in gate.notes)
