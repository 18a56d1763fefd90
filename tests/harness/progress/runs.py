"""Made-up runs for the tests of progress: every duration and every verdict chosen by the test."""

import heapq
import json
import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from harness.config import ModelConfig, TrialLimits
from harness.features import EnvironmentSpec, Feature, Source, Suite, Target
from harness.heads import Head
from harness.plan import Trial
from harness.progress.standing import Standing
from harness.progress.tally import Planned
from harness.record import Record, Verdict
from sandbox.contract import Limits
from tests.scoreboards.conftest import make_call, make_record

SECOND = 10**9


def planned(models: int, features: int, repeats: int = 1) -> tuple[Planned, ...]:
    """The trials of such a matrix, in plan order."""
    names = [
        (f"model-{model}", f"bookings/feature-{feature}", repeat)
        for repeat in range(1, repeats + 1)
        for feature in range(features)
        for model in range(models)
    ]
    return tuple(
        Planned(id=f"{number:012x}", model=model, feature=feature, repeat=repeat)
        for number, (model, feature, repeat) in enumerate(names)
    )


def head(trial: Planned, verdict: Verdict = Verdict.PASS, **changes: Any) -> Head:
    """The end of a trial after ten seconds, three turns and two cents."""
    known: dict[str, Any] = {
        "stop": "finished",
        "attempt": 1,
        "wall_ns": 10 * SECOND,
        "model_ns": 5 * SECOND,
        "tool_ns": 2 * SECOND,
        "turns": 3,
        "calls": 3,
        "output_tokens": 300,
        "cost_usd": 0.02,
    }
    names = {"trial": trial.id, "model": trial.model, "feature": trial.feature, "repeat": trial.repeat}
    return Head(**{**names, **known, **changes}, verdict=verdict)


def busy(trials: Sequence[Planned], done: int, at_work: int) -> tuple[Standing, int]:
    """A run in which so many trials have ended, one in ten in an error, and so many are at work; and its moment."""
    standing, now = Standing(trials, 0), 0
    for number, trial in enumerate(trials[: done + at_work]):
        now += SECOND
        standing.event(trial.id, "trial_started", {"attempt": 1}, now)
        standing.event(trial.id, "intent", {"turn": 1}, now + SECOND // 2)
        if number < done:
            broken = number % 10 == 9
            verdict = Verdict.ERROR_PROVIDER if broken else Verdict.PASS
            standing.finish(head(trial, verdict, error="the provider said \x1b[31mno[/nope]" if broken else ""), now)
        elif number % 2:
            standing.event(trial.id, "cool_down", {"wait_s": 17.0, "fault": "rate_limit"}, now)
    return standing, now + SECOND


def played(durations: Iterable[float], places: int, until: float) -> tuple[list[float], list[float], int, float]:
    """A run with these durations: what has ended at a moment, how long others have taken, how many wait; its end."""
    free = [0.0] * places
    ended, going, waiting = [], [], 0
    for duration in durations:
        begin = free[0]
        heapq.heapreplace(free, begin + duration)
        if begin + duration <= until:
            ended.append(duration)
        elif begin <= until:
            going.append(until - begin)
        else:
            waiting += 1
    return ended, going, waiting, max(free)


def drawn(kind: str, number: int, seed: int) -> list[float]:
    """Durations of one kind, in seconds."""
    dice = random.Random(seed)  # noqa: S311 - made-up figures
    makers = {
        "exponential": lambda: dice.expovariate(1 / 60),
        "uniform": lambda: dice.uniform(20, 100),
        "lognormal": lambda: dice.lognormvariate(4, 0.6),
    }
    return [makers[kind]() for _ in range(number)]


TARGET = Target(
    name="shop",
    description="",
    folder=Path("shop"),
    source=Source(path=Path("shop/app")),
    environment=EnvironmentSpec(image="splitclock/base"),
    suite=Suite(runner="pytest", command=("pytest",), protected=(), timeout_s=5),
    service=None,
    limits=Limits(),
)


def trials(number: int, model: str = "fast") -> tuple[Trial, ...]:
    """So many repeats of one simulated model on one feature."""
    settings = ModelConfig(name=model, provider="simulator", api="chat", model="sim", turns="demo")
    feature = Feature(name="one", target=TARGET, folder=Path("shop/features/one"), brief="Build it.")
    return tuple(
        Trial(id=f"{repeat:012x}", model=model, settings=settings, feature=feature, repeat=repeat, limits=TrialLimits())
        for repeat in range(1, number + 1)
    )


def record_of(trial: Trial, **changes: Any) -> Record:
    """The record of a trial after ten seconds and one call."""
    names = {"id": trial.id, "model": trial.model, "feature": trial.feature.key, "repeat": trial.repeat}
    known: dict[str, Any] = {"calls": (make_call(),), "turns": 1, "cost_usd": 0.01, "simulated": True}
    return make_record({"model": 6, "tool": 4}, **{**names, **known, **changes})


def write_plan(folder: Path, planned_: Iterable[Trial]) -> None:
    """The plan of a run, and how many trials it has at work."""
    rows = [{"id": t.id, "model": t.model, "feature": t.feature.key, "repeat": t.repeat} for t in planned_]
    (folder / "plan.json").write_text(json.dumps({"schema": 1, "trials": rows}), encoding="utf-8")
    (folder / "provenance.json").write_text(json.dumps({"parallel_trials": "2"}), encoding="utf-8")
