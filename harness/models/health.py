"""What all trials of a run know of one provider: when it wants to be left alone, and whether it is lost for good."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Any

from harness.models.contract import CallFailedError
from harness.models.gate import MOST, Gate

OnTrouble = Callable[[str, Mapping[str, Any]], None]
"""Told of trouble as it happens: a kind and a JSON-able body.

Kinds: "attempt_failed", "cool_down", "attempt"; "model_queued" and "model_slot" where the wait in the harness's own
queue for the provider begins and is over; "throttled" where the provider gets fewer requests at once, or more again.
"""

_listener: ContextVar[OnTrouble | None] = ContextVar("on_trouble", default=None)

_ONE_MODEL_ONLY = "no_such_model"
_NS_A_SECOND = 10**9


@contextmanager
def telling(listener: OnTrouble) -> Iterator[None]:
    """Tell of the failed attempts and the waits of all calls that this thread makes in the body, as they happen."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def tell(kind: str, **body: Any) -> None:
    """Something went wrong, or goes on after it, in a call of this thread."""
    listener = _listener.get()
    if listener is not None:
        listener(kind, body)


class ProviderHealth:
    """Shared by the models of one provider and key, from any thread. Moments are monotonic nanoseconds.

    With a `provider` it is that of one of its models: they cool down together, but a model that does not exist is
    lost alone, and they share its gate. `name` is what people call the provider, `most` how many requests it gets at
    once.
    """

    def __init__(self, provider: "ProviderHealth | None" = None, *, name: str = "", most: int = MOST) -> None:
        self._provider = provider
        self.name: str = provider.name if provider is not None else name
        self.gate: Gate = provider.gate if provider is not None else Gate(most)
        self._lock = threading.Lock()
        self._quiet_until = 0
        self._lost: CallFailedError | None = None

    @property
    def quiet_until(self) -> int:
        """No request should be sent before this moment; 0 when nothing was asked for."""
        if self._provider is not None:
            return self._provider.quiet_until
        with self._lock:
            return self._quiet_until

    @property
    def lost(self) -> CallFailedError | None:
        """The failure after which every further call would fail the same way, or None."""
        with self._lock:
            mine = self._lost
        return mine if mine is not None or self._provider is None else self._provider.lost

    def leave_alone(self, until: int) -> None:
        """Let nobody send before `until`; an earlier wish never shortens a later one."""
        if self._provider is not None:
            self._provider.leave_alone(until)
            return
        with self._lock:
            self._quiet_until = max(self._quiet_until, until)

    def lose(self, failure: CallFailedError) -> None:
        """Remember the first failure that no later call can get past."""
        if self._provider is not None and failure.fault != _ONE_MODEL_ONLY:
            self._provider.lose(failure)
            return
        with self._lock:
            self._lost = self._lost or failure


def too_long(wait_ns: float, most_s: float, now: datetime) -> str:
    """Until when a provider that asks for so long a wait is left alone, in words, or "" for at most `most_s` seconds.

    One that asks for no wait at all is "" too, however little is left. `now` is the time of day, UTC.
    """
    wait_s = wait_ns / _NS_A_SECOND
    if wait_s <= max(0.0, most_s):
        return ""
    until = now + timedelta(seconds=wait_s)
    return f"the provider wants to be left alone until {until:%Y-%m-%d %H:%M:%S} UTC, {wait_s:.0f} s from now"
