"""A gate as machines read it: stable names, null for what is unknown."""

import json
import math
from typing import Any, cast

from scoreboards.gate.findings import Blame, Counts, Criterion, Effect, Gate, Part, Seen
from scoreboards.gate.policy import TIMES, Metric
from scoreboards.report import gate_notes, gate_words
from scoreboards.report.gate_document import (
    Compared,
    CriterionFound,
    DifferenceFound,
    GateDocument,
    LookTaken,
    PartOfChange,
    Range,
    Reading,
    Side,
    TrialToLookAt,
    Unit,
    Verdict,
    WhereFrom,
)
from scoreboards.report.gate_outcome import Outcome
from scoreboards.statistics import Interval

_UNITS: dict[str, Unit] = {Metric.COST: "USD", Metric.OUTPUT_TOKENS: "tokens", **dict.fromkeys(TIMES, "s")}


def gate_json(outcome: Outcome) -> str:
    """The document as JSON text that steers neither a terminal nor, among a job's log, the runner of GitHub's jobs."""
    text = json.dumps(gate_value(outcome), indent=2, allow_nan=False)
    return text.replace("##[", "#\\u0023[")


def gate_value(outcome: Outcome) -> dict[str, Any]:
    """The document as a JSON object."""
    return gate_document(outcome).model_dump(mode="json", by_alias=True)


def gate_document(outcome: Outcome) -> GateDocument:
    """What was found, in the form of its schema."""
    gate = outcome.gate
    summary = f"ERROR: {'; '.join(outcome.errors)}" if gate is None else gate_words.headline(gate)
    return GateDocument(
        verdict=cast("Verdict", "error" if gate is None else gate.decision.value),
        exit_code=outcome.exit_code,
        summary=summary,
        errors=list(outcome.errors),
        alpha=outcome.policy.alpha if gate is None else gate.alpha,
        family=None if gate is None else gate.family,
        seed=None if gate is None else gate.seed,
        baseline=_side(outcome.baseline, None if gate is None else gate.baseline),
        candidate=_side(outcome.candidate, None if gate is None else gate.candidate),
        models=[] if gate is None else [Compared(baseline=a, candidate=b) for a, b in gate.pairs_of.items()],
        criteria=[] if gate is None else [_criterion(gate, one) for one in gate.criteria],
        differences=[] if gate is None else _differences(gate),
        look=None if gate is None else _look(gate),
        notes=[] if gate is None else list(gate_notes.notes(gate, outcome.policy)),
        policy_file=outcome.policy_file,
        policy=outcome.policy,
        versions=dict(outcome.versions),
    )


def _side(runs: tuple[str, ...], counts: Counts | None) -> Side:
    if counts is None:
        return Side(runs=list(runs))
    return Side(runs=list(runs), **{name: getattr(counts, name) for name in Counts.__slots__})


def _differences(gate: Gate) -> list[DifferenceFound]:
    return [DifferenceFound(kind=one.kind, words=one.words, allowed=one.allowed) for one in gate.differences]


def _look(gate: Gate) -> LookTaken | None:
    look = gate.look
    return None if look is None else LookTaken(number=look.number, of=look.of, alpha=look.alpha)


def _criterion(gate: Gate, one: Criterion) -> CriterionFound:
    effect = one.effect or Effect(decision=one.decision, pairs=0)
    figures = {**_figures(effect), "verdict": one.decision.value}
    return CriterionFound(
        **figures,
        name=one.metric,
        model=one.model,
        baseline_model=gate_words.base_of(gate, one.model),
        reason=one.reason,
        unit=_UNITS.get(one.metric, "share"),
        threshold=one.limit,
        p_adjusted=_finite(one.p_adjusted),
        needed_pairs=one.needed_pairs,
        beside=None if one.beside is None else Reading(**_figures(one.beside)),
        steady=None if one.steady is None else Reading(**_figures(one.steady)),
        machine=_finite(one.machine),
        blame=None if one.blame is None else _blame(one.blame),
        look_at=[_seen(seen) for seen in one.look_at],
        would_decide=one.would_decide,
    )


def _figures(effect: Effect) -> dict[str, Any]:
    return {
        "verdict": effect.decision.value,
        "estimate": _finite(effect.change),
        "interval": _range(effect.interval),
        "second_opinion": _range(effect.second_opinion),
        "baseline": _finite(effect.baseline),
        "candidate": _finite(effect.candidate),
        "p": _finite(effect.p),
        "pairs": effect.pairs,
        "at_least": effect.at_least,
        "at_most": effect.at_most,
        "left_out": effect.left_out,
    }


def _blame(blame: Blame) -> WhereFrom:
    causes, work, features = ([_part(part) for part in parts] for parts in (blame.causes, blame.work, blame.features))
    return WhereFrom(words=blame.words, causes=causes, work=work, features=features)


def _part(part: Part) -> PartOfChange:
    return PartOfChange(
        name=part.name, change=_finite(part.change), share=_finite(part.share), went=part.went, of=part.of
    )


def _seen(seen: Seen) -> TrialToLookAt:
    told = {name: getattr(seen, name) for name in Seen.__slots__}
    return TrialToLookAt(**told, command=gate_words.show_command(seen))


def _range(interval: Interval | None) -> Range | None:
    if interval is None or not (math.isfinite(interval.low) and math.isfinite(interval.high)):
        return None
    return Range(low=interval.low, high=interval.high)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
