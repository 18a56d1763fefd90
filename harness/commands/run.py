"""`splitclock run`: execute a matrix and print its board."""

from pathlib import Path
from typing import Annotated

import typer

from harness.commands import options
from harness.commands.options import SandboxKind
from harness.commands.running import Finished, execute, load_job
from harness.commands.session import errors, open_session, output, print_json
from harness.commands.showing import show_board, summary


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
    as_json: options.Json = False,
) -> int:
    """Run models x features x repeats, and print where the wall-clock went.

    Example: splitclock run examples/demo.toml --model fast --repeats 1
    """
    part = options.sliced(model, feature, repeats)
    job = load_job(matrix, options.given(part, fixtures, source, working_tree), out)
    session = open_session(sandbox)
    finished = execute(job, session, errors() if as_json else output())
    if as_json:
        print_json(summary(finished.folder, finished.records, finished.planned))
    else:
        show_board([finished.folder])
    return exit_code(finished)


def exit_code(finished: Finished) -> int:
    """0 when the run completed, whatever the verdicts; 130 when it was interrupted; 4 or 5 past the error cap."""
    if finished.interrupted:
        return 130
    total = len(finished.records)
    for verdict, code in (("error:infra", 4), ("error:provider", 5)):
        broken = sum(record.verdict.value == verdict for record in finished.records)
        if broken > ERROR_CAP * total:
            errors().print(f"splitclock: {broken} of {total} trials ended in {verdict}; the run cannot be trusted")
            return code
    return 0


ERROR_CAP = 0.05
"""Share of trials that may end in an error of infrastructure or provider before the run itself counts as failed."""
