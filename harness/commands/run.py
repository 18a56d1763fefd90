"""`splitclock run`: execute a matrix and say what it came to."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from harness.commands import options
from harness.commands.finishing import Ending, carry_out
from harness.commands.on_finish import hook_of
from harness.commands.options import SandboxKind
from harness.commands.running import Finished, Job, load_job
from harness.commands.session import open_session, say
from harness.config import environment_without_keys
from harness.errors import ConfigError, InfraError, ProviderError
from harness.record import Record, Verdict
from harness.untried import DEFERRED


def command(
    matrix: options.MatrixFile,
    *,
    out: Annotated[Path | None, typer.Option("--out", help="Run folder, instead of runs/<name>-<time>.")] = None,
    model: options.OnlyModels = None,
    feature: options.OnlyFeatures = None,
    repeats: options.Repeats = None,
    sandbox: options.Sandbox = SandboxKind.DOCKER,
    source: options.Sources = None,
    working_tree: options.WorkingTrees = None,
    fixtures: options.Fixtures = None,
    allow_weakened: options.Weakened = None,
    as_json: options.Json = False,
    json_lines: options.JsonLines = False,
    board: options.WithBoard = False,
    on_finish: options.OnFinish = None,
) -> int:
    """Run models x features x repeats, and say what it came to and what to look at.

    Example: splitclock run examples/demo.toml --model fast --repeats 1
    """
    part = options.sliced(model, feature, repeats)
    job = load_job(matrix, options.given(part, fixtures, source, working_tree), out)
    job = replace(job, allow_weakened=tuple(allow_weakened or ()))
    ending = ending_of(job, options.Shown(as_json=as_json, json_lines=json_lines, board=board, on_finish=on_finish))
    return carry_out(job, open_session(sandbox), ending, exit_code)


def ending_of(job: Job, shown: options.Shown) -> Ending:
    """How a run is shown and what is called at its end. Raises ConfigError for what does not go together."""
    if sum((shown.as_json, shown.json_lines, shown.board)) > 1:
        raise ConfigError("--json, --json-lines, --board: choose one")
    hook = hook_of(shown.on_finish, environment_without_keys(job.matrix.models.values()))
    return Ending(as_json=shown.as_json, json_lines=shown.json_lines, board=shown.board, on_finish=hook)


def exit_code(finished: Finished) -> int:
    """0 when the run completed, whatever the verdicts; 130 when it was interrupted; 4 or 5 past the error cap.

    A provider that was lost for good makes it 5, however few trials were left to lose; so does one that put trials off
    past the cap. Says why.
    """
    for line in finished.losses:
        say(f"splitclock: {line}")
    if finished.interrupted:
        return 130
    codes = []
    for what, code, is_broken in BROKEN:
        broken = sum(map(is_broken, finished.records))
        if broken > ERROR_CAP * len(finished.records):
            say(f"splitclock: {broken} of {len(finished.records)} trials {what}; the run cannot be trusted")
            codes.append(code)
    lost = [ProviderError.exit_code] if finished.losses else []
    return next(iter((*codes, *lost)), 0)


BROKEN: tuple[tuple[str, int, Callable[[Record], bool]], ...] = (
    ("ended in error:infra", InfraError.exit_code, lambda record: record.verdict is Verdict.ERROR_INFRA),
    ("ended in error:provider", ProviderError.exit_code, lambda record: record.verdict is Verdict.ERROR_PROVIDER),
    ("were put off by their provider", ProviderError.exit_code, lambda record: record.stop == DEFERRED),
)
"""What a trial may end in that says nothing of its model, in words, with the exit code that too many of them make."""

ERROR_CAP = 0.05
"""Share of trials that may end in an error of infrastructure or provider before the run itself counts as failed."""
