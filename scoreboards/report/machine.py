"""A board as machines read it: stable names, whole nanoseconds, null for what is unknown."""

import json
from collections.abc import Iterable, Mapping
from tempfile import TemporaryFile
from typing import IO, Any

from harness.clock import Phase
from harness.record import Record
from scoreboards.board import Board, BoardPool, Figures
from scoreboards.loops import retry_loops
from scoreboards.report.machine_parts import calls_value, inside_value, loops_value, summed, tools_value, whole
from scoreboards.report.spreadsheet import Writes
from scoreboards.sums import Sum, known_sum

SCHEMA = 1
"""Number of the form; goes up when a field changes its meaning, fields are only added."""

_AT_ONCE = 2**20


def board_value(board: Board) -> dict[str, Any]:
    """The board as a JSON object: "schema", "models", "features", "trials"."""
    return {**_rows(board), "trials": [trial_value(record) for record in board.trials]}


def _rows(board: Board) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "models": [
            {**_figures(row), **tools_value(row), "model_calls": calls_value(row.calls)} for row in board.models
        ],
        "features": [
            {"feature": row.feature, "models": [_figures(figures) for figures in row.models]} for row in board.features
        ],
    }


def board_json(board: Board) -> str:
    """The board as JSON text that no terminal can be steered by: everything but ASCII is escaped."""
    return json.dumps(board_value(board), indent=2, allow_nan=False)


def write_board_json(attempts: Iterable[tuple[Record, bool]], to: Writes) -> None:
    """The same text and a line end, of attempts that come one by one, each with whether it is the one that counts.

    Models stand before trials, so that the trials' lines wait in a temporary file.
    """
    pool = BoardPool()
    with TemporaryFile("w+", encoding="ascii") as lines:
        for record, final in attempts:
            pool.add(record, final=final)
            if final:
                lines.write(
                    json.dumps(trial_value(record), indent=2, allow_nan=False).replace("\n", "\n    ") + ",\n    "
                )
        head = json.dumps(_rows(pool.board(())), indent=2, allow_nan=False).removesuffix("\n}")
        size = lines.tell()
        lines.seek(0)
        to.write(f'{head},\n  "trials": [')
        if size:
            to.write("\n    ")
            _copy(lines, size - len(",\n    "), to)
            to.write("\n  ")
    to.write("]\n}\n")


def _copy(source: IO[str], size: int, to: Writes) -> None:
    while size > 0:
        text = source.read(min(size, _AT_ONCE))
        to.write(text)
        size -= len(text)


def trial_value(record: Record) -> dict[str, Any]:
    """One trial's line. Its seven phases sum to its wall; durations in nanoseconds, cost in USD."""
    return {
        "id": record.trial.id,
        "run": record.run,
        "model": record.trial.model,
        "requested_model": record.trial.requested_model or None,
        "feature": record.trial.feature,
        "repeat": record.trial.repeat,
        "attempt": record.attempt,
        "stop": record.stop,
        "verdict": str(record.verdict),
        "rung": record.grade.rung or None,
        "regraded_from": None if record.regraded is None else record.regraded.was,
        "tamper_hints": None if record.tamper is None else len(record.tamper.hints),
        "denied": record.grade.denied_in_all,
        "restored": record.grade.restored_in_all,
        "simulated": record.trial.simulated,
        "noisy": record.noisy,
        "noise": list(record.noise),
        "resumed": record.resumed,
        "in_doubt": record.in_doubt,
        "wall_ns": record.wall_ns,
        "agent_wall_ns": record.agent_wall_ns,
        "queue_ns": record.queue_ns,
        "phases": _phases(record.phases),
        "sub_phases": dict(record.sub_phases),
        "summed": dict(record.summed),
        "calls": len(record.calls),
        "tool_calls": len(record.tool_calls),
        "retry_loops": loops_value(retry_loops(record.tool_calls), record.agent_wall_ns),
        "unanswered_calls": record.unanswered_calls,
        "turns": record.turns,
        "output_tokens": _exact(
            known_sum([*(call.output_tokens for call in record.calls), *[None] * record.unanswered_calls])
        ),
        "cost_usd": record.cost_usd,
        "cost_is_lower_bound": record.cost_is_lower_bound,
    }


def _figures(row: Figures) -> dict[str, Any]:
    outcomes, times, speeds, work = row.outcomes, row.times, row.speeds, row.work
    interval = outcomes.pass_interval
    return {
        "model": row.model,
        "simulated": row.simulated,
        "noisy": row.noisy,
        "noise": dict(row.noise),
        "resumed": row.resumed,
        "in_doubt": row.in_doubt,
        "features": row.features,
        "trials": outcomes.trials,
        "scored": outcomes.scored,
        "passed": outcomes.passed,
        "errors": outcomes.errors,
        "not_run": outcomes.not_run,
        "verdicts": dict(outcomes.verdicts),
        "pass_rate": outcomes.pass_rate,
        "pass_interval": None if interval is None else [interval.low, interval.high],
        "pass_at_1": outcomes.pass_at_1,
        "agent_wall_median_ns": times.agent_wall_median_ns,
        "agent_wall_total_ns": times.agent_wall_total_ns,
        "setup_median_ns": times.setup_median_ns,
        "grade_median_ns": times.grade_median_ns,
        "queue_median_ns": times.queue_median_ns,
        "phases": None if times.phases is None else _phases(times.phases),
        "shares": None if times.shares is None else {str(phase): share for phase, share in times.shares.items()},
        "decode_tokens_per_s": speeds.decode_tokens_per_s,
        "effective_tokens_per_s": speeds.effective_tokens_per_s,
        "first_token_median_ns": speeds.first_token_median_ns,
        "claimed_tokens_per_s": speeds.claimed_tokens_per_s,
        "calls": work.calls,
        "tool_calls": work.tool_calls,
        "turns": work.turns,
        "turns_median": work.turns_median,
        **summed("input_tokens", work.input_tokens),
        **summed("output_tokens", work.output_tokens),
        "cost_usd": work.cost_usd.value,
        "cost_is_lower_bound": work.cost_usd.is_lower_bound,
        **inside_value(times.inside),
    }


def _phases(phases: Mapping[Phase, int] | Mapping[str, int]) -> dict[str, int]:
    by_name = {str(name): length for name, length in phases.items()}
    return {str(phase): by_name[phase] for phase in Phase}


def _exact(total: Sum) -> int | None:
    """The sum only where every part of it is known."""
    return None if total.is_lower_bound else whole(total)
