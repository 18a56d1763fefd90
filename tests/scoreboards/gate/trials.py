"""Trials of two sides of a gate, every figure chosen by the test."""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.record import Record, Verdict
from scoreboards.gate.sample import Sample, sample
from tests.scoreboards.conftest import SECOND, make_call, make_record, make_tool

FEATURES = tuple(f"shop/f{number}" for number in range(9))

HOST = {
    "splitclock": "1.0",
    "python": "3.12.1",
    "package.openai": "3.50",
    "cores": "4",
    "prompts": "abc",
    "sandbox": "docker",
    "sandbox.runtime": "runc",
    "sandbox.memory_bytes": str(16 * 2**30),
    "parallel_trials": "2",
    "tool_slots": "1",
    "environment": "python-3.12",
    "environment.digest": "sha256:1",
    "limits.cpus": "2",
}
"""Facts of a machine, as records have them."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How a side's trials go: seconds of each, and how much they scatter by feature and by repeat."""

    decode: float = 10.0
    test: float = 20.0
    search: float = 2.0
    wait: float = 0.5
    tokens: int = 1000
    usd: float | None = 0.05
    jitter: float = 0.02
    seed: int = 0
    more: Mapping[str, Any] = field(default_factory=dict)


def trial(feature: str, repeat: int = 1, pace: Pace | None = None, **changes: Any) -> Record:
    """A trial of one call and two tool calls, one that tests and one that searches."""
    known = pace or Pace()
    rng = random.Random(f"{feature} {repeat} {known.seed}")  # noqa: S311 - scatter
    size = 1 + (sum(map(ord, feature)) % 7) / 3
    decode, test, search = (
        value * size * (1 + known.jitter * rng.uniform(-1, 1)) for value in (known.decode, known.test, known.search)
    )
    call = make_call(decode_tokens=known.tokens - 1, output_tokens=known.tokens, decode_ns=round(decode * SECOND))
    tools = [
        make_tool(work=work, total_ns=round(seconds * SECOND), exec_ns=round(seconds * SECOND))
        for work, seconds in (("test", test), ("search", search))
    ]
    told: dict[str, Any] = {
        "sub_phases": {"model.decode": round(decode * SECOND), "model.first_token": SECOND // 2},
        "calls": [call],
        "tool_calls": tools,
        "cost_usd": known.usd,
        "grade": {"rung": "R2", "reason": ""},
        "provenance": HOST,
    }
    phases = {"model": decode + 0.5, "tool": test + search, "wait": known.wait, "harness": 0.1, "setup": 3, "grade": 9}
    return make_record(phases, feature=feature, repeat=repeat, **{**told, **known.more, **changes})


def side(
    pace: Pace | None = None, features: Iterable[str] = FEATURES, repeats: int = 3, **changes: Any
) -> list[Record]:
    """The trials of a side."""
    return [trial(feature, repeat, pace, **changes) for repeat in range(1, repeats + 1) for feature in features]


def sampled(pace: Pace | None = None, features: Iterable[str] = FEATURES, repeats: int = 3, **changes: Any) -> Sample:
    """The same as a sample."""
    return sample(side(pace, features, repeats, **changes))


def failed(records: Iterable[Record], *features: str) -> list[Record]:
    """The records, those of these features failed."""
    news = {"verdict": Verdict.FAIL}
    return [one.model_copy(update=news) if one.trial.feature in features else one for one in records]


def ended(records: Iterable[Record], *features: str) -> list[Record]:
    """The records, those of these features ended by their wall limit."""
    return [one.model_copy(update={"stop": "limit:wall"}) if one.trial.feature in features else one for one in records]
