"""The trials that a command line asks for, and the plan that its run folder keeps of them."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from harness.config import Matrix
from harness.digests import asked_of, decided, digest, trial_digests
from harness.features import Feature
from harness.inputs import Inputs
from harness.plan import Trial, measured, plan
from harness.prepare import source_digest
from harness.provenance import prompt_digest
from harness.run_plan import Asked, Elsewhere, PlannedTrial, RunPlan
from harness.shards import Shard, shards
from sandbox.checkout import Checkouts


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """The trials to do, in the order in which they would start, and the plan to keep."""

    trials: tuple[Trial, ...]
    plan: RunPlan


def planned(inputs: Inputs, asked: Asked, checkouts: Checkouts, sandbox: str) -> Planned:
    """The trials of a matrix, or of a shard of it, in a kind of sandbox. Raises ConfigError, InfraError."""
    matrix, features = inputs.matrix, inputs.features
    shard = Shard.parse(asked.shard) if asked.shard else None
    sources = {feature.key: source_digest(feature, checkouts) for feature in features}
    settings = {"sandbox": sandbox, "prompts": prompt_digest()}
    digests = trial_digests(features, sources, matrix.scripts, settings)
    every = plan(matrix, features, digests)
    numbers = shards(every, shard.of) if shard else {}
    mine = tuple(trial for trial in every if shard is None or numbers[trial.id] == shard.number)
    others = [trial for trial in every if shard is not None and numbers[trial.id] != shard.number]
    found = RunPlan(
        matrix=matrix.name,
        trials=tuple(PlannedTrial(**row(trial)) for trial in mine),
        elsewhere=tuple(Elsewhere(**row(trial), shard=numbers[trial.id]) for trial in others),
        models=_models(matrix),
        features={one.key: _parts(one, sources[one.key], digests) for one in features},
        limits=asdict(matrix.limits),
        settings=settings,
        asked=asked.model_copy(update={"sandbox": sandbox}),
    )
    return Planned(trials=mine, plan=RunPlan.model_validate(json.loads(json.dumps(found.document()))))


def row(trial: Trial) -> dict[str, Any]:
    """A trial as plans show it to machines."""
    return {"id": trial.id, "model": trial.model, "feature": trial.feature.key, "repeat": trial.repeat}


def _models(matrix: Matrix) -> dict[str, dict[str, Any]]:
    return {name: measured(model, matrix.limits) for name, model in matrix.models.items()}


def _parts(feature: Feature, source: str, digests: dict[str, str]) -> dict[str, str]:
    """What a feature is measured by, as a digest for each part that can change alone."""
    asked = asked_of(feature)
    target = asked.pop("target")
    turns = {
        f"turns/{name}": value for key, value in digests.items() if (name := key.removeprefix(f"{feature.key}:")) != key
    }
    return {
        "brief": digest(feature.brief),
        "tests": digest(asked),
        "target settings": digest(target),
        "manifest": digest(decided(feature)),
        "source": source,
        **turns,
    }
