"""A matrix and its features become trials: frozen values with stable ids, before anything starts. Pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import Any

from harness.config import Matrix, ModelConfig, TrialLimits
from harness.edge import canonical_json
from harness.features import Feature
from harness.models.settings import Timeouts

ID_SCHEMA = 1
"""Part of every id; goes up when ids come to be made of other things."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One model (its name in the matrix), one feature, one repeat from 1 on, within limits; `id` is 12 hex digits."""

    id: str
    model: str
    settings: ModelConfig
    feature: Feature
    repeat: int
    limits: TrialLimits

    @property
    def label(self) -> str:
        """How people read of it: "fast bookings/waitlist 1"."""
        return f"{self.model} {self.feature.key} {self.repeat}"


def plan(
    matrix: Matrix, features: Iterable[Feature], digests: Mapping[str, str], finished: Collection[str] = ()
) -> tuple[Trial, ...]:
    """The trials to run, those whose id is in `finished` left out.

    Models alternate within a feature, features within a repeat (A B A B ...), so that what drifts with the hour (a
    provider's load, a machine's heat) meets all models alike. `digests` are those of `harness.digests.trial_digests`.
    Raises KeyError when it lacks one.
    """
    wanted = tuple(features)
    every = (
        _trial(matrix, model, feature, digests, repeat)
        for repeat in range(1, matrix.repeats + 1)
        for feature in wanted
        for model in matrix.models.values()
    )
    return tuple(trial for trial in every if trial.id not in finished)


def trial_id(settings: Mapping[str, Any]) -> str:
    """12 hex digits of BLAKE2b over the canonical JSON of everything that changes what a trial measures."""
    return blake2b(canonical_json({"schema": ID_SCHEMA, **settings}), digest_size=6).hexdigest()


def identity(matrix: Matrix, model: ModelConfig, feature: Feature, digests: Mapping[str, str]) -> dict[str, Any]:
    """What a trial's id is made of, but its repeat; two of these, compared, say why ids differ.

    In: the feature's key and digest (source, brief, tests, manifest, target settings), the model's name in the matrix,
    what is sent and where, its pace and its script if it is simulated, the limits. The name, because boards group by
    it: two tables alike but for the name are an A/A test, and a renamed model is not found again under its old name.
    Out: the matrix's name and budget, how many repeats there are, trials and requests run at once, the claimed speed,
    the name of the key's variable; and the price, unless a cost limit may stop the trial by it.
    """
    return {
        "feature": feature.key,
        "digest": digests[feature.key],
        "model": measured(model, matrix.limits),
        "script": None if model.turns is None else digests[f"{feature.key}:{model.turns}"],
        "limits": asdict(matrix.limits),
    }


def measured(model: ModelConfig, limits: TrialLimits) -> dict[str, Any]:
    """What of a model's settings changes what is measured with it, its name included."""
    left_out = {"claimed_tokens_per_s", "concurrency", "key_env", "turns", "price_source"}
    left_out |= set() if model.most_in_flight else {"most_in_flight"}  # ids stay: it could not be set
    left_out |= set() if limits.cost_usd is not None else {"price"}
    found = {name: value for name, value in asdict(model).items() if name not in left_out}
    if found.get("price"):  # what a price has not, it had not when prices had less to say: ids stay
        found["price"] = {name: value for name, value in found["price"].items() if value or name in _PLAIN_PRICE}
    if model.timeouts == Timeouts():  # the same: they could not be set
        del found["timeouts"]
    return found


_PLAIN_PRICE = ("input", "output", "cached_input")


def _trial(matrix: Matrix, model: ModelConfig, feature: Feature, digests: Mapping[str, str], repeat: int) -> Trial:
    return Trial(
        id=trial_id(identity(matrix, model, feature, digests) | {"repeat": repeat}),
        model=model.name,
        settings=model,
        feature=feature,
        repeat=repeat,
        limits=matrix.limits,
    )
