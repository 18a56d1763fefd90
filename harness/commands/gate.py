"""`splitclock gate`: whether a candidate may go on, by what a baseline was and a policy allows."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from harness.commands import options
from harness.commands.gate_outputs import Outputs
from harness.commands.judging import Asked, decide, run_folders
from harness.commands.session import output
from harness.errors import ConfigError
from harness.gate_file import read_pairs, read_policy
from scoreboards.gate.policy import Difference, Policy

Baseline = Annotated[
    list[str] | None,
    typer.Option("--baseline", metavar="RUN", help="What to compare with: a run, or the name of a baseline."),
]
Candidate = Annotated[list[Path] | None, typer.Option("--candidate", metavar="RUN", help="What is judged.")]


def command(
    *,
    baseline: Baseline = None,
    candidate: Candidate = None,
    store: options.Store = None,
    policy: Annotated[
        Path | None, typer.Option("--policy", metavar="FILE", help="The policy (TOML); else the defaults.")
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option("--model", metavar="NAME", help="Judge this model; BASELINE=CANDIDATE where its name changed."),
    ] = None,
    allow: Annotated[
        list[Difference] | None, typer.Option("--allow", metavar="DIFFERENCE", help="Judge although this differs.")
    ] = None,
    as_json: options.Json = False,
    markdown: Annotated[
        str | None, typer.Option("--markdown", metavar="FILE", help="Write a comment for a pull request; - prints it.")
    ] = None,
    junit: Annotated[Path | None, typer.Option("--junit", metavar="FILE", help="Write JUnit XML.")] = None,
    github: Annotated[
        bool, typer.Option("--github", help="Annotate, and append to the summary of, a job of GitHub Actions.")
    ] = False,
    power: Annotated[
        bool, typer.Option("--power", help="What a matrix like the baseline can see, and what it would take to.")
    ] = False,
    see: Annotated[
        list[str] | None, typer.Option("--see", metavar="METRIC=N%", help="With --power: a change that shall be seen.")
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain-policy", help="Every setting, what it means, and what follows from it.")
    ] = False,
    schema: Annotated[bool, typer.Option("--print-schema", help="The JSON Schema of --json.")] = False,
) -> int:
    """Fail, pass or leave open a candidate, by pass rate, wall-clock, cost and tokens, and say where a change is from.

    Exit codes: 0 pass, 1 fail, 3 inconclusive (unless the policy says otherwise), 2 what cannot be compared, 4 and 5
    runs that infrastructure or a provider broke.

    Example: splitclock gate --baseline runs/main --candidate runs/pr --policy gate.toml
    """
    if schema:
        from scoreboards.report.gate_document import json_schema_text

        typer.echo(json_schema_text(), nl=False)
        return 0
    outputs = Outputs(as_json=as_json, markdown=markdown, junit=junit, github=github)
    outputs.check()
    named = Asked(
        baseline=tuple(map(Path, baseline or ())),
        candidate=tuple(candidate or ()),
        policy=Policy(),
        policy_file=policy,
    )

    def settle() -> Asked:
        rules, pairs = read_policy(policy, allow or ()), read_pairs(model or ())
        before, after = run_folders(baseline or (), store), tuple(options.expanded(candidate or []))
        return replace(named, baseline=before, candidate=after, policy=rules, pairs=pairs)

    if explain:
        return _explain(settle(), as_json=as_json)
    if see and not power:
        raise ConfigError("--see: is of --power; give both")
    if power:
        return _power(settle(), see or [], as_json=as_json)
    return decide(named, settle, outputs)


def _explain(asked: Asked, *, as_json: bool) -> int:
    """Print the policy, and what follows from it for these runs, or where none are given for one model."""
    from scoreboards.gate.paired import least_pairs
    from scoreboards.report.gate_settings import Following, policy_json, policy_view, tests_of

    tests, of, pairs, alpha = tests_of(asked.policy), "one model", None, asked.policy.alpha
    if asked.baseline and asked.candidate:
        gate = asked.judged()
        tests, of, alpha = gate.family, "these runs", gate.alpha
        pairs = max((one.effect.pairs for one in gate.criteria if one.effect is not None), default=0)
    following = Following(of=of, tests=tests, least_pairs=least_pairs(alpha / max(1, tests)), pairs=pairs)
    if as_json:
        typer.echo(policy_json(asked.policy, following, None if asked.policy_file is None else str(asked.policy_file)))
        return 0
    console = output()
    for part in policy_view(asked.policy, following):
        console.print(part)
    return 0


def _power(asked: Asked, see: list[str], *, as_json: bool) -> int:
    """Print what a matrix like the baseline can see."""
    from harness.commands.gate_power import sights, wanted_changes
    from harness.gating import read_side
    from scoreboards.report.gate_power import power_json, power_view

    if not asked.baseline or asked.candidate:
        raise ConfigError("--power: looks at a baseline alone; give --baseline RUN and no --candidate")
    changes = wanted_changes(see)
    found = sights(read_side(asked.baseline).sample, asked.policy, tuple(asked.pairs or ()), changes)
    if as_json:
        typer.echo(power_json(found, asked.policy))
        return 0
    console = output()
    for part in power_view(found, asked.policy, console.width):
        console.print(part)
    return 0
