"""Records as flat rows for other people's tools: one table each of trials, calls, tool calls and spans. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from harness.clock import Phase
from harness.record import Record, SpanRow

Value = str | int | float | bool | None
Flat = dict[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An attempt at a trial with its spans, whose times are nanoseconds since its start."""

    record: Record
    spans: tuple[SpanRow, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatTable:
    """A table: its columns in order, each text, whole number, real number or yes/no, and what makes its rows.

    Names end in their unit ("wall_ns", "cost_usd"); what is unknown is None.
    """

    name: str
    columns: Mapping[str, type]
    rows: Callable[[Told], Iterator[Flat]]


_TRIAL: Mapping[str, type] = {
    "run": str,
    "trial": str,
    "model": str,
    "requested_model": str,
    "feature": str,
    "repeat": int,
    "attempt": int,
    "simulated": bool,
    "started_utc": str,
    "stop": str,
    "verdict": str,
    "rung": str,
    "noisy": bool,
    "resumed": bool,
    "wall_ns": int,
    "agent_wall_ns": int,
    "queue_ns": int,
    **{f"{phase}_ns": int for phase in Phase},
    "decode_ns": int,
    "first_token_ns": int,
    "connect_ns": int,
    "transport_ns": int,
    "turns": int,
    "calls": int,
    "tool_calls": int,
    "input_tokens": int,
    "output_tokens": int,
    "cost_usd": float,
    "cost_is_lower_bound": bool,
    "error": str,
}
_KEY: Mapping[str, type] = {"run": str, "trial": str, "attempt": int}
_CALL: Mapping[str, type] = {
    **_KEY,
    "turn": int,
    **dict.fromkeys(
        ("connect_ns", "first_chunk_ns", "first_token_ns", "first_answer_ns", "last_token_ns", "decode_ns"), int
    ),
    **dict.fromkeys(("decode_tokens", "total_ns", "wait_ns", "largest_gap_ns", "deltas", "received_bytes"), int),
    **dict.fromkeys(("input_tokens", "output_tokens", "cached_input_tokens", "reasoning_tokens", "attempts"), int),
    "cost_usd": float,
    **dict.fromkeys(("finish_reason", "api", "transport", "served_model", "service_tier", "request_id"), str),
}
_TOOL: Mapping[str, type] = {
    **_KEY,
    "turn": int,
    "tool": str,
    "work": str,
    "total_ns": int,
    "exec_ns": int,
    **dict.fromkeys(("cpu_s", "container_cpu_s"), float),
    **dict.fromkeys(("peak_memory_bytes", "output_bytes", "kept_bytes", "exit_code", "signal", "survivors"), int),
    **dict.fromkeys(("failed", "timed_out", "oom_killed"), bool),
    "signature": str,
    "summary": str,
}
_SPAN: Mapping[str, type] = {**_KEY, "phase": str, "sub": str, "name": str, "t0_ns": int, "t1_ns": int}


def _trials(told: Told) -> Iterator[Flat]:
    record, trial = told.record, told.record.trial
    sub = record.sub_phases
    yield {
        **_key(record),
        "model": trial.model,
        "requested_model": trial.requested_model or None,
        "feature": trial.feature,
        "repeat": trial.repeat,
        "simulated": trial.simulated,
        "started_utc": record.started_utc,
        "stop": record.stop,
        "verdict": str(record.verdict),
        "rung": record.grade.rung or None,
        "noisy": record.noisy,
        "resumed": record.resumed,
        "wall_ns": record.wall_ns,
        "agent_wall_ns": record.agent_wall_ns,
        "queue_ns": record.queue_ns,
        **{f"{phase}_ns": record.phases[phase] for phase in Phase},
        "decode_ns": sub.get("model.decode"),
        "first_token_ns": sub.get("model.first_token"),
        "connect_ns": sub.get("model.connect"),
        "transport_ns": sub.get("tool.transport"),
        "turns": record.turns,
        "calls": len(record.calls),
        "tool_calls": len(record.tool_calls),
        "input_tokens": _sum(call.input_tokens for call in record.calls),
        "output_tokens": _sum(call.output_tokens for call in record.calls),
        "cost_usd": record.cost_usd,
        "cost_is_lower_bound": record.cost_is_lower_bound,
        "error": record.error or None,
    }


def _calls(told: Told) -> Iterator[Flat]:
    for call in told.record.calls:
        yield _key(told.record) | {name: getattr(call, name) for name in _CALL if name not in _KEY}


def _tools(told: Told) -> Iterator[Flat]:
    for tool in told.record.tool_calls:
        yield _key(told.record) | {name: getattr(tool, name) for name in _TOOL if name not in _KEY}


def _spans(told: Told) -> Iterator[Flat]:
    for span in told.spans:
        own: Flat = {"phase": span.phase, "sub": span.sub, "name": span.name, "t0_ns": span.t0, "t1_ns": span.t1}
        yield _key(told.record) | own


TABLES: Mapping[str, FlatTable] = {
    "trials": FlatTable(name="trials", columns=_TRIAL, rows=_trials),
    "calls": FlatTable(name="calls", columns=_CALL, rows=_calls),
    "tools": FlatTable(name="tools", columns=_TOOL, rows=_tools),
    "spans": FlatTable(name="spans", columns=_SPAN, rows=_spans),
}
"""The tables by name."""


def _key(record: Record) -> Flat:
    return {"run": record.run, "trial": record.trial.id, "attempt": record.attempt}


def _sum(values: Iterable[int | None]) -> int | None:
    """The sum where all is known; None also of nothing."""
    given = tuple(values)
    known = [value for value in given if value is not None]
    return sum(known) if given and len(known) == len(given) else None
