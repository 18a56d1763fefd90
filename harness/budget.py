"""What a run may spend in all: charged call by call, looked at before a trial begins, before a call and during it."""

import math
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from harness.clock import Clock, SystemClock
from harness.models.contract import CallAttempt, CallFailedError, Message
from harness.models.prices import Price
from harness.record import CallRow
from harness.run_budget import RunBudget

NS_A_SECOND = 10**9
COUNTED = ("turns", "output_tokens", "cost_usd")
"""What calls spend; the fourth that a budget may bound, `wall_s`, passes by itself."""

STOP = "budget"
"""Why a trial stopped that met the end of the run's budget: it is not over, and may be resumed under a larger one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What was spent: answered turns, output tokens, USD, and seconds for which the run was at work."""

    turns: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0
    wall_s: float = 0.0

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(
            turns=self.turns + other.turns,
            output_tokens=self.output_tokens + other.output_tokens,
            cost_usd=self.cost_usd + other.cost_usd,
            wall_s=self.wall_s + other.wall_s,
        )

    def row(self) -> dict[str, float]:
        """What was charged for one call, for the journal: later lives of the run add these up."""
        return {"turns": self.turns, "output_tokens": self.output_tokens, "cost_usd": self.cost_usd}


@dataclass(slots=True)
class Spending:
    """What one trial's calls have used so far, for its own limits."""

    price: Price | None = None
    output_tokens: int = 0
    cost_usd: float = 0.0

    def add(self, row: CallRow, message: Message) -> None:
        """Count one answered call and its failed attempts."""
        spent = self.of(row, message)
        self.output_tokens += spent.output_tokens
        self.cost_usd += spent.cost_usd

    def of(self, row: CallRow, message: Message) -> Spent:
        """What an answered call and its failed attempts come to.

        Where the provider gave no usage, four characters stand for a token; where an attempt broke off, a delta does.
        """
        written = len(message.content) + len(message.reasoning) + sum(len(c.arguments) for c in message.tool_calls)
        estimated = written // 4
        tokens = estimated if row.output_tokens is None else row.output_tokens
        cost = _guess_usd(estimated, self.price) if row.cost_usd is None else row.cost_usd
        lost = self._lost(row.unfinished_deltas)
        return Spent(turns=1, output_tokens=tokens, cost_usd=cost) + lost

    def of_failed(self, error: CallFailedError) -> Spent:
        """What of a call that was given up may be billed."""
        return self._lost(_billable_deltas(error.attempts))

    def _lost(self, deltas: int) -> Spent:
        return Spent(output_tokens=deltas, cost_usd=_guess_usd(deltas, self.price))


def _billable_deltas(attempts: Iterable[CallAttempt]) -> int:
    return sum(attempt.times.deltas for attempt in attempts if attempt.may_be_billed)


def _guess_usd(output_tokens: int, price: Price | None) -> float:
    """What tokens without usage cost at least, USD, for limits alone; the record says that it is unknown."""
    return 0.0 if price is None else output_tokens * price.output / 1e6


@dataclass(slots=True)
class _Mean:
    """What the finished trials of one model have spent, all together."""

    trials: int = 0
    spent: Spent = field(default_factory=Spent)

    def of(self, what: str) -> float:
        return getattr(self.spent, what) / self.trials if self.trials else 0.0


@dataclass(slots=True, kw_only=True)
class _InFlight:
    """A trial at work: its model, and what it has spent."""

    model: str
    spent: Spent = field(default_factory=Spent)


class Budget:
    """The budget of a run, shared by all its trials, from any thread; without bounds unless `most` sets some.

    `spent` is what earlier lives of the run have spent.
    """

    def __init__(self, most: RunBudget | None = None, spent: Spent | None = None, clock: Clock | None = None) -> None:
        self.most = most or RunBudget()
        self._spent = spent or Spent()
        self._clock = clock or SystemClock()
        self._began_ns = self._clock.now_ns()
        self._means: dict[str, _Mean] = {}
        self._in_flight: dict[str, _InFlight] = {}
        self._lock = threading.Lock()

    @property
    def spent(self) -> Spent:
        """What was spent so far, in all lives of the run."""
        with self._lock:
            return self._spent + Spent(wall_s=(self._clock.now_ns() - self._began_ns) / NS_A_SECOND)

    def charge(self, trial: str, spent: Spent) -> None:
        """Count what a call of a trial, by its id, has spent."""
        with self._lock:
            self._spent += spent
            if trial in self._in_flight:
                self._in_flight[trial].spent += spent

    def used_up(self) -> str:
        """Which bound is reached ("cost_usd"), or ""."""
        spent = self.spent
        bounds = self.most.bounds
        return next((what for what, most in bounds.items() if getattr(spent, what) >= most), "")

    def left_s(self) -> float:
        """Seconds until the run's time is over; infinite where it is not bounded."""
        return math.inf if self.most.wall_s is None else self.most.wall_s - self.spent.wall_s

    def left_tokens(self, price: Price | None) -> float:
        """Output tokens that all trials together may still spend at this price; infinite where nothing bounds them.

        What an answer costs beside its output is not in it.
        """
        spent = self.spent
        left: list[float] = []
        if self.most.output_tokens is not None:
            left.append(self.most.output_tokens - spent.output_tokens)
        if self.most.cost_usd is not None:
            left.append(tokens_for(self.most.cost_usd - spent.cost_usd, price))
        return max(0, min(left, default=math.inf))

    def lacks(self, model: str) -> str:
        """Which bound one more trial of a model might break, or "": what is spent and may still be spent, and it.

        What a trial may spend are its own limits where the matrix sets them, else the mean of the finished trials of
        its model, else nothing that is known.
        """
        if (used := self.used_up()) or not self.most.bounds:
            return used
        with self._lock:
            for what in COUNTED:
                most = self.most.bounds.get(what)
                reserved = sum(
                    max(0.0, self._may_spend(each.model, what) - getattr(each.spent, what))
                    for each in self._in_flight.values()
                )
                before = getattr(self._spent, what) + reserved
                if most is not None and (before >= most or before + self._may_spend(model, what) > most):
                    return what
        return ""

    def begin(self, trial: str, model: str) -> None:
        """A trial begins to work, or goes on in a new life."""
        with self._lock:
            self._in_flight[trial] = _InFlight(model=model)

    def end(self, trial: str, *, finished: bool) -> None:
        """A trial works no more; what it spent, if it was `finished`, tells what others of its model may."""
        with self._lock:
            done = self._in_flight.pop(trial, None)
            if done is not None and finished:
                mean = self._means.setdefault(done.model, _Mean())
                mean.trials += 1
                mean.spent += done.spent

    def purse(self, trial: str) -> "Purse":
        """The budget as one trial, by its id, sees it."""
        return Purse(self, trial)

    def left(self, what: str) -> str:
        """A bound and how far it is used: "cost_usd 4.87 of 5.00 used"."""
        most, spent = self.most.bounds[what], getattr(self.spent, what)
        return f"{what} {_figure(what, spent)} of {_figure(what, most)} used"

    def _may_spend(self, model: str, what: str) -> float:
        """A limit of a trial that is larger than the whole budget says nothing of what it will spend."""
        limit = self.most.per_trial.get(what)
        if limit is not None and limit <= self.most.bounds.get(what, math.inf):
            return limit
        return self._means.get(model, _Mean()).of(what)


def _figure(what: str, value: float) -> str:
    """Dollars in cents, or as small as they are; all else in whole numbers."""
    if what != "cost_usd":
        return f"{value:.0f}"
    return f"{value:.2f}" if value >= 1 or not value else f"{value:.2g}"


class Purse:
    """A run's budget as one of its trials sees it; without an argument it has no bottom."""

    def __init__(self, budget: Budget | None = None, trial: str = "") -> None:
        self._budget = budget or Budget()
        self._trial = trial

    def charge(self, spent: Spent) -> Spent:
        """Count what a call has spent, once, in the life that made it; returns it, for the journal."""
        self._budget.charge(self._trial, spent)
        return spent

    @property
    def is_empty(self) -> bool:
        """Whether no further call may be made."""
        return bool(self._budget.used_up())

    @property
    def why(self) -> str:
        """Which bound is reached and how far, in words; "" where none is."""
        what = self._budget.used_up()
        return f"the run's budget: {self._budget.left(what)}" if what else ""

    def left_s(self) -> float:
        """Seconds until the run's time is over, may be infinite."""
        return self._budget.left_s()

    def left_tokens(self, price: Price | None) -> float:
        """Output tokens that a call may still spend, may be infinite."""
        return self._budget.left_tokens(price)


def tokens_for(usd: float, price: Price | None) -> float:
    """How many output tokens so many USD buy; infinitely many where no price is known or they cost nothing."""
    return usd * 1e6 / price.output if price is not None and price.output > 0 else math.inf


def in_doubt(deltas: int, price: Price | None) -> Spent:
    """What a call comes to that was under way when the process died: nobody saw its end, and it may be billed."""
    return Spent(output_tokens=deltas, cost_usd=_guess_usd(deltas, price))


def total(charges: Iterable[Mapping[str, float]]) -> Spent:
    """The sum of what rows of a journal say was charged (`Spent.row`)."""
    found = Spent()
    for charge in charges:
        found += Spent(
            turns=int(charge.get("turns", 0)),
            output_tokens=int(charge.get("output_tokens", 0)),
            cost_usd=float(charge.get("cost_usd", 0.0)),
        )
    return found
