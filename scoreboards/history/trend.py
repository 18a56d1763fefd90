"""How models fared run by run: pass rates, agent wall and phases of each feature over time. Figures, no verdicts."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from harness.clock import Phase
from harness.errors import ConfigError
from harness.record import Verdict
from harness.untrusted import one_line
from scoreboards.history.query import asked
from scoreboards.history.store import Kept, Store
from scoreboards.report.spreadsheet import quoted
from scoreboards.statistics import Interval, wilson

WALL = "agent_wall"
"""The figure that is not a phase: the wall without set-up, grading and the harness's own queues."""

FIGURES = (WALL, *map(str, Phase))
"""What is followed over time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which part is wanted: runs since then, models and features by name; all where nothing is named."""

    since: datetime | None = None
    models: tuple[str, ...] = ()
    features: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One model on one feature in one run, by the latest attempt at each trial.

    `medians` are of scored trials in nanoseconds, by figure; None where nothing was scored. The rate is over scored
    trials, with its 95 % Wilson interval. `noisy` are those of them whose times are not to be trusted.
    """

    run_key: str
    run: str
    began: datetime
    trials: int
    scored: int
    passed: int
    noisy: int
    requested_models: tuple[str, ...]
    medians: Mapping[str, int | None]

    @property
    def pass_rate(self) -> float | None:
        """The share of scored trials that passed; None where none was scored."""
        return self.passed / self.scored if self.scored else None

    @property
    def pass_interval(self) -> Interval | None:
        """The Wilson interval of that."""
        return wilson(self.passed, self.scored) if self.scored else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One model on one feature over time, the oldest run first."""

    model: str
    feature: str
    simulated: bool
    points: tuple[Point, ...]

    @property
    def requested_models(self) -> tuple[str, ...]:
        """What was asked of the provider under this name: more than one are not one model."""
        return tuple(sorted({name for point in self.points for name in point.requested_models}))


def trend(store: Store, wanted: Asked) -> tuple[Series, ...]:
    """Each model on each feature, by name. Raises ConfigError where the store has nothing of it, InfraError."""
    runs = [kept for kept in store.runs() if wanted.since is None or kept.began >= wanted.since]
    if not runs:
        raise ConfigError(f"{store.root}: holds no run{'' if wanted.since is None else ' since then'}")
    with asked(store, runs, _query(wanted)) as answer:
        rows = [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
    if not rows:
        raise ConfigError(_nothing(store, runs, wanted))
    return tuple(_series(rows, {kept.key: kept for kept in runs}))


_SCORED = ", ".join(quoted(verdict.value) for verdict in Verdict if verdict.scored)


def _query(wanted: Asked) -> str:
    medians = ", ".join(f"median({name}_ns) FILTER (scored) AS {name}_median" for name in FIGURES)
    named = [
        f"{column} IN ({', '.join(map(quoted, names))})"
        for column, names in (("model", wanted.models), ("feature", wanted.features))
        if names
    ]
    where = f"WHERE {' AND '.join(named)}" if named else ""
    return f"""
        WITH last AS (
            SELECT *, verdict IN ({_SCORED}) AS scored FROM trials {where}
            QUALIFY row_number() OVER (PARTITION BY run_key, trial ORDER BY attempt DESC) = 1
        )
        SELECT model, feature, run_key, bool_or(simulated) AS simulated, count(*) AS trials,
            count(*) FILTER (scored) AS n, count(*) FILTER (verdict = 'pass') AS passed,
            count(*) FILTER (scored AND noisy) AS noisy,
            list_sort(list(DISTINCT requested_model) FILTER (requested_model IS NOT NULL)) AS requested, {medians}
        FROM last GROUP BY model, feature, run_key ORDER BY model, feature"""  # noqa: S608 - quoted


def _series(rows: Iterable[Mapping[str, Any]], runs: Mapping[str, Kept]) -> Iterator[Series]:
    for (model, feature), own in itertools.groupby(rows, key=lambda row: (row["model"], row["feature"])):
        found = list(own)
        points = sorted((_point(row, runs[row["run_key"]]) for row in found), key=lambda one: (one.began, one.run_key))
        simulated = any(row["simulated"] for row in found)
        yield Series(model=model, feature=feature, simulated=simulated, points=tuple(points))


def _point(row: Mapping[str, Any], kept: Kept) -> Point:
    return Point(
        run_key=kept.key,
        run=kept.run,
        began=kept.began,
        trials=row["trials"],
        scored=row["n"],
        passed=row["passed"],
        noisy=row["noisy"],
        requested_models=tuple(row["requested"] or ()),
        medians={name: _whole(row[f"{name}_median"]) for name in FIGURES},
    )


def _whole(nanoseconds: float | None) -> int | None:
    return None if nanoseconds is None else round(nanoseconds)


def _nothing(store: Store, runs: Sequence[Kept], wanted: Asked) -> str:
    """What is asked for and not there, with what is."""
    for option, column, names in (("--model", "model", wanted.models), ("--feature", "feature", wanted.features)):
        with asked(store, runs, f"SELECT DISTINCT {column} FROM trials ORDER BY 1") as answer:  # noqa: S608 - ours
            known = [str(row[0]) for row in answer.rows]
        if names and not set(names) & set(known):
            listed = ", ".join(one_line(name, 60) for name in known) or "none"
            return f"{option} {one_line(', '.join(names), 60)}: not in these runs; known: {listed}"
    return f"{store.root}: holds no trial of what is asked for"
