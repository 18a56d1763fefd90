"""`splitclock run`: execute a matrix and say what it came to."""

import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from harness.budget import STOP
from harness.commands import options
from harness.commands.finishing import Ending, carry_out
from harness.commands.on_finish import hook_of
from harness.commands.options import SandboxKind
from harness.commands.run_folders import run_label_in
from harness.commands.running import Finished, Job, load_job
from harness.commands.session import open_session, say
from harness.commands.until_decided import Growing, check_alone, folder_of, judged_by, until_decided
from harness.config import capped, environment_without_keys
from harness.errors import ConfigError, InfraError, InterruptedRunError, ProviderError
from harness.matrix import Ended
from harness.past import How
from harness.record import Verdict
from harness.run_folder import RunFolder
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
    max_cost: options.MaxCost = None,
    as_json: options.Json = False,
    json_lines: options.JsonLines = False,
    board: options.WithBoard = False,
    on_finish: options.OnFinish = None,
    decided: Annotated[
        bool, typer.Option("--until-decided", help="More repeats, look by look, until the policy's gate is decided.")
    ] = False,
    baseline: Annotated[
        list[str] | None,
        typer.Option("--baseline", metavar="RUN", help="With --until-decided: a run folder, or a baseline's name."),
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option("--policy", metavar="FILE", help="With --until-decided: the gate's policy, with [sequential]."),
    ] = None,
) -> int:
    """Run models x features x repeats, and say what it came to and what to look at.

    With --until-decided it exits as `splitclock gate` does.

    Example: splitclock run examples/demo.toml --model fast --repeats 1
    """
    shown = options.Shown(as_json=as_json, json_lines=json_lines, board=board, on_finish=on_finish)
    weakened = tuple(allow_weakened or ())

    def job(times: int | None) -> Job:
        part = options.sliced(model, feature, times)
        loaded = load_job(matrix, options.given(part, fixtures, source, working_tree), out)
        asked = loaded.asked.model_copy(update={"shard": shard or "", "allow_weakened": weakened, "max_cost": max_cost})
        return replace(loaded, matrix=capped(loaded.matrix, max_cost, matrix), allow_weakened=weakened, asked=asked)

    if not decided:
        _refuse_judging(baseline, policy)
        return go(job(repeats), sandbox, shown)
    check_alone(shown, shard, repeats)
    judging, check = judged_by(baseline or (), policy)
    quiet = replace(shown, on_finish=None)
    first = job(1)
    growing = Growing(
        folder=folder_of(first, out),
        asked=judging,
        check=check,
        job=job,
        carry_out=lambda one: go(one, sandbox, quiet),
        ending=ending_of(first, shown),
    )
    return until_decided(growing)


def _refuse_judging(baseline: list[str] | None, policy: Path | None) -> None:
    if baseline or policy is not None:
        raise ConfigError(
            "--baseline, --policy: only --until-decided uses them; or judge the run with `splitclock gate`"
        )


def go(job: Job, sandbox: SandboxKind, shown: options.Shown) -> int:
    """Carry out a job, by the sandboxes that a run in its folder left, where there are any; returns the exit code."""
    ending = ending_of(job, shown)
    resuming = run_label_in(job.out)
    session = open_session(sandbox, resuming=resuming)
    code = carry_out(job, session, ending, _only_graded if job.how is How.FINISHED_ONLY else exit_code)
    if resuming and code != InterruptedRunError.exit_code:
        session.reap_rest()
    return code


def ending_of(job: Job, shown: options.Shown) -> Ending:
    """How a run is shown and what is called at its end. Raises ConfigError for what does not go together."""
    if sum((shown.as_json, shown.json_lines, shown.board)) > 1:
        raise ConfigError("--json, --json-lines, --board: choose one")
    hook = hook_of(shown.on_finish, environment_without_keys(job.matrix.models.values()))
    return Ending(as_json=shown.as_json, json_lines=shown.json_lines, board=shown.board, on_finish=hook)


def exit_code(finished: Finished) -> int:
    """0 when the run completed, whatever the verdicts; 130 when it was interrupted; 4 or 5 past the error cap.

    3 when its budget was used up before all trials were over: what there is proves nothing about the others.

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
    codes += [ProviderError.exit_code] if finished.losses else []
    return next(iter((*codes, *_cut_short(finished))), 0)


def _only_graded(finished: Finished) -> int:
    """As `exit_code`; else 3, said in a line, where trials have no verdict, for nothing else was done about them."""
    left = finished.planned - sum(one.verdict.scored for one in finished.records)
    code = exit_code(finished)
    if code or not left:
        return code
    trials = "1 trial has" if left == 1 else f"{left} trials have"
    say(f"splitclock: {trials} no verdict yet; go on with: splitclock resume {shlex.quote(str(finished.folder))}")
    return INCONCLUSIVE


def _cut_short(finished: Finished) -> list[int]:
    """The exit code of a run that its budget ended, said in a line; [] where it did not."""
    if not finished.over_budget:
        return []
    cut = sum(one.stop == STOP for one in finished.records)
    say(
        f"splitclock: budget: {finished.over_budget}; {finished.not_begun} of {finished.planned} trials were not "
        f"started, {cut} were cut short; {_with_more(finished)}"
    )
    return [INCONCLUSIVE]


def _with_more(finished: Finished) -> str:
    """How to go on with more: dollars by an option, all else in the copy of the matrix that a run is resumed by."""
    resume = f"splitclock resume {shlex.quote(str(finished.folder))}"
    bounds = [words.split(" ")[0] for words in finished.over_budget.split("; ")]
    more = f"`{resume}{' --max-cost USD' if 'cost_usd' in bounds else ''}`"
    if bounds == ["cost_usd"]:
        return f"go on with more: {more}"
    return f"raise [budget] in {RunFolder(root=finished.folder).matrix}, then {more}"


INCONCLUSIVE = 3
"""The exit code of a run that says nothing yet about some of its trials."""


BROKEN: tuple[tuple[str, int, Callable[[Ended], bool]], ...] = (
    ("ended in error:infra", InfraError.exit_code, lambda record: record.verdict is Verdict.ERROR_INFRA),
    ("ended in error:provider", ProviderError.exit_code, lambda record: record.verdict is Verdict.ERROR_PROVIDER),
    ("were put off by their provider", ProviderError.exit_code, lambda record: record.stop == DEFERRED),
)
"""What a trial may end in that says nothing of its model, in words, with the exit code that too many of them make."""

ERROR_CAP = 0.05
"""Share of trials that may end in an error of infrastructure or provider before the run itself counts as failed."""
