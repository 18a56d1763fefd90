"""A trial's time as it runs out, which stands still while the trial waits in the harness's own queue."""

from collections.abc import Callable
from threading import Lock, Timer
from types import TracebackType
from typing import Self

from harness.clock import Clock

SHORTEST_S = 0.05
"""How soon time that has not quite run out is looked at again, seconds."""


class OwnQueue:
    """Time that a trial's calls spend in the harness's own queue for their provider, the present wait included."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waited_ns = 0
        self._since: int | None = None
        self._lock = Lock()

    @property
    def waited_ns(self) -> int:
        """Nanoseconds so far, from any thread."""
        with self._lock:
            return self._waited_ns + (0 if self._since is None else self._clock.now_ns() - self._since)

    def heard(self, kind: str) -> None:
        """Take note of what a call tells while it is under way (`harness.models.health.telling`)."""
        if kind not in ("model_queued", "model_slot"):
            return
        now = self._clock.now_ns()
        with self._lock:
            if self._since is not None:
                self._waited_ns += now - self._since
            self._since = now if kind == "model_queued" else None


class Countdown:
    """For the body's length: `over` is called, from another thread, once `left_s` says that no time is left.

    It is asked again when it should have run out, for by then it may have stood still.
    """

    def __init__(self, left_s: Callable[[], float], over: Callable[[], None]) -> None:
        self._left_s = left_s
        self._over = over
        self._ended = False
        self._timer: Timer | None = None
        self._lock = Lock()

    def __enter__(self) -> Self:
        """Begin to count."""
        self._arm(self._left_s())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Count no more."""
        with self._lock:
            self._ended = True
            if self._timer is not None:
                self._timer.cancel()

    def _arm(self, seconds: float) -> None:
        with self._lock:
            if not self._ended:
                self._timer = Timer(max(SHORTEST_S, seconds), self._look)
                self._timer.daemon = True
                self._timer.start()

    def _look(self) -> None:
        left_s = self._left_s()
        if left_s > 0:
            self._arm(left_s)
        else:
            self._over()
