"""What a plan will cost, last and leave on disk, by what earlier trials of the same models did. Pure."""

import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import fmean


@dataclass(frozen=True, slots=True, kw_only=True)
class PastTrial:
    """A finished trial of an earlier run: what was asked of the provider, how long it took (ns), its cost, its bytes.

    `cost_usd` is None where it is not known, or only in part.
    """

    run: str
    requested_model: str
    feature: str
    wall_ns: int
    cost_usd: float | None
    disk_bytes: int
    is_simulated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ComingTrial:
    """A planned trial: the model's name in the matrix, what is asked of the provider; one without a bill is free."""

    model: str
    requested_model: str
    feature: str
    is_simulated: bool = False
    is_billed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """What is to be expected, and the bounds of it."""

    mean: float
    least: float
    most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """What one trial of a model on a feature may take, by the trials that were `seen`.

    `same_feature` is False where the model is known from other features only. `cost_usd` is None where it is unknown.
    """

    wall_ns: Range
    cost_usd: Range | None
    disk_bytes: Range
    seen: tuple[PastTrial, ...]
    same_feature: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEstimate:
    """Of one model of the matrix: its planned trials, how many of them are unknown, and one trial on average.

    `trials` of `runs` are what it was told from; `from_other_features` of the planned ones by other features.
    """

    model: str
    planned: int
    unknown: int
    from_other_features: int
    trials: int
    runs: int
    wall_ns: Range | None
    cost_usd: Range | None
    disk_bytes: Range | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Of a plan: by model, and all its known trials together; None for what is not known of any of them.

    `unknown` trials are in no sum; the cost of `unpriced` ones more is unknown though their time is not.
    """

    models: tuple[ModelEstimate, ...]
    planned: int
    unknown: int
    unpriced: int
    wall_ns: Range | None
    cost_usd: Range | None
    disk_bytes: Range | None


def estimate(coming: Sequence[ComingTrial], past: Iterable[PastTrial], places: int) -> Estimate:
    """What the coming trials, in the order in which they start, will take where `places` of them run at once.

    A trial is guessed by finished trials of the same requested model: of its own feature where there are some, else of
    all. The bounds of a sum are what it comes to when every trial is as small, or as large, as any that was seen.
    """
    guess = _guesser(past)
    guesses = [guess(trial) for trial in coming]
    known = [one for one in guesses if one is not None]
    by_model: dict[str, list[Guess | None]] = {}
    for trial, one in zip(coming, guesses, strict=True):
        by_model.setdefault(trial.model, []).append(one)
    return Estimate(
        models=tuple(_of_model(name, its) for name, its in by_model.items()),
        planned=len(coming),
        unknown=len(coming) - len(known),
        unpriced=sum(one.cost_usd is None for one in known),
        wall_ns=_makespan([one.wall_ns for one in known], places),
        cost_usd=_sum([one.cost_usd for one in known if one.cost_usd is not None]),
        disk_bytes=_sum([one.disk_bytes for one in known]),
    )


def makespan(durations: Iterable[float], places: int) -> float:
    """When the last of some jobs ends that begin in their order, each as soon as one of the places is free."""
    free = [0.0] * max(1, places)
    for duration in durations:
        heapq.heapreplace(free, free[0] + duration)
    return max(free)


def _makespan(durations: Sequence[Range], places: int) -> Range | None:
    """The expected end by the plan's order, and bounds that hold for every order (Graham 1966).

    No schedule ends before the longest job or the evenly shared work, and none that leaves no place idle while a job
    waits ends later than the shared work and the rest of the longest job after it.
    """
    if not durations:
        return None
    used = max(1, min(places, len(durations)))
    shared_most = sum(one.most for one in durations) / used
    return Range(
        mean=makespan([one.mean for one in durations], used),
        least=max(*(one.least for one in durations), sum(one.least for one in durations) / used),
        most=shared_most + (1 - 1 / used) * max(one.most for one in durations),
    )


def _guesser(past: Iterable[PastTrial]) -> Callable[[ComingTrial], Guess | None]:
    """What tells a trial's guess, from earlier trials sorted by model and feature."""
    by_model: dict[tuple[str, bool], list[PastTrial]] = {}
    by_feature: dict[tuple[str, bool, str], list[PastTrial]] = {}
    for one in past:
        by_model.setdefault((one.requested_model, one.is_simulated), []).append(one)
        by_feature.setdefault((one.requested_model, one.is_simulated, one.feature), []).append(one)

    @cache
    def guess(trial: ComingTrial) -> Guess | None:
        own = by_feature.get((trial.requested_model, trial.is_simulated, trial.feature), [])
        seen = own or by_model.get((trial.requested_model, trial.is_simulated), [])
        return _guess(seen, is_billed=trial.is_billed, same_feature=bool(own)) if seen else None

    return guess


def _guess(seen: Sequence[PastTrial], *, is_billed: bool, same_feature: bool) -> Guess:
    costs = [one.cost_usd for one in seen if one.cost_usd is not None]
    free = Range(mean=0.0, least=0.0, most=0.0)
    return Guess(
        wall_ns=_range([one.wall_ns for one in seen]),
        cost_usd=(_range(costs) if costs else None) if is_billed else free,
        disk_bytes=_range([one.disk_bytes for one in seen]),
        seen=tuple(seen),
        same_feature=same_feature,
    )


def _range(values: Sequence[float]) -> Range:
    return Range(mean=fmean(values), least=min(values), most=max(values))


def _sum(ranges: Sequence[Range]) -> Range | None:
    if not ranges:
        return None
    return Range(
        mean=sum(one.mean for one in ranges),
        least=sum(one.least for one in ranges),
        most=sum(one.most for one in ranges),
    )


def _of_model(name: str, guesses: Sequence[Guess | None]) -> ModelEstimate:
    known = [one for one in guesses if one is not None]
    seen = {trial for one in {id(one): one for one in known}.values() for trial in one.seen}
    costs = [one.cost_usd for one in known if one.cost_usd is not None]
    return ModelEstimate(
        model=name,
        planned=len(guesses),
        unknown=len(guesses) - len(known),
        from_other_features=sum(not one.same_feature for one in known),
        trials=len(seen),
        runs=len({trial.run for trial in seen}),
        wall_ns=_average([one.wall_ns for one in known]),
        cost_usd=_average(costs) if len(costs) == len(known) else None,
        disk_bytes=_average([one.disk_bytes for one in known]),
    )


def _average(ranges: Sequence[Range]) -> Range | None:
    """One of them on average, between the least and the most of any."""
    if not ranges:
        return None
    return Range(
        mean=fmean(one.mean for one in ranges),
        least=min(one.least for one in ranges),
        most=max(one.most for one in ranges),
    )
