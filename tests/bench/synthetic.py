"""Runs that nobody ran: journals and span files of as many trials as a benchmark wants, each with fifty spans."""

import json
import random
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from harness.journal import Entry, Journal, Kind
from harness.run_folder import RunFolder

TURNS = 12
"""Each turn is a call of three spans and a tool call; with set-up and grading a trial has fifty spans."""

MODELS = ("fast", "frontier", "local")
FEATURES = tuple(f"bookings/feature-{number:02}" for number in range(20))
_MS = 10**6
_QUEUED = 512
_WORK = ("test", "search", "read", "edit", "run")


def write_run(folder: Path, trials: int, started_utc: str = "2026-11-01T00:00:00+00:00") -> None:
    """A run of so many trials, written by the journal; its spans lie beside it as a run leaves them."""
    waiting: deque[Future[int]] = deque()
    with Journal.create(folder) as journal:
        for number, (body, spans) in enumerate(_trials(folder.name, trials, started_utc)):
            trial = body["trial"]["id"]
            waiting.append(journal.post(Entry(kind=Kind.RECORD, body=body, trial=trial, attempt=1)))
            place = RunFolder(root=folder).trial(trial)
            place.mkdir(parents=True)
            (place / "spans.json").write_text(spans, encoding="utf-8")
            if number >= _QUEUED:
                waiting.popleft().result()
        for one in waiting:
            one.result()


def _trials(run: str, trials: int, started_utc: str) -> Iterator[tuple[dict[str, Any], str]]:
    """The record and the spans of each trial, as JSON; always the same ones."""
    chance = random.Random(trials)  # noqa: S311 - figures, not secrets
    for number in range(trials):
        calls = [_call(turn, chance) for turn in range(1, TURNS + 1)]
        tools = [_tool(turn, chance) for turn in range(1, TURNS + 1)]
        spans = _spans(calls, tools)
        yield (
            _record(f"{run}-{number:06}", number, (calls, tools, spans), chance)
            | {
                "run": run,
                "started_utc": started_utc,
            },
            json.dumps(spans),
        )


def _call(turn: int, chance: random.Random) -> dict[str, Any]:
    connect, first, decode = (chance.randrange(1, most) * _MS for most in (60, 900, 9000))
    tokens = chance.randrange(20, 900)
    return {
        "turn": turn,
        "connect_ns": connect,
        "first_chunk_ns": connect + 1,
        "first_token_ns": connect + first,
        "first_answer_ns": connect + first,
        "last_token_ns": connect + first + decode,
        "decode_ns": decode,
        "decode_tokens": tokens - 1,
        "total_ns": connect + first + decode,
        "largest_gap_ns": chance.randrange(1, 90) * _MS,
        "wait_ns": 0,
        "deltas": tokens,
        "received_bytes": tokens * 210,
        "input_tokens": 900 * turn,
        "output_tokens": tokens,
        "cached_input_tokens": 800 * (turn - 1),
        "reasoning_tokens": 0,
        "cost_usd": tokens * 14e-6,
        "finish_reason": "tool_calls",
        "api": "responses",
        "transport": "http",
        "served_model": "synthetic-1",
        "service_tier": "default",
        "request_id": f"req_{chance.getrandbits(64):016x}",
    }


def _tool(turn: int, chance: random.Random) -> dict[str, Any]:
    whole = chance.randrange(2, 20_000) * _MS
    return {
        "turn": turn,
        "tool": chance.choice(("shell", "read", "edit")),
        "total_ns": whole,
        "exec_ns": whole - _MS,
        "cpu_s": whole / 2e9,
        "container_cpu_s": whole / 2e9,
        "peak_memory_bytes": 40_000_000,
        "output_bytes": chance.randrange(10, 20_000),
        "kept_bytes": 8_000,
        "exit_code": 0,
        "failed": chance.random() < 0.2,
        "work": chance.choice(_WORK),
        "signature": f"{chance.getrandbits(32):08x}",
        "summary": "python -m pytest tests/test_bookings.py -q",
    }


def _spans(calls: list[dict[str, Any]], tools: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One after the other: set-up, then a call and a tool call in turns, then grading."""
    lengths = [("setup", "container", 900 * _MS)]
    for call, tool in zip(calls, tools, strict=True):
        lengths.append(("model", "connect", call["connect_ns"]))
        lengths.append(("model", "first_token", call["first_token_ns"] - call["connect_ns"]))
        lengths.append(("model", "decode", call["decode_ns"]))
        lengths.append(("tool", "exec", tool["total_ns"]))
    lengths.append(("grade", "suite", 4_000 * _MS))
    spans, now = [], 0
    for phase, sub, length in lengths:
        spans.append({"phase": phase, "sub": sub, "t0": now, "t1": now + length, "name": "", "details": {}})
        now += length
    return spans


def _record(
    name: str,
    number: int,
    parts: tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]],
    chance: random.Random,
) -> dict[str, Any]:
    calls, tools, spans = parts
    phases = dict.fromkeys(("setup", "model", "tool", "overlap", "wait", "grade", "harness"), 0)
    sub_phases: dict[str, int] = {}
    for span in spans:
        length = span["t1"] - span["t0"]
        phases[span["phase"]] += length
        key = f"{span['phase']}.{span['sub']}"
        sub_phases[key] = sub_phases.get(key, 0) + length
    phases["harness"] = 5 * _MS
    model = MODELS[number % len(MODELS)]
    return {
        "schema": 1,
        "trial": {
            "id": name,
            "model": model,
            "feature": FEATURES[number // len(MODELS) % len(FEATURES)],
            "repeat": number // len(MODELS) // len(FEATURES) + 1,
            "requested_model": f"{model}-1",
        },
        "attempt": 1,
        "stop": "finished",
        "verdict": chance.choice(("pass", "pass", "fail")),
        "wall_ns": sum(phases.values()),
        "phases": phases,
        "sub_phases": sub_phases,
        "summed": {phase: phases[phase] for phase in ("setup", "model", "tool", "wait", "grade")},
        "calls": calls,
        "tool_calls": tools,
        "turns": TURNS,
        "cost_usd": sum(call["cost_usd"] for call in calls),
        "provenance": {"splitclock": "0.1.0", "host": "synthetic"},
    }
