"""What is played to whom: models, scripts, and how often each trial has asked for each turn."""

import itertools
import secrets
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from harness.simulator.config import Pace, SimulatorConfig
from harness.simulator.echo import echoing
from harness.simulator.log import SentLog
from harness.simulator.rejection import RejectedError
from harness.turns import ScriptedFault, Turn

SCRIPT_HEADER = "x-splitclock-script"
"""The request header that names the script."""

TRIAL_HEADER = "x-splitclock-trial"
"""The request header that names the trial, to each of which all faults are played; without it all are one trial."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """Who asks: a trial, for the turns of a script; `authorization` is the header that it came with."""

    script: str
    trial: str
    authorization: str = field(default="", compare=False, repr=False)


class Stage:
    """Shared by all connections. Raises ConfigError for unreadable scripts."""

    def __init__(self, config: SimulatorConfig) -> None:
        self.models = config.models
        self.log = SentLog(config.log)
        self._scripts = config.turns()
        self._run = secrets.token_hex(4)
        self._numbers = itertools.count(1)
        self._attempts: Counter[tuple[Audience, int]] = Counter()
        self._in_flight: Counter[str] = Counter()
        self._next: dict[Audience, int] = {}
        self._lock = threading.Lock()

    def next_id(self, prefix: str = "") -> str:
        """A request id that no other simulator gives."""
        with self._lock:
            return f"{prefix}sim-{self._run}-{next(self._numbers)}"

    def pace(self, model: str) -> Pace:
        """How fast this model speaks. Raises RejectedError."""
        try:
            return self.models[model]
        except KeyError:
            known = ", ".join(sorted(self.models))
            raise RejectedError(404, f"no model {model!r}; known: {known}", "model_not_found", "model") from None

    @contextmanager
    def room(self, model: str) -> Iterator[Callable[[], None]]:
        """One request more of this model, until what is yielded is called or the body is over.

        Raises RejectedError where that is one too many.
        """
        most = self.pace(model).most_in_flight
        held = [model]

        def free() -> None:
            with self._lock:
                if held:
                    self._in_flight[held.pop()] -= 1

        with self._lock:
            if most and self._in_flight[model] >= most:
                raise RejectedError(429, f"no more than {most} requests at once", "rate_limit_exceeded")
            self._in_flight[model] += 1
        try:
            yield free
        finally:
            free()

    def turn(self, audience: Audience, number: int) -> Turn:
        """The turn with this number, from 0. Raises RejectedError."""
        try:
            turns = self._scripts[audience.script]
        except KeyError:
            known = ", ".join(sorted(self._scripts))
            raise RejectedError(
                400, f"no script {audience.script!r} (header {SCRIPT_HEADER}); known: {known}"
            ) from None
        if number >= len(turns):
            told = f"script {audience.script!r} ends after {len(turns)} turns; turn {number + 1} was asked for"
            raise RejectedError(400, told)
        return turns[number]

    def attempt(self, audience: Audience, number: int) -> int:
        """Count one more attempt at this turn; which one it is, from 1."""
        with self._lock:
            self._next[audience] = number
            self._attempts[audience, number] += 1
            return self._attempts[audience, number]

    def answered(self, audience: Audience, number: int) -> None:
        """Note that a turn was given to its end."""
        with self._lock:
            self._next[audience] = number + 1

    def refusal(self, audience: Audience) -> tuple[int, int, ScriptedFault] | None:
        """The `handshake` fault that a new connection of this trial meets, with its turn and attempt; it is used up.

        It is the next fault of the turn that the trial is at: the last one it asked for, or the one after the last that
        was answered.
        """
        with self._lock:
            number = self._next.get(audience, 0)
            turns = self._scripts.get(audience.script, ())
            faults = turns[number].faults if number < len(turns) else ()
            done = self._attempts[audience, number]
            if done >= len(faults) or faults[done].kind != "handshake":
                return None
            self._attempts[audience, number] += 1
            return number, done + 1, echoing(faults[done], audience.authorization)
