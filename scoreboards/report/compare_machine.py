"""A comparison and a what-if as machines read them: stable names, whole nanoseconds, null for what is unknown."""

import json
from collections.abc import Sequence
from typing import Any

from scoreboards.comparison import Comparison, Premium
from scoreboards.statistics import Interval
from scoreboards.whatif import Changes, Outcome

SCHEMA = 1
"""Number of the form; goes up when a field changes its meaning, fields are only added."""


def compare_value(found: Comparison, every: Comparison | None = None) -> dict[str, Any]:
    """The comparison as a JSON object; "all_trials" is the same over all scored trials, where that is another one."""
    value = {"schema": SCHEMA, "slow": found.found.slow, "fast": found.found.fast, **_figures(found)}
    return {**value, "all_trials": None if every is None else _figures(every)}


def compare_json(found: Comparison, every: Comparison | None = None) -> str:
    """The comparison as JSON text that no terminal can be steered by."""
    return json.dumps(compare_value(found, every), indent=2, allow_nan=False)


def what_if_json(outcomes: Sequence[Outcome], changes: Changes) -> str:
    """A what-if as JSON text: "changes", and a line for each trial with its agent wall as it was and as it would be."""
    trials = [
        {
            "id": one.record.trial.id,
            "run": one.record.run,
            "model": one.record.trial.model,
            "feature": one.record.trial.feature,
            "repeat": one.record.trial.repeat,
            "verdict": str(one.record.verdict),
            "simulated": one.record.trial.simulated,
            "agent_wall_ns": one.record.agent_wall_ns,
            "changed_wall_ns": one.wall_ns,
        }
        for one in outcomes
    ]
    asked = {name: getattr(changes, name) for name in Changes.__slots__}
    return json.dumps({"schema": SCHEMA, "changes": asked, "trials": trials}, indent=2, allow_nan=False)


def _figures(found: Comparison) -> dict[str, Any]:
    known, between = found.found, found.counterfactual
    return {
        "simulated": list(known.simulated),
        "claimed": known.claimed,
        "decode": known.decode,
        "model": found.model,
        "real": known.real,
        "real_interval": _interval(found.interval),
        "realisation": known.realisation,
        "ceiling": found.ceiling,
        "pairs": list(known.pairs),
        "ratios": dict(known.ratios),
        "solved_only": known.solved_only,
        "trials": found.trials,
        "censored": found.censored,
        "attribution": {str(cause): ns for cause, ns in found.causes.items()},
        "difference_ns": found.difference_ns,
        "eroded": None if found.eroded is None else {str(cause): part for cause, part in found.eroded.items()},
        "counterfactual": None if between is None else {"speed": between.speed, "behaviour": between.behaviour},
        "premium": _premium(found.premium),
    }


def _interval(found: Interval | None) -> list[float] | None:
    return None if found is None else [found.low, found.high]


def _premium(found: Premium | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "usd_per_feature": found.usd,
        "hours_saved_per_feature": found.hours,
        "usd_per_hour": found.usd_an_hour,
        "is_rough": found.is_rough,
    }
