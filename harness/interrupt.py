"""Ctrl-C, SIGTERM and SIGHUP: the first ends the run cleanly, the second hastily, the third at once."""

import os
import select
import signal
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

HASTY_S = 3.0


class Interrupts:
    """Knows how to end whatever a trial is blocked in; `flag` is set from the first signal on."""

    def __init__(self) -> None:
        self.flag = threading.Event()
        self._ends: dict[object, Callable[[], object]] = {}
        self._lock = threading.RLock()  # a signal's handler may find the main thread inside
        self._signals = 0
        self._raises = False

    @contextmanager
    def ending(self, end: Callable[[], object]) -> Iterator[None]:
        """For the body's length, `end` is what an interrupt calls (from another thread) to unblock it."""
        key = object()
        with self._lock:
            self._ends[key] = end
        try:
            if self.flag.is_set():
                end()
            yield
        finally:
            with self._lock:
                self._ends.pop(key, None)

    @contextmanager
    def raising(self) -> Iterator[None]:
        """In the main thread: the first signal also raises KeyboardInterrupt in the body, which nothing else ends."""
        self._raises = True
        try:
            yield
        finally:
            self._raises = False

    def interrupt(self) -> None:
        """Set the flag and unblock everybody, each in a thread of its own; returns at once."""
        self.flag.set()
        with self._lock:
            ends = tuple(self._ends.values())
        for end in ends:
            threading.Thread(target=_quietly, args=(end,), daemon=True).start()

    @contextmanager
    def listening(self, on_first: Callable[[], None], on_second: Callable[[], None]) -> Iterator[None]:
        """Handle SIGINT, SIGTERM and SIGHUP during the body; `on_second` gets three seconds before the process ends.

        SIGHUP stays ignored where it was (nohup), and hurries nothing: the kernel and a shell may both send it.
        """

        def handle(number: int, _frame: FrameType | None) -> None:
            if number == signal.SIGHUP:
                leave_lost_terminal()
                if self._signals:
                    return
            self._signals += 1
            if self._signals == 1:
                on_first()
                self.interrupt()
                if self._raises:
                    raise KeyboardInterrupt
            elif self._signals == 2:  # noqa: PLR2004 - the second signal
                threading.Thread(target=_hastily, args=(on_second,), daemon=True).start()
            else:
                os._exit(130)

        before = {number: signal.signal(number, handle) for number in endings()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def endings() -> tuple[signal.Signals, ...]:
    """The signals that ask this process to end: SIGHUP is none where it is ignored, as nohup leaves it."""
    hang_up = () if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else (signal.SIGHUP,)
    return (signal.SIGINT, signal.SIGTERM, *hang_up)


def unwind(number: int, _frame: FrameType | None) -> None:
    """A signal's handler that ends what the main thread is at as Ctrl-C does; a second SIGHUP changes nothing."""
    if number == signal.SIGHUP:
        signal.signal(signal.SIGHUP, _stay)
        leave_lost_terminal()
    raise KeyboardInterrupt


def leave_lost_terminal() -> None:
    """Send what is still written to a terminal that was closed nowhere: writing there would fail."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            number = stream.fileno()
            look = select.poll()
            look.register(number, select.POLLOUT)
            if stat.S_ISCHR(os.fstat(number).st_mode) and any(how & _LOST for _, how in look.poll(0)):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, number)
                os.close(nowhere)


_LOST = select.POLLHUP | select.POLLERR


def _stay(_number: int, _frame: FrameType | None) -> None:
    leave_lost_terminal()


def _quietly(end: Callable[[], object]) -> None:
    with suppress(Exception):
        end()


def _hastily(on_second: Callable[[], None]) -> None:
    worker = threading.Thread(target=_quietly, args=(on_second,), daemon=True)
    worker.start()
    worker.join(HASTY_S)
    os._exit(130)
