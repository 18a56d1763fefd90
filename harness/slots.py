"""Tool slots: how many sandboxes may burn CPU at once, so that contention does not pollute the clock."""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from harness.clock import Phase, Stopwatch
from harness.errors import InterruptedRunError


def slot_count(cores: int, cpus: Iterable[float]) -> int:
    """How many sandboxes may run commands at once: (cores - 1) / cpus per sandbox, and at least one.

    One core stays for the harness, the simulator and the engine. Of targets with different `cpus` the largest decides:
    all slots are alike, and too few of them cost time in the queue, never truth. Less than one CPU still counts as a
    core, for a sandbox uses a whole one until its quota is spent.
    """
    return max(1, int((cores - 1) / max((1.0, *cpus))))


class Slots:
    """A fixed number of slots shared by all trials, handed out in the order they were asked for."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._free = count
        self._queue: list[object] = []
        self._changed = threading.Condition()
        self._closed = False

    @property
    def queued(self) -> int:
        """How many wait for a slot now."""
        with self._changed:
            return len(self._queue)

    @contextmanager
    def take(self, stopwatch: Stopwatch, phase: Phase, sub: str) -> Iterator[int]:
        """Hold one slot for the body; yields the nanoseconds waited, which are booked as the given phase.

        Raises InterruptedRunError when the slots are closed while waiting.
        """
        t0 = stopwatch.clock.now_ns()
        with stopwatch.span(phase, sub, "slot"):
            self._acquire()
        try:
            yield stopwatch.clock.now_ns() - t0
        finally:
            self._release()

    def close(self) -> None:
        """Let nobody in any more; those who wait are told at once."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _acquire(self) -> None:
        ticket = object()
        with self._changed:
            self._queue.append(ticket)
            try:
                self._changed.wait_for(lambda: self._closed or (self._free > 0 and self._queue[0] is ticket))
                if self._closed:
                    raise InterruptedRunError("interrupted while waiting for a tool slot")
                self._free -= 1
            finally:
                self._queue.remove(ticket)
                self._changed.notify_all()

    def _release(self) -> None:
        with self._changed:
            self._free += 1
            self._changed.notify_all()
