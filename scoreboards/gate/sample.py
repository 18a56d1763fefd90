"""One side of a gate, from records that come one by one: what is compared of each trial, and no record. Pure."""

import math
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from harness.record import Record, Verdict
from harness.untrusted import one_line
from scoreboards.calls import PROVIDER_WAIT_KEYS
from scoreboards.comparison import CENSORED
from scoreboards.gate.findings import Counts
from scoreboards.gate.policy import TIMES, Metric
from scoreboards.ledger import Ledger, ledger

_MOST_WHY = 160


class Yardstick(NamedTuple):
    """How slow a machine was: the microseconds of CPU time that some work took, and which work."""

    work: str
    us: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """A scored trial: where it is, how it ended, and what it took.

    `censored` says that its wall limit ended it: it would have gone on. `seconds` are of `TIMES`, in their order;
    `yardstick` is how slow the machine was meanwhile, None where that is not known; `account` divides its agent wall,
    `work` are nanoseconds of tool calls by class of work, `waits` nanoseconds of waiting by sub-phase. `output_tokens`
    and `cost_usd` are None where they are not known in full; `why` says what is wrong with one that did not pass.
    """

    run: str
    trial: str
    repeat: int
    passed: bool
    censored: bool
    tampered: bool
    noisy: bool
    seconds: tuple[float, ...]
    yardstick: Yardstick | None
    account: Ledger
    work: Mapping[str, int]
    waits: Mapping[str, int]
    output_tokens: int | None
    cost_usd: float | None
    why: str = ""

    def amount(self, metric: Metric) -> float | None:
        """What it took of a metric, in seconds, USD or tokens (1 or 0 for the pass rate); None where not known."""
        match metric:
            case Metric.PASS_RATE:
                return float(self.passed)
            case Metric.COST:
                return self.cost_usd
            case Metric.OUTPUT_TOKENS:
                return self.output_tokens
        return self.seconds[PLACES[metric]]


PLACES = {metric: place for place, metric in enumerate(TIMES)}
"""Where each duration stands in `Observation.seconds`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unscored:
    """A trial that ended in an error, or was not run."""

    run: str
    repeat: int
    verdict: Verdict
    noisy: bool


@dataclass(slots=True)
class Cell:
    """The trials of a model on a feature: the scored ones, and the others."""

    scored: list[Observation] = field(default_factory=list)
    unscored: list[Unscored] = field(default_factory=list)

    @property
    def trials(self) -> int:
        """All of them."""
        return len(self.scored) + len(self.unscored)

    @property
    def noisy(self) -> int:
        """How many ran while the machine was busy."""
        return sum(one.noisy for one in self.scored) + sum(one.noisy for one in self.unscored)

    @property
    def passing(self) -> list[Observation]:
        """Those that passed."""
        return [one for one in self.scored if one.passed]


@dataclass(slots=True)
class Sample:
    """The trials of one side, by model and feature; of one run or of several that stand for the same."""

    models: dict[str, dict[str, Cell]] = field(default_factory=dict)
    simulated: set[str] = field(default_factory=set)
    _names: dict[str, str] = field(default_factory=dict)

    def add(self, record: Record) -> None:
        """One more trial: the record of its latest attempt, added once."""
        trial = record.trial
        cell = self.models.setdefault(trial.model, {}).setdefault(trial.feature, Cell())
        if trial.simulated:
            self.simulated.add(trial.model)
        run = self._names.setdefault(record.run, record.run)  # one text, however many records
        if record.verdict.scored:
            cell.scored.append(_observed(record, run))
        else:
            cell.unscored.append(Unscored(run=run, repeat=trial.repeat, verdict=record.verdict, noisy=record.noisy))

    def until(self, repeat: int) -> "Sample":
        """The same without the repeats after this one."""
        models = {
            model: {
                feature: Cell(
                    scored=[one for one in cell.scored if one.repeat <= repeat],
                    unscored=[one for one in cell.unscored if one.repeat <= repeat],
                )
                for feature, cell in cells.items()
            }
            for model, cells in self.models.items()
        }
        return Sample(models=models, simulated=self.simulated)

    def cells(self, model: str) -> Mapping[str, Cell]:
        """A model's trials by feature; nothing of one that is not there."""
        return self.models.get(model, {})

    def counts(self, models: Collection[str]) -> Counts:
        """How the trials of these models ended."""
        cells = tuple(self._cells(models))
        ends = Counter(one.verdict for cell in cells for one in cell.unscored)
        scored = [one for cell in cells for one in cell.scored]
        return Counts(
            trials=sum(cell.trials for cell in cells),
            scored=len(scored),
            passed=sum(one.passed for one in scored),
            infra_errors=ends[Verdict.ERROR_INFRA],
            provider_errors=ends[Verdict.ERROR_PROVIDER],
            not_run=ends[Verdict.NOT_RUN],
            tampered=sum(one.tampered for one in scored),
            noisy=sum(cell.noisy for cell in cells),
            simulated=bool(self.simulated.intersection(models)),
        )

    def broken(self, models: Collection[str]) -> Unscored | None:
        """The first of these models' trials that an error ended."""
        return next((one for cell in self._cells(models) for one in cell.unscored if one.verdict.broken), None)

    def _cells(self, models: Collection[str]) -> Iterator[Cell]:
        return (cell for model in models for cell in self.cells(model).values())


def sample(records: Iterable[Record]) -> Sample:
    """A sample of the records of latest attempts."""
    found = Sample()
    for record in records:
        found.add(record)
    return found


def _observed(record: Record, run: str) -> Observation:
    passed = record.verdict is Verdict.PASS
    return Observation(
        run=run,
        trial=record.trial.id,
        repeat=record.trial.repeat,
        passed=passed,
        censored=record.stop == CENSORED,
        tampered=record.verdict is Verdict.TAMPERED,
        noisy=record.noisy,
        seconds=tuple(ns / 1e9 for ns in _times(record)),
        yardstick=_yardstick(record.provenance),
        account=ledger(record),
        work=_work(record),
        waits={name: record.sub_phases[name] for name in PROVIDER_WAIT_KEYS if record.sub_phases.get(name)},
        output_tokens=_tokens(record),
        cost_usd=_cost(record),
        why="" if passed else one_line(record.error or record.grade.reason or record.verdict.value, _MOST_WHY),
    )


def _times(record: Record) -> tuple[int, ...]:
    """Nanoseconds of the agent wall and of its phases, in the order of `TIMES`."""
    phases = record.phases
    return record.agent_wall_ns, phases["model"], phases["tool"], record.agent_phase_ns("wait"), phases["harness"]


def _yardstick(facts: Mapping[str, str]) -> Yardstick | None:
    """None where a record has none, or something that is no number of microseconds."""
    try:
        us = float(facts.get("during.yardstick_us", ""))
    except ValueError:
        return None
    return Yardstick(sys.intern(facts.get("yardstick", "")), us) if 0 < us < math.inf else None


def _work(record: Record) -> dict[str, int]:
    """Nanoseconds of tool calls by class of work; of parallel calls each counts its part of the time they took."""
    work: Counter[str] = Counter()
    for call in record.tool_calls:
        work[call.work] += call.total_ns
    most, found = record.phases["tool"] + record.phases["overlap"], work.total()
    return dict(work) if found <= most else {name: ns * most // found for name, ns in work.items()}


def _tokens(record: Record) -> int | None:
    known = [call.output_tokens for call in record.calls if call.output_tokens is not None]
    return sum(known) if len(known) == len(record.calls) and not record.unanswered_calls else None


def _cost(record: Record) -> float | None:
    """What it cost, None where that is not known to the full; what asked nothing of a provider cost nothing."""
    if record.cost_usd is None and not record.calls and not record.unanswered_calls:
        return 0.0
    return None if record.cost_is_lower_bound else record.cost_usd
