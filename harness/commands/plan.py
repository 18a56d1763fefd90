"""`splitclock plan`: what a matrix would run and who would receive source code; starts nothing."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer
from rich.table import Table

from harness.commands import options
from harness.commands.estimating import document, estimated, told
from harness.commands.planning import row
from harness.commands.running import Job, load_job
from harness.commands.session import output, print_json, say
from harness.config import ModelConfig, settings
from harness.digests import notes
from harness.models.presets import PRESETS
from harness.plan import Trial
from harness.untrusted import rich_text
from sandbox.checkout import Checkouts


def command(
    matrix: options.MatrixFile,
    *,
    model: options.OnlyModels = None,
    feature: options.OnlyFeatures = None,
    repeats: options.Repeats = None,
    source: options.Sources = None,
    working_tree: options.WorkingTrees = None,
    fixtures: options.Fixtures = None,
    sandbox: options.Sandbox = options.SandboxKind.DOCKER,
    shard: options.ShardOf = None,
    history: Annotated[
        Path, typer.Option("--history", metavar="DIR", help="Where earlier runs lie, to estimate from.")
    ] = Path("runs"),
    as_json: options.Json = False,
) -> None:
    """Print the trials in the order they would run, their ids, the limits, and every provider that gets source code.

    Example: splitclock plan examples/matrix.toml --repeats 1
    """
    part = options.sliced(model, feature, repeats)
    job = load_job(matrix, options.given(part, fixtures, source, working_tree))
    job = replace(job, asked=job.asked.model_copy(update={"shard": shard or ""}))
    trials = job.planned(Checkouts(settings().cache), sandbox.value).trials
    places = job.matrix.parallel.trials
    estimate, found = estimated(trials, places, history)
    for line in found.unreadable:
        say(f"not counted: {line}")
    if as_json:
        print_json({**_document(job, trials), "estimate": document(estimate)})
        return
    console = output()
    console.print(_table(trials))
    for line in (*_remarks(job, trials), *told(estimate, places, history)):
        console.print(rich_text(line), soft_wrap=True)


def receivers(job: Job) -> dict[str, str]:
    """Every model that sends the target's source code to a server that is not our own child, with the host."""
    return {
        name: urlsplit(config.base_url).hostname or config.base_url
        for name, config in job.matrix.models.items()
        if config.base_url
    }


def most_cost_usd(job: Job, trials: Iterable[Trial]) -> float | None:
    """What the limits allow the trials to cost at most, USD; None when a model that costs anything has no limit."""
    paid = [trial for trial in trials if trial.settings.billed or trial.settings.price is not None]
    limit = job.matrix.limits.cost_usd
    if not paid:
        return 0.0
    return None if limit is None else limit * len(paid)


def _document(job: Job, trials: tuple[Trial, ...]) -> dict[str, object]:
    return {
        "schema": 1,
        "matrix": job.matrix.name,
        "trials": [row(trial) for trial in trials],
        "receivers": receivers(job),
        "prices": {name: _price(model) for name, model in job.matrix.models.items()},
        "most_cost_usd": most_cost_usd(job, trials),
    }


def _price(model: ModelConfig) -> dict[str, object] | None:
    """USD per million tokens of a model, and who says so; None for what nobody sends a bill for."""
    if not model.price_source:
        return None
    rates = {name: getattr(model.price, name, None) for name in ("input", "cached_input", "output")}
    return {**rates, "source": model.price_source}


def _table(trials: Iterable[Trial]) -> Table:
    table = Table(box=None)
    for name in ("trial", "model", "provider", "feature", "#"):
        table.add_column(name)
    for trial in trials:
        simulated = " (simulated)" if trial.settings.simulated else ""
        cells = (trial.id, trial.model, trial.settings.provider + simulated, trial.feature.key, str(trial.repeat))
        table.add_row(*map(rich_text, cells))
    return table


def _remarks(job: Job, trials: tuple[Trial, ...]) -> list[str]:
    limits = job.matrix.limits
    most = most_cost_usd(job, trials)
    bounds = f"{limits.turns} turns, {limits.wall_s:g} s, {limits.output_tokens} output tokens"
    planned = "1 trial" if len(trials) == 1 else f"{len(trials)} trials"
    lines = [
        f"{planned}, {job.matrix.parallel.trials} at once; each at most {bounds}",
        "cost: no limit; add `cost_usd` to [limits]" if most is None else f"cost: at most ${most:.2f}, by the limits",
    ]
    lines += [f"budget: all trials together at most {most:g} {what}" for what, most in job.matrix.budget.bounds.items()]
    sent = receivers(job)
    lines += [f"`{name}` sends the target's source code to {host}" for name, host in sent.items()]
    if not sent:
        lines.append("no source code leaves this machine")
    lines += [line for name, model in job.matrix.models.items() for line in _model_remarks(name, model)]
    return lines + [note for feature in job.features for note in notes(feature)]


def _model_remarks(name: str, model: ModelConfig) -> Iterator[str]:
    """What a model costs, by whom, and whether its provider is not known to offer the API that it is asked by."""
    if model.price is not None:
        yield f"`{name}` costs {model.price} ({model.price_source})"
    elif model.price_source:
        yield f"`{name}`: price unknown ({model.price_source}); add [models.{name}.price] to have its cost"
    preset = PRESETS.get(model.provider)
    if preset is not None and model.api not in preset.apis:
        yield f"`{name}`: {model.provider} is not known to offer the API `{model.api}`; known: {', '.join(preset.apis)}"
