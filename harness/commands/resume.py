"""`splitclock resume`: go on with a run from nothing but its folder."""

import json
import shlex
from dataclasses import replace
from pathlib import Path

from harness.commands import options
from harness.commands.asking import options_again
from harness.commands.options import SandboxKind
from harness.commands.run import go
from harness.commands.running import Job, load_job
from harness.config import Slice, capped
from harness.digests import manifest_problem
from harness.errors import ConfigError
from harness.files import disk_errors
from harness.journal_schema import must_exist
from harness.past import How
from harness.run_folder import RunFolder
from harness.run_plan import RunPlan, read_plan
from harness.untrusted import one_line


def command(
    run: options.RunFolderArgument,
    *,
    how: options.HowToGoOn = How.REPLAY,
    source: options.Sources = None,
    working_tree: options.WorkingTrees = None,
    fixtures: options.Fixtures = None,
    allow_weakened: options.Weakened = None,
    max_cost: options.MaxCost = None,
    as_json: options.Json = False,
    json_lines: options.JsonLines = False,
    board: options.WithBoard = False,
    on_finish: options.OnFinish = None,
) -> int:
    """Run what a run has left to do, by its own matrix, as it was asked for; finished trials stay as they are.

    Example: splitclock resume runs/demo-20260101T120000Z
    """
    must_exist(RunFolder(root=run))
    before = read_plan(run)
    over = options.given(Slice(), fixtures, source, working_tree)
    job = load_job(RunFolder(root=run).matrix, options_again(before, over, run), run)
    _check_unchanged(job, run)
    weakened = tuple(allow_weakened or before.asked.allow_weakened)
    most = before.asked.max_cost if max_cost is None else max_cost
    asked = job.asked.model_copy(update={"shard": before.asked.shard, "allow_weakened": weakened, "max_cost": most})
    job = replace(
        job,
        matrix=capped(job.matrix, most, job.matrix_file),
        asked=asked,
        allow_weakened=weakened,
        is_resumed=True,
        how=how,
    )
    shown = options.Shown(as_json=as_json, json_lines=json_lines, board=board, on_finish=on_finish)
    return go(job, _sandbox(run, before), shown)


def _check_unchanged(job: Job, run: Path) -> None:
    """Raise ConfigError for features that can no longer be graded by what they were proven with."""
    again = f"splitclock run MATRIX --out {shlex.quote(str(run))}"
    problems = [
        f"{problem.partition(';')[0]}; put back what it was, or `splitclock validate` it and take it with `{again}`"
        for feature in job.features
        if (problem := manifest_problem(feature))
    ]
    if problems:
        raise ConfigError(*problems)


def _sandbox(run: Path, plan: RunPlan) -> SandboxKind:
    """The kind of sandbox that the run had; in plans of schema 1 its provenance tells. Raises ConfigError."""
    kind, path = plan.asked.sandbox, RunFolder(root=run).provenance
    try:
        if plan.schema_ == 1 and path.exists():
            with disk_errors(path, "read"):
                kind = json.loads(path.read_text(encoding="utf-8", errors="replace"))["sandbox"]
        return SandboxKind(kind)
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{run}: does not tell the kind of sandbox that it had: {one_line(str(error))}") from error
