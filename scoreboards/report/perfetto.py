"""Trials as a trace for Perfetto and chrome://tracing: a process for each trial, tracks on which events nest.

The format is the JSON trace event format: complete events ("X") in microseconds, whole nanoseconds as decimals. On one
track an event lies within another or beside it, so tool calls that ran at once have tracks of their own.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from harness.untrusted import one_line
from scoreboards.flat import Told
from scoreboards.report.spreadsheet import Writes
from scoreboards.timeline import Kind, Row, timeline_rows

_AGENT, _MODEL, _QUEUE, _FIRST_TOOL = 1, 2, 3, 10
_NAMES = {_AGENT: "agent", _MODEL: "model", _QUEUE: "queues"}
_CALL_FACTS = ("turn", "output_tokens", "input_tokens", "attempts", "finish_reason", "served_model")
_TOOL_FACTS = ("turn", "work", "exit_code", "cpu_s", "peak_memory_bytes", "output_bytes", "failed")
_TRACK = {Kind.SETUP: _AGENT, Kind.GRADE: _AGENT, Kind.CALL: _MODEL, Kind.QUEUE: _QUEUE}


def trace_events(told: Told, process: int, start_ns: int) -> Iterator[dict[str, Any]]:
    """The events of one trial, which is this process of the trace and began so many nanoseconds after its zero."""
    record = told.record
    title = f"{record.trial.model} {record.trial.feature} {record.trial.repeat}"
    simulated = " (simulated)" if record.trial.simulated else ""
    yield _meta("process_name", process, 0, one_line(title + simulated))
    rows = timeline_rows(record, told.spans)
    lanes = _lanes([row for row in rows if row.kind is Kind.TOOL])
    for track, name in (
        _NAMES | {_FIRST_TOOL + n: f"tools {n + 1}" for n in range(max(lanes, default=-1) + 1)}
    ).items():
        yield _meta("thread_name", process, track, name)
    facts = {"trial": record.trial.id, "verdict": str(record.verdict), "stop": one_line(record.stop)}
    yield _event("trial", (process, _AGENT), (start_ns, record.wall_ns), facts)
    tools = iter(lanes)
    for row in rows:
        track = _FIRST_TOOL + next(tools) if row.kind is Kind.TOOL else _TRACK[row.kind]
        yield from _row(row, (process, track), start_ns)


def write_trace(events: Iterable[dict[str, Any]], to: Writes) -> None:
    """The whole file, an event a line, written as they come: a trace of many trials is held nowhere."""
    to.write('{"displayTimeUnit": "ms", "traceEvents": [')
    for number, event in enumerate(events):
        to.write(("," if number else "") + "\n" + json.dumps(event, allow_nan=False))
    to.write("]}\n")


def _row(row: Row, place: tuple[int, int], start_ns: int) -> Iterator[dict[str, Any]]:
    """A call or a tool with its parts inside; what is one span stands for itself."""
    yield _event(row.label, place, (start_ns + row.t0, row.duration_ns), _facts(row))
    for span in row.spans if len(row.spans) > 1 else ():
        yield _event(f"{span.phase}.{span.sub}", place, (start_ns + span.t0, span.t1 - span.t0), {})


def _facts(row: Row) -> dict[str, Any]:
    if row.call is not None:
        return {name: getattr(row.call, name) for name in _CALL_FACTS}
    if row.tool is not None:
        return {name: getattr(row.tool, name) for name in _TOOL_FACTS}
    return {}


def _lanes(rows: Sequence[Row]) -> list[int]:
    """For each row, in order of their beginnings, the first track that is free by then."""
    free_at: list[int] = []
    found = []
    for row in rows:
        lane = next((number for number, end in enumerate(free_at) if end <= row.t0), len(free_at))
        free_at[lane : lane + 1] = [row.t1]
        found.append(lane)
    return found


def _event(name: str, place: tuple[int, int], when: tuple[int, int], facts: dict[str, Any]) -> dict[str, Any]:
    process, track = place
    begin_ns, length_ns = when
    shown = {key: one_line(value) if isinstance(value, str) else value for key, value in facts.items()}
    base = {"ph": "X", "name": one_line(name), "pid": process, "tid": track}
    return {**base, "ts": begin_ns / 1000, "dur": length_ns / 1000, "args": shown}


def _meta(name: str, process: int, track: int, value: str) -> dict[str, Any]:
    return {"ph": "M", "name": name, "pid": process, "tid": track, "args": {"name": value}}
