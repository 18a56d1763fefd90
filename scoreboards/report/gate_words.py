"""What a gate found, in the words and figures that all its views share. Pure."""

import math
import shlex
from collections.abc import Iterable, Sequence

from harness.untrusted import one_line, plain
from scoreboards import words
from scoreboards.gate.findings import Counts, Criterion, Decision, Gate, Part, Rule, Seen
from scoreboards.gate.policy import Metric, Policy, Trials
from scoreboards.statistics import Interval

TITLES: dict[Metric | Rule, str] = {
    Metric.PASS_RATE: "pass rate",
    Metric.AGENT_WALL: "agent wall",
    Metric.MODEL: "model time",
    Metric.TOOL: "tool time",
    Metric.WAIT: "wait",
    Metric.HARNESS: "harness time",
    Metric.COST: "cost",
    Metric.OUTPUT_TOKENS: "output tokens",
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
_NAME = 60
_LINE = 600
_SAID = (Metric.PASS_RATE, Metric.AGENT_WALL)
_ONE_DECIMAL = 9.95


def ranked(criteria: Iterable[Criterion]) -> tuple[Criterion, ...]:
    """What failed first, then what is undecided, at last what is not judged; else as they were."""
    return tuple(sorted(criteria, key=lambda one: _RANK.index(one.decision)))


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
    """A change with its sign: "+31 %", "+0.4 %", or of shares "-25 points"."""
    if value is None or not math.isfinite(value):
        return words.UNKNOWN
    return f"{_signed(value * 100)} {_unit(metric)}"


def spread(metric: Metric | Rule, interval: Interval | None) -> str:
    """The interval of a change: "+27 to +36 %"."""
    if interval is None or not (math.isfinite(interval.low) and math.isfinite(interval.high)):
        return words.UNKNOWN
    return f"{_signed(interval.low * 100)} to {_signed(interval.high * 100)} {_unit(metric)}"


def limit(one: Criterion) -> str:
    """How far a criterion may go: a rise for times and spending, a drop for the pass rate, a share for the rest."""
    if one.metric is Rule.MUST_PASS:
        return "all"
    if one.metric is Rule.TAMPERED:
        return words.percent(one.limit)
    return change(one.metric, -one.limit if one.metric is Metric.PASS_RATE else one.limit)


def chance(p: float | None) -> str:
    """A p value: "0.031", "<0.001"."""
    if p is None:
        return words.UNKNOWN
    return "<0.001" if p < 0.001 else f"{p:.3f}"  # noqa: PLR2004 - three digits


def confidence(gate: Gate) -> str:
    """Of the intervals: "95 %"."""
    return f"{100 * (1 - gate.alpha):.3g} %"


def model_of(gate: Gate, model: str) -> str:
    """The models of a comparison, made safe to print: one name, or "OLD -> NEW" where they differ."""
    for base, candidate in gate.pairs_of.items():
        if model in (base, candidate) and base != candidate:
            return f"{name(base)} -> {name(candidate)}"
    return name(model)


def name(text: str) -> str:
    """A name from outside on one short plain line."""
    return one_line(text, _NAME)


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
        of = f"{len(deciding)} of {number(len(ordered), 'criterion', 'criteria')} undecided"
        return f"INCONCLUSIVE: {of}: {_listed(gate, deciding)}"
    said = [one for one in deciding if one.metric in _SAID and one.effect is not None and one.effect.change is not None]
    within = f"{number(len(ordered), 'criterion', 'criteria')} within {'its limit' if len(ordered) == 1 else 'limits'}"
    return f"PASS: {within}{': ' if said else ''}{_listed(gate, said)}"


def number(count: int, one: str, many: str) -> str:
    """A count with its noun: "1 trial", "1,204 trials"."""
    return f"{count:,} {one if count == 1 else many}"


def short(gate: Gate, one: Criterion) -> str:
    """A criterion in a few words: "tool time +31 % (limit +10 %)", with its model where several are judged."""
    whose = f" of {model_of(gate, one.model)}" if len(gate.pairs_of) > 1 else ""
    title = f"{TITLES[one.metric]}{whose}"
    if isinstance(one.metric, Rule):
        return title
    changed = None if one.effect is None else one.effect.change
    told = f" {change(one.metric, changed)}" if changed is not None else ""
    return f"{title}{told} (limit {limit(one)})"


def show_command(seen: Seen) -> str:
    """What shows a trial, to be copied into a shell; nothing in it is read as more than a name."""
    return f"splitclock show {_argument(seen.run)} {_argument(seen.trial)}"


def part(found: Part) -> str:
    """A part of a change: "test +38 % (91 % of it, in 7 of 9)"."""
    told = [] if found.share is None else [f"{_share(found.share)} of it"]
    told += [f"in {found.went} of {found.of}"] if found.of else []
    changed = f" {_signed(found.change * 100)} %" if _known(found.change) and found.change is not None else ""
    return f"{name(found.name)}{changed}" + (f" ({', '.join(told)})" if told else "")


def parts(found: Sequence[Part], most: int = _TOLD) -> str:
    """The first of several parts, and how many more there are."""
    more = [f"and {len(found) - most} more"] if len(found) > most else []
    return ", ".join([*map(part, found[:most]), *more])


def others(policy: Policy) -> str:
    """Which trials the second reading of times and spending is of, for it stands beside the first."""
    return "all trials" if policy.time.trials is Trials.PASSING else "passing only"


def counts(side: str, found: Counts) -> str:
    """How one side's trials ended, with nothing said of what did not happen."""
    told = [f"{found.passed} of {found.scored} solved"]
    kinds = (
        (found.infra_errors, "ended by infrastructure"),
        (found.provider_errors, "ended by a provider"),
        (found.not_run, "not run"),
        (found.tampered, "tampered with"),
        (found.noisy, "noisy"),
    )
    told += [f"{count:,} {what}" for count, what in kinds if count]
    return f"{side}: {number(found.trials, 'trial', 'trials')}, {', '.join(told)}"


def _listed(gate: Gate, criteria: Sequence[Criterion]) -> str:
    more = [f"and {len(criteria) - _TOLD} more"] if len(criteria) > _TOLD else []
    return ", ".join([*(short(gate, one) for one in criteria[:_TOLD]), *more])


def _argument(text: str) -> str:
    return shlex.quote(" ".join(plain(text).split()))


def _signed(percent: float) -> str:
    """With its sign and one decimal where it is small; a change that would round to nothing has none."""
    shown = f"{percent:+.1f}" if abs(percent) < _ONE_DECIMAL else f"{percent:+,.0f}"
    return "0" if shown in {"+0.0", "-0.0"} else shown


def _unit(metric: Metric | Rule) -> str:
    return "points" if is_share(metric) else "%"


def _share(value: float) -> str:
    return ("-" if value < 0 else "") + words.percent(abs(value))


def _known(value: float | None) -> bool:
    return value is not None and math.isfinite(value)
