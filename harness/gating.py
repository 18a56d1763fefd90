"""Two sides of a gate, read from run folders one record at a time, and judged."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.current import each_current_in_turn
from harness.errors import ConfigError
from harness.journal_reader import read_meta
from harness.run_plan import RunPlan, read_plan
from harness.untrusted import one_line
from scoreboards.gate.comparable import differences
from scoreboards.gate.facts import Facts
from scoreboards.gate.findings import Gate, Look
from scoreboards.gate.judge import judge
from scoreboards.gate.looking import look_at_repeats, refuse_same, refuse_unfinished
from scoreboards.gate.phrases import listed
from scoreboards.gate.policy import Policy
from scoreboards.gate.refusing import paired, refuse_broken, refuse_different, refuse_hopeless
from scoreboards.gate.sample import Sample


@dataclass(slots=True)
class Side:
    """One side of a gate: its trials, and what they were measured under."""

    sample: Sample = field(default_factory=Sample)
    facts: Facts = field(default_factory=Facts)


def gate_runs(
    baseline: Sequence[Path], candidate: Sequence[Path], policy: Policy, pairs: Mapping[str, str] | None = None
) -> Gate:
    """What a policy makes of a candidate against a baseline, each of one run or of several that stand for the same.

    `pairs` names the candidate's model for each of the baseline's, as `judge` takes it. The same runs on both sides are
    judged too, and a note says what that shows. Raises ConfigError where they cannot be compared, are not finished, or
    leave nothing to judge; InfraError and ProviderError where too much of them broke, or a run cannot be read.
    """
    itself = _is_itself(baseline, candidate)
    before, after = read_side(baseline), read_side(candidate)
    for name, side in (("baseline", before), ("candidate", after)):
        if not side.sample.models:
            refuse_unfinished(name, side.facts, ())
    models = paired(before.sample.models, after.sample.models, policy, pairs)
    if not itself:
        refuse_same(before.facts, after.facts)
    refuse_broken(before.sample, after.sample, policy, models)
    refuse_unfinished("baseline", before.facts, models)
    look = _look(after, policy, tuple(models.values()))
    if itself:  # after the same repeats too
        before.sample = after.sample
    found = differences(before.facts, after.facts, models, policy.comparable.allow)
    refuse_different(found, policy)
    gate = judge(before.sample, after.sample, policy, pairs=models, differences=found, look=look)
    return replace(gate, notes=(*_of_itself(models), *gate.notes)) if itself else gate


def refuse_planned(baseline: Side, plan: RunPlan, facts: Mapping[str, str], policy: Policy) -> None:
    """Raise for a candidate that is only planned what its gate would be refused for, as far as that is known yet.

    `facts` are the provenance of its run. Raises ConfigError; InfraError, ProviderError where the baseline is broken.
    """
    after = Facts()
    after.plan("candidate", plan)
    after.begin(facts)
    models = paired(baseline.sample.models, after.trials, policy)
    refuse_same(baseline.facts, after)
    refuse_unfinished("baseline", baseline.facts, models)
    refuse_hopeless(baseline.sample, after.features, policy, models)
    refuse_different(differences(baseline.facts.as_far_as(after), after, models, policy.comparable.allow), policy)


def read_side(runs: Iterable[Path]) -> Side:
    """The trials that the plans of these runs speak of, each by its latest attempt; runs go by their folders' names.

    No record is held. Raises ConfigError, InfraError.
    """
    side = Side()
    for run in runs:
        side.facts.plan(str(run), read_plan(run))
        for record, final in each_current_in_turn(run):
            if final:
                own = record.model_copy(update={"run": str(run)})
                side.sample.add(own)
                side.facts.add(own)
    return side


def _look(after: Side, policy: Policy, models: Sequence[str]) -> Look | None:
    """Which look this is; the candidate's sample is cut down to it. Without a design the candidate has to be whole."""
    found = look_at_repeats(after.facts, models, policy)
    if found is None:
        refuse_unfinished("candidate", after.facts, models)
        return None
    if any(number > 1 for number in after.facts.runs.values()):
        raise ConfigError("--candidate: [sequential] looks at one run that grows; give one, or the shards of one")
    look, repeats = found
    after.sample = after.sample.until(repeats)
    return look


def _is_itself(baseline: Sequence[Path], candidate: Sequence[Path]) -> bool:
    """Whether both sides are the very same runs, or copies of them.

    Raises ConfigError where a side has a run twice, or the sides share a part: what counts twice shows too much.
    """
    sides = [[_identity(run) for run in side] for side in (baseline, candidate)]
    itself = set(sides[0]) == set(sides[1])
    seen: dict[tuple[str, ...], Path] = {}
    for side, runs in zip(sides, (baseline, candidate), strict=True):
        seen = {} if itself else seen
        for key, run in zip(side, runs, strict=True):
            if key in seen:
                raise ConfigError(
                    f"{one_line(str(run))}: is {one_line(str(seen[key]))} once more, or a copy of it; "
                    f"give each run once, on one side"
                )
            seen[key] = run
    return itself


def _identity(run: Path) -> tuple[str, ...]:
    """What a run is known by wherever it lies."""
    meta = read_meta(run)
    return tuple(meta.get(name, "") for name in ("run", "created_utc", "id"))


def _of_itself(models: Mapping[str, str]) -> Iterator[str]:
    """What a gate shows whose sides are the same trials; of two models of one run it shows all that it would."""
    same = [model for base, model in models.items() if base == model]
    if same:
        yield (
            f"baseline and candidate are the same trials (of {listed(same)}): a run compared with itself shows only "
            f"that the gate works, and nothing of any change"
        )
