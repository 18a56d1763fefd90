"""Criteria that are counted, not estimated: features that have to pass, and trials that were tampered with. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from scoreboards.gate.blame import seen
from scoreboards.gate.findings import Criterion, Decision, Rule
from scoreboards.gate.phrases import listed, quoted
from scoreboards.gate.policy import Policy
from scoreboards.gate.sample import Cell, Observation
from scoreboards.words import counted, percent

_LOOKS = 5

_Trials = list[tuple[str, Observation]]


def rules(model: str, cells: Mapping[str, Cell], policy: Policy) -> Iterator[Criterion]:
    """What is counted of a candidate's model; `must_pass` only where the policy names features."""
    if policy.must_pass:
        yield _must_pass(model, cells, policy.must_pass)
    yield _tampered(model, cells, policy.caps.tampered)


def _must_pass(model: str, cells: Mapping[str, Cell], patterns: Sequence[str]) -> Criterion:
    wanted = {name: cell for name, cell in cells.items() if any(fnmatchcase(name, one) for one in patterns)}
    lost = [(name, one) for name, cell in wanted.items() for one in cell.scored if not one.passed]
    errored = {name: cell.unscored[0].run for name, cell in wanted.items() if cell.unscored}
    decision, reason, decides = _passed(wanted, lost, errored)
    return Criterion(
        model=model,
        metric=Rule.MUST_PASS,
        decision=decision,
        reason=f"must pass: {reason}",
        limit=0.0,
        would_decide=decides,
        look_at=tuple(seen(one, model, name, one.why) for name, one in lost[:_LOOKS]),
    )


def _passed(wanted: Mapping[str, Cell], lost: _Trials, errored: Mapping[str, str]) -> tuple[Decision, str, str]:
    if lost:
        names = listed(dict.fromkeys(name for name, _ in lost))
        of = sum(len(cell.scored) for cell in wanted.values())
        return Decision.FAIL, f"{len(lost)} of {counted(of, 'trial')} did not, of {names}", ""
    if errored:
        run = next(iter(errored.values()))
        why = f"not shown either way: trials of {listed(errored)} have no verdict"
        return Decision.INCONCLUSIVE, why, f"those trials: `splitclock resume {quoted(run)}` tries them again"
    if not wanted:
        return Decision.INCONCLUSIVE, "not shown either way: the model tried none of these features", "trials of them"
    trials = counted(sum(len(cell.scored) for cell in wanted.values()), "trial")
    return Decision.PASS, f"all {trials} of {counted(len(wanted), 'feature')} did", ""


def _tampered(model: str, cells: Mapping[str, Cell], most: float) -> Criterion:
    found = [(name, one) for name, cell in cells.items() for one in cell.scored if one.tampered]
    trials = sum(cell.trials for cell in cells.values())
    is_past = len(found) > most * trials
    return Criterion(
        model=model,
        metric=Rule.TAMPERED,
        decision=Decision.FAIL if is_past else Decision.PASS,
        reason=f"tampered: {len(found)} of {counted(trials, 'trial')}, allowed {percent(most)}",
        limit=most,
        look_at=tuple(seen(one, model, name, one.why) for name, one in found[:_LOOKS]),
    )
