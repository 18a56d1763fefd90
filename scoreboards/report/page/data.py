"""What the page knows, as JSON-able values: models, trials with their ledgers, comparisons. Pure.

All text in it is data. The page shows it by setting text, never markup.
"""

from itertools import combinations
from typing import Any

from harness.clock import SUB_PHASES, Phase
from harness.record import WORK, Record, Verdict
from harness.untrusted import one_line
from scoreboards.board import Board, Figures
from scoreboards.comparison import Comparison, compare
from scoreboards.ledger import Ledger, ledger
from scoreboards.model_bound import bound_sentence
from scoreboards.report.compare_machine import compare_value
from scoreboards.report.machine import trial_value
from scoreboards.report.notes import notes
from scoreboards.speedup import pick_pair, sentence

SCHEMA = 1
"""Number of the data's form."""

MOST_PAIRS = 45
"""Pairs of models that are compared, as many as ten models make: of more, those with the board's first ten."""


def page_data(board: Board, *, with_texts: bool = True) -> dict[str, Any]:
    """Everything but the bodies of trials; a trial's place in "trials" is its number on the page.

    Without texts it has no error and no reason of a trial either: they quote what ran.
    """
    pair = pick_pair(board)
    found = compare(board, *pair) if pair is not None else None
    return {
        "schema": SCHEMA,
        "phases": {str(phase): list(SUB_PHASES[phase]) for phase in Phase},
        "work": list(WORK),
        "answer": answer(board, found),
        "models": [_model(row) for row in board.models],
        "features": [row.feature for row in board.features],
        "runs": sorted({record.run for record in board.trials}),
        "trials": [trial(record) | ({} if with_texts else _NO_TEXTS) for record in board.trials],
        "with_texts": with_texts,
        "comparisons": comparisons(board),
    }


_NO_TEXTS = {"error": "", "reason": ""}


def answer(board: Board, found: Comparison | None) -> dict[str, Any]:
    """The first thing to read: the sentence, what bounds the fast model's agent wall, and what to be careful about."""
    return {
        "sentence": "" if found is None else sentence(found.found),
        "pair": None if found is None else [found.found.slow, found.found.fast],
        "ratios": None if found is None else ratios(found),
        "bound": bound_sentence(board),
        "warnings": [*_unsolved(found), *warnings(board)],
        "notes": list(notes(board)),
    }


def ratios(found: Comparison) -> dict[str, Any]:
    """What was promised of the fast model and what came of it, as ratios; a speed nobody claims is the measured one."""
    known = found.found
    return {
        "claimed": known.claimed,
        "decode": known.decode,
        "real": known.real,
        "realisation": known.realisation,
        "ceiling": found.ceiling,
        "real_interval": None if found.interval is None else [found.interval.low, found.interval.high],
    }


def tool_ns(record: Record) -> dict[str, dict[str, int]]:
    """Exclusive time of processes by tool and class of work: the phase's, divided as the calls' own times are."""
    each: dict[tuple[str, str], int] = {}
    for tool in record.tool_calls:
        each[tool.tool, tool.work] = each.get((tool.tool, tool.work), 0) + (tool.exec_ns or 0)
    whole, exclusive = sum(each.values()), round(ledger(record).tool)
    if not whole:
        return {"other": {"other": exclusive}} if exclusive else {}
    shared = {key: length * exclusive // whole for key, length in each.items()}
    shared[max(each, key=lambda key: each[key])] += exclusive - sum(shared.values())
    found: dict[str, dict[str, int]] = {}
    for (name, work), length in shared.items():
        if length:
            found.setdefault(name, {})[work] = length
    return found


def _unsolved(found: Comparison | None) -> list[str]:
    """A ratio of failed attempts is one of speed at failing."""
    is_so = found is not None and found.found.real is not None and not found.found.solved_only
    return ["no feature solved by both: these are the times of attempts that failed too"] if is_so else []


def warnings(board: Board) -> list[str]:
    """What makes these figures less than they seem."""
    every = board.trials
    verdicts = [one.verdict for one in every]
    counted = {
        "models|simulated: scripted turns at a set speed, no real model": sum(row.simulated for row in board.models),
        "trials|on a busy machine: their times are not to be trusted": sum(one.noisy for one in every),
        "trials|ended by errors, and not scored": sum(one.startswith("error:") for one in verdicts),
        "trials|not run, or not to the end": verdicts.count(Verdict.NOT_RUN),
        "trials|tampered with the grade: counted as failed": verdicts.count(Verdict.TAMPERED),
        "trials|resumed: what was under way at the kill is in no figure": sum(row.resumed for row in board.models),
        "calls|in doubt: asked anew, perhaps paid for twice": sum(row.in_doubt for row in board.models),
        "trials|graded again": sum(one.regraded is not None for one in every),
    }
    lines = [_counted(number, *what.split("|")) for what, number in counted.items() if number]
    hosts = {one.provenance.get("cpu_model", "") + one.provenance.get("cores", "") for one in every if one.provenance}
    if len(hosts) > 1:
        lines.append(f"{len(hosts)} kinds of machine: times of different ones do not compare")
    return lines


def _counted(number: int, things: str, what: str) -> str:
    return f"{number} {things.removesuffix('s') if number == 1 else things} {what}"


def comparisons(board: Board) -> list[dict[str, Any]]:
    """Each pair of models, the slower one by measured decode speed first, or by the claimed where none is measured."""
    by_speed = sorted(board.models, key=_speed)
    first = {row.model for row in board.models[:10]}
    pairs = [(a.model, b.model) for a, b in combinations(by_speed, 2) if {a.model, b.model} <= first][:MOST_PAIRS]
    values = []
    for slow, fast in pairs:
        found = compare(board, slow, fast)
        beside = compare(board, slow, fast, solved_only=False) if found.found.solved_only else None
        values.append(compare_value(found, beside) | {"sentence": sentence(found.found)})
    return values


def _speed(row: Figures) -> tuple[float, float, str]:
    speeds = row.speeds
    return speeds.decode_tokens_per_s or 0.0, speeds.claimed_tokens_per_s or 0.0, row.model


def trial(record: Record) -> dict[str, Any]:
    """A trial's line on the board, its ledger, and its processes' time by class of work."""
    return {
        **trial_value(record),
        "error": one_line(record.error, 300),
        "reason": one_line(record.grade.reason, 300),
        "ledger": ledger_value(ledger(record)),
        "by_tool": tool_ns(record),
        "started_utc": record.started_utc,
    }


def ledger_value(own: Ledger) -> dict[str, int | None]:
    """A ledger in whole numbers: nanoseconds, calls and tokens."""
    names = ("decode", "first_token", "connect", "tool", "transport", "overlap", "wait", "harness", "calls", "tokens")
    values = {name: getattr(own, name) for name in names}
    return {name: None if value is None else round(value) for name, value in values.items()}


def _model(row: Figures) -> dict[str, Any]:
    outcomes, interval = row.outcomes, row.outcomes.pass_interval
    return {
        "model": row.model,
        "simulated": row.simulated,
        "scored": outcomes.scored,
        "passed": outcomes.passed,
        "errors": outcomes.errors,
        "pass_rate": outcomes.pass_rate,
        "pass_interval": None if interval is None else [interval.low, interval.high],
        "agent_wall_median_ns": row.times.agent_wall_median_ns,
        "decode_tokens_per_s": row.speeds.decode_tokens_per_s,
        "claimed_tokens_per_s": row.speeds.claimed_tokens_per_s,
        "first_token_median_ns": row.speeds.first_token_median_ns,
        "cost_usd": row.work.cost_usd.value,
        "cost_is_lower_bound": row.work.cost_usd.is_lower_bound,
    }
