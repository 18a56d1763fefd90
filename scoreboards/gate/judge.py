"""Two samples and a policy become a gate: each criterion decided, its reason in words. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from scoreboards.gate.estimated import criteria, planned
from scoreboards.gate.findings import Counts, Criterion, Decision, Differs, Gate, Look
from scoreboards.gate.phrases import listed
from scoreboards.gate.policy import Policy
from scoreboards.gate.reasons import TRIFLE
from scoreboards.gate.refusing import paired, refuse
from scoreboards.gate.rules import rules
from scoreboards.gate.sample import Sample
from scoreboards.words import counted, percent

SEED = 0
"""Of the resampling: the same records give the same figures."""


def judge(  # noqa: PLR0913 - the last three are named, and most gates have none of them
    baseline: Sample,
    candidate: Sample,
    policy: Policy,
    *,
    pairs: Mapping[str, str] | None = None,
    differences: Sequence[Differs] = (),
    look: Look | None = None,
) -> Gate:
    """What a policy makes of a candidate's trials against a baseline's.

    `pairs` names the candidate's model for each of the baseline's; without it models are paired by name, those of
    `policy.models` or all that both have. `differences` are carried into the gate; `look` says which look of a
    sequential design this is, and gives the alpha. Raises ConfigError where there is nothing to judge, InfraError and
    ProviderError where more trials broke than the policy bears.
    """
    models = paired(baseline.models, candidate.models, policy, pairs)
    refuse(baseline, candidate, policy, models)
    alpha = policy.alpha if look is None else look.alpha
    every = [
        one
        for base, model in models.items()
        for one in planned(model, baseline.cells(base), candidate.cells(model), policy)
    ]
    estimated = criteria(every, alpha, SEED)
    counted_ones = (one for model in models.values() for one in rules(model, candidate.cells(model), policy))
    found = _by_model((*estimated, *counted_ones), tuple(models.values()))
    before, after = baseline.counts(tuple(models)), candidate.counts(tuple(models.values()))
    return Gate(
        decision=_over_all(found),
        criteria=found,
        alpha=alpha,
        family=sum(one.p_adjusted is not None for one in estimated),
        baseline=before,
        candidate=after,
        pairs_of=models,
        differences=tuple(differences),
        look=look,
        seed=SEED,
        notes=(
            *_notes("baseline", before, baseline, models),
            *_notes("candidate", after, candidate, models.values()),
            *_of_machine(found),
        ),
    )


def _of_machine(found: Iterable[Criterion]) -> Iterator[str]:
    """How much slower or faster the machine itself was, where that is more than a trifle."""
    shares = [one.machine for one in found if one.machine is not None]
    most = max(shares, key=abs, default=0.0)
    if abs(most) >= TRIFLE:
        how = f"{percent(abs(most))} {'slower' if most > 0 else 'faster'}"
        yield (
            f"the machine itself was {how} in the candidate's trials, by a yardstick: tool time, harness time and "
            f"agent wall are decided only where that does not explain it"
        )


def _by_model(found: Sequence[Criterion], models: Sequence[str]) -> tuple[Criterion, ...]:
    return tuple(sorted(found, key=lambda one: models.index(one.model)))


def _over_all(found: Iterable[Criterion]) -> Decision:
    """One that fails fails all; one that is open leaves all open; what is skipped decides nothing."""
    decisions = {one.decision for one in found}
    return next((one for one in (Decision.FAIL, Decision.INCONCLUSIVE) if one in decisions), Decision.PASS)


def _notes(side: str, counts: Counts, sample: Sample, models: Iterable[str]) -> Iterator[str]:
    """What a reader should know of a side's trials."""
    trials = counted(counts.trials, "trial")
    broken = counts.infra_errors + counts.provider_errors
    if counts.noisy:
        yield f"{side}: {counts.noisy} of {trials} noisy: the machine was busy, their times are the less to be trusted"
    if broken:
        yield f"{side}: {broken} of {trials} ended in errors, and are outside of every rate"
    if counts.not_run:
        yield f"{side}: {counts.not_run} of {trials} not run"
    if counts.simulated:
        yield f"{side}: simulated: {listed(one for one in models if one in sample.simulated)}"
