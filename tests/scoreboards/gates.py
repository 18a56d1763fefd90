"""Gates that nobody decided: values to show, each field chosen by the test."""

from dataclasses import replace
from typing import Any

from scoreboards.gate.findings import (
    Blame,
    Counts,
    Criterion,
    Decision,
    Differs,
    Effect,
    Gate,
    Part,
    Rule,
    Seen,
)
from scoreboards.gate.policy import Difference, Metric, Policy
from scoreboards.report.gate_outcome import Outcome, exit_code
from scoreboards.statistics import Interval

HOSTILE = "[/red]\x1b[31m`|@you #1 <!-- --></details>$x$ \\|**b** ::error::x ##[add-mask]y\u202e\x00\ufffe,:%\r\nnext"
"""A name that would be markup, a mention, a workflow command, a terminal sequence, or no XML."""

COUNTS = Counts(
    trials=27,
    scored=27,
    passed=24,
    infra_errors=0,
    provider_errors=0,
    not_run=0,
    tampered=0,
    noisy=0,
    simulated=True,
)


def criterion(metric: Metric | Rule, decision: Decision, **changes: Any) -> Criterion:
    """A criterion of the model `fast` with nine pairs; `change` and any field of it by name."""
    change = changes.pop("change", 0.31 if decision is Decision.FAIL else 0.01)
    rate = metric is Metric.PASS_RATE
    effect = Effect(
        decision=decision,
        pairs=9,
        change=change,
        interval=Interval(low=change - 0.04, high=change + 0.05),
        baseline=0.9 if rate else 41.2,
        candidate=0.9 + change if rate else 41.2 * (1 + change),
        p=0.0039,
        second_opinion=Interval(low=change - 0.03, high=change + 0.04),
    )
    known: dict[str, Any] = {
        "model": "fast",
        "metric": metric,
        "decision": decision,
        "reason": "the interval is wholly beyond the limit" if decision is Decision.FAIL else "the reason",
        "limit": 0.1,
        "effect": None if isinstance(metric, Rule) else effect,
        "beside": None if isinstance(metric, Rule) else replace(effect, change=change - 0.02, interval=None),
        "p_adjusted": 0.031,
        "needed_pairs": 9,
        "would_decide": "4 more repeats" if decision is Decision.INCONCLUSIVE else "",
    }
    return Criterion(**{**known, **changes})


def blamed(name: str = "bookings/waitlist", run: str = "runs/new run") -> dict[str, Any]:
    """Where a change comes from, and the trial that shows it, as fields of a criterion."""
    blame = Blame(
        words=f"tests +38 % in 7 of 9 features, most in {name}; model unchanged; provider wait unchanged",
        causes=(Part(name="tool", change=0.31, share=1.02, went=9, of=9),),
        work=(
            Part(name="test", change=0.38, share=0.91, went=7, of=9),
            Part(name="search", change=0.02, share=0.04, went=5, of=9),
        ),
        features=tuple(
            Part(name=one, change=0.52, share=0.31, went=3, of=3) for one in (name, "bookings/a", "bookings/b", "b/c")
        ),
    )
    seen = Seen(
        run=run,
        trial=name.rpartition("/")[2] + "-12ab",
        model="fast",
        feature=name,
        repeat=2,
        why=f"the slowest of {name}: 54.1 s, 36.0 s before",
    )
    return {"blame": blame, "look_at": (seen,)}


def made(*criteria: Criterion, **changes: Any) -> Gate:
    """A gate of these criteria; what decides is the worst of them."""
    decisions = [one.decision for one in criteria]
    order = (Decision.FAIL, Decision.INCONCLUSIVE, Decision.PASS)
    known: dict[str, Any] = {
        "decision": next((one for one in order if one in decisions), Decision.PASS),
        "criteria": criteria,
        "alpha": 0.05,
        "family": 8,
        "baseline": COUNTS,
        "candidate": replace(COUNTS, passed=23, noisy=2),
        "pairs_of": {"fast": "fast"},
        "differences": (Differs(kind=Difference.PROMPT, words="system.md: not the same content", allowed=True),),
        "notes": ("a note of the judge's",),
    }
    return Gate(**{**known, **changes})


def failing(name: str = "bookings/waitlist") -> Gate:
    """A slower suite: the tool time and the agent wall fail, the pass rate is undecided."""
    return made(
        criterion(Metric.PASS_RATE, Decision.INCONCLUSIVE, change=-0.04),
        criterion(Metric.AGENT_WALL, Decision.FAIL, change=0.17),
        criterion(Metric.MODEL, Decision.PASS, change=0.004),
        criterion(Metric.TOOL, Decision.FAIL, **blamed(name)),
        criterion(Metric.WAIT, Decision.PASS, change=0.0, limit=0.25),
        criterion(Metric.HARNESS, Decision.PASS, change=-0.012, limit=0.25),
        criterion(Metric.COST, Decision.SKIPPED, effect=None, beside=None, reason="no price is known"),
        criterion(Metric.OUTPUT_TOKENS, Decision.PASS, change=0.0),
        criterion(Rule.TAMPERED, Decision.PASS, limit=0.0, p_adjusted=None, needed_pairs=0),
    )


def hostile() -> Gate:
    """The same of a model, a feature and a run whose names would be everything but names."""
    mine = failing(HOSTILE)
    criteria = tuple(replace(one, model=HOSTILE, reason=HOSTILE) for one in mine.criteria)
    differs = (Differs(kind=Difference.MODEL, words=HOSTILE, allowed=True),)
    return replace(mine, criteria=criteria, pairs_of={HOSTILE: HOSTILE}, differences=differs, notes=(HOSTILE,))


def outcome(gate: Gate, policy: Policy | None = None) -> Outcome:
    """The gate as its views for machines are given it."""
    policy = policy or Policy()
    return Outcome(
        gate=gate,
        policy=policy,
        baseline=("runs/old",),
        candidate=("runs/new run",),
        versions={"splitclock": "0.1.0"},
        exit_code=exit_code(gate, policy),
    )
