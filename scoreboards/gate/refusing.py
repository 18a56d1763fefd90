"""What no verdict can be given on: who is compared with whom, and whether there is enough that is whole. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from harness.errors import ConfigError, InfraError, ProviderError
from scoreboards.gate.findings import Differs
from scoreboards.gate.phrases import listed, named, quoted
from scoreboards.gate.policy import Policy
from scoreboards.gate.sample import Cell, Sample
from scoreboards.words import counted, percent


def paired(
    baseline: Collection[str], candidate: Collection[str], policy: Policy, pairs: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The candidate's model for each of the baseline's that is judged, of the models that each has.

    As `pairs` says; else by name, those of the policy or all that both have. Raises ConfigError that names the known.
    """
    if pairs:
        wanted = dict(pairs)
    else:
        common = [name for name in baseline if name in candidate]
        wanted = {name: name for name in policy.models or common}
    problems = [
        *_unknown("baseline", wanted, baseline),
        *_unknown("candidate", wanted.values(), candidate),
        *(
            f"`{named(name)}` is compared twice; name it once in --model"
            for name in dict.fromkeys(wanted.values())
            if list(wanted.values()).count(name) > 1
        ),
    ]
    if problems:
        raise ConfigError(*problems)
    if not wanted:
        raise ConfigError(_none_common(baseline, candidate))
    return wanted


def refuse_broken(baseline: Sample, candidate: Sample, policy: Policy, pairs: Mapping[str, str]) -> None:
    """Raise InfraError or ProviderError where more trials of a side ended in errors than the policy bears."""
    for side, sample, models in (("baseline", baseline, pairs), ("candidate", candidate, pairs.values())):
        _refuse_broken(side, sample, tuple(models), policy.caps.errors)


def refuse_hopeless(baseline: Sample, planned: Collection[str], policy: Policy, pairs: Mapping[str, str]) -> None:
    """Raise ConfigError, InfraError, ProviderError for a candidate of these features that could not be judged.

    So much is known before it is run, and nothing is paid for it.
    """
    _refuse_broken("baseline", baseline, tuple(pairs), policy.caps.errors)
    problems = [line for model in pairs for line in _hopeless(named(model), baseline.cells(model), planned, policy)]
    problems += _unmatched(planned, policy)
    if problems:
        raise ConfigError(*dict.fromkeys(problems))


def refuse(baseline: Sample, candidate: Sample, policy: Policy, pairs: Mapping[str, str]) -> None:
    """Raise ConfigError where there is nothing to judge, or less than the policy asks for; and as `refuse_broken`."""
    refuse_broken(baseline, candidate, policy, pairs)
    problems = [line for pair in pairs.items() for line in _too_little(baseline, candidate, policy, pair)]
    problems += _unmatched(dict.fromkeys(name for model in pairs.values() for name in candidate.cells(model)), policy)
    if problems:
        raise ConfigError(*problems)


def refuse_different(found: Sequence[Differs], policy: Policy) -> None:
    """Raise ConfigError where the sides differ in what the policy does not allow: a line each, and what allows it."""
    refused = [one for one in found if not one.allowed]
    if not refused:
        return
    kinds = dict.fromkeys((*(str(kind) for kind in policy.comparable.allow), *(str(one.kind) for one in refused)))
    allow = ", ".join(f'"{kind}"' for kind in kinds)
    options = " ".join(dict.fromkeys(f"--allow {one.kind}" for one in refused))
    raise ConfigError(
        *(f"baseline and candidate differ in {one.kind}: {one.words}" for one in refused),
        f"run both alike, or have the policy allow it, under [comparable]: allow = [{allow}]; for once, "
        f"`splitclock gate` takes {options}",
    )


def _unknown(side: str, wanted: Iterable[str], known: Collection[str]) -> Iterator[str]:
    for name in wanted:
        if name not in known:
            yield f"{side}: no model `{named(name)}`; it has {listed(known) or 'none'}"


def _none_common(baseline: Collection[str], candidate: Collection[str]) -> str:
    for side, models in (("baseline", baseline), ("candidate", candidate)):
        if not models:
            return f"{side}: there is no trial in it; give a run that has some"
    one, other = next(iter(baseline)), next(iter(candidate))
    return (
        f"no model is in both: the baseline has {listed(baseline)}, the candidate {listed(candidate)}; "
        f"say which to compare: `splitclock gate --model {named(one)}={named(other)}`"
    )


def _refuse_broken(side: str, sample: Sample, models: Sequence[str], most: float) -> None:
    counts, first = sample.counts(models), sample.broken(models)
    broken = counts.infra_errors + counts.provider_errors
    if first is None or broken <= most * counts.trials:
        return
    theirs = counts.provider_errors > counts.infra_errors
    kind = ProviderError if theirs else InfraError
    shares = ((counts.infra_errors, "infrastructure"), (counts.provider_errors, "a provider"))
    whose = " and ".join(f"{number} by {who}" for number, who in shares if number)
    raise kind(
        f"{side}: {broken} of {counted(counts.trials, 'trial')} ({percent(broken / counts.trials)}) ended in errors, "
        f"{whose}; [caps] errors allows {percent(most)}: nothing is judged; "
        f"`splitclock resume {quoted(first.run)}` tries them again"
    )


def _too_little(baseline: Sample, candidate: Sample, policy: Policy, pair: tuple[str, str]) -> Iterator[str]:
    before, after = baseline.cells(pair[0]), candidate.cells(pair[1])
    common = [name for name in before if name in after]
    scored = [name for name in common if before[name].scored and after[name].scored]
    who = f"model `{named(pair[1])}`"
    if not scored:
        yield _no_feature(who, before, after, common)
        return
    yield from _too_few(who, scored, policy)
    few = [name for name in common if min(before[name].trials, after[name].trials) < policy.least.repeats]
    if few:
        yield (
            f"{who} has fewer than the {policy.least.repeats} repeats that [least] repeats asks for, of {listed(few)}; "
            f"run with --repeats {policy.least.repeats}, or ask for fewer"
        )


def _hopeless(model: str, before: Mapping[str, Cell], planned: Collection[str], policy: Policy) -> Iterator[str]:
    common = [name for name in planned if name in before]
    scored = [name for name in common if before[name].scored]
    if not scored:
        yield _no_feature(f"model `{model}`", before, planned, common)
        return
    yield from _too_few(f"model `{model}`", scored, policy)
    few = [name for name in common if before[name].trials < policy.least.repeats]
    if few:
        yield (
            f"baseline: model `{model}` has fewer than the {policy.least.repeats} repeats that [least] repeats asks "
            f"for, of {listed(few)}; give a baseline with more, or ask for fewer"
        )


def _no_feature(who: str, before: Collection[str], after: Collection[str], common: Collection[str]) -> str:
    why = "has no feature in both runs" if not common else "has no feature with a scored trial in both runs"
    return f"{who} {why}; the baseline has {listed(before) or 'none'}, the candidate {listed(after) or 'none'}"


def _too_few(who: str, scored: Collection[str], policy: Policy) -> Iterator[str]:
    if len(scored) < policy.least.features:
        yield (
            f"{who} has {counted(len(scored), 'feature')} in both runs, and [least] features asks for "
            f"{policy.least.features}; run more features, or ask for fewer"
        )


def _unmatched(features: Collection[str], policy: Policy) -> Iterator[str]:
    for pattern in policy.must_pass:
        if not any(fnmatchcase(name, pattern) for name in features):
            yield f'must_pass: "{named(pattern)}" matches no feature of the candidate; it has {listed(features)}'
