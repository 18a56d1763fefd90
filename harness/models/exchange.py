"""One request in a thread of its own: its bytes are stamped as they arrive, whatever the caller is busy with."""

import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from harness.clock import Clock
from harness.models import line


@dataclass(frozen=True, slots=True, kw_only=True)
class Headers:
    """The answer's headers, lower-case names."""

    at: int
    status: int
    fields: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """Bytes of the body; `at` is the moment they were read from the wire."""

    at: int
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """The clean end of the body."""

    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """The request or its answer failed."""

    at: int
    error: Exception


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """The caller's side was closed."""

    at: int


Event = Headers | Data | End | Broken | Cut


_MOST_UNREAD_BYTES = 64 * 1024
"""What a server may send after its answer and still be listened to: a line's end, a goodbye."""

Talk = Callable[["Exchange"], None]
"""Makes a request and tells the exchange what comes back: all of it, or the rest is told from elsewhere."""


class Exchange:
    """Starts at once. The events come in order: headers, data, then one of end, broken or cut."""

    def __init__(self, talk: Talk, clock: Clock) -> None:
        self._talk = talk
        self._clock = clock
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.send = clock.now_ns()
        self.headers: int | None = None
        self.cut = False
        self.was_sent = False
        self._over = False
        self._unread_bytes = 0
        self._thread = threading.Thread(target=self._work, name="model-call", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether the request is still being made, or its answer read, by this exchange's own thread."""
        return self._thread.is_alive()

    def sending(self) -> None:
        """Stamp the moment of sending; the first one counts."""
        if self.headers is None:
            self.send = self._clock.now_ns()

    def sent(self) -> None:
        """Keep in mind that the request has reached the wire."""
        self.was_sent = True

    def answered(self) -> None:
        """Stamp the moment of the headers."""
        self.headers = self._clock.now_ns()

    def next(self, timeout_s: float) -> Event | None:
        """The next event, or None when none came in this time."""
        try:
            return self._events.get(timeout=max(0.0, timeout_s))
        except queue.Empty:
            return None

    def head(self, status: int, fields: Mapping[str, str]) -> None:
        """Tell of the headers; their moment is that of `answered`."""
        at = self.headers or self._clock.now_ns()
        self._events.put(Headers(at=at, status=status, fields=dict(fields)))

    def data(self, data: bytes) -> None:
        """Tell of bytes that were just read; where nobody stamped headers, the first ones are their moment too.

        Once nobody reads them any more they are let go. Raises ConnectionError where they do not end then.
        """
        at = self._clock.now_ns()
        if self._over or self.cut:
            self._unread_bytes += len(data)
            if self._unread_bytes > _MOST_UNREAD_BYTES:
                raise ConnectionError("the server goes on after the end of its answer")
            return
        self.headers = at if self.headers is None else self.headers
        self._events.put(Data(at=at, data=data))

    def end(self) -> None:
        """Tell of the clean end of the body."""
        self._events.put(End(at=self._clock.now_ns()))

    def broke(self, error: Exception) -> None:
        """Tell that the request or its answer failed."""
        self._events.put(Broken(at=self._clock.now_ns(), error=error))

    def over(self) -> None:
        """The answer is complete: whatever else comes is not kept."""
        self._over = True

    def abandon(self) -> None:
        """Wake whoever waits for an event; called before the line is cut."""
        self.cut = True
        self._events.put(Cut(at=self._clock.now_ns()))

    def _work(self) -> None:
        line.current.set(self)
        try:
            self._talk(self)
        except Exception as error:  # noqa: BLE001 - a thread's error must reach the one who waits for it
            self.broke(error)
