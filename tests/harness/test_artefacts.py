"""A trial's files are whole, readable, and hold no secret."""

import json
from pathlib import Path

import pytest

from harness.artefacts import TrialFolder, span_rows
from harness.clock import Phase, Span
from harness.errors import InfraError
from harness.files import write_atomic
from harness.record import Record, TrialRow, Verdict
from harness.redact import REDACTED, Redactor
from harness.run_folder import RunFolder

KEY = "sk-canary-12345"


def folder(root: Path, attempt: int = 1) -> TrialFolder:
    """The folder of a trial in a run at `root`."""
    return TrialFolder(RunFolder(root=root), "t1", attempt, Redactor([KEY]))


def test_every_file_lies_where_it_is_looked_for(tmp_path: Path) -> None:
    """Five files; what is written is what is read."""
    trial = folder(tmp_path)
    phases = {"setup": 1, "model": 2, "tool": 3, "overlap": 0, "wait": 0, "grade": 4, "harness": 0}
    record = Record(
        run="r",
        trial=TrialRow(id="t1", model="m", feature="a/b", repeat=1),
        started_utc="2026-01-01T00:00:00+00:00",
        stop="finished",
        verdict=Verdict.PASS,
        wall_ns=10,
        phases=phases,
        sub_phases={},
        summed=phases,
    )
    span = Span(phase=Phase.TOOL, sub="exec", t0=105, t1=108, name="shell", details={"exit_code": 0})
    trial.transcript([{"role": "user", "content": "é\n☃"}, {"role": "assistant"}])
    trial.difference(b"--- a\n+++ b\n\xff\r\n")
    trial.tests({"passed": 3})
    trial.spans(span_rows([span], 100))
    trial.record(record)
    assert sorted(path.name for path in (tmp_path / "trials" / "t1").iterdir()) == [
        "difference.patch",
        "record.json",
        "spans.json",
        "tests.json",
        "transcript.jsonl",
    ]
    lines = (trial.path / "transcript.jsonl").read_text(encoding="utf-8").split("\n")
    assert [json.loads(line) for line in lines[:-1]] == [{"role": "user", "content": "é\n☃"}, {"role": "assistant"}]
    assert (trial.path / "difference.patch").read_bytes() == b"--- a\n+++ b\n\xff\r\n"
    assert json.loads((trial.path / "tests.json").read_bytes()) == {"passed": 3}
    assert json.loads((trial.path / "spans.json").read_bytes()) == [
        {"phase": "tool", "sub": "exec", "t0": 5, "t1": 8, "name": "shell", "details": {"exit_code": 0}}
    ]
    assert Record.model_validate_json((trial.path / "record.json").read_bytes()) == record


def test_later_attempts_do_not_write_over_earlier_ones(tmp_path: Path) -> None:
    """Each attempt has files of its own."""
    first, second = folder(tmp_path).difference(b"one"), folder(tmp_path, 2).difference(b"two")
    assert (first.read_bytes(), second.read_bytes()) == (b"one", b"two")


def test_secrets_are_replaced_in_every_file(tmp_path: Path) -> None:
    """Text, patch and JSON alike."""
    trial = folder(tmp_path)
    paths = [
        trial.transcript([{"content": KEY}]),
        trial.difference(f"+{KEY}\n".encode()),
        trial.tests({"output": f"got {KEY}"}),
    ]
    for path in paths:
        assert KEY not in path.read_text(encoding="utf-8")
        assert REDACTED in path.read_text(encoding="utf-8")


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    """Whole or not at all: an object that JSON does not know is no half file, a folder in the way is named."""
    trial = folder(tmp_path)
    path = trial.tests({"passed": 3})
    with pytest.raises(TypeError):
        trial.tests({"passed": object()})
    assert json.loads(path.read_bytes()) == {"passed": 3}
    (tmp_path / "taken" / "inside").mkdir(parents=True)
    with pytest.raises(InfraError, match="taken: cannot be written"):
        write_atomic(tmp_path / "taken", b"x")
    assert [entry.name for entry in tmp_path.iterdir() if entry.name.endswith(".tmp")] == []
