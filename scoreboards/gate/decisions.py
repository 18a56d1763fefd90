"""Questions to paired data, and their answers: one rule for all that is estimated, and Holm's over the family. Pure.

Beyond the limit by the whole interval, with an adjusted p of at most alpha, fails; within it by the whole interval
passes; a second opinion that differs from either, and everything else, leaves the question open.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from scoreboards.gate.findings import Decision
from scoreboards.gate.opinions import Opinions, RateOpinions, RatioOpinions, verdict
from scoreboards.gate.paired import FULL, Effort, Group, holm, in_order
from scoreboards.statistics import Interval


class Kind(StrEnum):
    """What is compared: logarithms of durations, costs or counts, or passes as 0 and 1."""

    RATIO = "ratio"
    RATE = "rate"


class Why(StrEnum):
    """Why an answer is what it is.

    `BEYOND` and `WITHIN` decide. `TOO_FEW` features for any test; `WIDE`: the interval holds the limit; `HOLM`: beyond
    the limit but for the number of criteria; `DISAGREE`: the second opinion differs; `CENSORED`: only the bounds of
    trials that a wall limit ended stand against it; `NOTHING` to compare; `MACHINE`: it does not hold with the
    machine's own speed taken out.
    """

    BEYOND = "beyond"
    WITHIN = "within"
    TOO_FEW = "too_few"
    WIDE = "wide"
    HOLM = "holm"
    DISAGREE = "disagree"
    CENSORED = "censored"
    NOTHING = "nothing"
    MACHINE = "machine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Is the mean change within the limit? A group is a feature: the baseline's repeats, and the candidate's.

    Of a `RATIO` the values are logarithms and `limit` is log(1 + rise); of a `RATE` they are 0 or 1 and `limit` is the
    margin, at least 0. In `at_least` stand features whose candidate can only be slower than its values (a wall limit
    ended it), in `at_most` those whose baseline can.
    """

    kind: Kind
    groups: tuple[Group, ...]
    limit: float
    at_least: tuple[Group, ...] = ()
    at_most: tuple[Group, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the data say. `change` is a ratio less one, or a difference of rates (worse is negative).

    `interval` has the confidence 1 - alpha on the scale of `change`, None where no interval is finite;
    `second_opinion` is the bootstrap's, None where a rate has one repeat. `p` is the two-sided p of "no further than
    the limit", None with nothing to compare; `p_adjusted` is Holm's over all questions of the call. Bounds count with
    the pairs. `mcnemar` are the features lost and gained where a rate has one repeat.
    """

    decision: Decision
    why: Why
    change: float | None = None
    interval: Interval | None = None
    second_opinion: Interval | None = None
    p: float | None = None
    p_adjusted: float | None = None
    pairs: int = 0
    needed_pairs: int = 0
    mcnemar: tuple[int, int] | None = None


_OPINIONS: dict[Kind, Callable[[Sequence[Group], Effort], Opinions]] = {
    Kind.RATIO: RatioOpinions,
    Kind.RATE: RateOpinions,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A question with the opinions on its groups: with the bounds that count for failing, for passing, and with all.

    What is costly is done once; to decide it at another alpha or limit is cheap.
    """

    question: Question
    worse: Opinions
    better: Opinions
    shown: Opinions


def gather(question: Question, effort: Effort = FULL) -> Evidence | None:
    """The evidence on a question; None where there is nothing to compare. Raises ValueError for a group of one side."""
    opinions = _OPINIONS[question.kind]
    shown = in_order((*question.groups, *question.at_least, *question.at_most))
    if not shown:
        return None
    every = opinions(shown, effort)
    worse, better = (
        opinions(in_order((*question.groups, *bounds)), effort) if left_out and (question.groups or bounds) else every
        for bounds, left_out in (
            (question.at_least, question.at_most),
            (question.at_most, question.at_least),
        )
    )
    return Evidence(question=question, worse=worse, better=better, shown=every)


def answer(questions: Sequence[Question], alpha: float, seed: int = 0) -> tuple[Answer, ...]:
    """The answers to a family of questions, in their order; the same data and seed give the same answers.

    `alpha` is the chance of the whole family to fail anything that is within its limit. Raises ValueError for a group
    that lacks a side.
    """
    return decide([gather(question, Effort(seed=seed)) for question in questions], alpha)


def decide(family: Sequence[Evidence | None], alpha: float) -> tuple[Answer, ...]:
    """The answers to a family of questions whose evidence is gathered; None has nothing to compare."""
    tested = [(_p(found), found) for found in family if found is not None]
    adjusted = iter(holm([p for p, _ in tested]))
    share = alpha / max(1, len(tested))
    nothing = Answer(decision=Decision.INCONCLUSIVE, why=Why.NOTHING)
    return tuple(nothing if found is None else _answer(found, next(adjusted), alpha, share) for found in family)


def fails(family: Sequence[Evidence | None], alpha: float) -> tuple[bool, ...]:
    """Which of a family's questions fail: what `decide` says of them, for simulations that ask nothing else."""
    tested = [found for found in family if found is not None]
    adjusted = iter(holm([_p(found) for found in tested]))
    return tuple(found is not None and next(adjusted) <= alpha and _shown(found, alpha) for found in family)


def _p(found: Evidence) -> float:
    """Baselines that are bounds speak for passing only, so they leave nothing that could fail."""
    return 1.0 if found.question.at_most else found.worse.p(found.question.limit)


def _answer(found: Evidence, p_adjusted: float, alpha: float, share: float) -> Answer:
    question, shown = found.question, found.shown
    needed = shown.least(alpha, share, question.limit)
    decision, why = _decided(found, p_adjusted, alpha, needed)
    scale = _ratio if question.kind == Kind.RATIO else _rate
    return Answer(
        decision=decision,
        why=why,
        change=_scaled(Interval(low=shown.estimate, high=shown.estimate), scale).low,
        interval=_or_none(shown.interval(alpha), scale),
        second_opinion=_or_none(shown.second(alpha), scale),
        p=_p(found),
        p_adjusted=p_adjusted,
        pairs=shown.pairs,
        needed_pairs=needed,
        mcnemar=shown.lost_and_gained,
    )


def _decided(found: Evidence, p_adjusted: float, alpha: float, needed: int) -> tuple[Decision, Why]:
    question, limit = found.question, found.question.limit
    beyond = _beyond(found, alpha)
    within = verdict(found.better.interval(alpha), limit) == Decision.PASS
    if beyond and not question.at_most:
        return _failing(found, p_adjusted, alpha, needed)
    if within and not question.at_least:
        agreed = found.better.agrees(Decision.PASS, alpha, limit)
        return (Decision.PASS, Why.WITHIN) if agreed else (Decision.INCONCLUSIVE, Why.DISAGREE)
    if beyond or within:
        return Decision.INCONCLUSIVE, Why.CENSORED
    return Decision.INCONCLUSIVE, _open(found, alpha, needed)


def _beyond(found: Evidence, alpha: float) -> bool:
    return verdict(found.worse.interval(alpha), found.question.limit) == Decision.FAIL


def _shown(found: Evidence, alpha: float) -> bool:
    """Whether both opinions are that it is beyond the limit, and may be."""
    agreed = _beyond(found, alpha) and found.worse.agrees(Decision.FAIL, alpha, found.question.limit)
    return agreed and not found.question.at_most


def _failing(found: Evidence, p_adjusted: float, alpha: float, needed: int) -> tuple[Decision, Why]:
    if p_adjusted <= alpha and _shown(found, alpha):
        return Decision.FAIL, Why.BEYOND
    if found.worse.pairs < needed:
        return Decision.INCONCLUSIVE, Why.TOO_FEW
    return Decision.INCONCLUSIVE, Why.DISAGREE if p_adjusted <= alpha else Why.HOLM


def _open(found: Evidence, alpha: float, needed: int) -> Why:
    past = found.shown.estimate > found.question.limit
    few = found.shown.interval(alpha) is None or (past and found.shown.pairs < needed)
    return Why.TOO_FEW if few else Why.WIDE


def _or_none(interval: Interval | None, scale: Callable[[float], float]) -> Interval | None:
    return None if interval is None else _scaled(interval, scale)


def _scaled(interval: Interval, scale: Callable[[float], float]) -> Interval:
    low, high = sorted((scale(interval.low), scale(interval.high)))
    return Interval(low=low, high=high)


def _ratio(log: float) -> float:
    return math.expm1(log)


def _rate(worse: float) -> float:
    return -worse
