"""From two samples to questions on plain numbers: which trials count, which are bounds, and what is not known. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from scoreboards.gate.decisions import Kind, Question
from scoreboards.gate.paired import Group
from scoreboards.gate.policy import TIMES, Metric, Policy, Trials
from scoreboards.gate.sample import Cell, Observation
from scoreboards.statistics import geometric_mean, mean

Cells = Mapping[str, Cell]
"""A model's trials by feature."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A feature with the trials of both sides that a metric is compared on."""

    feature: str
    before: tuple[Observation, ...]
    after: tuple[Observation, ...]

    @property
    def bounds(self) -> tuple[bool, bool]:
        """Whether trials that their wall limit ended are among the baseline's, and among the candidate's."""
        return any(one.censored for one in self.before), any(one.censored for one in self.after)

    def means(self, metric: Metric) -> tuple[float, float]:
        """What a trial of either side took of it, on average; unknown amounts are left out."""
        before, after = (mean(_known(side, metric)) or 0.0 for side in (self.before, self.after))
        return before, after


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A metric of a model: the pairs it is compared on, and the question to them.

    `pairs` are all but those `left_out`, which are bounds on both sides; `alone` are features of which one side has no
    trial that counts. Without a question `unknown` says why, or there is `nothing` of the metric on either side.
    """

    metric: Metric
    trials: Trials
    limit: float
    pairs: tuple[Pair, ...]
    alone: int = 0
    left_out: int = 0
    question: Question | None = None
    unknown: str = ""
    nothing: bool = False

    @property
    def at_least(self) -> int:
        """Pairs whose candidate can only be slower than counted."""
        return 0 if self.question is None else len(self.question.at_least)

    @property
    def at_most(self) -> int:
        """Pairs whose baseline can only be slower than counted."""
        return 0 if self.question is None else len(self.question.at_most)

    def means(self) -> tuple[float | None, float | None]:
        """The metric's means over features, of the baseline and of the candidate; None where it is not known."""
        if not self.pairs or self.unknown:
            return None, None
        sides = [[_known(side, self.metric) for side in sides] for sides in self._sides()]
        zero = any(value <= 0 for value in chain.from_iterable(chain.from_iterable(sides)))
        average = mean if zero or self.metric is Metric.PASS_RATE else geometric_mean
        before, after = (average([average(values) or 0.0 for values in side]) for side in sides)
        return before, after

    def _sides(self) -> tuple[list[tuple[Observation, ...]], list[tuple[Observation, ...]]]:
        return [pair.before for pair in self.pairs], [pair.after for pair in self.pairs]


def asked(before: Cells, after: Cells, policy: Policy, metric: Metric, trials: Trials) -> Asked:
    """The question whether a metric stays within the policy's limit, on these trials of a model on both sides."""
    every = metric is Metric.PASS_RATE or trials is Trials.ALL
    pairs = [
        Pair(feature=name, before=_counted(before[name], every=every), after=_counted(after[name], every=every))
        for name in before
        if name in after
    ]
    whole = [pair for pair in pairs if pair.before and pair.after]
    used = [pair for pair in whole if metric is Metric.PASS_RATE or pair.bounds != (True, True)]
    found = Asked(
        metric=metric,
        trials=trials,
        limit=policy.limit(metric) or 0.0,
        pairs=tuple(used),
        alone=len(pairs) - len(whole),
        left_out=len(whole) - len(used),
    )
    if metric is Metric.PASS_RATE:
        groups = tuple(_group(pair, metric) for pair in used)
        return replace(found, question=Question(kind=Kind.RATE, groups=groups, limit=found.limit))
    return _of_ratios(found, policy.time.floor)


def _of_ratios(found: Asked, floor: float) -> Asked:
    amounts = [one.amount(found.metric) for pair in found.pairs for one in (*pair.before, *pair.after)]
    lacking = sum(one is None for one in amounts)
    if lacking:
        return replace(found, unknown=f"not known in full of {lacking} of {len(amounts)} trials")
    if amounts and not any(amounts):
        return replace(found, nothing=True)
    groups = {pair.feature: _floored(pair, found.metric, floor) for pair in found.pairs}
    none = sum(value <= 0 for group in groups.values() for side in group for value in side)
    if none:
        return replace(found, unknown=f"nothing in {none} of {len(amounts)} trials, of which there is no ratio")
    kinds: dict[tuple[bool, bool], list[Group]] = {}
    for pair in found.pairs:
        before, after = groups[pair.feature]
        kinds.setdefault(pair.bounds, []).append((_logs(before), _logs(after)))
    question = Question(
        kind=Kind.RATIO,
        groups=tuple(kinds.get((False, False), ())),
        limit=math.log1p(found.limit),
        at_least=tuple(kinds.get((False, True), ())),
        at_most=tuple(kinds.get((True, False), ())),
    )
    return replace(found, question=question)


def _floored(pair: Pair, metric: Metric, floor: float) -> Group:
    """The amounts of a pair; a phase together with a share of the baseline's wall, so that nothing has a ratio too."""
    before, after = _group(pair, metric)
    if metric not in TIMES or metric is Metric.AGENT_WALL:
        return before, after
    wall = pair.means(Metric.AGENT_WALL)[0] * floor
    return [value + wall for value in before], [value + wall for value in after]


def _group(pair: Pair, metric: Metric) -> Group:
    return _known(pair.before, metric), _known(pair.after, metric)


def _counted(cell: Cell, *, every: bool) -> tuple[Observation, ...]:
    return tuple(cell.scored if every else cell.passing)


def _known(side: Sequence[Observation], metric: Metric) -> list[float]:
    return [value for one in side if (value := one.amount(metric)) is not None]


def _logs(values: Sequence[float]) -> list[float]:
    return [math.log(value) for value in values]
