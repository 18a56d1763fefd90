"""How fast the machine is: the CPU time that a fixed piece of work takes, laid against it while trials run.

Neighbours on the same hardware take caches, memory and clock speed away, of which no counter of a guest tells: the same
tests then take half as long again, with no core stolen and none contended. What tests do most, starting an interpreter,
slows down as they do.
"""

import os
import platform
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Self

from harness.clock import Clock, SystemClock
from harness.noise import Laid

PERIOD_S = 3.0
"""Between two looks; one takes some 20 ms of one core, so all of them 0.7 % of it."""

_WORK = ("-I", "-S", "-c", "import json")
_NS_A_SECOND = 10**9

Work = Callable[[], int | None]
"""Does the work; returns its CPU nanoseconds, None where it cannot be done here."""


def start_interpreter() -> int | None:
    """Start a bare interpreter that loads a module; its CPU time, in the kernel and outside of it, in nanoseconds."""
    with suppress(OSError, ChildProcessError):
        argv = (os.path.realpath(sys.executable or ""), *_WORK)
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        return round((used.ru_utime + used.ru_stime) * _NS_A_SECOND) if child.returncode == 0 else None
    return None


def yardstick_name() -> str:
    """What the work is: CPU times of different work say nothing of machines."""
    return f"start of {platform.python_implementation()} {platform.python_version()}"


class Yardstick:
    """Looks again and again within its `with`, in a thread of its own, and tells each look to `seen`."""

    def __init__(
        self, seen: Callable[[Laid], None], clock: Clock | None = None, work: Work = start_interpreter
    ) -> None:
        self._seen = seen
        self._clock = clock or SystemClock()
        self._work = work
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="yardstick", daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        """End, after the look that is under way."""
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.is_set():
            cpu_ns = self._work()
            if cpu_ns:
                self._seen(Laid(self._clock.now_ns(), cpu_ns))
            self._ended.wait(PERIOD_S)
