"""Criteria that are estimated: asked of two samples, answered together, and said. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from scoreboards.gate.asking import Asked, Cells, asked
from scoreboards.gate.blame import blame, look_at
from scoreboards.gate.decisions import Answer, Why, answer
from scoreboards.gate.findings import Criterion, Decision, Effect
from scoreboards.gate.machine import BOUND, at_one_speed, slower
from scoreboards.gate.needed import Needed, needed
from scoreboards.gate.policy import Metric, Policy, Trials
from scoreboards.gate.reasons import Case, reason, unasked, would_decide

_SPENT = {Metric.COST, Metric.OUTPUT_TOKENS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """An estimated criterion to be: of a candidate's model, on the trials that count, and `beside` on the others.

    `steady` asks the same with the machine's own speed taken out, where that matters and is known. `named` says that
    the policy itself speaks of the metric, rather than its defaults.
    """

    model: str
    asked: Asked
    beside: Asked | None
    steady: Asked | None
    named: bool


def planned(model: str, before: Cells, after: Cells, policy: Policy) -> Iterator[Planned]:
    """What the policy wants to be estimated of a model, from both sides' trials."""
    own = policy.time.trials
    others = Trials.ALL if own is Trials.PASSING else Trials.PASSING
    level = at_one_speed(before, after) if policy.time.yardstick else None
    for metric in Metric:
        if policy.limit(metric) is not None:
            is_rate = metric is Metric.PASS_RATE
            yield Planned(
                model=model,
                asked=asked(before, after, policy, metric, own),
                beside=None if is_rate else asked(before, after, policy, metric, others),
                steady=None if level is None or metric not in BOUND else asked(*level, policy, metric, own),
                named=metric not in _SPENT or metric.value in policy.spend.model_fields_set,
            )


def criteria(every: Sequence[Planned], alpha: float, seed: int) -> tuple[Criterion, ...]:
    """All criteria of a gate, whose tests share `alpha` by Holm's rule."""
    answers = _answers([one.asked for one in every], alpha, seed)
    besides = _answers([one.beside for one in every], alpha, seed)
    steadies = _steady(every, alpha, seed)
    family = sum(one is not None and one.p is not None for one in answers)
    return tuple(
        _unasked(one)
        if found is None
        else _decided(
            one, _case(Case(asked=one.asked, answer=found, alpha=alpha, family=family, beside=beside), steady)
        )
        for one, found, beside, steady in zip(every, answers, besides, steadies, strict=True)
    )


def _steady(every: Sequence[Planned], alpha: float, seed: int) -> list[Answer | None]:
    """The answers with the machine's speed taken out, in a family as large as the one without; None where not asked."""
    if not any(one.steady for one in every):
        return [None for _ in every]
    answers = _answers([one.steady or one.asked for one in every], alpha, seed)
    return [None if one.steady is None else found for one, found in zip(every, answers, strict=True)]


def _case(case: Case, steady: Answer | None) -> Case:
    """What is decided has to be so with the machine's speed taken out too; else it is open."""
    if steady is None:
        return case
    found = case.answer
    if found.decision in {Decision.PASS, Decision.FAIL} and steady.decision is not found.decision:
        found = replace(found, decision=Decision.INCONCLUSIVE, why=Why.MACHINE)
    return replace(case, answer=found, steady=steady, slower=slower(case.asked))


def _answers(every: Sequence[Asked | None], alpha: float, seed: int) -> list[Answer | None]:
    """The answers in the order of the questions; None where nothing is asked."""
    questions = [None if one is None else one.question for one in every]
    answers = iter(answer([one for one in questions if one is not None], alpha, seed))
    return [None if one is None else next(answers) for one in questions]


def _unasked(one: Planned) -> Criterion:
    """A metric that nobody uses passes; one that is not known is open, and skipped where nobody asked for it."""
    found = one.asked
    decision = Decision.PASS if found.nothing else Decision.INCONCLUSIVE if one.named else Decision.SKIPPED
    zero = 0.0 if found.nothing else None
    return Criterion(
        model=one.model,
        metric=found.metric,
        decision=decision,
        reason=unasked(found, named=one.named),
        limit=found.limit,
        effect=Effect(decision=decision, pairs=len(found.pairs), baseline=zero, candidate=zero),
        would_decide=_what_is_lacking(found.metric) if decision is Decision.INCONCLUSIVE else "",
    )


def _what_is_lacking(metric: Metric) -> str:
    if metric is Metric.COST:
        return "a price for the model ([models.NAME.price]), and answers that count their tokens"
    return "trials that all have a measure of it"


def _decided(one: Planned, case: Case) -> Criterion:
    found, effect = case.answer, _effect(case.asked, case.answer)
    is_open = found.decision is Decision.INCONCLUSIVE
    blamed = found.decision is Decision.FAIL or (is_open and _is_worth_a_look(case))
    return Criterion(
        model=one.model,
        metric=case.asked.metric,
        decision=found.decision,
        reason=reason(case),
        limit=case.asked.limit,
        effect=effect,
        beside=None if case.beside is None or one.beside is None else _effect(one.beside, case.beside),
        steady=None if case.steady is None or one.steady is None else _effect(one.steady, case.steady),
        machine=case.slower,
        p_adjusted=found.p_adjusted,
        needed_pairs=found.needed_pairs,
        would_decide=would_decide(case, _needed(case)) if is_open else "",
        blame=blame(case.asked.metric, case.asked.pairs) if blamed else None,
        look_at=look_at(case.asked.metric, case.asked.pairs, one.model) if blamed else (),
    )


def _needed(case: Case) -> Needed | None:
    question = case.asked.question
    return None if question is None else needed(question, case.alpha, family=case.family)


def _is_worth_a_look(case: Case) -> bool:
    """Whether the estimate is beyond the limit; of an open pass rate already that it fell: what was lost has names."""
    change, is_rate = case.answer.change, case.asked.metric is Metric.PASS_RATE
    return change is not None and (change < 0 if is_rate else change > case.asked.limit)


def _effect(found: Asked, answered: Answer) -> Effect:
    baseline, candidate = found.means()
    return Effect(
        decision=answered.decision,
        pairs=answered.pairs,
        change=answered.change,
        interval=answered.interval,
        baseline=baseline,
        candidate=candidate,
        p=answered.p,
        second_opinion=answered.second_opinion,
        at_least=found.at_least,
        at_most=found.at_most,
        left_out=found.left_out,
    )
