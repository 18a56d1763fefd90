"""Where a change comes from, in one sentence, and the trials to look at. Pure."""

from collections.abc import Iterator, Sequence

from scoreboards.gate.asking import Pair
from scoreboards.gate.causes import Changes
from scoreboards.gate.findings import Blame, Part, Seen
from scoreboards.gate.phrases import listed, named, signed
from scoreboards.gate.policy import TIMES, Metric
from scoreboards.gate.sample import Observation
from scoreboards.words import count, counted, duration, percent, usd

_STILL = 0.01
"""A phase that moved by less than this share of the agent wall is said to be unchanged."""

_MUCH = 0.1
_ALONE = 0.5
_LOOKS = 3
_WORDS = {
    "model/decode": "decode (time a token)",
    "model/tokens": "output tokens",
    "model/first_token": "time to the first token",
    "model/connect": "time to connect",
    "model/calls": "model calls",
    "tool/transport": "sandbox transport",
    "wait": "provider wait",
}


def blame(metric: Metric, pairs: Sequence[Pair]) -> Blame | None:
    """Where a metric's change comes from; None where there is none."""
    found = Changes(metric, pairs)
    if not pairs or not found.whole:
        return None
    features = found.features()
    if found.whole < 0 and metric is not Metric.PASS_RATE:  # the mean of ratios rose, the sum did not
        up = sum(after > before for before, after in found.amounts)
        words = f"up in {up} of {counted(len(pairs), 'feature')}, while their sum fell: look at each"
        return Blame(words=words, features=features)
    if metric not in TIMES:
        return Blame(words="; ".join(_feature_words(metric, found, features)), features=features)
    causes = found.waits() if metric is Metric.WAIT and found.waits() else found.causes()
    work = found.work() if metric in {Metric.AGENT_WALL, Metric.TOOL} else ()
    words = "; ".join((*_time_words(metric, found, causes, work), *_alone(features)))
    return Blame(words=words, causes=causes, work=work, features=features)


def look_at(metric: Metric, pairs: Sequence[Pair], model: str) -> tuple[Seen, ...]:
    """Trials that show a change for the worse: of the features that carry most of it, the candidate's worst each."""
    found = Changes(metric, pairs)
    worse = -1 if metric is Metric.PASS_RATE else 1
    rises = [(worse * (after - before), pair) for pair, (before, after) in zip(pairs, found.amounts, strict=True)]
    ranked = sorted((one for one in rises if one[0] > 0), key=lambda one: (-one[0], one[1].feature))
    return tuple(_seen(metric, pair, model) for _, pair in ranked[:_LOOKS])


def seen(one: Observation, model: str, feature: str, why: str) -> Seen:
    """A trial to look at."""
    return Seen(run=one.run, trial=one.trial, model=model, feature=feature, repeat=one.repeat, why=why)


def _seen(metric: Metric, pair: Pair, model: str) -> Seen:
    if metric is Metric.PASS_RATE:
        lost = next(one for one in pair.after if not one.passed)
        passed = sum(one.passed for one in pair.before)
        return seen(lost, model, pair.feature, f"{lost.why}; the baseline passed {passed} of {len(pair.before)}")
    worst = max(pair.after, key=lambda one: (one.amount(metric) or 0.0, one.trial))
    before = pair.means(metric)[0]
    shown = f"{_amount(metric, worst.amount(metric))}, in the baseline {_amount(metric, before)}"
    return seen(worst, model, pair.feature, shown if len(pair.before) == 1 else f"{shown} on average")


def _amount(metric: Metric, value: float | None) -> str:
    if metric is Metric.COST:
        return usd(value)
    if metric is Metric.OUTPUT_TOKENS:
        return f"{count(value)} tokens"
    return duration(None if value is None else value * 1e9)


def _time_words(metric: Metric, found: Changes, causes: Sequence[Part], work: Sequence[Part]) -> Iterator[str]:
    if metric is not Metric.AGENT_WALL:
        yield _carried(metric.value, work or causes)
        return
    phases = sorted(found.phases(), key=lambda part: -(part.share or 0.0))
    first = phases[0]
    inside = {"tool": work, "model": [part for part in causes if part.name.startswith("model")], "wait": found.waits()}
    yield _carried(first.name, inside.get(first.name) or [first])
    for part in phases[1:]:
        if moved := _moved(part, found):
            yield moved


def _carried(phase: str, parts: Sequence[Part]) -> str:
    """What carries a phase: its parts with the features that went along."""
    told = [part for place, part in enumerate(parts) if place == 0 or abs(part.share or 0.0) >= _MUCH]
    return f"{phase}: " + ", ".join(map(_part, told[:3]))


def _part(part: Part) -> str:
    name = _WORDS.get(part.name, part.name.removeprefix("wait.").replace("_", " "))
    change = "" if part.change is None else f" {signed(part.change)}"
    share = f"{'-' if (part.share or 0.0) < 0 else ''}{percent(abs(part.share or 0.0))}"
    return f"{name}{change} in {part.went} of {counted(part.of, 'feature')} ({share} of the change)"


def _moved(part: Part, found: Changes) -> str:
    """How another phase moved; "" of one that there never was."""
    rise = (part.share or 0.0) * found.whole
    name = _WORDS.get(part.name, part.name)
    if abs(rise) < _STILL * found.walls:
        return "" if part.name == "overlap" else f"{name} unchanged"
    if part.change is None:
        return f"{name} +{duration(rise * 1e9 / part.of)} a trial"
    return f"{name} {signed(part.change)}"


def _alone(features: Sequence[Part]) -> Iterator[str]:
    """That one feature carries most of it, where there are enough for that to say something."""
    if len(features) > 2 and (features[0].share or 0.0) > _ALONE:  # noqa: PLR2004 - one of two is no wonder
        yield f"{named(features[0].name)} alone carries {percent(features[0].share)}"


def _feature_words(metric: Metric, found: Changes, features: Sequence[Part]) -> Iterator[str]:
    if metric is Metric.PASS_RATE:
        worse = [pair for pair, (before, after) in zip(found.pairs, found.amounts, strict=True) if after < before]
        better = sum(after > before for before, after in found.amounts)
        yield f"lost: {listed(_passes(pair) for pair in worse)}" if worse else "no feature lost"
        if better:
            yield f"{counted(better, 'feature')} gained"
        return
    up = sum(after > before for before, after in found.amounts)
    yield f"up in {up} of {counted(len(found.pairs), 'feature')}"
    yield "most of it in " + ", ".join(f"{named(one.name)} ({signed(one.change)})" for one in features[:2])


def _passes(pair: Pair) -> str:
    sides = (f"{sum(one.passed for one in side)} of {len(side)}" for side in (pair.before, pair.after))
    return f"{named(pair.feature)} {' -> '.join(sides)}"
