"""Reading runs of ten to ten thousand trials: what a finished trial costs `status` and `board`, in time and memory.

SPLITCLOCK_BENCH_MOST (10,000) is the largest, SPLITCLOCK_BENCH_CALLS (10) how many calls a trial has.
"""

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.journal import Entry, Journal, Kind
from harness.record import CallRow, GradeRow, Record, ToolRow, TrialRow, Verdict
from tests.bench.commands import Cost, cost, size
from tests.bench.figures import Details, Figure, Findings
from tests.bench.rig import Rig

COMMANDS = ("status", "board")
FLAT = 1.5
LEAST = 10
MODELS = 5
_MS, _KB = 1e3, 1e3
_PHASES = ("setup", "model", "tool", "overlap", "wait", "grade", "harness")
_CALL_NS = 2_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """A journal of so many trials, and what each command cost on it."""

    trials: int
    costs: dict[str, Cost]


def measure(rig: Rig) -> Findings:
    """One journal that grows tenfold, read at each size."""
    calls, most = size("calls", 10), size("most", 10_000)
    sizes, run = [], rig.scratch / "run"
    with Journal.create(run) as journal:
        written, count = 0, LEAST
        while count <= most:
            _write(journal, range(written, count), calls)
            _plan(run, count)
            sizes.append(Size(trials=count, costs={name: _least(name, run, rig) for name in COMMANDS}))
            written, count = count, count * 10
    figures = [figure for name in COMMANDS for figure in _figures(name, sizes)]
    return Findings(figures=tuple(figures), details=(_table(sizes),))


def _least(name: str, run: Path, rig: Rig) -> Cost:
    """The cheaper of two runs of a command: the first one also warms the disk's cache."""
    costs = [cost((name, run), rig.scratch / "cache", rig.scratch / "log") for _ in range(2)]
    return min(costs, key=lambda each: each.cpu_s)


def _figures(name: str, sizes: Sequence[Size]) -> Iterator[Figure]:
    """Of each trial more, between the last two sizes; the reference is the size before."""
    if len(sizes) < 3:
        return
    before, last = _more(name, sizes[-3], sizes[-2]), _more(name, sizes[-2], sizes[-1])
    for what, unit, value, reference in (
        ("time", "ms", last[0], before[0]),
        ("memory", "kB", last[1], before[1]),
    ):
        yield Figure(
            name=f"{name}_{what}_per_trial",
            value=value,
            unit=unit,
            reference=f"up to {sizes[-2].trials:,} trials",
            reference_value=reference,
            target=f"within {FLAT:g}x of it" if what == "time" else "",
            met=value <= FLAT * reference if what == "time" else None,
        )


def _more(name: str, small: Size, large: Size) -> tuple[float, float]:
    """Milliseconds of CPU and kilobytes of peak memory of each trial by which two sizes differ."""
    one, other, trials = small.costs[name], large.costs[name], large.trials - small.trials
    return (other.cpu_s - one.cpu_s) * _MS / trials, (other.peak_bytes - one.peak_bytes) / _KB / trials


def _table(sizes: Sequence[Size]) -> Details:
    rows = tuple(
        (f"{each.trials:,}", *(text for name in COMMANDS for text in _texts(each.costs[name]))) for each in sizes
    )
    heads = tuple(f"{name}: {what}" for name in COMMANDS for what in ("wall", "CPU", "peak memory"))
    return Details(title="commands on journals of so many finished trials", columns=("trials", *heads), rows=rows)


def _texts(each: Cost) -> tuple[str, ...]:
    return f"{each.wall_s:.2f} s", f"{each.cpu_s:.2f} s", f"{each.peak_bytes / 1e6:.0f} MB"


def _plan(run: Path, count: int) -> None:
    """The plan of so many trials, as a run writes it."""
    rows = [
        {"id": row.id, "model": row.model, "feature": row.feature, "repeat": row.repeat}
        for row in map(_trial, range(count))
    ]
    (run / "plan.json").write_text(json.dumps({"schema": 1, "trials": rows}), encoding="utf-8")


def _write(journal: Journal, numbers: range, calls: int) -> None:
    """Rows and records as trials of so many calls leave them."""
    last: Future[int] | None = None
    for number in numbers:
        trial = _trial(number)
        for kind, body in _bodies(trial, calls):
            last = journal.post(Entry(kind=kind, body=body, trial=trial.id, attempt=1))
        if last is not None and number % 100 == 0:
            last.result()  # what waits for the disk waits in memory
    if last is not None:
        last.result()


def _trial(number: int) -> TrialRow:
    model, repeat = number % MODELS, number // MODELS
    return TrialRow(
        id=f"{number:012x}",
        model=f"model-{model}",
        feature=f"calc/feature-{repeat % 10}",
        repeat=repeat // 10 + 1,
        claimed_tokens_per_s=100.0,
    )


def _bodies(trial: TrialRow, calls: int) -> Iterator[tuple[Kind, dict[str, Any]]]:
    yield Kind.TRIAL_STARTED, {"attempt": 1}
    said = {"role": "assistant", "content": "I look at the code before I change it. " * 5}
    for turn in range(1, calls + 1):
        yield Kind.INTENT, {"turn": turn, "messages": 2 * turn, "request": "0" * 64}
        yield Kind.RESPONSE, {**said, **_call(turn).model_dump()}
        yield Kind.TOOL_START, {"turn": turn, "tool": "shell", "arguments": '{"command": "ls -l"}'}
        yield Kind.TOOL_END, {"turn": turn, "content": "calc.py\ntests\n" * 20, **_tool(turn).model_dump()}
    yield Kind.NOTE, {"note": "export", "stop": "finished"}
    yield Kind.RECORD, _record(trial, calls).model_dump(mode="json", by_alias=True)


def _call(turn: int) -> CallRow:
    return CallRow(
        turn=turn,
        connect_ns=_CALL_NS // 10,
        first_chunk_ns=_CALL_NS // 8,
        first_token_ns=_CALL_NS // 4 + turn,
        first_answer_ns=_CALL_NS // 3,
        last_token_ns=_CALL_NS - 1000,
        decode_ns=_CALL_NS // 2,
        decode_tokens=120,
        total_ns=_CALL_NS,
        largest_gap_ns=9_000_000,
        deltas=121,
        received_bytes=30_000,
        input_tokens=1000 * turn,
        output_tokens=121,
        cost_usd=0.001,
        finish_reason="tool_calls",
        api="chat",
        transport="http",
        served_model="model",
        request_id=f"req-{turn:032}",
    )


def _tool(turn: int) -> ToolRow:
    return ToolRow(
        turn=turn,
        tool="shell",
        total_ns=_CALL_NS // 20,
        exec_ns=_CALL_NS // 25,
        cpu_s=0.05,
        output_bytes=2000,
        kept_bytes=2000,
        exit_code=0,
        work="search",
        signature=f"{turn:064}",
        summary="ls -l",
    )


def _record(trial: TrialRow, calls: int) -> Record:
    phases = dict.fromkeys(_PHASES, 0) | {"model": calls * _CALL_NS, "tool": calls * _CALL_NS // 20}
    verdict = Verdict.PASS if trial.repeat % 3 else Verdict.FAIL
    return Record(
        run="run",
        trial=trial,
        started_utc="2026-01-01T00:00:00+00:00",
        stop="finished",
        verdict=verdict,
        wall_ns=sum(phases.values()),
        phases=phases,
        sub_phases={"model.decode": calls * _CALL_NS, "tool.exec": calls * _CALL_NS // 20},
        summed=phases,
        calls=tuple(_call(turn) for turn in range(1, calls + 1)),
        tool_calls=tuple(_tool(turn) for turn in range(1, calls + 1)),
        turns=calls,
        grade=GradeRow(rung="R2", reason="all tests pass", fail_to_pass={"test": "pass"}),
        cost_usd=0.001 * calls,
        provenance={f"fact.{number}": "a value of usual length" for number in range(40)},
    )
