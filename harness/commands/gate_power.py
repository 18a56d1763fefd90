"""The part of `splitclock gate` that tells what a matrix can see, from a baseline alone."""

import re
from collections.abc import Iterable, Sequence

from harness.errors import ConfigError
from harness.untrusted import one_line
from scoreboards.gate.asking import asked
from scoreboards.gate.policy import Metric, Policy
from scoreboards.gate.power import Plan, power, repeats_for
from scoreboards.gate.sample import Sample
from scoreboards.gate.simulated import Baseline
from scoreboards.report.gate_power import Sight, Wanted

_SEE = re.compile(r"([a-z_]+)=(\d{1,3}(?:\.\d{1,6})?)(%?)")
_LEAST = (Metric.PASS_RATE, 0.2), (Metric.AGENT_WALL, 0.2)
"""What is asked for unless the user does: changes that most would want to see."""


def wanted_changes(see: Iterable[str]) -> tuple[tuple[Metric, float], ...]:
    """Changes to be seen, from METRIC=SHARE or METRIC=N% each. Raises ConfigError."""
    return tuple(map(_wanted, see)) or _LEAST


def sights(
    baseline: Sample, policy: Policy, models: Sequence[str], see: Sequence[tuple[Metric, float]]
) -> tuple[Sight, ...]:
    """What the baseline's trials of these models, or of all, can show. Raises ConfigError for an unknown one."""
    known = sorted(baseline.models)
    named = tuple(models) or policy.models or tuple(known)
    for name in named:
        if name not in known:
            listed = ", ".join(one_line(one, 40) for one in known) or "none"
            raise ConfigError(f"no model `{one_line(name, 40)}` in the baseline; known: {listed}")
    plan = Plan(models=max(1, len(named)))
    return tuple(_sight(baseline, policy, name, (plan, see)) for name in named)


def _sight(sample: Sample, policy: Policy, model: str, how: tuple[Plan, Sequence[tuple[Metric, float]]]) -> Sight:
    plan, see = how
    found = scatter(sample, policy, model)
    wanted = tuple(
        Wanted(metric=metric, change=change, repeats=repeats_for(found, policy, (metric, change), plan))
        for metric, change in see
        if found.get(metric) and policy.limit(metric) is not None
    )
    return Sight(model=model, power=power(found, policy, plan), wanted=wanted)


def scatter(sample: Sample, policy: Policy, model: str) -> Baseline:
    """A model's amounts by metric and feature as a gate would compare them; metrics it cannot compare are left out."""
    cells = sample.cells(model)
    found: dict[Metric, list[list[float]]] = {}
    for metric in Metric:
        question = asked(cells, cells, policy, metric, policy.time.trials).question
        if policy.limit(metric) is not None and question is not None:
            found[metric] = [list(before) for before, _ in question.groups]
    return found


def _wanted(text: str) -> tuple[Metric, float]:
    found = _SEE.fullmatch(text)
    if found is None or found[1] not in set(Metric):
        known = ", ".join(Metric)
        raise ConfigError(f"--see {one_line(text, 60)}: give METRIC=20%, with a metric of: {known}")
    metric, change = Metric(found[1]), float(found[2]) / (100 if found[3] else 1)
    if metric is Metric.PASS_RATE and change > 1:
        raise ConfigError(f"--see {one_line(text, 60)}: a pass rate drops by 100% at most; give pass_rate=20%")
    return metric, change
