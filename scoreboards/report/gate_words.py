"""What a gate found, in the words and figures that all its views share. Pure."""

import math
from collections.abc import Iterable, Sequence

from harness.untrusted import one_line
from scoreboards import words
from scoreboards.gate import phrases
from scoreboards.gate.findings import Counts, Criterion, Decision, Gate, Part, Rule, Seen
from scoreboards.gate.phrases import NAMES, allowed, named, quoted, signed, some, spread
from scoreboards.gate.policy import Metric, Policy, Trials
from scoreboards.statistics import Interval
from scoreboards.words import counted

TITLES: dict[Metric | Rule, str] = {
    **dict[Metric | Rule, str](NAMES.items()),
    Rule.MUST_PASS: "must pass",
    Rule.TAMPERED: "tampered",
}
"""What people read for a criterion's name."""

VERDICTS = {
    Decision.PASS: "pass",
    Decision.FAIL: "FAIL",
    Decision.INCONCLUSIVE: "inconclusive",
    Decision.SKIPPED: "not judged",
}
"""A decision as it stands in a table: told apart without colour."""

_RANK = (Decision.FAIL, Decision.INCONCLUSIVE, Decision.PASS, Decision.SKIPPED)
_TOLD = 3
_LINE = 600
_SHORT = 120
_SAID = (Metric.PASS_RATE, Metric.AGENT_WALL)


def ranked(criteria: Iterable[Criterion]) -> tuple[Criterion, ...]:
    """What failed first, then what is undecided, last what is not judged; of each what looks beyond its limit."""
    return tuple(sorted(criteria, key=lambda one: (_RANK.index(one.decision), not _looks_worse(one))))


def _looks_worse(one: Criterion) -> bool:
    changed = None if one.effect is None else one.effect.change
    return changed is not None and (-changed if one.metric is Metric.PASS_RATE else changed) > one.limit


def figure(metric: Metric | Rule, value: float | None) -> str:
    """A criterion's own value with its unit: a share, a duration from seconds, dollars or tokens."""
    if value is None or not math.isfinite(value):
        return words.UNKNOWN
    if metric is Metric.COST:
        return words.usd(value)
    if metric is Metric.OUTPUT_TOKENS:
        return words.count(value)
    return words.percent(value) if is_share(metric) else words.duration(value * 1e9)


def is_share(metric: Metric | Rule) -> bool:
    """Whether its values are shares of trials, and its changes points."""
    return metric is Metric.PASS_RATE or isinstance(metric, Rule)


def change(metric: Metric | Rule, value: float | None) -> str:
    """A change with its sign: "+31 %", "+0.4 %", or of the pass rate "-25 points"."""
    known = value if value is not None and math.isfinite(value) else None
    return signed(known, _as_metric(metric))


def interval(metric: Metric | Rule, found: Interval | None) -> str:
    """The interval of a change: "+27 % to +36 %"."""
    if found is None or not (math.isfinite(found.low) and math.isfinite(found.high)):
        return words.UNKNOWN
    return spread(found, _as_metric(metric))


def limit(one: Criterion) -> str:
    """How far a criterion may go: a rise for times and spending, a drop for the pass rate, a share for the rest."""
    if one.metric is Rule.MUST_PASS:
        return "all"
    if one.metric is Rule.TAMPERED:
        return words.percent(one.limit)
    return allowed(one.limit, one.metric)


def chance(p: float | None) -> str:
    """A p as it stands in a table: "0.031", "<0.001"."""
    return phrases.chance(p).replace("below ", "<")


def confidence(gate: Gate) -> str:
    """Of the intervals: "95 %"."""
    return f"{100 * (1 - gate.alpha):.3g} %"


def model_of(gate: Gate, model: str) -> str:
    """The models of a comparison by the candidate's: one name, or "OLD -> NEW" where they differ, safe to print."""
    base = base_of(gate, model)
    return named(model) if base == model else f"{named(base)} -> {named(model)}"


def base_of(gate: Gate, model: str) -> str:
    """The baseline's model that a candidate's is compared with."""
    return next((base for base, candidate in gate.pairs_of.items() if candidate == model), model)


def sentence(text: str) -> str:
    """Words that may quote names from outside, on one plain line."""
    return one_line(text, _LINE)


def headline(gate: Gate) -> str:
    """The answer in one line: the verdict, and what it rests on most."""
    ordered = [one for one in ranked(gate.criteria) if one.decision is not Decision.SKIPPED]
    deciding = [one for one in ordered if one.decision is gate.decision]
    if gate.decision is Decision.FAIL:
        undecided = sum(one.decision is Decision.INCONCLUSIVE for one in ordered)
        more = f"; {undecided} more undecided" if undecided else ""
        return f"FAIL: {_listed(gate, deciding)}{more}"
    if gate.decision is Decision.INCONCLUSIVE:
        of = f"{len(deciding)} of {counted(len(ordered), 'criterion', 'criteria')} undecided"
        return f"INCONCLUSIVE: {of}: {_listed(gate, deciding)}{_too_few(deciding)}"
    said = [one for one in deciding if one.metric in _SAID and one.effect is not None and one.effect.change is not None]
    within = f"{counted(len(ordered), 'criterion', 'criteria')} within {'its limit' if len(ordered) == 1 else 'limits'}"
    return f"PASS: {within}{': ' if said else ''}{_listed(gate, said)}"


def _too_few(undecided: Sequence[Criterion]) -> str:
    """That there are too few features for any interval, which is what most gates are open for at first."""
    effects = [(one.effect, one.needed_pairs) for one in undecided if one.effect is not None]
    few = [
        effect.pairs
        for effect, needed in effects
        if effect.interval is None and effect.pairs < needed and (effect.change is not None or not effect.pairs)
    ]
    if not few:
        return ""
    return f"; {counted(max(few), 'feature')} to compare: too few for {len(few)} of them"


def short(gate: Gate, one: Criterion) -> str:
    """A criterion in a few words: "tool time +31 % (limit +10 %)", with its model where several are judged.

    What is only counted is told as its reason tells it: "must pass: 1 of 9 trials did not, of bookings/waitlist".
    """
    if isinstance(one.metric, Rule):
        return one_line(why(gate, one), _SHORT)
    whose = f" of {model_of(gate, one.model)}" if len(gate.pairs_of) > 1 else ""
    changed = None if one.effect is None else one.effect.change
    told = f" {change(one.metric, changed)}" if changed is not None else ""
    return f"{TITLES[one.metric]}{whose}{told} (limit {limit(one)})"


def why(gate: Gate, one: Criterion) -> str:
    """Why a criterion is decided as it is, after the model's name where several are judged."""
    whose = f"{model_of(gate, one.model)}: " if len(gate.pairs_of) > 1 else ""
    return f"{whose}{sentence(one.reason)}"


def decides(one: Criterion) -> str:
    """What would decide a criterion that is undecided, else ""."""
    return sentence(one.would_decide).removeprefix("would be decided by ")


def show_command(seen: Seen) -> str:
    """What shows a trial, to be copied into a shell; nothing in it is read as more than a name."""
    return f"splitclock show {quoted(seen.run)} {quoted(seen.trial)}"


def part(found: Part) -> str:
    """A part of a change: "test +38 % (91 % of it, in 7 of 9)"."""
    told = [] if found.share is None else [f"{_share(found.share)} of it"]
    told += [f"in {found.went} of {found.of}"] if found.of else []
    changed = "" if found.change is None else f" {signed(found.change)}"
    return f"{named(found.name)}{changed}" + (f" ({', '.join(told)})" if told else "")


def parts(found: Sequence[Part], most: int = _TOLD) -> str:
    """The first of several parts, and how many more there are."""
    return some([part(one) for one in found], most)


def others(policy: Policy) -> str:
    """Which trials the second reading of times and spending is of, for it stands beside the first."""
    return "all trials" if policy.time.trials is Trials.PASSING else "passing only"


def counts(side: str, found: Counts) -> str:
    """How many trials of a side were solved, and how many say nothing."""
    unscored = found.trials - found.scored
    rest = f", {counted(unscored, 'other')} without a verdict" if unscored else ""
    return f"{side}: {found.passed} of {counted(found.scored, 'scored trial')} solved{rest}"


def _listed(gate: Gate, criteria: Sequence[Criterion]) -> str:
    return some([short(gate, one) for one in criteria], _TOLD)


def _as_metric(metric: Metric | Rule) -> Metric:
    return Metric.PASS_RATE if is_share(metric) else Metric.AGENT_WALL


def _share(value: float) -> str:
    return ("-" if value < 0 else "") + words.percent(abs(value))
