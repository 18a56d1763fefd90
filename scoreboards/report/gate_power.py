"""What a matrix can see, as a table and as JSON: the chance that a change fails the gate, and the smallest one seen."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from scoreboards import words
from scoreboards.gate.paired import least_pairs
from scoreboards.gate.phrases import NAMES, allowed, named, signed
from scoreboards.gate.policy import Metric, Policy
from scoreboards.gate.power import Chance, Power
from scoreboards.report.grid import Grid
from scoreboards.report.grid_view import grid_view
from scoreboards.words import counted

SCHEMA = 1
"""Number of the form; goes up when a field changes its meaning, fields are only added."""

_STACKS = ([[0], [1], [2], [3], [4]], ([0, 4], [1], [2], [3]), ([0, 4], [1, 2, 3]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A change that one would like to see, and with how many repeats that is likely; None where no number is enough."""

    metric: Metric
    change: float
    repeats: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What the trials of one model can show."""

    model: str
    power: Power
    wanted: tuple[Wanted, ...] = ()


def power_view(sights: Sequence[Sight], policy: Policy, width: int) -> Iterator[RenderableType]:
    """A table of each model, the repeats that wanted changes ask for, and what is assumed."""
    for sight in sights:
        yield grid_view(_grid(sight, policy), width)
        yield from (Text(_needed(one, sight, policy)) for one in sight.wanted)
        yield Text()
    yield from (Text(line, style="dim") for line in assumptions(sights, policy))


def assumptions(sights: Sequence[Sight], policy: Policy) -> tuple[str, ...]:
    """How the figures are to be read."""
    family = max((sight.power.family for sight in sights), default=0)
    unknown = [NAMES[one] for one in dict.fromkeys(metric for sight in sights for metric in sight.power.unknown)]
    over = f"at alpha {policy.alpha:g} over {counted(family, 'test')}"
    told = [
        f"The chance that the gate fails what changed by so much, {over}, as far as the baseline's own scatter tells.",
        "Assumed: the same change in every feature; a candidate as noisy as the baseline; as many trials of both.",
        f"A change of a phase is one of it together with {words.percent(policy.time.floor)} of the agent wall.",
    ]
    if unknown:
        told.append(f"One repeat cannot tell how much repeats scatter: nothing is said of {', '.join(unknown)}.")
    return tuple(told)


def power_json(sights: Sequence[Sight], policy: Policy) -> str:
    """The same as JSON text; changes are shares, drops of the pass rate as negative ones."""
    return json.dumps(
        {
            "schema": SCHEMA,
            "alpha": policy.alpha,
            "models": [_value(sight, policy) for sight in sights],
            "notes": list(assumptions(sights, policy)),
        },
        indent=2,
        allow_nan=False,
    )


def _by_metric(found: Power) -> Mapping[Metric, list[Chance]]:
    told: dict[Metric, list[Chance]] = {}
    for one in found.chances:
        told.setdefault(one.metric, []).append(one)
    return told


def _grid(sight: Sight, policy: Policy) -> Grid:
    found = sight.power
    have = f"{counted(found.features, 'feature')} x {counted(found.repeats, 'repeat')}"
    return Grid(
        title=f"What is seen: {named(sight.model)}, {have}",
        heads=(
            "criterion",
            "limit",
            "chance of a small change",
            "of a larger one",
            "of a large one",
            f"smallest seen at {words.percent(found.wanted)}",
        ),
        short_heads=("criterion", "limit", "small", "larger", "large", f"seen at {words.percent(found.wanted)}"),
        rows=tuple(_row(metric, chances, found, policy) for metric, chances in _by_metric(found).items()),
        stacks=_STACKS,
    )


def _row(metric: Metric, chances: Sequence[Chance], found: Power, policy: Policy) -> tuple[str, ...]:
    told = [f"{_change(metric, one.change)}: {words.percent(one.power)}" for one in chances]
    smallest = found.smallest.get(metric)
    seen = words.UNKNOWN if metric in found.unknown else "none" if smallest is None else _change(metric, smallest)
    limit = allowed(policy.limit(metric) or 0.0, metric).replace("points", "pts")
    return (NAMES[metric], limit, *told, seen)


def _change(metric: Metric, change: float) -> str:
    return signed(-change if metric is Metric.PASS_RATE else change, metric).replace("points", "pts")


def _needed(one: Wanted, sight: Sight, policy: Policy) -> str:
    change = f"{NAMES[one.metric]} {_change(one.metric, one.change)}"
    if one.metric in sight.power.unknown:
        return f"{change}: one repeat cannot tell how many are needed; run two or more"
    limit = policy.limit(one.metric) or 0.0
    if one.change <= limit:
        return f"{change}: is within the limit of {allowed(limit, one.metric)}, and no fail; lower that in the policy"
    if one.repeats is None:
        least = least_pairs(policy.alpha / max(1, sight.power.family))
        few = sight.power.features < least
        more = f"nothing can fail on fewer than {least} among so many tests" if few else "add features"
        return f"{change}: no number of repeats of {counted(sight.power.features, 'feature')} shows it; {more}"
    return (
        f"{change}: seen with {counted(one.repeats, 'repeat')} of each feature, at {words.percent(sight.power.wanted)}"
    )


def _value(sight: Sight, policy: Policy) -> dict[str, Any]:
    found = sight.power
    return {
        "model": sight.model,
        "features": found.features,
        "repeats": found.repeats,
        "family": found.family,
        "wanted_power": found.wanted,
        "criteria": [
            {
                "name": metric.value,
                "threshold": policy.limit(metric),
                "is_known": metric not in found.unknown,
                "chances": [
                    {"change": _signed(metric, one.change), "power": one.power, "error": _finite(one.error)}
                    for one in chances
                ],
                "smallest_seen": _signed(metric, found.smallest.get(metric)),
            }
            for metric, chances in _by_metric(found).items()
        ],
        "wanted": [
            {"name": one.metric.value, "change": _signed(one.metric, one.change), "repeats": one.repeats}
            for one in sight.wanted
        ],
    }


def _signed(metric: Metric, change: float | None) -> float | None:
    return change if change is None or metric is not Metric.PASS_RATE else -change


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
