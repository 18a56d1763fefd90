"""Two models on the features both did: ratios with an interval, the causes of the difference, what it costs. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from harness.record import Record
from scoreboards.attribution import Cause, attribution
from scoreboards.board import Board
from scoreboards.erosion import erosion
from scoreboards.ledger import Ledger, mean_ledger
from scoreboards.speedup import Speedup, counted, speedup
from scoreboards.statistics import Interval, geometric_mean, mean, ratio_interval
from scoreboards.sums import share

_NS_AN_HOUR = 3600 * 10**9
CENSORED = "limit:wall"
"""The stop of a trial that would have gone on: its wall is a lower bound, no observation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Premium:
    """What the fast model's solved features cost more, and the wall that they save; USD and hours a solved feature.

    `usd_an_hour` is the hourly value of time from which on the faster model pays: None where it costs less, saves
    nothing, or a cost is unknown. Where a cost is only a lower bound, so is what is made of it, as `is_rough` says.
    """

    usd: float | None
    hours: float
    usd_an_hour: float | None
    is_rough: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Counterfactual:
    """The slow model's own calls and tokens at the fast one's speeds: what is owed to speed, and what to behaviour.

    `speed` is the slow wall over that one, `behaviour` that one over the fast wall; their product is the ratio of the
    summed walls.
    """

    speed: float
    behaviour: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A slow model and a fast one; `found` has the ratios of their walls, and says which trials count.

    `interval` is the 95 % interval of the real ratio (None below two features), `model` the ratio of model times,
    `ceiling` what an infinitely fast model would give the slow one (Amdahl), `causes` and `difference_ns` the agent
    wall between them, summed over the pairs. `eroded` is what each cause takes off the ratio of decode speeds down to
    the real one, None where a speed is unknown. `censored` counts trials among them that their wall limit ended.
    """

    found: Speedup
    interval: Interval | None
    model: float | None
    ceiling: float | None
    causes: Mapping[Cause, int]
    difference_ns: int
    eroded: Mapping[Cause, float] | None
    counterfactual: Counterfactual | None
    premium: Premium | None
    trials: int
    censored: int


def compare(board: Board, slow: str, fast: str, *, solved_only: bool = True) -> Comparison:
    """Compare two models of a board on the features that both did, or on all that both tried.

    Raises KeyError for a model that is not on it.
    """
    found = speedup(board, slow, fast, solved_only=solved_only)
    groups = _groups(board, found)
    ledgers = [(mean_ledger(a), mean_ledger(b)) for a, b in groups]
    causes = attribution(ledgers)
    shown = [record for group in groups for side in group for record in side]
    return Comparison(
        found=found,
        interval=ratio_interval(found.ratios.values()),
        model=geometric_mean(float(a.model / b.model) for a, b in ledgers if a.model and b.model),
        ceiling=_ceiling([a for a, _ in ledgers]),
        causes=causes,
        difference_ns=sum(causes.values()),
        eroded=erosion(ledgers, [found.ratios[feature] for feature in found.pairs], found.decode),
        counterfactual=_counterfactual(ledgers),
        premium=_premium(groups, ledgers) if found.solved_only and ledgers else None,
        trials=len(shown),
        censored=sum(record.stop == CENSORED for record in shown),
    )


def _groups(board: Board, found: Speedup) -> list[tuple[list[Record], list[Record]]]:
    """The trials that a comparison rests on: for each feature the slow model's and the fast one's."""
    sides: dict[str, tuple[list[Record], list[Record]]] = {feature: ([], []) for feature in found.pairs}
    for record in board.trials:
        for place, model in enumerate((found.slow, found.fast)):
            if record.trial.feature in sides and counted(record, model, solved=found.solved_only):
                sides[record.trial.feature][place].append(record)
    return list(sides.values())


def _ceiling(slow: Sequence[Ledger]) -> float | None:
    """1 / (1 - model share): Amdahl's law with an infinitely fast model. Source: Amdahl (1967)."""
    portion = share(float(sum(one.model for one in slow)), float(sum(one.wall for one in slow)))
    return None if portion is None or portion >= 1 else 1 / (1 - portion)


def _counterfactual(ledgers: Sequence[tuple[Ledger, Ledger]]) -> Counterfactual | None:
    walls = [(a.wall, _at_speeds_of(a, b), b.wall) for a, b in ledgers]
    known = [(a, between, b) for a, between, b in walls if between is not None]
    if not known or len(known) < len(walls):
        return None
    slow, between, fast = (sum(column) for column in zip(*known, strict=True))
    return Counterfactual(speed=float(slow / between), behaviour=float(between / fast)) if between else None


def _at_speeds_of(a: Ledger, b: Ledger) -> Fraction | None:
    """A's wall with its own calls and tokens at B's time a token and a call; None where those are not known."""
    if not a.tokens or not b.tokens or not b.calls:
        return None
    model = a.tokens * b.decode / b.tokens + a.calls * (b.first_token + b.connect) / b.calls
    return a.wall - a.model + model


def _premium(groups: Sequence[tuple[list[Record], list[Record]]], ledgers: Sequence[tuple[Ledger, Ledger]]) -> Premium:
    """Extra dollars and saved hours a solved feature. What failed on the way to a pass is in neither: see the board."""
    usd = [_mean_usd(fast) - _mean_usd(slow) for slow, fast in groups] if _is_priced(groups) else []
    extra = mean(usd)
    saved = math.fsum(float(a.wall - b.wall) for a, b in ledgers) / _NS_AN_HOUR / len(ledgers)
    pays = extra / saved if extra is not None and extra > 0 and saved > 0 else None
    rough = any(one.cost_is_lower_bound for group in groups for side in group for one in side)
    return Premium(usd=extra, hours=saved, usd_an_hour=pays, is_rough=rough)


def _is_priced(groups: Sequence[tuple[list[Record], list[Record]]]) -> bool:
    return all(one.cost_usd is not None for group in groups for side in group for one in side)


def _mean_usd(side: Sequence[Record]) -> float:
    return math.fsum(one.cost_usd or 0.0 for one in side) / len(side)
