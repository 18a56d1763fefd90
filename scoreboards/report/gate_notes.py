"""What a reader of a gate must know beside the figures, in lines that every view shows alike. Pure."""

from collections.abc import Iterator

from scoreboards.gate.findings import Counts, Decision, Effect, Gate
from scoreboards.gate.policy import Policy, Trials
from scoreboards.report import gate_words


def differences(gate: Gate) -> tuple[str, ...]:
    """What differs between the runs, a line each, and what that is called in a policy."""
    return tuple(
        f"{one.kind}: {gate_words.sentence(one.words)}{'' if one.allowed else ' (not allowed)'}"
        for one in gate.differences
    )


def undecided(gate: Gate) -> tuple[str, ...]:
    """What would end each inconclusive criterion, a line each."""
    return tuple(
        f"{gate_words.short(gate, one)}: {gate_words.sentence(one.would_decide)}"
        for one in gate.criteria
        if one.decision is Decision.INCONCLUSIVE and one.would_decide
    )


def reasons(gate: Gate, *, passing: bool = False) -> tuple[str, ...]:
    """Why each criterion is decided so, a line each; of those that passed only if they are asked for."""
    return tuple(
        f"{gate_words.TITLES[one.metric]}{_whose(gate, one.model)}: {gate_words.sentence(one.reason)}"
        for one in gate_words.ranked(gate.criteria)
        if one.reason and (passing or one.decision is not Decision.PASS)
    )


def notes(gate: Gate, policy: Policy) -> tuple[str, ...]:
    """How the figures are to be read, how the trials ended, and whatever else of this gate needs saying."""
    return tuple(_notes(gate, policy))


def _notes(gate: Gate, policy: Policy) -> Iterator[str]:
    yield gate_words.counts("baseline", gate.baseline)
    yield gate_words.counts("candidate", gate.candidate)
    kind = "trials that passed" if policy.time.trials is Trials.PASSING else "all scored trials"
    yield (
        f"The feature is the unit: changes are means over features, of times and spending over {kind}. "
        f"{gate_words.number(gate.family, 'test shares', 'tests share')} alpha {gate.alpha:g} by Holm's rule."
    )
    yield from _simulated(gate.baseline, gate.candidate)
    yield from _bounds(gate)
    if gate.look is not None:
        look = gate.look
        yield f"Look {look.number} of {look.of} of a sequential design, at its own alpha {look.alpha:.4g}."
    if gate.decision is Decision.INCONCLUSIVE and policy.inconclusive != "inconclusive":
        yield f"The policy takes what is inconclusive for a {policy.inconclusive}."


def _simulated(baseline: Counts, candidate: Counts) -> Iterator[str]:
    told = [side for side, counts in (("baseline", baseline), ("candidate", candidate)) if counts.simulated]
    if told:
        yield f"Simulated (scripted turns at a set speed, no real model): {' and '.join(told)}."


def _bounds(gate: Gate) -> Iterator[str]:
    effects = [effect for one in gate.criteria for effect in (one.effect, one.beside) if effect is not None]
    for most, words in (
        (
            _most(effects, "at_least"),
            "only the candidate met its wall limit: its times there are at least what is counted",
        ),
        (
            _most(effects, "at_most"),
            "only the baseline met its wall limit: its times there are at least what is counted",
        ),
        (_most(effects, "left_out"), "both met their wall limit: their times are left out"),
    ):
        if most:
            yield f"In {gate_words.number(most, 'feature', 'features')} {words}."


def _most(effects: list[Effect], name: str) -> int:
    return max((getattr(effect, name) for effect in effects), default=0)


def _whose(gate: Gate, model: str) -> str:
    return f" of {gate_words.model_of(gate, model)}" if len(gate.pairs_of) > 1 else ""
