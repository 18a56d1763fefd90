"""Trials get places to work at, in the plan's order; one that sleeps long for its provider lends its place."""

import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from enum import Enum, auto
from operator import itemgetter

from harness.models.parking import PARK_S, holding
from harness.plan import Trial

POLL_S = 0.5
"""How often it is looked whether a provider may be asked again, seconds, while only such trials are left."""


class Readiness(Enum):
    """Whether a trial should begin: now, once its provider may be asked, or only to be given up in the end."""

    NOW = auto()
    LATER = auto()
    LAST = auto()


def _by_model(trial: Trial) -> Hashable:
    return trial.model


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What decides whether a trial begins; called one at a time.

    `room` says whether there is a budget for it, `begun` is told that it begins; `stopped` ends it all. Trials of one
    `group` are alike as to readiness and room, so that only the first of each is looked at.
    """

    readiness: Callable[[Trial], Readiness]
    room: Callable[[Trial], bool]
    begun: Callable[[Trial], None]
    stopped: Callable[[], bool]
    group: Callable[[Trial], Hashable] = _by_model


def readiness(quiet_s: float, *, put_off: bool) -> Readiness:
    """Of a trial whose provider wants to be left alone for so long; `put_off` for longer than the trial may wait."""
    if put_off:
        return Readiness.LAST
    return Readiness.LATER if quiet_s >= PARK_S else Readiness.NOW


class Dispatcher:
    """Runs trials in threads of their own, `places` of them at once, each thread started when its place is free.

    Trials begin in the plan's order, but those whose provider wants to be left alone are passed over until it may be
    asked again; one that could not wait so long is given up only when nothing else is left to do. Who comes back from a
    sleep goes before who has not begun.
    """

    def __init__(self, trials: Iterable[Trial], places: int, rules: Rules, work: Callable[[Trial], None]) -> None:
        self._queues: dict[Hashable, deque[tuple[int, Trial]]] = {}
        for number, trial in enumerate(trials):
            self._queues.setdefault(rules.group(trial), deque()).append((number, trial))
        self._rules = rules
        self._work = work
        self._free = max(1, places)
        self._returning: deque[object] = deque()
        self._threads: set[threading.Thread] = set()
        self._error: BaseException | None = None
        self._out_of_room = False
        self._changed = threading.Condition()

    @property
    def waiting(self) -> int:
        """How many trials have not begun."""
        with self._changed:
            return sum(map(len, self._queues.values()))

    def run(self) -> int:
        """Run the trials until all are over, there is no room for more, or it is stopped; returns how many never began.

        Raises what the work raised first, or what kept trials from beginning, once all threads have ended.
        """
        try:
            while (trial := self._next()) is not None:
                self._start(trial)
        except BaseException as error:  # noqa: BLE001 - raised again below, once nobody works any more
            with self._changed:
                self._error = self._error or error
        with self._changed:
            self._changed.wait_for(lambda: not self._threads)
        if self._error is not None:
            raise self._error
        return self.waiting

    def wake(self) -> None:
        """Look at once whether it was stopped, from any thread."""
        with self._changed:
            self._changed.notify_all()

    def _next(self) -> Trial | None:
        """The trial to begin, with a place taken for it; waits until there is one, None when there will be none."""
        with self._changed:
            while not self._rules.stopped() and not self._out_of_room and any(self._queues.values()):
                soon = False
                if self._free and not self._returning:
                    trial, soon = self._candidate()
                    if trial is not None:
                        self._rules.begun(trial)
                        self._queues[self._rules.group(trial)].popleft()
                        self._free -= 1
                        return trial
                if not self._out_of_room:
                    self._changed.wait(POLL_S if soon else None)
            return None

    def _candidate(self) -> tuple[Trial | None, bool]:
        """The first trial that may begin, else None and whether one may soon without anything else happening.

        One for which there is no room is passed over: others may be cheap, or cost nothing. There is no room at all
        only once nobody is at work, for what is reserved for those may yet come free.
        """
        heads = [
            trial for _, trial in sorted((queue[0] for queue in self._queues.values() if queue), key=itemgetter(0))
        ]
        ready = {kind: deque[Trial]() for kind in Readiness}
        for trial in heads:
            ready[self._rules.readiness(trial)].append(trial)
        now = next(filter(self._rules.room, ready[Readiness.NOW]), None)
        soon = bool(ready[Readiness.LATER] or ready[Readiness.LAST])
        if now is not None or self._threads:
            return now, soon
        if any(map(self._rules.room, ready[Readiness.LATER])):
            return None, True
        self._out_of_room = not ready[Readiness.LAST]
        return next(iter(ready[Readiness.LAST]), None), False

    def _start(self, trial: Trial) -> None:
        thread = threading.Thread(target=self._run, args=(trial,), name=f"trial {trial.label}")
        with self._changed:
            self._threads.add(thread)
        try:
            thread.start()
        except BaseException:
            with self._changed:
                self._threads.discard(thread)
                self._free += 1
            raise

    def _run(self, trial: Trial) -> None:
        place = _Place(self)
        try:
            with holding(place):
                self._work(trial)
        except BaseException as error:  # noqa: BLE001 - raised again by `run`, in the thread that waits for all
            with self._changed:
                self._error = self._error or error
        finally:
            with self._changed:
                self._free += place.held
                self._threads.discard(threading.current_thread())
                self._changed.notify_all()

    def give(self) -> None:
        """One place more is free."""
        with self._changed:
            self._free += 1
            self._changed.notify_all()

    def take(self, useless: Callable[[], bool]) -> bool:
        """Take a place before those who have not begun; False, without one, once that is useless or it is stopped."""
        ticket = object()
        with self._changed:
            self._returning.append(ticket)
            try:
                while not (self._free and self._returning[0] is ticket):
                    if useless() or self._rules.stopped():
                        return False
                    self._changed.wait(POLL_S)
                self._free -= 1
                return True
            finally:
                self._returning.remove(ticket)
                self._changed.notify_all()


class _Place:
    """The place of one trial."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self.held = True
        self._dispatcher = dispatcher

    def leave(self) -> None:
        if self.held:
            self.held = False
            self._dispatcher.give()

    def come_back(self, useless: Callable[[], bool]) -> None:
        if not self.held:
            self.held = self._dispatcher.take(useless)
