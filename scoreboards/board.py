"""Records to leaderboard rows. Pure: no file, no clock, no opinion about layout."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from harness.record import Record, latest
from scoreboards.figures import Figures, agent_shares
from scoreboards.pools import FiguresPool

__all__ = ["Board", "BoardPool", "FeatureRow", "Figures", "agent_shares", "build_board"]

Records = tuple[Record, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureRow:
    """One feature ("target/feature"), and each model that tried it in the board's order."""

    feature: str
    models: tuple[Figures, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A leaderboard: models by pass rate, then by median agent wall; features by name; trials as they finished.

    A board that was made from a `BoardPool` has what trials its maker gave it.
    """

    models: tuple[Figures, ...]
    features: tuple[FeatureRow, ...]
    trials: Records

    def figures(self, model: str) -> Figures:
        """One model's row. Raises KeyError that names the known ones."""
        for row in self.models:
            if row.model == model:
                return row
        raise KeyError(f"no model {model!r} on this board; known: {', '.join(row.model for row in self.models)}")


def build_board(records: Iterable[Record]) -> Board:
    """The board of one or more runs.

    Of several attempts at a trial in one run the latest counts; what the earlier ones asked of a provider was paid for,
    and is among the calls, tokens and cost.
    """
    every = tuple(records)
    last = {(record.run, record.trial.id): place for place, record in _by_attempt(every)}
    pool = BoardPool()
    for place, record in enumerate(every):
        pool.add(record, final=last[record.run, record.trial.id] == place)
    return pool.board(latest(every))


def _by_attempt(records: Records) -> list[tuple[int, Record]]:
    """With their places, the latest attempt last; of the same attempt twice the second."""
    return sorted(enumerate(records), key=lambda one: one[1].attempt)


def _standing(row: Figures) -> tuple[float, float, str]:
    rate, wall = row.outcomes.pass_rate, row.times.agent_wall_median_ns
    return (1.0 if rate is None else -rate, math.inf if wall is None else wall, row.model)


@dataclass(slots=True)
class BoardPool:
    """A board whose records come one by one, of millions if need be: no call and no tool call is kept."""

    cells: dict[tuple[str, str], FiguresPool] = field(default_factory=dict)
    number: int = 0

    def add(self, record: Record, *, final: bool) -> None:
        """One more attempt at a trial; `final` says that it is the one that counts."""
        key = (record.trial.feature, record.trial.model)
        self.number += 1
        self.cells.setdefault(key, FiguresPool(model=record.trial.model)).add(record, self.number, final=final)

    def board(self, trials: Records) -> Board:
        """The board of those that were added, with these trials on it."""
        whole: dict[str, FiguresPool] = {}
        for (_, model), cell in self.cells.items():
            whole.setdefault(model, FiguresPool(model=model)).take(cell)
        models = tuple(sorted((pool.figures() for pool in whole.values()), key=_standing))
        features = tuple(
            FeatureRow(
                feature=feature,
                models=tuple(
                    self.cells[feature, row.model].figures() for row in models if (feature, row.model) in self.cells
                ),
            )
            for feature in sorted({feature for feature, _ in self.cells})
        )
        return Board(models=models, features=features, trials=trials)
