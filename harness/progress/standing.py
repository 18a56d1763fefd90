"""How a run stands: the state of every trial and the counts over them, updated event by event. Pure.

An event costs the same however many trials there are. Moments are nanoseconds on any one clock.
"""

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.heads import Head
from harness.progress.forecast import Key, Outlook, outlook
from harness.progress.tally import Cell, Planned, Tally
from harness.progress.words import NS_A_SECOND

PHASE_OF_EVENT = {
    "intent": "model",
    "response": "harness",
    "call_failed": "harness",
    "attempt_failed": "wait",
    "cool_down": "wait",
    "attempt": "model",
    "model_queued": "wait",
    "model_slot": "model",
    "tool_queued": "wait",
    "tool_start": "tool",
    "tool_end": "harness",
    "export": "grade",
    "grade_queued": "wait",
    "suite": "grade",
}
"""In which phase a trial is after an event."""

ERRORS_KEPT = 12
_MINUTE_NS = 60 * NS_A_SECOND
_WINDOW = 10
"""Minutes over which the throughput is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """How many calls a provider gets at once now, of how many at most."""

    at_once: int
    of: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What a view draws: the counts as they are at the moment `now`, and copies of the few cells that it names.

    `cells` are all of a small run, in plan order, and () of a large one; `running` are always all. `errors` are the
    heads of the last trials that ended in an error, newest first; `caps` are by provider. `limits` are of the run's
    budget, by name.
    """

    now: int
    began: int
    whole: Tally
    models: Mapping[str, Tally]
    features: Mapping[str, Tally]
    cells: tuple[Cell, ...]
    running: tuple[Cell, ...]
    errors: tuple[Head, ...]
    faults: Mapping[str, Mapping[str, int]]
    caps: Mapping[str, Cap]
    rate: float | None
    outlook: Outlook | None = None
    in_doubt: int = 0
    noisy: int = 0
    resumed: int = 0
    cost_is_partial: bool = False
    limits: Mapping[str, float] | None = None
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prospects:
    """What a forecast is made from: a copy, for to play a run through takes longer than an event may wait."""

    finished: Mapping[Key, Sequence[float]]
    running: Sequence[tuple[Key, float]]
    queued: Sequence[Key]

    def outlook(self, places: int) -> Outlook | None:
        """When the run will have ended, as far as anybody can tell."""
        return outlook(self.finished, self.running, self.queued, places)


class Standing:
    """The state of a run. Not locked: whoever shares it between threads does that."""

    def __init__(self, planned: Iterable[Planned], now: int, *, small: int = 30) -> None:
        self._cells = {trial.id: Cell(trial=trial) for trial in planned}
        self._small = small
        self._began = now
        self._whole = Tally(total=len(self._cells))
        self._models: dict[str, Tally] = {}
        self._features: dict[str, Tally] = {}
        for cell in self._cells.values():
            for group, name in ((self._models, cell.trial.model), (self._features, cell.trial.feature)):
                group.setdefault(name, Tally()).total += 1
            self._models[cell.trial.model].simulated |= cell.trial.simulated
        self._running: dict[str, Cell] = {}
        self._queued = dict.fromkeys(self._cells)
        self._walls: dict[tuple[str, str], list[float]] = {}
        self._minutes: Counter[int] = Counter()
        self._errors: deque[Head] = deque(maxlen=ERRORS_KEPT)
        self._faults: dict[str, Counter[str]] = {}
        self._caps: dict[str, Cap] = {}
        self._marks: Counter[str] = Counter()
        self._resumed: set[str] = set()

    @property
    def done(self) -> int:
        """How many trials have a record."""
        return self._whole.done

    @property
    def total(self) -> int:
        """How many trials were planned."""
        return self._whole.total

    def cells(self) -> tuple[Cell, ...]:
        """All cells, in plan order; they go on changing."""
        return tuple(self._cells.values())

    def event(self, trial: str, kind: str, body: Mapping[str, Any], now: int) -> None:
        """Something happened in a trial; one that was not planned is left out."""
        cell = self._cells.get(trial)
        if kind == "throttled":
            name = str(body.get("provider") or (cell.trial.model if cell else ""))
            self._caps[name] = Cap(at_once=int(body.get("at_once") or 0), of=int(body.get("of") or 0))
        elif cell is None:
            return
        elif kind == "trial_started":
            self._start(cell)
            cell.begin(int(body.get("attempt") or 1), now)
        elif kind == "resumed":
            self._start(cell)
            self._resumed.add(trial)
            cell.go_on(int(body.get("attempt") or 1), int(body.get("elapsed_ns") or 0), now)
        elif kind == "in_doubt":
            self._doubt(cell, cell.in_doubt + 1)
        elif cell.is_running and kind in PHASE_OF_EVENT:
            cell.move(PHASE_OF_EVENT[kind], now)
            self._note(cell, kind, body)

    def finish(self, head: Head, now: int, *, earlier: bool = False) -> None:
        """A trial has a record; `earlier` than this process, so it says nothing of the pace."""
        cell = self._cells.get(head.trial)
        if cell is None:
            return
        self._reopen(cell)
        self._running.pop(head.trial, None)
        self._queued.pop(head.trial, None)
        was_running = cell.is_running
        self._spend(cell, head)
        cell.phase, cell.head = "done", head
        for tally in self._tallies(cell):
            tally.running -= was_running
            tally.count(head.verdict, 1)
            tally.wall_ns += head.wall_ns
        self._marks["noisy"] += head.noisy
        if head.verdict.scored:
            self._walls.setdefault((head.model, head.feature), []).append(head.wall_ns / NS_A_SECOND)
        if head.broken:
            self._errors.appendleft(head)
        if not earlier:
            self._minutes[now // _MINUTE_NS] += 1

    def superseded(self, head: Head) -> None:
        """An attempt that a later one replaced: what it cost stays spent."""
        cell = self._cells.get(head.trial)
        if cell is not None:
            for tally in self._tallies(cell):
                tally.spend(head.cost_usd)
                tally.turns += head.turns
                tally.tokens += head.output_tokens or 0
            self._mark(head)
            self._marks["in_doubt"] += head.in_doubt

    def unfinished(self, head: Head) -> None:
        """An attempt that says nothing yet: what it cost is spent, and the trial is still to do."""
        cell = self._cells.get(head.trial)
        if cell is not None:
            self._spend(cell, head)

    def earlier(self, trial: str, kind: str, body: Mapping[str, Any]) -> None:
        """A row of an attempt that an earlier process left without a record: what it cost is spent."""
        cell = self._cells.get(trial)
        if cell is None:
            return
        if kind == "trial_started":
            cell.begin(int(body.get("attempt") or 1), 0)
            cell.phase = "queued"
        elif kind == "response":
            self._answered(cell, body)
        elif kind == "in_doubt":
            self._doubt(cell, cell.in_doubt + 1)

    def rate(self, now: int) -> float | None:
        """Trials that ended a minute, over the last ten minutes or since the begin; None before one ended."""
        minute = now // _MINUTE_NS
        for old in [one for one in self._minutes if one < minute - _WINDOW]:
            del self._minutes[old]
        ended = sum(self._minutes.values())
        window = min(now - self._began, _WINDOW * _MINUTE_NS + now % _MINUTE_NS)
        return ended * _MINUTE_NS / window if ended and window > 0 else None

    def prospects(self, now: int) -> Prospects:
        """What a forecast is made from."""
        return Prospects(
            finished={key: tuple(walls) for key, walls in self._walls.items()},
            running=tuple((_group(cell), (now - cell.began) / NS_A_SECOND) for cell in self._running.values()),
            queued=tuple(_group(self._cells[trial]) for trial in self._queued),
        )

    def picture(self, now: int) -> Picture:
        """What a view draws now."""
        small = len(self._cells) <= self._small
        return Picture(
            now=now,
            began=self._began,
            whole=self._whole.copy(),
            models={name: tally.copy() for name, tally in self._models.items()},
            features={name: tally.copy() for name, tally in self._features.items()},
            cells=tuple(replace(cell, spent=dict(cell.spent)) for cell in self._cells.values()) if small else (),
            running=tuple(replace(cell, spent=dict(cell.spent)) for cell in self._running.values()),
            errors=tuple(self._errors),
            faults={model: dict(faults) for model, faults in self._faults.items()},
            caps=dict(self._caps),
            rate=self.rate(now),
            in_doubt=self._marks["in_doubt"],
            noisy=self._marks["noisy"],
            resumed=len(self._resumed),
            cost_is_partial=self._marks["partial"] > 0,
        )

    def _start(self, cell: Cell) -> None:
        self._reopen(cell)
        if not cell.is_running:
            for tally in self._tallies(cell):
                tally.running += 1
        self._running[cell.trial.id] = cell
        self._queued.pop(cell.trial.id, None)

    def _reopen(self, cell: Cell) -> None:
        """Take back that a trial has a record: it is tried again."""
        if cell.head is None:
            return
        for tally in self._tallies(cell):
            tally.count(cell.head.verdict, -1)
            tally.wall_ns -= cell.head.wall_ns
        self._marks["noisy"] -= cell.head.noisy
        cell.head, cell.phase = None, "queued"

    def _spend(self, cell: Cell, head: Head) -> None:
        """What an attempt has used, as far as that was not seen event by event."""
        if head.attempt != cell.attempt:
            cell.turns, cell.tokens, cell.cost_usd, cell.in_doubt = 0, 0, None, 0
        for tally in self._tallies(cell):
            tally.spend(None if head.cost_usd is None else head.cost_usd - (cell.cost_usd or 0.0))
            tally.turns += max(0, head.turns - cell.turns)
            tally.tokens += max(0, (head.output_tokens or 0) - cell.tokens)
        cell.turns, cell.cost_usd = max(head.turns, cell.turns), head.cost_usd or cell.cost_usd
        cell.tokens, cell.attempt = max(head.output_tokens or 0, cell.tokens), head.attempt
        self._doubt(cell, max(head.in_doubt, cell.in_doubt))
        self._mark(head)
        self._models[cell.trial.model].simulated |= head.simulated

    def _doubt(self, cell: Cell, calls: int) -> None:
        """So many calls of the present attempt may have been paid for without an answer."""
        self._marks["in_doubt"] += calls - cell.in_doubt
        cell.in_doubt = calls

    def _note(self, cell: Cell, kind: str, body: Mapping[str, Any]) -> None:
        if body.get("wait_s"):
            cell.wait = dict(body)
        if kind in ("attempt_failed", "cool_down"):
            self._faults.setdefault(cell.trial.model, Counter())[str(body.get("fault") or kind)] += 1
        if kind == "response":
            self._answered(cell, body)

    def _answered(self, cell: Cell, body: Mapping[str, Any]) -> None:
        tokens, cost = int(body.get("output_tokens") or 0), body.get("cost_usd")
        cell.turns = int(body.get("turn") or cell.turns + 1)
        cell.tokens += tokens
        if cost is not None:
            cell.cost_usd = (cell.cost_usd or 0.0) + cost
        for tally in self._tallies(cell):
            tally.turns += 1
            tally.tokens += tokens
            tally.spend(cost)

    def _mark(self, head: Head) -> None:
        """What is true of the run from then on, whatever becomes of the trial."""
        self._marks["partial"] += head.cost_is_partial
        if head.resumed:
            self._resumed.add(head.trial)

    def _tallies(self, cell: Cell) -> tuple[Tally, Tally, Tally]:
        return self._whole, self._models[cell.trial.model], self._features[cell.trial.feature]


def _group(cell: Cell) -> Key:
    return cell.trial.model, cell.trial.feature
