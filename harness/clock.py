"""One monotonic clock, spans on it, and the exclusive partition of a trial's wall-clock."""

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from itertools import pairwise
from typing import Protocol


class Phase(StrEnum):
    """To whom a stretch of wall-clock belongs; the seven sum to the whole."""

    SETUP = "setup"
    MODEL = "model"
    TOOL = "tool"
    OVERLAP = "overlap"
    WAIT = "wait"
    GRADE = "grade"
    HARNESS = "harness"


SUB_PHASES: Mapping[Phase, tuple[str, ...]] = {
    Phase.SETUP: ("image", "checkout", "start", "replay"),
    Phase.MODEL: ("decode", "first_token", "connect"),
    Phase.TOOL: ("exec", "transport"),
    Phase.OVERLAP: (),
    Phase.WAIT: ("failed_call", "backoff", "rate_limit", "model_slot", "tool_slot"),
    Phase.GRADE: ("export", "start", "suite", "probes", "second", "slot"),
    Phase.HARNESS: (),
}
"""Sub-phases in order of precedence: where two of one phase run at once, the earlier owns the time."""


class Clock(Protocol):
    """Time as the harness sees it: monotonic nanoseconds, sleep, and UTC for anchors only."""

    def now_ns(self) -> int:
        """Nanoseconds on a monotonic clock with an arbitrary zero."""
        ...

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        ...

    def utc(self) -> datetime:
        """The wall time, for anchors in records; never for durations."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now_ns(self) -> int:
        """`time.monotonic_ns`."""
        return time.monotonic_ns()

    def sleep(self, seconds: float) -> None:
        """`time.sleep`, with negative durations taken as none."""
        time.sleep(max(0.0, seconds))

    def utc(self) -> datetime:
        """The machine's UTC time."""
        return datetime.now(UTC)


def stamp_promptly() -> None:
    """Let a thread that wakes up run Python code within half a millisecond, whatever other threads are computing.

    By default it may wait 5 ms for its turn, and the moment it has come to stamp is over by then. Holds for the whole
    process.
    """
    sys.setswitchinterval(0.0005)


class ManualClock:
    """A clock that moves only when told: span arithmetic is proven to the nanosecond in no time at all."""

    def __init__(self, now_ns: int = 0) -> None:
        self._now_ns = now_ns

    def now_ns(self) -> int:
        """The time it was last moved to."""
        return self._now_ns

    def sleep(self, seconds: float) -> None:
        """Moves the clock at once."""
        self.advance_ns(round(max(0.0, seconds) * 1e9))

    def advance_ns(self, nanoseconds: int) -> None:
        """Move the clock forward."""
        self._now_ns += nanoseconds

    def utc(self) -> datetime:
        """The manual time, counted from 1970."""
        return datetime.fromtimestamp(self._now_ns / 1e9, UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A half-open interval [t0, t1) in monotonic nanoseconds, of one phase and sub-phase.

    `name` says what it was ("call 3", "shell"); `details` are small facts about it for timelines, never bodies.
    """

    phase: Phase
    sub: str
    t0: int
    t1: int
    name: str = ""
    details: Mapping[str, str | int | float | bool | None] = field(default_factory=dict)


class Stopwatch:
    """Collects the spans of one trial, from several threads; holds no totals.

    `earlier` are spans that it starts with, and that are no news.
    """

    def __init__(self, clock: Clock, earlier: Iterable[Span] = ()) -> None:
        self.clock = clock
        self._spans: list[Span] = list(earlier)
        self._told = len(self._spans)
        self._lock = threading.Lock()

    def add(self, *spans: Span) -> None:
        """Keep spans that were timed elsewhere on the same clock."""
        with self._lock:
            self._spans.extend(spans)

    @contextmanager
    def span(self, phase: Phase, sub: str, name: str = "") -> Iterator[None]:
        """Time the body; the span is kept also when the body raises."""
        t0 = self.clock.now_ns()
        try:
            yield
        finally:
            self.add(Span(phase=phase, sub=sub, t0=t0, t1=self.clock.now_ns(), name=name))

    @contextmanager
    def laps(self, phase: Phase, last: str) -> Iterator[Callable[[str], None]]:
        """Time the body in stages: calling what is yielded ends a stage under that name; the rest is `last`."""
        t0 = self.clock.now_ns()

        def lap(sub: str) -> None:
            nonlocal t0
            t1 = self.clock.now_ns()
            self.add(Span(phase=phase, sub=sub, t0=t0, t1=t1))
            t0 = t1

        try:
            yield lap
        finally:
            lap(last)

    def news(self) -> tuple[Span, ...]:
        """The spans that came since this was last asked, in the order they were added."""
        with self._lock:
            since, self._told = self._told, len(self._spans)
            return tuple(self._spans[since:])

    def spans(self) -> tuple[Span, ...]:
        """All spans so far, by start time."""
        with self._lock:
            return tuple(sorted(self._spans, key=lambda span: (span.t0, span.t1)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """A trial's wall-clock in integer nanoseconds, each nanosecond in exactly one phase.

    `phases` has all seven and sums to `wall_ns`; `sub_phases` ("model.decode") of a phase sum to it, where the phase
    has any; `summed` is work by phase, where parallel work counts each time and may exceed the wall.
    """

    wall_ns: int
    phases: Mapping[Phase, int]
    sub_phases: Mapping[str, int]
    summed: Mapping[Phase, int]


def partition(spans: Iterable[Span], start_ns: int, end_ns: int) -> Partition:
    """Split [start, end) among the phases; what no span covers is `harness`.

    Where spans overlap: set-up and grading own their time, a model call and a tool at once are `overlap`, and waiting
    counts only where nothing useful runs. Raises ValueError for a span that ends before it starts or leaves the trial.
    """
    known = tuple(spans)
    _check(known, start_ns, end_ns)
    phases = dict.fromkeys(Phase, 0)
    sub_phases: dict[str, int] = {}
    for owner, sub, length in _sweep(known, start_ns, end_ns):
        phases[owner] += length
        if sub:
            key = f"{owner}.{sub}"
            sub_phases[key] = sub_phases.get(key, 0) + length
    summed = dict.fromkeys(Phase, 0)
    for span in known:
        summed[span.phase] += span.t1 - span.t0
    wall_ns = end_ns - start_ns
    if sum(phases.values()) != wall_ns:
        raise ArithmeticError(f"phases sum to {sum(phases.values())} ns of a wall of {wall_ns} ns")
    return Partition(wall_ns=wall_ns, phases=phases, sub_phases=dict(sorted(sub_phases.items())), summed=summed)


def _check(spans: tuple[Span, ...], start_ns: int, end_ns: int) -> None:
    if end_ns < start_ns:
        raise ValueError(f"the trial ends before it starts: [{start_ns}, {end_ns})")
    for span in spans:
        if not start_ns <= span.t0 <= span.t1 <= end_ns:
            raise ValueError(f"span {span.phase}.{span.sub} [{span.t0}, {span.t1}) is not in [{start_ns}, {end_ns})")
        if span.phase in (Phase.OVERLAP, Phase.HARNESS):
            raise ValueError(f"{span.phase} is derived, never recorded")


def _sweep(spans: tuple[Span, ...], start_ns: int, end_ns: int) -> Iterator[tuple[Phase, str, int]]:
    """Elementary intervals in order, each with its owner; the active set changes only at span ends."""
    changes: dict[int, list[tuple[tuple[Phase, str], int]]] = {start_ns: [], end_ns: []}
    for span in spans:
        if span.t0 < span.t1:
            changes.setdefault(span.t0, []).append(((span.phase, span.sub), 1))
            changes.setdefault(span.t1, []).append(((span.phase, span.sub), -1))
    active: dict[tuple[Phase, str], int] = {}
    for at, following in pairwise(sorted(changes)):
        for key, step in changes[at]:
            active[key] = active.get(key, 0) + step
        owner, sub = _owner({key for key, count in active.items() if count})
        yield owner, sub, following - at


def _owner(active: set[tuple[Phase, str]]) -> tuple[Phase, str]:
    phases = {phase for phase, _ in active}
    if Phase.MODEL in phases and Phase.TOOL in phases and not phases & {Phase.SETUP, Phase.GRADE}:
        return Phase.OVERLAP, ""
    for phase in (Phase.SETUP, Phase.GRADE, Phase.MODEL, Phase.TOOL, Phase.WAIT):
        if phase in phases:
            subs = {sub for owner, sub in active if owner is phase}
            return phase, min(subs, key=lambda sub: _rank(phase, sub))
    return Phase.HARNESS, ""


def _rank(phase: Phase, sub: str) -> tuple[int, str]:
    order = SUB_PHASES[phase]
    return (order.index(sub) if sub in order else len(order), sub)
