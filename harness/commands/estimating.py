"""What `plan` says of cost, time and disk, from earlier runs."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.estimate import ComingTrial, Estimate, ModelEstimate, Range, estimate
from harness.past_runs import History, read_history, runs_in
from harness.plan import Trial

_NS = 10**9
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_UNITS = ("bytes", "KB", "MB", "GB", "TB")
_THOUSAND = 1000
_SMALL_USD = 0.1


def estimated(trials: Iterable[Trial], places: int, history: Path) -> tuple[Estimate, History]:
    """What the trials will take by the runs in a folder, and what of these could be read."""
    found = read_history(runs_in(history))
    return estimate([_coming(trial) for trial in trials], found.trials, places), found


def told(made: Estimate, places: int, history: Path) -> Iterator[str]:
    """The estimate in words: a line for each model, and one for all of them."""
    if made.unknown == made.planned:
        yield f"no estimate: no finished trial of these models in the runs under {history}"
        return
    for model in made.models:
        yield f"`{model.model}`: {_model(model, history)}"
    yield _together(made, places)


def document(made: Estimate) -> dict[str, Any]:
    """The same for machines: integer nanoseconds and bytes, USD; null for what is unknown."""
    models = [{**asdict(model), **_ranges(model)} for model in made.models]
    whole = {name: getattr(made, name) for name in ("planned", "unknown", "unpriced")}
    return {**whole, **_ranges(made), "models": models}


def _coming(trial: Trial) -> ComingTrial:
    return ComingTrial(
        model=trial.model,
        requested_model=trial.settings.model,
        feature=trial.feature.key,
        is_simulated=trial.settings.simulated,
        is_billed=trial.settings.billed or trial.settings.price is not None,
    )


def _ranges(made: Estimate | ModelEstimate) -> dict[str, dict[str, float] | None]:
    whole = {"wall_ns": made.wall_ns, "disk_bytes": made.disk_bytes}
    found = {name: _figures(one, round) for name, one in whole.items()}
    return {**found, "cost_usd": _figures(made.cost_usd, float)}


def _figures(one: Range | None, kind: Callable[[float], float]) -> dict[str, float] | None:
    return None if one is None else {"mean": kind(one.mean), "least": kind(one.least), "most": kind(one.most)}


def _model(model: ModelEstimate, history: Path) -> str:
    if model.wall_ns is None or model.disk_bytes is None:
        return f"unknown: no finished trial of it in the runs under {history}"
    parts = [_money(model.cost_usd), _span(model.wall_ns, _time), _span(model.disk_bytes, size)]
    runs = "1 run" if model.runs == 1 else f"{model.runs} runs"
    trials = "1 finished trial" if model.trials == 1 else f"{model.trials} finished trials"
    other = f", {model.from_other_features} of {model.planned} by other features" if model.from_other_features else ""
    return f"a trial is {', '.join(parts)}; from {trials} of {runs}{other}"


def _together(made: Estimate, places: int) -> str:
    if made.wall_ns is None or made.disk_bytes is None:
        return "no estimate"
    known = made.planned - made.unknown
    trials = f"{known} trials" if not made.unknown else f"{known} of {made.planned} trials, the others being unknown"
    cost = _money(made.cost_usd)
    if made.unpriced and made.cost_usd is not None:
        cost += f" without {made.unpriced} trials of unknown cost"
    wall = _span(made.wall_ns, _time)
    return f"estimate for {trials}, {places} at once: {cost}, {wall}, {_span(made.disk_bytes, size)} of disk"


def _money(cost: Range | None) -> str:
    if cost is None:
        return "cost unknown"
    return _span(cost, _usd) if cost.most else "no cost"


def _span(one: Range, words: Callable[[float], str]) -> str:
    """The mean, and the range where there is one."""
    least, most = words(one.least), words(one.most)
    return words(one.mean) if least == most else f"{words(one.mean)} ({least} to {most})"


def _usd(value: float) -> str:
    return f"${value:.2f}" if value >= _SMALL_USD or not value else f"${value:.4f}"


def _time(ns: float) -> str:
    seconds = ns / _NS
    for size, name in ((_DAY, "days"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {name}"
    return f"{seconds:.3g} s" if seconds < 1 else f"{seconds:.0f} s"


def size(value: float) -> str:
    """A number of bytes in words: "2.1 MB"."""
    power = 0
    while value >= _THOUSAND and power < len(_UNITS) - 1:
        value, power = value / _THOUSAND, power + 1
    return f"{value:.3g} {_UNITS[power]}"
