"""Which runs can be merged, and which of them each trial is taken from. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.errors import ConfigError
from harness.plan_compare import compare, unlike
from harness.record import Record
from harness.run_plan import Asked, PlannedTrial, RunPlan
from harness.shards import Shard


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A run to merge: how it is called, its plan, its latest records, and when each trial's last row was written.

    `begun` are times in ISO form by trial id, of records where there are some.
    """

    name: str
    plan: RunPlan
    records: Mapping[str, Record]
    begun: Mapping[str, str]

    @property
    def shard(self) -> Shard | None:
        """Its shard, None where it is a whole run."""
        return Shard.parse(self.plan.asked.shard) if self.plan.asked.shard else None

    def finished(self, trial: str) -> bool:
        """Whether it has a trial's verdict."""
        record = self.records.get(trial)
        return record is not None and record.verdict.scored


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicate:
    """A trial that several runs have rows of: whose are kept, whose are not, and what those cost, USD if known."""

    trial: str
    kept: str
    dropped: tuple[str, ...]
    cost_usd: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A shard that none of the runs is, with the number of its trials."""

    shard: Shard
    trials: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """One run of many: its plan, for each trial that has rows the place of the run that they come from, and remarks."""

    plan: RunPlan
    homes: Mapping[str, int]
    duplicates: tuple[Duplicate, ...] = ()
    missing: tuple[Missing, ...] = ()


def merge_plan(parts: Sequence[Part]) -> Merge:
    """How the parts become one run. Raises ConfigError where they are not of one matrix.

    Of a trial that several runs have, the one with a verdict counts, of several verdicts the one that was there first;
    where none has one, the run that is named first.
    """
    first = parts[0]
    for other in parts[1:]:
        _refuse_unlike(first, other)
    trials = _whole(parts)
    homes, duplicates = {}, []
    for trial in trials:
        having = [place for place, part in enumerate(parts) if trial.id in part.begun]
        if having:
            homes[trial.id] = home = min(having, key=lambda place: _rank(parts[place], trial.id))
            if len(having) > 1:
                duplicates.append(_duplicate(trial.id, parts[home], [parts[one] for one in having if one != home]))
    return Merge(
        plan=first.plan.model_copy(update={"trials": trials, "elsewhere": (), "asked": _asked(parts)}),
        homes=homes,
        duplicates=tuple(duplicates),
        missing=tuple(_missing(parts)),
    )


def _refuse_unlike(first: Part, other: Part) -> None:
    lines = list(unlike(first.plan, other.plan))
    if not lines and _every(first.plan) != _every(other.plan):
        lines = [line for line in compare(first.plan, other.plan).settings if not line.startswith("--shard")] or [
            "other trials are planned"
        ]
    if lines:
        raise ConfigError(*(f"{first.name} and {other.name} are not parts of one run: {line}" for line in lines))


def _every(plan: RunPlan) -> frozenset[str]:
    return frozenset(trial.id for trial in (*plan.trials, *plan.elsewhere))


def _whole(parts: Sequence[Part]) -> tuple[PlannedTrial, ...]:
    """All trials of the matrix, in the order in which an undivided run would start them."""
    plan = parts[0].plan
    models = {name: place for place, name in enumerate(plan.models)}
    features = {key: place for place, key in enumerate(plan.features)}
    rows = {one.id: PlannedTrial(**one.model_dump(exclude={"shard"})) for one in (*plan.trials, *plan.elsewhere)}

    def order(trial: PlannedTrial) -> tuple[int, int, int]:
        return trial.repeat, features.get(trial.feature, 0), models.get(trial.model, 0)

    return tuple(sorted(rows.values(), key=order))


def _rank(part: Part, trial: str) -> tuple[bool, str]:
    """Verdicts first, the oldest of them first; without verdicts the order of the runs decides."""
    finished = part.finished(trial)
    return not finished, part.begun[trial] if finished else ""


def _duplicate(trial: str, kept: Part, dropped: Iterable[Part]) -> Duplicate:
    others = tuple(dropped)
    records = [part.records[trial] for part in others if trial in part.records]
    costs = [record.cost_usd for record in records if record.cost_usd is not None]
    return Duplicate(
        trial=trial,
        kept=kept.name,
        dropped=tuple(part.name for part in others),
        cost_usd=sum(costs) if costs else None,
    )


def _asked(parts: Sequence[Part]) -> Asked:
    """What the whole was asked for: no shard of it, and what all parts together were allowed to cost."""
    costs = [part.plan.asked.max_cost for part in parts]
    most = None if None in costs else sum(cost or 0.0 for cost in costs)
    return parts[0].plan.asked.model_copy(update={"shard": "", "max_cost": most})


def _missing(parts: Sequence[Part]) -> Iterable[Missing]:
    """The shards that are not there; nothing where a whole run is, or where matrices were divided differently."""
    found = [part.shard for part in parts]
    there = {shard.number for shard in found if shard is not None}
    divided = {shard.of if shard is not None else 0 for shard in found}
    if len(divided) != 1 or divided == {0}:
        return
    (of,) = divided
    elsewhere = [one.shard for one in parts[0].plan.elsewhere]
    for number in range(1, of + 1):
        if number not in there:
            yield Missing(shard=Shard(number=number, of=of), trials=elsewhere.count(number))
