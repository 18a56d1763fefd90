"""What was measured, as Markdown, and a line for each figure that is not as it is said."""

import math
from collections.abc import Iterable, Iterator, Sequence
from statistics import fmean, stdev

from scoreboards.gate.policy import Metric, Spending
from scoreboards.gate.power import DROPS, RISES
from tests.calibration.measured import LOOKS, POLICY, RATIOS, Measured

TOLERANCE = 0.05
"""How far stated power may be from what is seen, beyond the error of the simulation, for what it takes as given."""

_ERRORS = 3.0
"""Standard errors that a simulation may be off."""

_ONE_CRITERION = tuple(f"limit: {metric}" for metric in RATIOS)
_RATE_AT_LIMIT = f"default: drop {POLICY.pass_rate.margin}"
_FALSE = {
    "none": "no change",
    "none, passing": "no change, passing only",
    f"limit: {Metric.AGENT_WALL}": "wall",
    "limit: uneven": "wall, by a fifth of the features",
    "limit: all": "all 7 ratios",
    _RATE_AT_LIMIT: "pass rate",
    "limit: wall alone": "wall, one criterion",
    "limit: rate alone": "pass rate, one criterion",
    "passed: wall": "wall passes",
    "passed: rate": "pass rate passes",
}
"""Truths within the limits, and how the table calls them: without a change, then with changes of just the limit."""

_POLICIES = {"default": "10 %, 10 points", "strict": "nothing allowed", "alone": "nothing allowed, one criterion"}
_SEEN = tuple(f"rise {rise}" for rise in RISES) + tuple(f"drop {drop}" for drop in DROPS)


def markdown(found: Sequence[Measured], looks: Measured) -> str:
    """Three tables: false fails, what is seen against what power states, and looks."""
    parts = (_false_fails(found), _power(found), _looks(looks))
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def complaints(found: Iterable[Measured], looks: Measured) -> Iterator[str]:
    """A line for each false-fail rate above alpha, and for each power that is not the stated one."""
    for one in found:
        for truth in (*_FALSE, *_ONE_CRITERION):
            if one.rate(truth) > _most(one):
                yield f"{_name(one)}: {truth}: {one.rate(truth):.4f} of the pairs, alpha is {POLICY.alpha}"
        for truth in one.stated:
            off = abs(fmean(one.stated[truth]) - one.rate(truth))
            if off > _ERRORS * _error(one, truth) + TOLERANCE:
                yield f"{_name(one)}: {truth}: power {fmean(one.stated[truth]):.3f}, seen {one.rate(truth):.3f}"
    for truth, count in looks.failed.items():
        if looks.rate(truth) > _most(looks):
            yield f"looks: {truth}: {count} of {looks.design.pairs} pairs failed, alpha is {POLICY.alpha}"


def _most(one: Measured) -> float:
    return POLICY.alpha + _ERRORS * math.sqrt(POLICY.alpha * (1 - POLICY.alpha) / one.design.pairs)


def _error(one: Measured, truth: str) -> float:
    """Of the difference of the mean stated power and the share that was seen."""
    seen, stated = one.rate(truth), one.stated[truth]
    between = stdev(stated) ** 2 / len(stated) if len(stated) > 1 else 0.25
    return math.sqrt(between + seen * (1 - seen) / one.design.pairs)


def _false_fails(found: Sequence[Measured]) -> Iterator[str]:
    """Per cent of pairs; `worst` is the ratio that fails most often at its limit."""
    yield _line(("features x repeats", *_FALSE.values(), "worst ratio"))
    yield _line(["---"] * (len(_FALSE) + 2))
    for one in found:
        rates = (*map(one.rate, _FALSE), max(map(one.rate, _ONE_CRITERION)))
        yield _line((_name(one), *map(_percent, rates)))


def _power(found: Sequence[Measured]) -> Iterator[str]:
    """Seen, and stated by the mean baseline."""
    yield _line(("features x repeats", "policy", *(_words(what) for what in _SEEN)))
    yield _line(["---"] * (len(_SEEN) + 2))
    for one in found:
        for name, words in _POLICIES.items():
            yield _line((_name(one), words, *(_both(one, f"{name}: {what}") for what in _SEEN)))


def _looks(looks: Measured) -> Iterator[str]:
    truths = ("none", f"limit: {Metric.AGENT_WALL}", "limit: all")
    after = ", ".join(map(str, LOOKS))
    yield _line((f"{looks.design.features} features, looks after {after}", *Spending))
    yield _line(["---"] * (len(Spending) + 1))
    for truth, words in zip(truths, ("no change", "wall at its limit", "all 7 at their limits"), strict=True):
        yield _line((words, *(_percent(looks.rate(f"{truth}, {spending}")) for spending in Spending)))


def _both(one: Measured, truth: str) -> str:
    stated = one.stated.get(truth)
    return f"{100 * one.rate(truth):.0f} / {'-' if stated is None else f'{100 * fmean(stated):.0f}'}"


def _words(what: str) -> str:
    kind, change = what.split()
    return f"wall +{float(change):.0%}" if kind == "rise" else f"{100 * float(change):.0f} points fewer pass"


def _name(one: Measured) -> str:
    return f"{one.design.features} x {one.design.repeats}"


def _percent(rate: float) -> str:
    return f"{100 * rate:.2f}"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
