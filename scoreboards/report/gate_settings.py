"""What each setting of a policy is called, its unit and its meaning, for people and for machines. Pure."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from harness.untrusted import one_line
from scoreboards.gate.policy import Difference, Metric, Policy, Spending
from scoreboards.words import counted

_RISE = "share of the baseline"
_ALL = "all"
_KINDS = ", ".join(Difference)

WORDS: Mapping[str, tuple[str, str]] = {
    "schema": ("number", "Number of the file's form."),
    "alpha": (
        "chance",
        "The chance that a candidate no worse than allowed fails, over all criteria; intervals have 1 - alpha.",
    ),
    "models": ("names", "The models that are judged; with none named, all that both sides have."),
    "must_pass": ("features", 'Each trial of these ("target/feature", with wildcards) has to pass.'),
    "inconclusive": (
        "verdict",
        "What a gate that the data cannot decide exits as: inconclusive (3), pass (0), fail (1).",
    ),
    "pass_rate.margin": ("share of trials", "How far the pass rate may drop: 0.1 is ten points."),
    "time.trials": (
        "trials",
        "Times and spending are compared on the passing trials or on all; the others stand beside.",
    ),
    "time.yardstick": (
        "true or false",
        "Tool time, harness time and agent wall are decided only where the machine's own speed does not explain it.",
    ),
    "time.floor": (
        "share of agent wall",
        "Phases are compared with so much of the baseline's wall added: what takes next to no time fails no gate.",
    ),
    "time.agent_wall": (_RISE, "How much longer the agent may take in all."),
    "time.model": (_RISE, "How much longer the model may generate."),
    "time.tool": (_RISE, "How much longer tools may run: tests, builds, searches, edits."),
    "time.wait": (_RISE, "How much longer the provider may keep the agent waiting: failures, pauses, rate limits."),
    "time.harness": (_RISE, "How much longer the harness itself may take."),
    "spend.cost": (
        _RISE,
        "How much more a trial may cost; an unknown price leaves it unjudged, or undecided if it is set.",
    ),
    "spend.output_tokens": (_RISE, "How many more tokens a trial may write; the same of unknown ones."),
    "caps.errors": (
        "share of trials",
        "Where infrastructure or a provider ended more of either side's trials, nothing is judged: exit 4 or 5.",
    ),
    "caps.tampered": (
        "share of trials",
        "Where more of the candidate's trials tampered with their grade, the gate fails.",
    ),
    "least.features": ("features", "Nothing is judged on fewer features that both sides have."),
    "least.repeats": ("repeats", "Nothing is judged on fewer repeats of a feature."),
    "comparable.allow": ("kinds", f"What may differ between the sides; any of: {_KINDS}."),
    "sequential.looks": (
        "repeats",
        "After how many repeats of each feature to look, fixed in advance; with none a run is judged once, finished.",
    ),
    "sequential.spending": ("rule", f"How alpha is shared by the looks: {' or '.join(Spending)}."),
}
"""Unit and meaning of every setting, by its path in the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A setting as it stands: its path, its value, whether it is as it was made, its unit, and what it means."""

    path: str
    value: Any
    is_default: bool
    unit: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """What follows from a policy: how many tests share alpha, and the pairs below which nothing can fail.

    `of` says for what; `pairs` are the features that there are, None where no runs were given.
    """

    of: str
    tests: int
    least_pairs: int
    pairs: int | None = None


def settings_of(policy: Policy) -> Iterator[Setting]:
    """Every setting with its value, in the order of the table."""
    for path, (unit, words) in WORDS.items():
        value, is_set = _found(policy, path)
        yield Setting(path=path, value=value, is_default=not is_set, unit=unit, words=words)


def tests_of(policy: Policy) -> int:
    """How many tests a policy makes of one model, where costs are known."""
    return sum(policy.limit(metric) is not None for metric in Metric)


def policy_view(policy: Policy, following: Following) -> Iterator[RenderableType]:
    """The settings by table, what they mean below each, and what follows from them."""
    table = ""
    for one in settings_of(policy):
        head, _, _ = one.path.rpartition(".")
        if head and head != table:
            table = head
            yield Text(f"[{table}]", style="bold")
        yield _line(one)
        yield Padding(Text(one.words, style="dim"), (0, 0, 0, 4))
    yield Text()
    yield Text(follows(policy, following))


def follows(policy: Policy, following: Following) -> str:
    """What follows from a policy, in a sentence or two."""
    tests = counted(following.tests, "test shares", "tests share")
    least = f"with fewer than {following.least_pairs} features nothing can fail by time, cost or tokens"
    have = "" if following.pairs is None else f"; these runs have {following.pairs}"
    return f"{following.of}: {tests} alpha {policy.alpha:g} by Holm's rule, so that {least}{have}."


def policy_json(policy: Policy, following: Following, file: str | None) -> str:
    """The same as JSON text."""
    told = [
        {
            "path": one.path,
            "value": plain_value(one.value),
            "default": one.is_default,
            "unit": one.unit,
            "words": one.words,
        }
        for one in settings_of(policy)
    ]
    after = {
        "of": following.of,
        "tests": following.tests,
        "least_pairs": following.least_pairs,
        "pairs": following.pairs,
    }
    return json.dumps({"schema": 1, "policy_file": file, "settings": told, "follows": after}, indent=2, allow_nan=False)


def plain_value(value: Any) -> Any:
    """A setting's value as JSON knows it."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    return [plain_value(one) for one in value] if isinstance(value, tuple) else value


def _line(one: Setting) -> Text:
    _, _, key = one.path.rpartition(".")
    value = "none" if one.value is None else json.dumps(plain_value(one.value), ensure_ascii=False)
    line = Text.assemble((key, "bold"), f" = {one_line(value, 400)}")
    return line.append(f"  ({one.unit}; {'default' if one.is_default else 'set'})", style="dim")


def _found(policy: Policy, path: str) -> tuple[Any, bool]:
    """A setting's value (None where its table is not there), and whether the file, or --allow, says it."""
    value: Any = policy
    is_set = True
    for part in path.split("."):
        key = "schema_" if part == "schema" else part
        if not isinstance(value, BaseModel):
            return None, False
        is_set = is_set and key in value.model_fields_set
        value = getattr(value, key)
    return value, is_set
