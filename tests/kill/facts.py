"""What a run came to, without what differs by nature: durations, addresses, and ids that a provider drew."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.journal import Kind, read_attempts, read_body, read_rows
from harness.record import Record
from harness.run_folder import RunFolder

Cell = tuple[str, int]
"""A trial by its model and its repeat: ids differ from provider to provider."""

_DIFFERS = (
    (re.compile(r"[^\s\"\\]*splitclock-box-[A-Za-z0-9_]+"), "splitclock-box"),
    (re.compile(r"sim-[0-9a-f]{8}-\d+"), "sim"),
    (re.compile(r"\b\d+\.\d+ ?m?s\b"), "some time"),
)
_SEALED = "encrypted_content"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One trial as it ended, comparable with that of another run."""

    verdict: str
    stop: str
    attempt: int
    turns: int
    tokens: tuple[tuple[int | None, int | None], ...]
    cost_usd: float
    tools: tuple[tuple[str, int | None], ...]
    messages: tuple[str, ...]
    patch: str
    handed_in: str


def facts_of(run: Path) -> dict[Cell, Facts]:
    """The trials of a run that is done."""
    handed_in = {(row.trial, row.attempt): _document(run, row.body) for row in read_rows(run, Kind.SUBMISSION)}
    return {
        (record.trial.model, record.trial.repeat): _facts(run, record, handed_in) for record in ledger(run).values()
    }


def ledger(run: Path) -> dict[tuple[str, int], Record]:
    """The last record of each attempt at each trial: what was paid for."""
    return {(record.trial.id, record.attempt): record for record in read_attempts(run)}


def _facts(run: Path, record: Record, handed_in: Mapping[tuple[str, int], str]) -> Facts:
    folder = RunFolder(root=run).trial(record.trial.id, record.attempt)
    lines = (folder / "transcript.jsonl").read_text(encoding="utf-8").splitlines()
    return Facts(
        verdict=record.verdict.value,
        stop=record.stop,
        attempt=record.attempt,
        turns=record.turns,
        tokens=tuple((call.input_tokens, call.output_tokens) for call in record.calls),
        cost_usd=round(record.cost_usd or 0.0, 12),
        tools=tuple((tool.tool, tool.exit_code) for tool in record.tool_calls),
        messages=tuple(masked(json.dumps(_without_seals(json.loads(line)), sort_keys=True)) for line in lines),
        patch=(folder / "difference.patch").read_text(encoding="utf-8"),
        handed_in=handed_in.get((record.trial.id, record.attempt), "nothing"),
    )


def masked(text: str) -> str:
    """Without what differs by nature."""
    for pattern, instead in _DIFFERS:
        text = pattern.sub(instead, text)
    return text


def _without_seals(value: Any) -> Any:
    """Without what is encrypted: it holds the provider's ids."""
    if isinstance(value, dict):
        return {name: _without_seals(one) for name, one in value.items() if name != _SEALED}
    return [_without_seals(one) for one in value] if isinstance(value, list) else value


def _document(run: Path, body: Mapping[str, Any]) -> str:
    """What a submission's row names, by content."""
    digests = [value for value in body.values() if isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value)]
    return "".join(read_body(run, digest).decode() for digest in digests)
