"""When a run will have ended: a range that says how little is known. Pure.

The rest of the run is played through many times. Each time every group of trials (one model on one feature) gets a mean
from what is known of it (Student's t, which is wide for few trials), and every trial a duration drawn from those of the
group, scaled to that mean; a running trial's duration is one that is longer than it has taken so far. The trials then
take the places in their order. The range leaves out the twentieth of the plays that ended first and the one that ended
last, and is a fortieth wider at both ends: measured on made-up runs it holds the real end four times in five or more,
for heavy tails about as often.

What many queued trials come to is drawn as one sum, which is nearly normal, and only the last few rounds are played one
by one, so the cost of a forecast hardly depends on how many trials there are.
"""

import heapq
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.progress.durations import Durations

Key = tuple[str, str]
"""Model and feature."""

SHARE = 0.8
"""How often the real end lies inside the range, where trials are as alike as the forecast takes them to be."""

LEAST = 3
"""Finished trials that it takes to say anything."""

_MOST_PLAYS, _LEAST_PLAYS = 120, 40
_WORK = 12_000
_ROUNDS = 4
_CUT = 0.05
_MARGIN = 0.025


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """Seconds from now until the end: with probability `SHARE` between `least_s` and `most_s`."""

    least_s: float
    most_s: float


def outlook(
    finished: Mapping[Key, Sequence[float]], running: Sequence[tuple[Key, float]], queued: Sequence[Key], places: int
) -> Outlook | None:
    """The range, or None while fewer than three trials have finished.

    `finished` are the durations of trials by group, `running` the groups of those at work with the seconds that each
    has taken, `queued` the groups of the others in their order. A group of which fewer than three have finished is
    judged by its model's other trials, or else by all.
    """
    if not running and not queued:
        return Outlook(least_s=0.0, most_s=0.0)
    samples = _samples(finished, running, {*queued, *(key for key, _ in running)})
    if samples is None:
        return None
    places = max(1, places, len(running))
    dice = random.Random(0)  # noqa: S311 - no secret: the same standing shall give the same range
    tail = min(len(queued), _ROUNDS * places)
    plays = max(_LEAST_PLAYS, min(_MOST_PLAYS, _WORK // (tail + len(running) + 1)))
    play = _Play(samples, running, queued[: len(queued) - tail], queued[len(queued) - tail :], places)
    ends = sorted(play.end(dice) for _ in range(plays))
    return Outlook(least_s=_quantile(ends, _CUT) * (1 - _MARGIN), most_s=_quantile(ends, 1 - _CUT) * (1 + _MARGIN))


class _Play:
    """The rest of a run, to be played through."""

    def __init__(
        self,
        samples: Mapping[Key, Durations],
        running: Sequence[tuple[Key, float]],
        bulk: Sequence[Key],
        tail: Sequence[Key],
        places: int,
    ) -> None:
        self._samples = samples
        self._running = running
        self._bulk = {key: bulk.count(key) for key in dict.fromkeys(bulk)}
        self._tail = tail
        self._places = places

    def end(self, dice: random.Random) -> float:
        """Seconds until the last trial ends, this time."""
        distinct = {id(sample): sample for sample in self._samples.values()}
        by_sample = {name: sample.scale(dice) for name, sample in distinct.items()}
        scales = {key: by_sample[id(sample)] for key, sample in self._samples.items()}
        loads = [self._drawn(key, scales[key], dice, elapsed) - elapsed for key, elapsed in self._running]
        loads += [0.0] * (self._places - len(loads))
        if self._bulk:
            loads = self._spread(_levelled(loads, self._sum(scales, dice)), dice)
        heapq.heapify(loads)
        for key in self._tail:
            heapq.heapreplace(loads, loads[0] + self._drawn(key, scales[key], dice))
        return max(loads)

    def _drawn(self, key: Key, scale: float, dice: random.Random, beyond: float = 0.0) -> float:
        return self._samples[key].draw(dice, beyond / scale) * scale

    def _spread(self, loads: list[float], dice: random.Random) -> list[float]:
        """The places are not all free at once: each is amid some trial."""
        number = sum(self._bulk.values())
        mean = sum(count * self._samples[key].mean for key, count in self._bulk.items()) / number
        return [max(0.0, load + (dice.random() - 0.5) * mean) for load in loads]

    def _sum(self, scales: Mapping[Key, float], dice: random.Random) -> float:
        """What the trials before the last rounds come to, in seconds of one place."""
        mean = sum(number * self._samples[key].mean * scales[key] for key, number in self._bulk.items())
        variance = sum(number * self._samples[key].variance * scales[key] ** 2 for key, number in self._bulk.items())
        return max(0.0, dice.gauss(mean, math.sqrt(variance))) if self._bulk else 0.0


def _samples(
    finished: Mapping[Key, Sequence[float]], running: Sequence[tuple[Key, float]], wanted: set[Key]
) -> dict[Key, Durations] | None:
    """What stands for each group; None while nothing does."""
    going: dict[Key, list[float]] = {}
    for key, elapsed in running:
        going.setdefault(key, []).append(elapsed)
    whole = _pooled(finished, going, set(finished) | set(going))
    if whole is None:
        return None
    models = {key[0] for key in wanted}
    known = {*finished, *going}
    by_model = {model: _pooled(finished, going, {key for key in known if key[0] == model}) for model in models}
    return {key: _pooled(finished, going, {key}) or by_model[key[0]] or whole for key in wanted}


def _pooled(
    finished: Mapping[Key, Sequence[float]], going: Mapping[Key, Sequence[float]], keys: set[Key]
) -> Durations | None:
    """What some groups tell together; None where too few of their trials have finished."""
    ended = [value for key in keys for value in finished.get(key, ())]
    return Durations(ended, [value for key in keys for value in going.get(key, ())]) if len(ended) >= LEAST else None


def _levelled(loads: list[float], work: float) -> list[float]:
    """The places' loads once so much more work has gone to whichever was free first."""
    if work <= 0:
        return loads
    loads = sorted(loads)
    level, filled = loads[0], 1
    while filled < len(loads) and (loads[filled] - level) * filled < work:
        work -= (loads[filled] - level) * filled
        level = loads[filled]
        filled += 1
    level += work / filled
    return [max(level, load) for load in loads]


def _quantile(ordered: Sequence[float], share: float) -> float:
    """The value below which this share of the ordered ones lies, between two of them in proportion."""
    at = share * (len(ordered) - 1)
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (at - low) * (ordered[high] - ordered[low])
