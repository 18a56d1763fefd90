"""What a change of time is made of, in figures: phases, causes, classes of work, features. Pure.

The causes divide the difference of the agent walls exactly (`scoreboards.attribution`). Classes of work divide the time
of tool calls, in which those that ran while the model did are counted too.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from scoreboards.attribution import Cause, attribution
from scoreboards.gate.asking import Pair
from scoreboards.gate.findings import Part
from scoreboards.gate.policy import Metric
from scoreboards.gate.sample import Observation
from scoreboards.ledger import Ledger, mean_of

PHASES = ("model", "tool", "overlap", "wait", "harness")
"""What sums to the agent wall."""

LEAST = 0.01
"""Parts that carry less than this share of a change are left out."""

_NS = 1e9
_NAMES: Mapping[Cause, str] = {
    Cause.DECODE_SPEED: "model/decode",
    Cause.OUTPUT_TOKENS: "model/tokens",
    Cause.FIRST_TOKEN: "model/first_token",
    Cause.CONNECT: "model/connect",
    Cause.CALLS: "model/calls",
    Cause.TOOL: "tool",
    Cause.TRANSPORT: "tool/transport",
    Cause.OVERLAP: "overlap",
    Cause.WAIT: "wait",
    Cause.HARNESS: "harness",
}
_OVER: Mapping[Cause, tuple[str, str | None]] = {
    Cause.DECODE_SPEED: ("decode", "tokens"),
    Cause.OUTPUT_TOKENS: ("tokens", None),
    Cause.FIRST_TOKEN: ("first_token", "calls"),
    Cause.CONNECT: ("connect", "calls"),
    Cause.CALLS: ("calls", None),
    Cause.TOOL: ("tool", None),
    Cause.TRANSPORT: ("transport", None),
    Cause.OVERLAP: ("overlap", None),
    Cause.WAIT: ("wait", None),
    Cause.HARNESS: ("harness", None),
}
"""What of an account is compared for a cause's own change: a time, a number, or a time by number."""


@dataclass(frozen=True)
class Changes:
    """A metric's pairs, worked out: mean accounts and amounts of each feature, of the baseline and of the candidate."""

    metric: Metric
    pairs: Sequence[Pair]

    @cached_property
    def amounts(self) -> list[tuple[float, float]]:
        """The metric by feature, before and after, in its unit."""
        return [pair.means(self.metric) for pair in self.pairs]

    @cached_property
    def ledgers(self) -> list[tuple[Ledger, Ledger]]:
        """Mean accounts by feature, before and after."""
        return [(_mean_ledger(pair.before), _mean_ledger(pair.after)) for pair in self.pairs]

    @cached_property
    def whole(self) -> float:
        """What the metric rose by, summed over the features."""
        return math.fsum(after - before for before, after in self.amounts)

    @cached_property
    def walls(self) -> float:
        """The baseline's agent wall in seconds, summed over the features."""
        return math.fsum(float(before.wall) for before, _ in self.ledgers) / _NS

    def phases(self) -> tuple[Part, ...]:
        """The phases that make up the agent wall, all of them."""
        return tuple(self._part(name, [_phase(pair, name) for pair in self.ledgers]) for name in PHASES)

    def causes(self) -> tuple[Part, ...]:
        """What the rise of a time is owed to, most of it first: exact, and wholly divided."""
        each = [attribution([(after, before)]) for before, after in self.ledgers]
        found = (self._cause(cause, [parts[cause] / _NS for parts in each]) for cause in _NAMES if self._is_of(cause))
        return _ranked(found)

    def work(self) -> tuple[Part, ...]:
        """The same of tool calls by class of work, summed."""
        return self._by_name(lambda one: one.work)

    def waits(self) -> tuple[Part, ...]:
        """The same of waiting, by what for."""
        return self._by_name(lambda one: one.waits)

    def features(self) -> tuple[Part, ...]:
        """What each feature carries of the change, most first."""
        found = zip(self.pairs, self.amounts, strict=True)
        parts = (
            Part(
                name=pair.feature,
                change=_own(*sides, self.metric),
                share=_over(sides[1] - sides[0], self.whole),
                went=0,
                of=0,
            )
            for pair, sides in found
        )
        return _ranked(parts)

    def _is_of(self, cause: Cause) -> bool:
        return self.metric is Metric.AGENT_WALL or _NAMES[cause].split("/")[0] == self.metric.value

    def _cause(self, cause: Cause, rises: Sequence[float]) -> Part:
        before, after = (_ratio(side, *_OVER[cause]) for side in zip(*self.ledgers, strict=True))
        return self._summed(_NAMES[cause], rises, (before, after))

    def _by_name(self, amounts: Callable[[Observation], Mapping[str, int]]) -> tuple[Part, ...]:
        sides = [tuple(_means(side, amounts) for side in (pair.before, pair.after)) for pair in self.pairs]
        names = dict.fromkeys(name for pair in sides for side in pair for name in side)
        return _ranked(self._part(name, [(a.get(name, 0.0), b.get(name, 0.0)) for a, b in sides]) for name in names)

    def _part(self, name: str, sides: Sequence[tuple[float, float]]) -> Part:
        befores, afters = zip(*sides, strict=True)
        return self._summed(name, [b - a for a, b in sides], (math.fsum(befores), math.fsum(afters)))

    def _summed(self, name: str, rises: Sequence[float], sides: tuple[float | None, float | None]) -> Part:
        whole = math.fsum(rises)
        before, after = sides
        return Part(
            name=name,
            change=after / before - 1 if before and after is not None else None,
            share=_over(whole, self.whole),
            went=sum(rise * whole > 0 for rise in rises),
            of=len(rises),
        )


def _mean_ledger(side: Iterable[Observation]) -> Ledger:
    return mean_of(one.account for one in side)


def _means(side: Sequence[Observation], amounts: Callable[[Observation], Mapping[str, int]]) -> dict[str, float]:
    """Mean seconds of a trial by name."""
    sums: dict[str, int] = {}
    for one in side:
        for name, ns in amounts(one).items():
            sums[name] = sums.get(name, 0) + ns
    return {name: ns / len(side) / _NS for name, ns in sums.items()}


def _phase(pair: tuple[Ledger, Ledger], name: str) -> tuple[float, float]:
    before, after = (one.tool + one.transport if name == "tool" else getattr(one, name) for one in pair)
    return float(before) / _NS, float(after) / _NS


def _ratio(side: Sequence[Ledger], part: str, by: str | None) -> float | None:
    """A field of accounts summed, by another where one is named; None where it is not known."""
    parts = [getattr(one, part) for one in side]
    numbers = [1 if by is None else getattr(one, by) for one in side]
    if None in parts or None in numbers or not sum(numbers):
        return None
    return float(sum(parts) / (1 if by is None else sum(numbers)))


def _own(before: float, after: float, metric: Metric) -> float | None:
    if metric is Metric.PASS_RATE:
        return after - before
    return _over(after - before, before)


def _over(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _ranked(parts: Iterable[Part]) -> tuple[Part, ...]:
    known = (part for part in parts if part.share is not None and abs(part.share) >= LEAST)
    return tuple(sorted(known, key=lambda part: (-(part.share or 0.0), part.name)))
