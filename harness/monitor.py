"""Watches the machine while trials run: how late threads wake, the kernel's counters, and how fast it is."""

import os
import re
import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Self

from harness.clock import Clock, SystemClock
from harness.noise import LEAST_LAID, Laid, Sample, Totals
from harness.yardstick import Work, Yardstick, start_interpreter

PERIOD_S = 0.025
"""Between two wakes of the thread; 40 a second make a p99 of a trial of seconds."""

WAKES_A_LOOK = 8
"""The counters are read at every eighth wake, each 200 ms: the kernel counts idle time in steps of 10 ms a core."""

_READ_BYTES = 4096
_OF_CPU = 9  # words of the first line of /proc/stat that are used: "cpu" and eight counters
_NS_A_SECOND = 10**9

ReadTotals = Callable[[int], Totals | None]
"""The kernel's totals at a moment in nanoseconds; None where it has none."""


class Window:
    """The samples of one stretch of time, from `Monitor.open` to `close`; `laid` are the yardstick's looks in it.

    The first of those are the last ones before the stretch, so that a short one has some too.
    """

    def __init__(self, first: Sample, laid: Iterable[Laid], done: "Callable[[Window], Sample]") -> None:
        self._samples = [first]
        self.laid = list(laid)
        self._done = done

    def add(self, sample: Sample) -> None:
        """Keep one more."""
        self._samples.append(sample)

    def close(self) -> tuple[Sample, ...]:
        """End it; all its samples, in order."""
        self._samples.append(self._done(self))
        return tuple(sorted(self._samples, key=lambda sample: sample.at_ns))


class Monitor:
    """Samples the machine within its `with`; outside of it a window has its first and last look only."""

    def __init__(
        self, clock: Clock | None = None, totals: ReadTotals | None = None, work: Work = start_interpreter
    ) -> None:
        self._clock = clock or SystemClock()
        self._totals = totals or KernelTotals()
        self._windows: list[Window] = []
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="monitor", daemon=True)
        self._due_ns: int | None = None
        self._late: list[int] = []
        self._laid: deque[Laid] = deque(maxlen=LEAST_LAID)
        self._yardstick = Yardstick(self.lay, self._clock, work)

    def __enter__(self) -> Self:
        """Begin to watch."""
        self._thread.start()
        self._yardstick.__enter__()
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Watch no more."""
        self._ended.set()
        self._yardstick.__exit__(*exc_info)
        self._thread.join()

    def open(self) -> Window:
        """Begin a window, with a look at this moment."""
        look = self._look(())
        with self._lock:
            window = Window(look, self._laid, self._close)
            self._windows.append(window)
        return window

    def lay(self, laid: Laid) -> None:
        """One look of the yardstick, for all windows that are open."""
        with self._lock:
            self._laid.append(laid)
            for window in self._windows:
                window.laid.append(laid)

    def wake(self) -> None:
        """What the thread does each time it wakes: note how late it is, and look at the counters now and then."""
        if self._due_ns is not None:
            self._late.append(max(0, self._clock.now_ns() - self._due_ns))
        if len(self._late) >= WAKES_A_LOOK:
            sample, self._late = self._look(tuple(self._late)), []
            with self._lock:
                for window in self._windows:
                    window.add(sample)
        self._due_ns = self._clock.now_ns() + round(PERIOD_S * _NS_A_SECOND)

    def _watch(self) -> None:
        self.wake()
        while not self._ended.wait(PERIOD_S):
            self.wake()
        self._due_ns = None

    def _close(self, window: Window) -> Sample:
        """A last look; a thread that should have woken by now and has not is late already."""
        with self._lock:
            self._windows.remove(window)
        overdue = 0 if self._due_ns is None else self._clock.now_ns() - self._due_ns
        return self._look((*self._late, *([overdue] if overdue > 0 else ())))

    def _look(self, late: tuple[int, ...]) -> Sample:
        now_ns = self._clock.now_ns()
        return Sample(now_ns, late, self._totals(now_ns))


class KernelTotals:
    """Linux's own counters, of the whole machine, from `/proc`; None where there is no such thing."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._has_pressure = bool(_pressed(self._read("pressure/cpu"), "some"))
        self._cores = max(1, len(re.findall(r"^cpu\d", self._read("stat"), re.MULTILINE)))
        self._tick_ns = _NS_A_SECOND // os.sysconf("SC_CLK_TCK")
        self._queued_ns = 0
        self._looked_ns: int | None = None
        self._lock = threading.Lock()

    def __call__(self, now_ns: int) -> Totals | None:
        """The totals now."""
        first_line = self._read("stat").partition("\n")[0].split()
        if len(first_line) < _OF_CPU or first_line[0] != "cpu":
            return None
        user, nice, system, idle, waiting_for_disk, irq, softirq, stolen = map(int, first_line[1:_OF_CPU])
        pressure = _pressed(self._read("pressure/cpu"), "some") if self._has_pressure else None
        return Totals(
            pressed=self._queued(now_ns) if pressure is None else pressure,
            idle=(idle + waiting_for_disk) * self._tick_ns,
            busy=(user + nice + system + irq + softirq + stolen) * self._tick_ns,
            stolen=stolen * self._tick_ns,
            starved=_pressed(self._read("pressure/memory"), "full") or 0,
        )

    def _queued(self, now_ns: int) -> int:
        """Where the kernel tells no pressure: the time since the last look counts as far as more could run than cores.

        Of cores with one task too many each, all of it; with one on every second core, half.
        """
        running = re.match(r"(?:\S+ ){3}(\d+)/", self._read("loadavg"))
        too_many = max(0, int(running[1]) - self._cores) if running else 0
        with self._lock:
            since = 0 if self._looked_ns is None else max(0, now_ns - self._looked_ns)
            self._looked_ns = now_ns
            self._queued_ns += round(since * min(1.0, too_many / self._cores))
            return self._queued_ns

    def _read(self, name: str) -> str:
        """A small file; "" where it is not there, or is shown and refuses to be read, as some kernels have it."""
        with suppress(OSError), (self._proc / name).open("rb", buffering=0) as file:
            return file.read(_READ_BYTES).decode("ascii", "replace")
        return ""


def _pressed(text: str, line: str) -> int | None:
    """The total of a pressure file's line, in nanoseconds."""
    found = re.search(rf"^{line} .*total=(\d+)", text, re.MULTILINE)
    return int(found[1]) * 1000 if found else None
