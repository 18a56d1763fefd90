"""Whether a run may stand in for a baseline: measured alike, or unlike it only in what was allowed by name."""

from collections.abc import Collection
from pathlib import Path

from harness.errors import ConfigError
from harness.gating import read_side
from scoreboards.gate.comparable import differences
from scoreboards.gate.facts import Facts
from scoreboards.gate.findings import Differs
from scoreboards.gate.policy import Difference


def drift(before: Path, after: Path, allow: Collection[Difference]) -> tuple[Differs, ...]:
    """How a run differs from a baseline in what is measured. Raises ConfigError, InfraError.

    A model that only one of them has is a difference of kind `model`.
    """
    old, new = read_side([before]).facts, read_side([after]).facts
    theirs, ours = _models(old), _models(new)
    found = differences(old, new, {model: model for model in theirs if model in ours}, allow)
    gone = [f"model {one}: only in the baseline" for one in theirs if one not in ours]
    come = [f"model {one}: only in the new run" for one in ours if one not in theirs]
    kind = Difference.MODEL
    return (*found, *(Differs(kind=kind, words=words, allowed=kind in allow) for words in (*gone, *come)))


def refuse_drift(name: str, found: Collection[Differs]) -> None:
    """Raise ConfigError, with a line for each difference that nobody allowed."""
    lines = [f"{name}: {one.kind}: {one.words}; --allow {one.kind} takes it" for one in found if not one.allowed]
    if lines:
        raise ConfigError(*lines)


def _models(facts: Facts) -> list[str]:
    return list(dict.fromkeys(place.model for place in facts.ids))
