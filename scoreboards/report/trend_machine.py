"""A trend as machines read it: stable names, whole nanoseconds, null for what is unknown."""

import json
from collections.abc import Sequence
from typing import Any

from scoreboards.history.trend import WALL, Point, Series

SCHEMA = 1
"""Number of the form; goes up when a field changes its meaning, fields are only added."""


def trend_value(found: Sequence[Series]) -> dict[str, Any]:
    """The trend as a JSON object: "schema", "series"."""
    return {"schema": SCHEMA, "series": [_series(series) for series in found]}


def trend_json(found: Sequence[Series]) -> str:
    """The trend as JSON text that no terminal can be steered by."""
    return json.dumps(trend_value(found), indent=2, allow_nan=False)


def _series(series: Series) -> dict[str, Any]:
    return {
        "model": series.model,
        "feature": series.feature,
        "simulated": series.simulated,
        "requested_models": list(series.requested_models),
        "points": [_point(point) for point in series.points],
    }


def _point(point: Point) -> dict[str, Any]:
    interval = point.pass_interval
    return {
        "run": point.run,
        "run_key": point.run_key,
        "began_utc": point.began.isoformat(),
        "trials": point.trials,
        "scored": point.scored,
        "passed": point.passed,
        "noisy": point.noisy,
        "requested_models": list(point.requested_models),
        "pass_rate": point.pass_rate,
        "pass_interval": None if interval is None else [interval.low, interval.high],
        "agent_wall_median_ns": point.medians[WALL],
        "phase_medians": {name: ns for name, ns in point.medians.items() if name != WALL},
    }
