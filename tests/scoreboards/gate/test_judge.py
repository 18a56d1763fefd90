"""Known answers: what a gate decides of records whose every figure is chosen, why, and what it blames."""

import random
import re

import pytest

from harness.errors import ConfigError, InfraError, ProviderError
from harness.record import Verdict
from scoreboards.gate.findings import Criterion, Decision, Gate, Rule
from scoreboards.gate.judge import judge
from scoreboards.gate.policy import Metric, Policy, Trials, parse_policy
from scoreboards.gate.sample import Sample, sample
from tests.scoreboards.conftest import SECOND, make_record
from tests.scoreboards.gate.trials import FEATURES, Pace, ended, failed, sampled, side, trial

PASS, FAIL, OPEN = Decision.PASS, Decision.FAIL, Decision.INCONCLUSIVE


def of(gate: Gate, metric: Metric | Rule) -> Criterion:
    """One criterion."""
    (found,) = (one for one in gate.criteria if one.metric is metric)
    return found


def policy(text: str) -> Policy:
    """A policy that does not judge the rate, and the rest as written."""
    return parse_policy(f'pass_rate.margin = "off"\n{text}', "gate.toml")


def after(**changes: float) -> Sample:
    """A candidate that goes otherwise than the baseline."""
    return sampled(Pace(seed=1, **changes))  # type: ignore[arg-type]


def test_what_decodes_slower_is_blamed_on_decoding() -> None:
    """30 % more time a token: model time fails, and its blame is `model/decode`, in all features."""
    found = judge(sampled(), after(decode=13), Policy())
    model = of(found, Metric.MODEL)
    assert (found.decision, model.decision) == (FAIL, FAIL)
    assert [one.metric for one in found.criteria if one.decision is FAIL] == [Metric.MODEL]
    assert model.blame is not None
    first = model.blame.causes[0]
    assert (first.name, first.went, first.of) == ("model/decode", 9, 9)
    assert first.share == pytest.approx(1, abs=0.01)
    assert first.change == pytest.approx(0.3, abs=0.02)
    assert model.blame.words == "model: decode (time a token) +30 % in 9 of 9 features (100 % of the change)"
    assert model.reason.startswith("model time +27 % (95 %: +26 % to +28 %), allowed +10 %: shown to be beyond it, ")
    assert model.reason.endswith("worse in 9 of 9 features")
    assert model.effect is not None
    assert model.effect.change == pytest.approx(0.27, abs=0.01)  # with the floor of 2 % of the wall


def test_slower_tests_are_blamed_on_tests() -> None:
    """30 % more time in tests: wall and tool time fail; the class of work is `test`, and the model is unchanged."""
    found = judge(sampled(), after(test=26), Policy())
    wall = of(found, Metric.AGENT_WALL)
    assert {one.metric for one in found.criteria if one.decision is FAIL} == {Metric.AGENT_WALL, Metric.TOOL}
    for failing in (wall, of(found, Metric.TOOL)):
        assert failing.blame is not None
        assert failing.blame.causes[0].name == "tool"
        assert failing.blame.work[0].name == "test"
        assert failing.blame.work[0].change == pytest.approx(0.3, abs=0.02)
        assert failing.blame.words.startswith("tool: test +30 % in 9 of 9 features")
    assert wall.blame is not None
    assert "model unchanged" in wall.blame.words
    assert "provider wait unchanged" in wall.blame.words
    slowest = wall.look_at[0]
    assert (slowest.feature, slowest.model, slowest.run) == ("shop/f4", "fast", "runs/test")
    assert "in the baseline" in slowest.why


def test_the_parts_of_a_wall_sum_to_its_change() -> None:
    """Causes divide the mean rise of a trial exactly, whatever they are."""
    found = judge(sampled(), after(test=26, decode=12, wait=3, tokens=1100), policy(""))
    blamed = of(found, Metric.AGENT_WALL).blame
    assert blamed is not None
    assert sum(one.share or 0 for one in blamed.causes) == pytest.approx(1, abs=0.03)  # but what is under 1 % each
    assert {"model/decode", "model/tokens", "tool", "wait"} <= {one.name for one in blamed.causes}
    assert sum(one.share or 0 for one in blamed.features) == pytest.approx(1)


def test_waiting_is_blamed_on_what_was_waited_for() -> None:
    """Of waiting, its sub-phases; the harness's own queue is no part of it, and none of its causes."""
    waits = {"sub_phases": {"wait.rate_limit": 9 * SECOND, "wait.backoff": SECOND, "wait.model_slot": 8 * SECOND}}
    found = judge(sampled(), sampled(Pace(seed=1, wait=18, more=waits)), policy(""))
    blamed = of(found, Metric.WAIT).blame
    assert blamed is not None
    assert [one.name for one in blamed.causes] == ["wait.rate_limit", "wait.backoff"]
    assert blamed.words.startswith("wait: rate limit in 9 of 9 features (95 % of the change)")


def test_a_feature_less_is_no_pass_and_told() -> None:
    """One of nine lost in all repeats: it fails or is open, says what was lost, and what would decide it."""
    found = judge(sampled(), sample(failed(side(Pace(seed=1)), FEATURES[2])), Policy())
    rate = of(found, Metric.PASS_RATE)
    assert rate.decision in {FAIL, OPEN}
    assert found.decision is not PASS
    assert rate.blame is not None
    assert rate.blame.words == "lost: shop/f2 3 of 3 -> 0 of 3"
    assert [one.feature for one in rate.look_at] == ["shop/f2"]
    assert "features would" in rate.would_decide
    assert "1 feature left out, without a passing trial on one side" in of(found, Metric.AGENT_WALL).reason


def test_what_was_lost_is_named_within_the_margin_too() -> None:
    """One repeat of 27 lost is less than the margin, and open all the same."""
    records = side(Pace(seed=1))
    lost = [records[0].model_copy(update={"verdict": Verdict.FAIL}), *records[1:]]
    rate = of(judge(sampled(), sample(lost), Policy()), Metric.PASS_RATE)
    assert rate.decision is OPEN
    assert rate.blame is not None
    assert rate.blame.words == "lost: shop/f0 3 of 3 -> 2 of 3"
    assert [(seen.feature, seen.repeat) for seen in rate.look_at] == [("shop/f0", 1)]


def test_what_would_decide() -> None:
    """Repeats where they scatter, features where these are too few, and neither is made up from one repeat."""
    scattered = Pace(jitter=0.3)
    noisy = judge(sampled(scattered, repeats=2), sampled(Pace(seed=5, jitter=0.3), repeats=2), policy(""))
    wide = of(noisy, Metric.TOOL)
    assert wide.decision is OPEN
    assert re.fullmatch(r"would be decided by \d+ repeats of these 9 features, if nothing changed", wide.would_decide)
    few = judge(sampled(features=FEATURES[:4]), sampled(Pace(seed=1), features=FEATURES[:4]), Policy())
    words = r"no number of repeats of these 4 features decides it: they are too few; \d+ features would"
    assert re.fullmatch(words, of(few, Metric.TOOL).would_decide)
    once = judge(sampled(repeats=1), sampled(Pace(seed=1), repeats=1), Policy())
    assert of(once, Metric.PASS_RATE).would_decide.startswith("one repeat does not tell how much repeats scatter")
    alone = judge(sampled(features=FEATURES[:1]), sampled(Pace(seed=1), features=FEATURES[:1]), Policy())
    assert of(alone, Metric.PASS_RATE).would_decide.startswith("one feature does not tell how much features differ")


def test_a_rate_that_drops_everywhere_fails() -> None:
    """All of twenty features lost."""
    features = tuple(f"shop/g{number}" for number in range(20))
    lost = sample(failed(side(Pace(seed=1), features), *features))
    found = judge(sampled(features=features), lost, Policy())
    assert of(found, Metric.PASS_RATE).decision is FAIL
    assert of(found, Metric.PASS_RATE).reason.startswith("pass rate -100 points (95 %: ")
    assert "no feature has a passing trial on both sides" in of(found, Metric.AGENT_WALL).reason


def test_no_change_never_fails() -> None:
    """Forty candidates that are like the baseline, with much scatter."""
    for seed in range(1, 41):
        rng = random.Random(seed)  # noqa: S311 - which fail
        lost = [rng.choice(FEATURES)] if seed % 2 else []
        baseline = sample(failed(side(Pace(jitter=0.3)), *lost))
        candidate = sample(failed(side(Pace(seed=seed, jitter=0.3)), rng.choice(FEATURES)))
        assert judge(baseline, candidate, Policy()).decision is not FAIL


def test_the_same_records_give_the_same_gate() -> None:
    """In whatever order they came."""
    one = judge(sampled(), after(test=23), Policy())
    other = judge(sample(reversed(side())), sample(reversed(side(Pace(seed=1, test=23)))), Policy())
    assert [(x.decision, x.effect) for x in one.criteria] == [(x.decision, x.effect) for x in other.criteria]


def test_a_candidate_that_timed_out_is_not_passed_on_its_times() -> None:
    """Its trials would have gone on: they may fail, at their bound, and they leave a pass open."""
    alike = judge(sampled(), sample(ended(side(Pace(seed=1)), FEATURES[0])), policy(""))
    wall = of(alike, Metric.AGENT_WALL)
    assert wall.decision is OPEN
    assert wall.effect is not None
    assert (wall.effect.at_least, wall.effect.at_most, wall.effect.left_out) == (1, 0, 0)
    assert "trials that their wall limit ended would have gone on" in wall.reason
    assert "raise wall_s" in wall.would_decide
    slow = judge(sampled(), sample(ended(side(Pace(seed=1, test=30)), FEATURES[0])), policy(""))
    assert of(slow, Metric.AGENT_WALL).decision is FAIL


def test_a_baseline_that_timed_out_fails_nobody() -> None:
    """Its trials would have gone on: the change is at most what is seen."""
    baseline = sample(ended(side(), FEATURES[0]))
    assert of(judge(baseline, after(), policy("")), Metric.AGENT_WALL).decision is PASS
    slow = of(judge(baseline, after(test=30), policy("")), Metric.AGENT_WALL)
    assert slow.decision is OPEN
    assert "a wall limit ended trials of the baseline: at most so slow" in slow.reason


def test_where_both_timed_out_nothing_is_compared() -> None:
    """Such pairs are left out, and said to be."""
    both = sample(ended(side(), FEATURES[0])), sample(ended(side(Pace(seed=1)), FEATURES[0]))
    wall = of(judge(*both, policy("")), Metric.AGENT_WALL)
    assert wall.effect is not None
    assert (wall.effect.pairs, wall.effect.left_out) == (8, 1)
    assert "1 feature left out, where a wall limit ended trials of both" in wall.reason


def test_the_other_trials_stand_beside() -> None:
    """Failed trials that take long change what all trials say, and the reason says so."""
    slow = [trial(name, 4, Pace(seed=2, test=90), verdict=Verdict.FAIL) for name in FEATURES]
    candidate = sample([*side(Pace(seed=1)), *slow])
    wall = of(judge(sampled(), candidate, policy("")), Metric.AGENT_WALL)
    assert wall.decision is PASS
    assert wall.beside is not None
    assert wall.beside.decision is FAIL
    assert "over all trials (+" in wall.reason
    assert "it would be a fail" in wall.reason
    every = policy(f'time.trials = "{Trials.ALL}"')
    assert of(judge(sampled(), candidate, every), Metric.AGENT_WALL).decision is FAIL


def test_costs() -> None:
    """A rise fails; nothing on both sides passes; what is not known is skipped unless the policy names it."""
    assert of(judge(sampled(), after(usd=0.07), policy("")), Metric.COST).decision is FAIL
    free = of(judge(sampled(Pace(usd=0)), after(usd=0), policy("")), Metric.COST)
    assert (free.decision, free.reason) == (PASS, "cost: costs nothing on both sides")
    unknown = sampled(Pace(usd=None)), sampled(Pace(usd=None, seed=1))
    gate = judge(*unknown, policy(""))
    skipped = of(gate, Metric.COST)
    assert (gate.decision, skipped.decision, gate.family) == (PASS, Decision.SKIPPED, 6)
    assert "not known in full of 54 of 54 trials; not judged" in skipped.reason
    named = judge(*unknown, policy("spend.cost = 0.2"))
    assert (named.decision, of(named, Metric.COST).decision) == (OPEN, OPEN)
    assert "a price" in of(named, Metric.COST).would_decide
    new = of(judge(sampled(Pace(usd=0)), after(usd=0.01), policy("spend.cost = 0.2")), Metric.COST)
    assert (new.decision, new.reason.split(";")[0]) == (
        OPEN,
        "cost: nothing in 27 of 54 trials, of which there is no ratio",
    )


def test_features_that_have_to_pass() -> None:
    """Wildcards; any trial that did not pass fails, one without a verdict leaves it open."""
    wanted = policy('must_pass = ["shop/f[01]"]\ncaps.errors = 0.5')
    records = side(Pace(seed=1))
    whole = of(judge(sampled(), sample(records), wanted), Rule.MUST_PASS)
    assert (whole.decision, whole.reason) == (PASS, "must pass: all 6 trials of 2 features did")
    one = [records[0].model_copy(update={"verdict": Verdict.UNSTABLE}), *records[1:]]
    lost = of(judge(sampled(), sample(one), wanted), Rule.MUST_PASS)
    assert (lost.decision, lost.reason) == (FAIL, "must pass: 1 of 6 trials did not, of shop/f0")
    assert [(seen.feature, seen.repeat) for seen in lost.look_at] == [("shop/f0", 1)]
    error = [records[0].model_copy(update={"verdict": Verdict.ERROR_INFRA}), *records[1:]]
    open_ = of(judge(sampled(), sample(error), wanted), Rule.MUST_PASS)
    assert open_.decision is OPEN
    assert "resume" in open_.would_decide
    with pytest.raises(ConfigError, match='must_pass: "shop/none" matches no feature of the candidate; it has shop/f0'):
        judge(sampled(), sample(records), policy('must_pass = ["shop/none"]'))


def test_tampering_fails_past_its_cap() -> None:
    """None is allowed by default; they count as not passed."""
    records = side(Pace(seed=1))
    bad = sample([records[0].model_copy(update={"verdict": Verdict.TAMPERED}), *records[1:]])
    found = of(judge(sampled(), bad, policy("")), Rule.TAMPERED)
    assert (found.decision, found.reason) == (FAIL, "tampered: 1 of 27 trials, allowed 0 %")
    assert found.look_at
    assert of(judge(sampled(), bad, policy("caps.tampered = 0.1")), Rule.TAMPERED).decision is PASS
    assert judge(sampled(), bad, Policy()).candidate.passed == 26


@pytest.mark.parametrize(
    ("verdict", "error", "words"),
    [
        (Verdict.ERROR_PROVIDER, ProviderError, "27 by a provider"),
        (Verdict.ERROR_INFRA, InfraError, "27 by infrastructure"),
    ],
)
def test_broken_runs_are_no_verdict(verdict: Verdict, error: type[Exception], words: str) -> None:
    """Past the cap the gate is an error of whoever broke them, with an exit code that says so; under it, it is told."""
    records = side(Pace(seed=1))
    broken = [one.model_copy(update={"verdict": verdict, "error": "gone"}) for one in records]
    with pytest.raises(error, match=rf"^candidate: 27 of 27 trials \(100 %\) ended in errors, {words}; .*resume"):
        judge(sampled(), sample(broken), Policy())
    with pytest.raises(error, match=r"^baseline: 27 of 27"):
        judge(sample(broken), sampled(), Policy())
    one = judge(sampled(), sample([broken[0], *records[1:]]), Policy())
    assert one.notes == ("candidate: 1 of 27 trials ended in errors, and are outside of every rate",)
    assert (one.candidate.trials, one.candidate.scored) == (27, 26)


def test_what_there_is_too_little_of() -> None:
    """No trial, no model, no feature in common, or fewer than the policy asks for: a line each."""
    for given, words in (
        ((Sample(), sampled()), "baseline: there is no trial in it"),
        ((sampled(), Sample()), "candidate: there is no trial in it"),
        ((sampled(), sampled(model="new")), "say which to compare: `splitclock gate --model fast=new`"),
        ((sampled(), sampled(features=["other/x"])), "model `fast` has no feature in both runs"),
    ):
        with pytest.raises(ConfigError, match=words):
            judge(*given, Policy())
    with pytest.raises(ConfigError) as caught:
        judge(sampled(), after(), policy("least.features = 10\nleast.repeats = 4"))
    assert len(caught.value.problems) == 2
    with pytest.raises(ConfigError, match="baseline: no model `x`; it has fast"):
        judge(sampled(), after(), policy('models = ["x"]'))


def test_models_are_paired_by_name_or_as_said() -> None:
    """Each has criteria of its own, and all share the alpha."""
    both = [*side(), *side(model="slow")]
    candidate = [*side(Pace(seed=1)), *side(Pace(seed=1, test=40), model="slow"), *side(model="new")]
    found = judge(sample(both), sample(candidate), policy('spend = { cost = "off", output_tokens = "off" }'))
    assert dict(found.pairs_of) == {"fast": "fast", "slow": "slow"}
    assert found.family == 10
    assert {one.model for one in found.criteria if one.decision is FAIL} == {"slow"}
    assert found.candidate.trials == 54
    only = judge(sample(both), sample(candidate), policy('models = ["fast"]'))
    assert (only.decision, dict(only.pairs_of)) == (PASS, {"fast": "fast"})
    renamed = judge(sample(both), sample(candidate), policy(""), pairs={"slow": "new"})
    assert (renamed.decision, renamed.criteria[0].model) == (PASS, "new")
    with pytest.raises(ConfigError, match="`new` is compared twice"):
        judge(sample(both), sample(candidate), policy(""), pairs={"slow": "new", "fast": "new"})


def test_what_a_reader_should_know() -> None:
    """Noisy and simulated trials are counted and told."""
    candidate = sampled(Pace(seed=1), noisy=True, noise=("late",), simulated=True)
    found = judge(sampled(), candidate, policy(""))
    assert found.notes == (
        "candidate: 27 of 27 trials noisy: the machine was busy, their times are the less to be trusted",
        "candidate: simulated: fast",
    )
    assert (found.candidate.noisy, found.candidate.simulated, found.baseline.simulated) == (27, True, False)


def test_names_from_outside_stay_on_their_line() -> None:
    """A model or a feature may be named anything."""
    evil = "fast\n\x1b[31mFAIL"
    features = [f"shop/{evil}{number}" for number in range(9)]
    found = judge(sampled(features=features), sample(failed(side(Pace(seed=1), features), features[0])), Policy())
    said = [text for one in found.criteria for text in (one.reason, one.would_decide, one.blame and one.blame.words)]
    assert not any("\n" in text or "\x1b" in text for text in said if text)


def test_trials_without_calls_or_walls_break_nothing() -> None:
    """What took no time has no ratio, which is said."""
    nothing = [make_record({}, feature=name, cost_usd=0) for name in FEATURES]
    found = judge(sample(nothing), sample(nothing), policy("time.agent_wall = 0.1"))
    assert of(found, Metric.AGENT_WALL).reason == "agent wall: there is none on both sides"
    mixed = judge(sample(nothing), after(), policy(""))
    assert "of which there is no ratio" in of(mixed, Metric.AGENT_WALL).reason
    assert mixed.decision is OPEN
