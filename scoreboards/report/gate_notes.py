"""What a reader of a gate must know beside the figures, in lines that every view shows alike. Pure."""

from collections.abc import Iterator

from scoreboards.gate.findings import Blame, Criterion, Decision, Gate
from scoreboards.gate.policy import TIMES, Metric, Policy, Trials
from scoreboards.report import gate_words
from scoreboards.words import counted, percent

_PHASES = tuple(metric for metric in TIMES if metric is not Metric.AGENT_WALL)


def differences(gate: Gate) -> tuple[str, ...]:
    """What differs between the runs, a line each, and what that is called in a policy."""
    return tuple(
        f"{one.kind}: {gate_words.sentence(one.words)}{'' if one.allowed else ' (not allowed)'}"
        for one in gate.differences
    )


def blame_lines(blame: Blame) -> Iterator[str]:
    """The sentence, then what carries most of the change, by cause, by class of work and by feature."""
    yield gate_words.sentence(blame.words)
    for title, parts in (("by cause", blame.causes), ("by work", blame.work), ("by feature", blame.features)):
        if parts:
            yield f"{title}: {gate_words.parts(parts)}"


def details(one: Criterion) -> Iterator[str]:
    """What there is to say of a criterion beside its reason: its blame, what would decide it, and where to look."""
    if one.blame is not None:
        yield from blame_lines(one.blame)
    if one.would_decide:
        yield f"would decide: {gate_words.decides(one)}"
    yield from (f"{gate_words.show_command(seen)}  # {gate_words.sentence(seen.why)}" for seen in one.look_at)


def undecided(gate: Gate) -> tuple[str, ...]:
    """What would end each inconclusive criterion, a line each."""
    return tuple(
        f"{gate_words.short(gate, one)}: {gate_words.decides(one)}"
        for one in gate.criteria
        if one.decision is Decision.INCONCLUSIVE and one.would_decide
    )


def reasons(gate: Gate, *, passing: bool = False) -> tuple[str, ...]:
    """Why each criterion is decided so, a line each; of those that passed only if they are asked for."""
    return tuple(
        gate_words.why(gate, one)
        for one in gate_words.ranked(gate.criteria)
        if passing or one.decision is not Decision.PASS
    )


def notes(gate: Gate, policy: Policy) -> tuple[str, ...]:
    """How the figures are to be read, how the trials ended, and whatever else of this gate needs saying."""
    return tuple(_notes(gate, policy))


def _notes(gate: Gate, policy: Policy) -> Iterator[str]:
    yield gate_words.counts("baseline", gate.baseline)
    yield gate_words.counts("candidate", gate.candidate)
    yield from map(gate_words.sentence, gate.notes)
    kind = "trials that passed" if policy.time.trials is Trials.PASSING else "all scored trials"
    yield (
        f"The feature is the unit: changes are means over features, of times and spending over {kind}. "
        f"{counted(gate.family, 'test shares', 'tests share')} alpha {gate.alpha:g} by Holm's rule."
    )
    if any(one.metric in _PHASES and one.effect is not None and one.effect.change for one in gate.criteria):
        yield (
            f"A phase is compared together with {percent(policy.time.floor)} of the baseline's agent wall, so "
            f"that what takes next to no time cannot fail: its change is smaller than that of its own time alone."
        )
    if gate.look is not None:
        look = gate.look
        yield f"Look {look.number} of {look.of} of a sequential design, at its own alpha {look.alpha:.4g}."
    if gate.decision is Decision.INCONCLUSIVE and policy.inconclusive != "inconclusive":
        yield f"The policy takes what is inconclusive for a {policy.inconclusive}."
