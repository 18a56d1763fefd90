"""Synthetic records: every figure chosen by the test, the phases summing to the wall as in real ones."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from harness.record import CallRow, Record, ToolRow, TrialRow, Verdict

SECOND = 1_000_000_000


def make_record(phases: Mapping[str, float], **changes: Any) -> Record:
    """A record whose phases last as many seconds as given.

    Trial fields (`model`, `feature`, `repeat`, `simulated`, `claimed_tokens_per_s`) and record fields go by name.
    """
    spent = dict.fromkeys(("setup", "model", "tool", "overlap", "wait", "grade", "harness"), 0)
    spent |= {phase: round(seconds * SECOND) for phase, seconds in phases.items()}
    trial = {"model": "fast", "feature": "bookings/waitlist", "repeat": 1}
    trial |= {name: changes.pop(name) for name in tuple(changes) if name in TrialRow.model_fields}
    trial.setdefault("id", f"{trial['model']}-{trial['feature']}-{trial['repeat']}".replace("/", "-"))
    known = {
        "run": "runs/test",
        "started_utc": "2026-01-01T00:00:00+00:00",
        "stop": "finished",
        "verdict": Verdict.PASS,
        "wall_ns": sum(spent.values()),
        "phases": spent,
        "sub_phases": {},
        "summed": spent,
    }
    return Record.model_validate({**known, "trial": trial, **changes})


def make_call(turn: int = 1, **changes: Any) -> CallRow:
    """A call of 101 tokens: 0.1 s to headers, 0.5 s to the first token, then 100 tokens in 2 s."""
    known = {
        "turn": turn,
        "connect_ns": SECOND // 10,
        "first_token_ns": SECOND // 2,
        "decode_ns": 2 * SECOND,
        "decode_tokens": 100,
        "total_ns": 25 * SECOND // 10,
        "input_tokens": 1000,
        "output_tokens": 101,
        "cost_usd": 0.01,
    }
    return CallRow.model_validate({**known, **changes})


def make_tool(turn: int = 1, **changes: Any) -> ToolRow:
    """A tool call of one second, of a record that says what work it was and which calls are alike."""
    known = {"turn": turn, "tool": "shell", "total_ns": SECOND, "work": "other", "signature": ""}
    return ToolRow.model_validate({**known, **changes})


@pytest.fixture
def record() -> Callable[..., Record]:
    """`make_record`."""
    return make_record


@pytest.fixture
def call() -> Callable[..., CallRow]:
    """`make_call`."""
    return make_call


@pytest.fixture
def tool() -> Callable[..., ToolRow]:
    """`make_tool`."""
    return make_tool
