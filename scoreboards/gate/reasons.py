"""Why a criterion is decided as it is, in one line with its figures, and what would decide an open one. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from scoreboards.gate.asking import Asked
from scoreboards.gate.decisions import Answer, Why
from scoreboards.gate.findings import Decision
from scoreboards.gate.needed import Needed
from scoreboards.gate.phrases import NAMES, allowed, chance, signed, spread
from scoreboards.gate.policy import Metric, Trials
from scoreboards.words import counted

TRIFLE = 0.03
"""A machine that is slower by less than this share is as fast as the other one."""

_MANY_REPEATS = 100
_MANY_FEATURES = 1000
_CLOSE = ", for the change is close to what is allowed"
_COUNTING = "; what may not be lost can be named in must_pass, which counts"
_FAR = 5
"""Times as many features as there are: nobody will write them for a gate."""
_OPEN = "not shown either way"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A criterion's question and its answer, at `alpha`, with the answer `beside` on the other trials, if there is one.

    `family` is how many tests share the alpha. `steady` is the answer with the machine's own speed taken out, which was
    `slower` by that share in the candidate's trials.
    """

    asked: Asked
    answer: Answer
    alpha: float
    family: int
    beside: Answer | None = None
    steady: Answer | None = None
    slower: float | None = None


_BY_OTHERS = {
    Why.CENSORED: "a wall limit that no trial comes to: raise wall_s in [limits] of both",
    Why.MACHINE: "both runs again, one right after the other: the machine was not as fast in one as in the other",
}
"""What ends a question that more trials of the same would leave open."""

_WANDERING = "more repeats, or runs on a quieter machine: its speed changed from trial to trial"


def reason(case: Case) -> str:
    """One line: the change with its interval, what is allowed, and what that shows."""
    return "; ".join((f"{_figures(case)}: {_shown(case)}", *_remarks(case)))


def unasked(asked: Asked, *, named: bool) -> str:
    """Why nothing is asked of a metric: there is nothing of it, or it is not known; `named` by the policy or not."""
    name = NAMES[asked.metric]
    if asked.nothing:
        free = "costs nothing" if asked.metric is Metric.COST else "there is none"
        return f"{name}: {free} on both sides"
    rest = "nothing can be said of it" if named else "not judged, since the policy does not name it"
    return f"{name}: {asked.unknown}; {rest}"


def would_decide(case: Case, found: Needed | None) -> str:
    """What would end an open question."""
    if case.answer.why in _BY_OTHERS:
        return _WANDERING if _wanders(case) else _BY_OTHERS[case.answer.why]
    if found is None:
        return f"features that both sides have {_trials(case.asked)} of"
    if found.features is None:
        return "no amount of such trials: the change is just what is allowed"
    repeats = min(min(len(pair.before), len(pair.after)) for pair in case.asked.pairs)
    these = f"of these {counted(found.pairs, 'feature')}" if found.pairs > 1 else "of this feature"
    if found.repeats is None and found.features > found.pairs:
        return _by_features(case, found, these)
    if found.repeats is None or found.repeats <= repeats:
        return "as much data again, most likely: give another run of each side"
    close = _CLOSE if found.repeats > _MANY_REPEATS else ""
    return f"would be decided by {counted(found.repeats, 'repeat')} {these}, if nothing changed{close}"


def _by_features(case: Case, found: Needed, these: str) -> str:
    """Where repeats do not help, or nobody knows whether they would."""
    close = _CLOSE if (found.features or 0) > _MANY_FEATURES else ""
    is_few, is_rate = case.answer.pairs < case.answer.needed_pairs, case.asked.metric is Metric.PASS_RATE
    counting = _COUNTING if is_rate and (found.features or 0) > _FAR * case.answer.pairs else ""
    many, rest = counted(found.features or 0, "feature"), f"would{close}{counting}"
    features = f"{many} {rest}"
    if (is_few and not is_rate) or (is_rate and found.spread.told):
        return f"no number of repeats {these} decides it: they are too few; {features}"
    if not found.spread.told:  # of a rate they may help, however few the features are
        if len(case.asked.pairs) == 1:
            return f"one feature does not tell how much features differ: plan several; {features}"
        return f"one repeat does not tell how much repeats scatter: plan several; {many} of one repeat each {rest}"
    return f"no number of repeats {these} decides it: the features differ too much; {features}"


def _figures(case: Case) -> str:
    metric, answer = case.asked.metric, case.answer
    limit = f"allowed {allowed(case.asked.limit, metric)}"
    if answer.change is None:
        return f"{NAMES[metric]}, {limit}"
    confidence = f"{100 * (1 - case.alpha):.3g} %"
    within = "no interval" if answer.interval is None else f"{confidence}: {spread(answer.interval, metric)}"
    return f"{NAMES[metric]} {signed(answer.change, metric)} ({within}), {limit}"


def _shown(case: Case) -> str:
    """What the figures show, by why they do."""
    answer, asked = case.answer, case.asked
    pairs = counted(answer.pairs, "feature")
    p = chance(answer.p_adjusted)
    return {
        Why.BEYOND: f"shown to be beyond it, worse in {_worse(asked)} of {pairs}",
        Why.WITHIN: f"shown to be within it, on {pairs}",
        Why.NOTHING: f"{_OPEN}: no feature has {_trials(asked)} on both sides",
        Why.TOO_FEW: f"{_OPEN}: {pairs}, {_few(answer)}",
        Why.HOLM: f"{_OPEN}: beyond it by itself, but not as one of {case.family} tests (Holm's rule: p {p})",
        Why.DISAGREE: f"{_OPEN}: {_second(case)}",
        Why.CENSORED: f"{_OPEN}: trials that their wall limit ended would have gone on",
        Why.WIDE: f"{_OPEN}, on {pairs}",
        Why.MACHINE: f"{_OPEN}: {_by_machine(case)}",
    }[answer.why]


def _by_machine(case: Case) -> str:
    """What the machine itself makes of it."""
    if case.steady is None or case.slower is None:
        return "the machine's own speed may explain it"
    pace = f"{signed(abs(case.slower)).lstrip('+')} {'slower' if case.slower > 0 else 'faster'}"
    within = "" if case.steady.interval is None else f" ({spread(case.steady.interval, case.asked.metric)})"
    what = "the machine's speed changed from trial to trial" if _wanders(case) else f"the machine itself was {pace}"
    return f"{what}, and without that it is {signed(case.steady.change)}{within}"


def _wanders(case: Case) -> bool:
    """Whether the machine was as fast on both sides, and not in all of their trials."""
    return case.answer.why is Why.MACHINE and case.slower is not None and abs(case.slower) < TRIFLE


def _few(answer: Answer) -> str:
    if answer.interval is None:
        return "too few for an interval"
    return f"and with fewer than {answer.needed_pairs} nothing can fail"


def _second(case: Case) -> str:
    """Two opinions that differ."""
    answer, metric = case.answer, case.asked.metric
    if answer.mcnemar is not None:
        lost, gained = answer.mcnemar
        return f"the interval shows it, and McNemar's test ({lost} lost, {gained} gained) does not"
    first = "Student's t" if metric is Metric.PASS_RATE else "flips of signs"
    other = "no interval" if answer.second_opinion is None else spread(answer.second_opinion, metric)
    return f"{first} and the bootstrap ({other}) do not say the same"


def _remarks(case: Case) -> Iterator[str]:
    asked = case.asked
    if asked.alone:
        yield f"{counted(asked.alone, 'feature')} left out, without {_trials(asked)} on one side"
    if asked.at_least:
        yield f"of {counted(asked.at_least, 'feature')} a wall limit ended trials of the candidate: at least so slow"
    if asked.at_most:
        yield f"of {counted(asked.at_most, 'feature')} a wall limit ended trials of the baseline: at most so slow"
    if asked.left_out:
        yield f"{counted(asked.left_out, 'feature')} left out, where a wall limit ended trials of both"
    by_machine = case.answer.why is Why.MACHINE  # the other trials' answer is not held against the machine's speed
    if case.beside is not None and not by_machine and case.beside.decision is not case.answer.decision:
        other = "all trials" if asked.trials is Trials.PASSING else "passing trials only"
        yield f"over {other} ({signed(case.beside.change, asked.metric)}) it would be {_VERDICTS[case.beside.decision]}"


_VERDICTS = {
    Decision.PASS: "a pass",
    Decision.FAIL: "a fail",
    Decision.INCONCLUSIVE: "inconclusive",
    Decision.SKIPPED: "not judged",
}


def _worse(asked: Asked) -> int:
    sides = (pair.means(asked.metric) for pair in asked.pairs)
    return sum((after < before) if asked.metric is Metric.PASS_RATE else (after > before) for before, after in sides)


def _trials(asked: Asked) -> str:
    every = asked.metric is Metric.PASS_RATE or asked.trials is Trials.ALL
    return "a scored trial" if every else "a passing trial"
