"""Finished runs to make baselines of: few trials, every fact chosen by the test."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.journal import Entry, Journal, Kind
from harness.record import GradeRow, Verdict
from tests.harness.progress.runs import record_of, trials

FEATURE = "shop/one"
FACTS = {
    "splitclock": "0.1.0",
    "python": "3.12.1",
    "sandbox": "local",
    "cores": "4",
    "prompts": "abc",
    "parallel_trials": "2",
    "tool_slots": "1",
}
SECRET = "def proprietary(): ..."  # what only a transcript holds


def finished(folder: Path, *, repeats: int = 2, passed: int = 1, **changes: Any) -> Path:
    """A run of one model on one feature; `changes` go over parts of its plan and, as `facts`, over its provenance."""
    facts: Mapping[str, str] = {**FACTS, **changes.pop("facts", {})}
    planned = trials(repeats)
    with Journal.create(folder) as journal:
        journal.append(Entry(kind=Kind.RUN_STARTED, body={"matrix": "small", "trials": repeats}))
        for number, trial in enumerate(planned):
            journal.append(Entry(kind=Kind.RESPONSE, body={"text": SECRET}, trial=trial.id, attempt=1))
            verdict = Verdict.PASS if number < passed else Verdict.FAIL
            grade = GradeRow(rung="R2")
            journal.append_record(record_of(trial, verdict=verdict, provenance=facts, grade=grade, run=folder.name))
    rows = [{"id": t.id, "model": t.model, "feature": FEATURE, "repeat": t.repeat} for t in planned]
    plan = {
        "schema": 2,
        "matrix": "small",
        "trials": rows,
        "models": {"fast": {"model": "sim", "tokens_per_s": 100}},
        "features": {FEATURE: {"source": "a", "tests": "b", "manifest": "c", "brief": "d"}},
        "limits": {"turns": 100},
        **changes,
    }
    (folder / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    (folder / "provenance.json").write_text(json.dumps(facts), encoding="utf-8")
    (folder / "matrix.toml").write_text("schema = 1\n", encoding="utf-8")
    transcript = folder / "trials" / planned[0].id / "transcript.jsonl"
    transcript.parent.mkdir(parents=True)
    transcript.write_text(json.dumps({"content": SECRET}), encoding="utf-8")
    return folder
