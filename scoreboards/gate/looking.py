"""Whether the data may be looked at: a whole run once, or a growing one after repeats that were fixed before. Pure."""

from collections.abc import Collection

from harness.errors import ConfigError
from scoreboards.gate.facts import Facts
from scoreboards.gate.findings import Look
from scoreboards.gate.phrases import listed, named, quoted
from scoreboards.gate.policy import Policy
from scoreboards.gate.sequential import nominal_alphas
from scoreboards.words import counted


def refuse_unfinished(side: str, facts: Facts, models: Collection[str]) -> None:
    """Raise ConfigError where planned trials of these models have no verdict and no error yet, or shards are missing.

    A test whose size is fixed beforehand holds its alpha only if it is read once, when all of it is there.
    """
    _refuse_part(side, facts)
    waiting = facts.waiting(models)
    if waiting:
        run = next(run for (run, _), place in facts.open.items() if place in waiting)
        raise ConfigError(
            f"{side}: {len(waiting)} of {facts.planned(models)} planned trials are not finished: a fixed-n test is not "
            f"read early; resume it (`splitclock resume {quoted(run)}`), or plan looks in [sequential]"
        )


def refuse_same(baseline: Facts, candidate: Facts) -> None:
    """Raise ConfigError where a trial is on both sides, or in two runs of one: it was merged, and would count twice."""
    twice = [*baseline.twice, *candidate.twice, *(key for key in candidate.began if key in baseline.began)]
    if twice:
        found = dict.fromkeys(side.began[twice[0]] for side in (baseline, candidate) if twice[0] in side.began)
        where = " and ".join(map(named, found)) if len(found) > 1 else f"{listed(found)} and another run"
        raise ConfigError(
            f"{counted(len(twice), 'trial')} given twice, first {named(twice[0].id)} of {where}: "
            f"one was merged or copied from the other; give each trial once"
        )


def look_at_repeats(facts: Facts, models: Collection[str], policy: Policy) -> tuple[Look, int] | None:
    """Which look of the policy's design the candidate has come to, and after how many repeats; None without a design.

    The latest one whose repeats are all finished. Raises ConfigError before the first.
    """
    if policy.sequential is None:
        return None
    _refuse_part("candidate", facts)
    looks = policy.sequential.looks
    finished = _finished(facts, models)
    reached = [number for number, repeats in enumerate(looks, start=1) if repeats <= finished]
    if not reached:
        raise ConfigError(
            f"candidate: {counted(finished, 'repeat')} finished, and [sequential] looks first after {looks[0]}: "
            f"{_more(facts, models, looks[0])}"
        )
    number = reached[-1]
    alphas = nominal_alphas(looks, policy.sequential.spending, policy.alpha)
    return Look(number=number, of=len(looks), alpha=alphas[number - 1]), looks[number - 1]


def _refuse_part(side: str, facts: Facts) -> None:
    missing = facts.missing_shards
    if missing:
        run = next(iter(missing.values()))
        raise ConfigError(
            f"{side}: {named(run)} is one shard of a run, and {counted(len(missing), 'trial')} of the others are not "
            f"there; give the runs of all shards, or what `splitclock merge` makes of them"
        )


def _more(facts: Facts, models: Collection[str], repeats: int) -> str:
    """How a candidate comes to its first look."""
    waiting = facts.waiting(models)
    run = next((run for (run, _), place in facts.open.items() if place in waiting), None)
    return f"run it with --repeats {repeats}" if run is None else f"`splitclock resume {quoted(run)}`"


def _finished(facts: Facts, models: Collection[str]) -> int:
    """After which repeat nothing is missing."""
    waiting = [place.repeat for place in facts.waiting(models)]
    planned = [place.repeat for place in facts.ids if not models or place.model in models]
    return min(waiting) - 1 if waiting else max(planned, default=0)
