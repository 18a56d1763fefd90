"""Whether a trial's times can be trusted: what the machine did meanwhile, and the judgement of it. Pure."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import NamedTuple

from harness.clock import Phase, Span

LATE_MS = 5.0
"""A harness that wakes up later than this (p99) cannot stamp within the 5 ms that its times are held to."""

CROWDED = 0.25
"""Share of its commands' time in which cores were contended. A core with one task waiting gives each half of itself, so
a command that shares its core for a quarter of its time takes 1 / (1 - 1/8) = 1.14 times as long: about the 15 % that
tool slots keep commands within."""

STOLEN = 0.10
"""Share of CPU time that a hypervisor gave to others: commands took a tenth longer, whatever was done here."""

STARVED = 0.05
"""Share of the time in which every task that could run waited for memory."""

LEAST_COMMANDS_NS = 10**9
"""Under a second of commands, a few looks at the kernel's counters say nothing of them."""

LEAST_LAID = 4
"""One look scatters by a tenth and more; the mean of fewer would tell of the look, not of the machine."""

_NEAR_NS = 50_000_000
"""A look at the yardstick that ended so long after a command began still tells of it."""

SPARE_CORE = 0.1
"""Cores are all taken where they were idle, together, for less than this share of one core's time."""

_LATE = f"the harness woke up {{:.0f}} ms late (p99); times are not good to {LATE_MS:g} ms"
_CROWDED = "for {:.0%} of the time its commands ran, others waited for a core and none was idle"
_STOLEN = "other guests of the hypervisor had {:.0%} of the CPU time that its commands could have had"
_STARVED = "for {:.0%} of the time everything waited for memory"

_STAMPED = (Phase.MODEL, Phase.TOOL)


class Totals(NamedTuple):
    """What the kernel has counted since it started, in nanoseconds.

    `pressed`: some task waited for a CPU (averaged over the cores that were not idle). `idle`, `busy` and `stolen`:
    core time, summed over all cores; `busy` includes `stolen`. `starved`: every task waited for memory.
    """

    pressed: int
    idle: int
    busy: int
    stolen: int
    starved: int


class Sample(NamedTuple):
    """One look at the machine: the moment, how late the harness woke each time since the last look, the totals."""

    at_ns: int
    late_ns: tuple[int, ...]
    totals: Totals | None


class Laid(NamedTuple):
    """One look at the yardstick: when it ended, and the CPU nanoseconds that its work took, waiting not counted."""

    at_ns: int
    cpu_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What a trial ran under; None where the machine does not tell. Shares are between 0 and 1.

    Lateness is of the time in which calls and tools were stamped: how late a thread is at setting one up, or at
    grading, is nobody's measurement.
    `cpu_pressure` is the kernel's own figure over the whole trial: it also rises when the processes of one sandbox wait
    for each other within its quota, which is the target's affair. `crowded` counts it only where no core was idle and
    only while the trial's own commands ran; `stolen` is of these times too, `starved` of the whole trial.
    `yardstick_us` is the mean of the yardstick's CPU time while commands ran, or of the whole trial where it was hardly
    laid then: how fast the machine was, which no share tells.
    """

    lateness_p99_ms: float | None = None
    lateness_max_ms: float | None = None
    cpu_pressure: float | None = None
    crowded: float | None = None
    stolen: float | None = None
    starved: float | None = None
    yardstick_us: float | None = None

    def facts(self) -> dict[str, str]:
        """As provenance, keys beginning with `during`; what is unknown is left out."""
        named = {
            "lateness_p99_ms": self.lateness_p99_ms,
            "lateness_max_ms": self.lateness_max_ms,
            "cpu_pressure": self.cpu_pressure,
            "cpu_crowded": self.crowded,
            "steal": self.stolen,
            "memory_pressure": self.starved,
            "yardstick_us": self.yardstick_us,
        }
        return {f"during.{name}": f"{value:.3f}" for name, value in named.items() if value is not None}


def reasons(found: Conditions) -> tuple[str, ...]:
    """Why the times of a trial under these conditions are not to be trusted; empty where they are."""
    return tuple(
        words.format(value).replace("%", " %")
        for value, most, words in (
            (found.lateness_p99_ms, LATE_MS, _LATE),
            (found.crowded, CROWDED, _CROWDED),
            (found.stolen, STOLEN, _STOLEN),
            (found.starved, STARVED, _STARVED),
        )
        if value is not None and value > most
    )


def conditions(samples: Sequence[Sample], spans: Iterable[Span], laid: Sequence[Laid] = ()) -> Conditions:
    """What these samples, in order, say of the time from the first to the last, and of the trial's spans in it.

    `laid` are the looks of the yardstick in that time.
    """
    known = tuple(spans)
    late = sorted(_late(samples, Covered(span for span in known if span.phase in _STAMPED)))
    looks = tuple(_looks(samples, Covered(span for span in known if _is_command(span))))
    wall = sum(look.wall for look in looks)
    theirs = sum(look.wall * look.share for look in looks)
    enough = theirs >= LEAST_COMMANDS_NS
    return Conditions(
        lateness_p99_ms=_p99(late) / 1e6 if late else None,
        lateness_max_ms=late[-1] / 1e6 if late else None,
        cpu_pressure=sum(look.pressed for look in looks) / wall if wall else None,
        crowded=sum(look.crowded * look.share for look in looks) / theirs if enough else None,
        stolen=_stolen(looks) if enough else None,
        starved=sum(look.starved for look in looks) / wall if wall else None,
        yardstick_us=_yardstick_us(laid, Covered(span for span in known if _is_command(span))),
    )


def _p99(ordered: Sequence[int]) -> int:
    """What all but one of a hundred do not exceed; of fewer all but the largest, which may be a hiccup."""
    return ordered[max(0, len(ordered) - 1 - max(1, len(ordered) // 100))]


def _is_command(span: Span) -> bool:
    """Whether the target's programs ran in it: a tool, or the suite."""
    return span.phase is Phase.TOOL or (span.phase is Phase.GRADE and span.sub in {"suite", "probes", "second"})


class Covered:
    """The union of some spans: how much of a stretch lies in it."""

    def __init__(self, spans: Iterable[Span]) -> None:
        merged: list[tuple[int, int]] = []
        for t0, t1 in sorted((span.t0, span.t1) for span in spans):
            if merged and t0 <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(merged[-1][1], t1))
            elif t0 < t1:
                merged.append((t0, t1))
        self._merged = merged
        self._starts = [t0 for t0, _ in merged]
        self._before = [0, *accumulate(t1 - t0 for t0, t1 in merged)]

    def within(self, t0: int, t1: int) -> int:
        """Nanoseconds of [t0, t1) that are covered."""
        return self._until(t1) - self._until(t0)

    def _until(self, moment: int) -> int:
        place = bisect_right(self._starts, moment)
        if not place:
            return 0
        began, ended = self._merged[place - 1]
        return self._before[place - 1] + min(moment, ended) - began


def _yardstick_us(laid: Sequence[Laid], covered: Covered) -> float | None:
    every = [one.cpu_ns for one in laid]
    beside = [one.cpu_ns for one in laid if covered.within(one.at_ns - _NEAR_NS, one.at_ns)]
    found = next((some for some in (beside, every) if len(some) >= LEAST_LAID), [])
    return sum(found) / len(found) / 1000 if found else None


class _Look(NamedTuple):
    """What happened between two looks, in nanoseconds; `share` of it had commands running."""

    wall: int
    share: float
    pressed: int
    crowded: int
    busy: int
    stolen: int
    starved: int


def _late(samples: Sequence[Sample], covered: Covered) -> Iterator[int]:
    """The latenesses that were noted at the end of a stretch in which something was stamped."""
    for one, next_ in pairwise(samples):
        if covered.within(one.at_ns, next_.at_ns):
            yield from next_.late_ns


def _looks(samples: Sequence[Sample], covered: Covered) -> Iterator[_Look]:
    for one, next_ in pairwise(samples):
        wall = next_.at_ns - one.at_ns
        if wall <= 0 or one.totals is None or next_.totals is None:
            continue
        pressed, idle, busy, stolen, starved = (
            max(0, b - a) for a, b in zip(one.totals, next_.totals, strict=True)
        )  # kernels have been seen to count backwards
        yield _Look(
            wall=wall,
            share=covered.within(one.at_ns, next_.at_ns) / wall,
            pressed=min(pressed, wall),
            crowded=min(pressed, wall) if idle < SPARE_CORE * wall else 0,
            busy=busy,
            stolen=stolen,
            starved=min(starved, wall),
        )


def _stolen(looks: Sequence[_Look]) -> float:
    """Core time taken by others, of what was used while commands ran; of one core's, where less than one was used."""
    taken = sum(look.stolen * look.share for look in looks)
    used = sum(max(look.busy, look.wall) * look.share for look in looks)
    return min(1.0, taken / used)
