"""What one side of a gate was measured under: from the plans of its runs, and from what their records say. Pure."""

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, NamedTuple

from harness.record import Record, Verdict
from harness.run_plan import RunPlan
from scoreboards.gate.policy import Difference


class Scope(StrEnum):
    """What a fact is of: all of a run, one feature, or one model."""

    RUN = "run"
    FEATURE = "feature"
    MODEL = "model"


class Key(NamedTuple):
    """A fact: the kind of difference that another value would make, what it is of, and its name.

    `planned` ones come from a plan, where not to be set is a value too. Others may be unknown, which says nothing, but
    for those that are `needed`.
    """

    kind: Difference
    scope: Scope
    subject: str
    what: str
    planned: bool = False
    needed: bool = False


class Place(NamedTuple):
    """A trial of the matrix, wherever it is run."""

    model: str
    feature: str
    repeat: int


class Lived(NamedTuple):
    """What no two trials have in common, wherever their records were copied to."""

    id: str
    started_utc: str
    wall_ns: int


PARTS: Mapping[str, Difference] = {
    "source": Difference.TARGET,
    "tests": Difference.TARGET,
    "target settings": Difference.TARGET,
    "manifest": Difference.MANIFEST,
    "brief": Difference.BRIEF,
}
"""Parts of a feature that plans keep digests of; all others are scripts."""

DIGESTS = (*PARTS, "environment.digest", "tester.environment.digest", "prompts")
"""Facts whose values say nothing to people."""

_WEAKENED = "sandbox.weakened"

_RUN_FACTS: Mapping[str, tuple[Difference, bool]] = {
    "sandbox": (Difference.SANDBOX, True),
    "sandbox.runtime": (Difference.SANDBOX, False),
    "cores": (Difference.HOST, True),
    "cores.usable": (Difference.HOST, False),
    "cpu": (Difference.HOST, False),
    "sandbox.cpus": (Difference.HOST, False),
    "sandbox.memory_bytes": (Difference.HOST, False),
    "sandbox.architecture": (Difference.HOST, False),
    "sandbox.cgroup_version": (Difference.HOST, False),
    "parallel_trials": (Difference.PARALLEL, True),
    "tool_slots": (Difference.PARALLEL, True),
    "prompts": (Difference.PROMPT, True),
    "splitclock": (Difference.HARNESS, True),
    "python": (Difference.HARNESS, True),
}
"""Facts of every record that tell of its run: the difference that they make, and whether they have to be known."""

_FEATURE_FACTS: Mapping[str, Difference] = {
    "environment": Difference.ENVIRONMENT,
    "environment.digest": Difference.ENVIRONMENT,
    "tester.environment.digest": Difference.ENVIRONMENT,
    "limits.cpus": Difference.LIMITS,
    "limits.memory_bytes": Difference.LIMITS,
    "limits.disk_bytes": Difference.LIMITS,
    "limits.pids": Difference.LIMITS,
}


@dataclass(slots=True)
class Facts:
    """Everything that is known of the runs of one side, each value that a fact has in any of them.

    `ids` are the ids of planned trials, `runs` how many runs have each, and `trials` how many each model has. `untold`
    are the runs whose plans do not say what their trials are made of; `open` are planned trials by run and id that
    nothing came of yet, `elsewhere` those of shards. `began` has the run of each trial that was recorded, by what
    it is known by in whatever run it was copied to; `twice` are those that two runs have.
    """

    values: dict[Key, set[str]] = field(default_factory=dict)
    features: dict[str, None] = field(default_factory=dict)
    ids: dict[Place, set[str]] = field(default_factory=dict)
    untold: list[str] = field(default_factory=list)
    trials: Counter[str] = field(default_factory=Counter)
    runs: Counter[Place] = field(default_factory=Counter)
    open: dict[tuple[str, str], Place] = field(default_factory=dict)
    elsewhere: dict[str, str] = field(default_factory=dict)
    began: dict[Lived, str] = field(default_factory=dict)
    twice: list[Lived] = field(default_factory=list)

    def plan(self, run: str, plan: RunPlan) -> None:
        """One more run, by its plan; its records come later."""
        for trial in plan.trials:
            place = Place(trial.model, trial.feature, trial.repeat)
            self.ids.setdefault(place, set()).add(trial.id)
            self.runs[place] += 1
            self.open[run, trial.id] = place
        self.trials.update(trial.model for trial in plan.trials)
        self.elsewhere |= {trial.id: run for trial in plan.elsewhere}
        self.features |= dict.fromkeys(plan.features_planned)
        if not plan.features:
            self.untold.append(run)
        for key, value in _told(plan):
            self.values.setdefault(key, set()).add(value)

    def add(self, record: Record) -> None:
        """The record of a trial's latest attempt."""
        if record.verdict is not Verdict.NOT_RUN:
            self.open.pop((record.run, record.trial.id), None)
        key = Lived(record.trial.id, record.started_utc, record.wall_ns)
        if self.began.setdefault(key, record.run) != record.run:
            self.twice.append(key)
        for fact, value in _seen(record):
            self.values.setdefault(fact, set()).add(value)

    def begin(self, provenance: Mapping[str, str]) -> None:
        """What is known of a run before its first trial; how its sandboxes are weakened is seen only then."""
        for key, value in _of_run(provenance):
            if key.what != _WEAKENED:
                self.values.setdefault(key, set()).add(value)

    def as_far_as(self, other: "Facts") -> "Facts":
        """The same without what only trials tell and the other one does not know."""
        return replace(
            self, values={key: told for key, told in self.values.items() if key.planned or key in other.values}
        )

    def waiting(self, models: Collection[str]) -> tuple[Place, ...]:
        """The planned trials of these models that nothing came of yet; of all models where none is named."""
        return tuple(place for place in self.open.values() if not models or place.model in models)

    def planned(self, models: Collection[str]) -> int:
        """How many trials of these models are planned, of all where none is named."""
        return sum(number for model, number in self.trials.items() if not models or model in models)

    @property
    def missing_shards(self) -> dict[str, str]:
        """Trials of other shards that no run of this side has, by id, with the run that speaks of them."""
        there = {one for ids in self.ids.values() for one in ids}
        return {trial: run for trial, run in self.elsewhere.items() if trial not in there}


def _told(plan: RunPlan) -> Iterator[tuple[Key, str]]:
    for feature, parts in plan.features.items():
        for part, digest in parts.items():
            yield Key(PARTS.get(part, Difference.SCRIPT), Scope.FEATURE, feature, part, planned=True), digest
    for model, settings in plan.models.items():
        measured = {name: value for name, value in settings.items() if name != "name"}
        yield from _set(Key(Difference.MODEL, Scope.MODEL, model, "", planned=True), measured)
    yield from _set(Key(Difference.LIMITS, Scope.RUN, "", "", planned=True), {"limits": plan.limits})
    others = {name: value for name, value in plan.settings.items() if name not in _RUN_FACTS}
    yield from _set(Key(Difference.HARNESS, Scope.RUN, "", "", planned=True), others)


def _set(key: Key, values: Mapping[str, Any]) -> Iterator[tuple[Key, str]]:
    """Each value that is set, as a fact by its path."""
    for name, value in values.items():
        own = key._replace(what=f"{key.what}.{name}" if key.what else name)
        if isinstance(value, Mapping):
            yield from _set(own, value)
        elif value is not None:
            yield own, value if isinstance(value, str) else json.dumps(value, default=str)


def _seen(record: Record) -> Iterator[tuple[Key, str]]:
    yield from _of_run(record.provenance)
    facts, trial = record.provenance, record.trial
    for name, kind in _FEATURE_FACTS.items():
        if name in facts:
            yield Key(kind, Scope.FEATURE, trial.feature, name), facts[name]
    if record.verdict is Verdict.PASS and record.grade.rung:  # of what fails, it depends on how
        yield Key(Difference.RUNG, Scope.FEATURE, trial.feature, "rung"), record.grade.rung
    if f"price.{trial.model}" in facts:
        yield Key(Difference.MODEL, Scope.MODEL, trial.model, "price"), facts[f"price.{trial.model}"]


def _of_run(facts: Mapping[str, str]) -> Iterator[tuple[Key, str]]:
    for name, (kind, needed) in _RUN_FACTS.items():
        if name in facts:
            yield Key(kind, Scope.RUN, "", name, needed=needed), facts[name]
    if "sandbox" in facts:
        yield Key(Difference.SANDBOX, Scope.RUN, "", _WEAKENED), facts.get(_WEAKENED, "nothing")
    for name, value in facts.items():
        if name.startswith("package."):
            yield Key(Difference.HARNESS, Scope.RUN, "", name), value
