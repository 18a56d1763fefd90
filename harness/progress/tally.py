"""Counts of a run or of a part of it, and the live state of one trial."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from harness.heads import Head
from harness.plan import Trial
from harness.record import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A trial as far as a view needs it; `model` and `feature` are names."""

    id: str
    model: str
    feature: str
    repeat: int
    simulated: bool = False

    @classmethod
    def of(cls, trial: Trial) -> Self:
        """Of a trial that is about to run."""
        simulated = trial.settings.simulated
        return cls(id=trial.id, model=trial.model, feature=trial.feature.key, repeat=trial.repeat, simulated=simulated)

    @property
    def label(self) -> str:
        """How people read of it: "fast bookings/waitlist 1"."""
        return f"{self.model} {self.feature} {self.repeat}"


@dataclass(slots=True)
class Tally:
    """Counts of some trials, kept up to date event by event; `cost_usd` is None until something is known to cost."""

    total: int = 0
    running: int = 0
    verdicts: dict[Verdict, int] = field(default_factory=dict)
    turns: int = 0
    tokens: int = 0
    cost_usd: float | None = None
    wall_ns: int = 0
    simulated: bool = False

    @property
    def done(self) -> int:
        """How many have a record."""
        return sum(self.verdicts.values())

    @property
    def queued(self) -> int:
        """How many have not begun."""
        return self.total - self.done - self.running

    @property
    def scored(self) -> int:
        """How many count in a pass rate."""
        return sum(number for verdict, number in self.verdicts.items() if verdict.scored)

    @property
    def passed(self) -> int:
        """How many are solved."""
        return self.verdicts.get(Verdict.PASS, 0)

    @property
    def errors(self) -> int:
        """How many ended in an error of infrastructure or provider."""
        return self.verdicts.get(Verdict.ERROR_INFRA, 0) + self.verdicts.get(Verdict.ERROR_PROVIDER, 0)

    def count(self, verdict: Verdict, by: int) -> None:
        """So many more trials, or fewer, ended in this verdict."""
        self.verdicts[verdict] = self.verdicts.get(verdict, 0) + by

    def spend(self, cost_usd: float | None) -> None:
        """More was spent."""
        if cost_usd is not None:
            self.cost_usd = (self.cost_usd or 0.0) + cost_usd

    def copy(self) -> "Tally":
        """The same as it is now."""
        return Tally(
            total=self.total,
            running=self.running,
            verdicts=dict(self.verdicts),
            turns=self.turns,
            tokens=self.tokens,
            cost_usd=self.cost_usd,
            wall_ns=self.wall_ns,
            simulated=self.simulated,
        )


@dataclass(slots=True)
class Cell:
    """The live state of one trial; `spent` are nanoseconds by phase, `since` when the present phase began.

    `wait` is what it told last when it had to wait for its provider; `cost_usd`, `tokens`, `in_doubt` are those of its
    present attempt, with all of its lives.
    """

    trial: Planned
    phase: str = "queued"
    since: int = 0
    began: int = 0
    attempt: int = 1
    turns: int = 0
    tokens: int = 0
    cost_usd: float | None = None
    in_doubt: int = 0
    spent: dict[str, int] = field(default_factory=dict)
    wait: Mapping[str, Any] | None = None
    head: Head | None = None

    @property
    def is_running(self) -> bool:
        """Whether it has begun and has no record."""
        return self.phase not in ("queued", "done")

    def begin(self, attempt: int, now: int) -> None:
        """A new attempt, from its set-up on."""
        self.phase, self.since, self.began, self.attempt = "setup", now, now, attempt
        self.turns, self.tokens, self.cost_usd, self.in_doubt = 0, 0, None, 0
        self.spent, self.wait, self.head = {}, None, None

    def go_on(self, attempt: int, elapsed_ns: int, now: int) -> None:
        """Another life of an attempt that took so long before: what it has used stays."""
        self.phase, self.since, self.began, self.attempt = "setup", now, now - elapsed_ns, attempt
        self.wait, self.head = None, None

    def move(self, phase: str, now: int) -> None:
        """Go to another phase, booking the time since the last move."""
        self.spent[self.phase] = self.spent.get(self.phase, 0) + now - self.since
        self.phase, self.since, self.wait = phase, now, None

    def share(self, phase: str, now: int) -> float:
        """The phase's share of the trial's time so far."""
        if self.head is not None:
            part = {"model": self.head.model_ns, "tool": self.head.tool_ns}.get(phase, 0)
            return part / self.head.wall_ns if self.head.wall_ns else 0.0
        spent = self.spent.get(phase, 0) + (now - self.since if self.phase == phase else 0)
        whole = now - self.began
        return spent / whole if whole > 0 else 0.0

    def elapsed(self, now: int) -> int:
        """Nanoseconds of the present attempt so far, or of the one that ended."""
        if self.head is not None:
            return self.head.wall_ns
        return now - self.began if self.is_running else 0
