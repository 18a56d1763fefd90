"""How many requests one provider gets at once: fewer after each 429, slowly more after each answer."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

MOST = 1_000
"""Requests at once where nobody named a cap: as many as there may be trials."""

NAP_S = 0.2
"""How often who waits looks whether there is still any use in it, seconds."""


class Outcome(StrEnum):
    """What became of a request, as far as the gate is concerned."""

    ANSWERED = "answered"
    THROTTLED = "throttled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """The right to one request; `halvings` is how often the gate had been narrowed when it was given."""

    halvings: int


class Ticket:
    """A place in the queue of a gate; `wake` lets who waits with it look at once whether there is any use in it."""

    def __init__(self) -> None:
        self.passage: Passage | None = None
        self._woken = threading.Event()

    def wake(self) -> None:
        """End a nap, from any thread."""
        self._woken.set()

    def nap(self) -> None:
        """Wait until woken, or for a nap's length."""
        self._woken.wait(NAP_S)


class Gate:
    """At most `most` requests of one provider and key in flight, from any thread, first come first served.

    A 429 halves what is allowed: once for all the requests that were let in before it was halved last, for they failed
    together, and half of what was in flight where that is less. It never falls below one. An answered request adds its
    share, so that a full round of answers allows one more, up to `most`.
    """

    def __init__(self, most: int = MOST) -> None:
        self.most = max(1, most)
        self._allowed = float(self.most)
        self._in_flight = 0
        self._halvings = 0
        self._queue: deque[Ticket] = deque()
        self._lock = threading.Lock()

    @property
    def at_once(self) -> int:
        """How many requests may be in flight now."""
        with self._lock:
            return int(self._allowed)

    @property
    def queued(self) -> int:
        """How many wait to be let in."""
        with self._lock:
            return len(self._queue)

    def line_up(self) -> Ticket:
        """A ticket behind all others, which holds a passage at once where nobody need be waited for."""
        ticket = Ticket()
        with self._lock:
            self._queue.append(ticket)
            self._let_in()
        return ticket

    def wait(self, ticket: Ticket, useless: Callable[[], bool]) -> Passage | None:
        """The passage of a ticket once its turn has come; None, and out of the queue, once waiting is `useless`."""
        while ticket.passage is None:
            if useless():
                with self._lock:
                    if ticket.passage is None:
                        self._queue.remove(ticket)
                        return None
            else:
                ticket.nap()
        return ticket.passage

    def withdraw(self, ticket: Ticket) -> None:
        """Take a ticket back whose holder does not go on: out of the queue, or its passage given to the next."""
        with self._lock:
            if ticket in self._queue:
                self._queue.remove(ticket)
            elif ticket.passage is not None:
                self._in_flight -= 1
                self._let_in()

    def leave(self, passage: Passage, outcome: Outcome) -> int | None:
        """Give a passage back; returns how many requests are allowed from now on, None where that stays the same."""
        with self._lock:
            before = int(self._allowed)
            if outcome is Outcome.THROTTLED and passage.halvings == self._halvings:
                self._halvings += 1
                self._allowed = max(1.0, min(self._allowed, self._in_flight) / 2)
            elif outcome is Outcome.ANSWERED:
                self._allowed = min(float(self.most), self._allowed + 1 / self._allowed)
            self._in_flight -= 1
            self._let_in()
            after = int(self._allowed)
        return None if after == before else after

    def _let_in(self) -> None:
        """Hand out what is free, in order; only who is let in is woken, however many wait."""
        while self._queue and self._in_flight < int(self._allowed):
            ticket = self._queue.popleft()
            self._in_flight += 1
            ticket.passage = Passage(halvings=self._halvings)
            ticket.wake()
