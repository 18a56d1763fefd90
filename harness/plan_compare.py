"""How one plan of a run differs from another, in words. Pure."""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness.run_plan import RunPlan
from harness.untrusted import one_line

MOST_SHOWN = 12
"""Differences that are told one by one."""

_SHOWN = 60
_ASKED = ("model", "feature", "shard")


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What is different of a later plan: a line for each setting, how many trials came, and how many went.

    `again` are those that came back: the run has a record of them.
    """

    settings: tuple[str, ...]
    new: int
    gone: int
    again: int = 0

    def lines(self) -> tuple[str, ...]:
        """All of it for people; none where the trials are the same."""
        if not self.new and not self.gone and not self.again:
            return ()
        shown = [one_line(line) for line in self.settings[:MOST_SHOWN]]
        if len(self.settings) > MOST_SHOWN:
            shown.append(f"and {len(self.settings) - MOST_SHOWN} more differences")
        counts = "; ".join(self._counts())
        return (*shown[:-1], f"{shown[-1]}; {counts}") if shown else (counts,)

    def _counts(self) -> Iterator[str]:
        if self.new:
            yield f"{_trials(self.new)} new"
        if self.again:
            yield f"{_trials(self.again)} planned again"
        if self.gone:
            yield f"{_trials(self.gone)} no longer planned"


def compare(before: RunPlan, now: RunPlan, recorded: Collection[str] = ()) -> Comparison:
    """What of `now` is not as it was `before`; a plan of schema 1 tells its trials only.

    `recorded` are ids of trials that the run has records of, under settings before those of `before`.
    """
    came = now.ids - before.ids
    again = len(came.intersection(recorded))
    return Comparison(
        settings=tuple(_settings(before, now)), new=len(came) - again, gone=len(before.ids - now.ids), again=again
    )


def unlike(before: RunPlan, now: RunPlan) -> tuple[str, ...]:
    """A line for each measured setting that differs, whatever the trials."""
    return tuple(_measured(before, now))


def _settings(before: RunPlan, now: RunPlan) -> Iterator[str]:
    if before.schema_ > 1:
        yield from _measured(before, now)
    yield from _values("repeats", _repeats(before), _repeats(now))
    for name in _ASKED:
        yield from _values(f"--{name}", getattr(before.asked, name) or "all", getattr(now.asked, name) or "all")


def _measured(before: RunPlan, now: RunPlan) -> Iterator[str]:
    yield from _values("limits", before.limits, now.limits)
    yield from _values("settings", before.settings, now.settings)
    yield from _values("models", before.models, now.models)
    yield from _features(before.features, now.features)


def _values(name: str, before: Any, now: Any) -> Iterator[str]:
    """A line for each value that differs, by its path."""
    if before == now:
        return
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key in dict.fromkeys((*before, *now)):
            path = f"{name}.{key}"
            if key in before and key in now:
                yield from _values(path, before[key], now[key])
            else:
                yield _came_or_went(path, before.get(key), now.get(key), is_new=key in now)
        return
    yield f"{name}: {_shown(before)} -> {_shown(now)}"


def _came_or_went(path: str, before: Any, now: Any, *, is_new: bool) -> str:
    value = now if is_new else before
    if isinstance(value, Mapping) and value:
        return f"{path}: {'is new' if is_new else 'is gone'}"
    return f"{path}: {'unset' if is_new else _shown(before)} -> {_shown(now) if is_new else 'unset'}"


def _features(before: Mapping[str, Mapping[str, str]], now: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """Of features only digests are known: which of their parts changed."""
    for key in dict.fromkeys((*before, *now)):
        if key not in before or key not in now:
            yield f"features.{key}: {'is new' if key in now else 'is gone'}"
        for part in dict.fromkeys((*before.get(key, {}), *now.get(key, {}))) if key in before and key in now else ():
            if before[key].get(part) != now[key].get(part):
                yield f"features.{key}: {part} changed"


def _repeats(plan: RunPlan) -> int:
    return max((trial.repeat for trial in (*plan.trials, *plan.elsewhere)), default=0)


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=True, default=str)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


def _trials(number: int) -> str:
    return "1 trial is" if number == 1 else f"{number} trials are"
