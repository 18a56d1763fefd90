"""`splitclock run --until-decided`: a candidate that grows by repeats until a gate decides, at looks fixed before."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.clock import SystemClock
from harness.commands import options
from harness.commands.finishing import Ending, code_of
from harness.commands.gate_outputs import Outputs
from harness.commands.judging import Asked, run_folders
from harness.commands.on_finish import call
from harness.commands.running import Job
from harness.commands.session import say
from harness.errors import ConfigError
from harness.gate_file import read_policy
from harness.run_folder import RunFolder, new_run_folder
from harness.run_plan import RunPlan, read_plan
from scoreboards.gate.findings import Decision

DECIDED = (Decision.PASS, Decision.FAIL)

Check = Callable[[RunPlan, Mapping[str, str]], None]
"""Refuses a run, by its plan and provenance, that a gate could not judge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Growing:
    """A run that grows: its folder, what it is judged by, its job at so many repeats, and how one is carried out.

    `check` refuses a job that could not be judged.
    """

    folder: Path
    asked: Asked
    check: Check
    job: Callable[[int], Job]
    carry_out: Callable[[Job], int]
    ending: Ending


def judged_by(baselines: Iterable[str], policy: Path | None) -> tuple[Asked, Check]:
    """What a growing run is to be judged by, and what refuses one that could not be, before it costs anything.

    Raises ConfigError, InfraError for a policy or a baseline that judge nothing.
    """
    from harness.gating import read_side, refuse_planned

    baseline = run_folders(baselines, None)
    if not baseline or policy is None:
        raise ConfigError(
            "--until-decided: give --baseline RUN to judge against, and the --policy that plans the looks"
        )
    rules = read_policy(policy)
    if rules.sequential is None:
        raise ConfigError(f"{policy}: plans no looks; add [sequential] with looks = [1, 2, 4], in repeats")
    before = read_side(baseline)
    asked = Asked(baseline=baseline, candidate=(), policy=rules, policy_file=policy)
    return asked, lambda plan, provenance: refuse_planned(before, plan, provenance, rules)


def check_alone(shown: options.Shown, shard: str | None, repeats: int | None) -> None:
    """Raise ConfigError for options that a growing run has no use for."""
    problems = [
        f"--until-decided and {option}: {why}"
        for option, given, why in (
            ("--repeats", repeats is not None, "the policy's looks say how many repeats there are"),
            ("--shard", shard is not None, "a look needs the whole matrix; run it in one place"),
            ("--json", shown.as_json, "ask `splitclock gate --json` when it has ended"),
            ("--json-lines", shown.json_lines, "follow it with `splitclock status --watch`"),
        )
        if given
    ]
    if problems:
        raise ConfigError(*problems)


def folder_of(job: Job, out: Path | None) -> Path:
    """The one folder of all looks: it is chosen before the first of them."""
    return out or new_run_folder(Path("runs"), job.matrix.name, SystemClock().utc())


def until_decided(growing: Growing) -> int:
    """Run look by look until the gate passes or fails, or the looks are over; returns its exit code.

    That of the run itself where it did not complete. A run that is gone on with goes on at the look it had come to.
    """
    if growing.folder.resolve() in {run.resolve() for run in growing.asked.baseline}:
        raise ConfigError(f"--out {growing.folder}: is the baseline itself; give the candidate a folder of its own")
    looks = _left(growing.asked, growing.folder)
    try:
        code = _looked(growing, looks)
    except BaseException as error:  # also Ctrl-C: however it ended, the user's hook is told
        if RunFolder(root=growing.folder).plan.exists():
            _tell(growing, code_of(error))
        raise
    _tell(growing, code)
    return code


def _tell(growing: Growing, code: int) -> None:
    call(growing.ending.on_finish, growing.folder, code, RunFolder(root=growing.folder).summary)


def _looked(growing: Growing, looks: Sequence[int]) -> int:
    asked = replace(growing.asked, candidate=(growing.folder,))
    for repeats in looks:
        code = growing.carry_out(replace(growing.job(repeats), out=growing.folder, check=growing.check))
        if code:
            return code
        gate = asked.judged()
        if repeats == looks[-1] or gate.decision in DECIDED:
            outcome = asked.outcome(gate)
            Outputs().write(outcome)
            return outcome.exit_code
        say(f"not decided after {repeats} of {looks[-1]} repeats: going on")
    return 0


def _left(asked: Asked, folder: Path) -> tuple[int, ...]:
    """The looks that are still to come: none was decided that the run's plan has gone past. Raises ConfigError."""
    looks = () if asked.policy.sequential is None else asked.policy.sequential.looks
    if not RunFolder(root=folder).plan.exists():
        return looks
    planned = max((trial.repeat for trial in read_plan(folder).trials), default=0)
    if planned > looks[-1]:
        raise ConfigError(f"{folder}: has {planned} repeats, and the last look of the policy is after {looks[-1]}")
    return tuple(look for look in looks if look >= planned)
