"""`splitclock run`: execute a matrix and print its board."""

import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from harness.commands import options
from harness.commands.options import SandboxKind
from harness.commands.run_folders import run_name
from harness.commands.running import Finished, Job, execute, load_job
from harness.commands.session import errors, open_session, output, print_json, say
from harness.commands.showing import show_board, summary
from harness.errors import InfraError, ProviderError
from harness.record import Record, Verdict
from harness.untried import DEFERRED


def command(
    matrix: options.MatrixFile,
    *,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Run folder, instead of runs/<name>-<time>; a run there is gone on with."),
    ] = None,
    model: options.OnlyModels = None,
    feature: options.OnlyFeatures = None,
    repeats: options.Repeats = None,
    shard: options.ShardOf = None,
    sandbox: options.Sandbox = SandboxKind.DOCKER,
    source: options.Sources = None,
    working_tree: options.WorkingTrees = None,
    fixtures: options.Fixtures = None,
    allow_weakened: options.Weakened = None,
    as_json: options.Json = False,
) -> int:
    """Run models x features x repeats, and print where the wall-clock went.

    Example: splitclock run examples/demo.toml --model fast --repeats 1
    """
    part = options.sliced(model, feature, repeats)
    job = load_job(matrix, options.given(part, fixtures, source, working_tree), out)
    weakened = tuple(allow_weakened or ())
    asked = job.asked.model_copy(update={"shard": shard or "", "allow_weakened": weakened})
    return carry_out(replace(job, allow_weakened=weakened, asked=asked), sandbox, as_json=as_json)


def carry_out(job: Job, sandbox: SandboxKind, *, as_json: bool) -> int:
    """Run a job, print its board or, for machines, its summary; returns the exit code."""
    resuming = run_name(job.out)
    session = open_session(sandbox, resuming=resuming)
    finished = execute(job, session, errors() if as_json else output())
    if resuming and not finished.interrupted:
        session.reap_rest()
    if as_json:
        print_json(summary(finished.folder, finished.planned))
    else:
        show_board([finished.folder])
    return exit_code(finished)


def exit_code(finished: Finished) -> int:
    """0 when the run completed, whatever the verdicts; 130 when it was interrupted; 4 or 5 past the error cap.

    A provider that was lost for good makes it 5, however few trials were left to lose; so does one that put trials off
    past the cap. Says why.
    """
    for line in finished.losses:
        say(f"splitclock: {line}")
    if finished.interrupted:
        say(f"splitclock: interrupted; go on with: splitclock resume {shlex.quote(str(finished.folder))}")
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
