"""Plain lines for logs, JSON lines for machines: each is told what happened, in its own way."""

import io
import json
import os
import re
from pathlib import Path

import pytest
from rich.console import Console

from harness.clock import ManualClock
from harness.journal import Entry, Journal, Kind
from harness.progress import Frame, JsonLines, LiveTable, PlainLines, Progress
from harness.progress.json_lines import COMMON, FIELDS
from harness.progress.lines import HEARTBEAT_S
from harness.record import GradeRow, Verdict
from harness.redact import Redactor
from tests.harness.progress.runs import record_of, trials

SECOND = 10**9
KEY = "sk-1234567890abcdef"
DOCUMENTATION = Path(__file__).parents[3] / "docs" / "reference" / "machine-output.md"


def played(progress: Progress, run: Path, clock: ManualClock) -> None:
    """A run of two trials, in which everything happens once; the second one ends in an error with a key in it."""
    first, second = trials(2)
    with Journal.create(run), progress:
        progress.begun(run)
        progress.say("run folder: \x1b[31mruns/x[/nope]")
        for trial in (first, second):
            progress.event(trial, "trial_started", {"attempt": 1})
            progress.event(trial, "intent", {"turn": 1, "messages": 2})
        clock.advance_ns(SECOND)
        progress.event(first, "attempt_failed", {"turn": 1, "fault": "rate_limit", "status": 429, "wait_s": 12.5})
        progress.event(first, "throttled", {"provider": "groq", "at_once": 1, "of": 2})
        progress.event(first, "attempt", {"attempt": 2})
        progress.event(first, "in_doubt", {"turn": 1, "received_bytes": 10, "deltas": 2})
        progress.event(first, "resumed", {"attempt": 1, "elapsed_ns": 0})
        progress.event(first, "response", {"turn": 1, "output_tokens": 5, "cost_usd": 0.01, "content": "long"})
        progress.event(first, "tool_queued", {"id": "1"})
        progress.event(first, "tool_start", {"turn": 1, "tool": "shell", "arguments": "{}", "id": "1"})
        progress.event(first, "tool_end", {"turn": 1, "tool": "shell", "total_ns": 5, "failed": False, "content": "x"})
        progress.event(first, "export", {"stop": "finished"})
        progress.event(first, "suite", {"stop": "finished"})
        clock.advance_ns((HEARTBEAT_S + 1) * SECOND)
        progress.done(first, record_of(first, grade=GradeRow(rung="R2", reason="all 1 new tests pass")))
        error = f"the provider said {KEY} \x1b[31mno"
        progress.done(second, record_of(second, verdict=Verdict.ERROR_PROVIDER, error=error, stop="error:provider"))


@pytest.fixture
def lines(tmp_path: Path) -> list[dict[str, object]]:
    """What machines are told of it."""
    stream, clock = io.StringIO(), ManualClock()
    played(JsonLines(stream, trials(2), clock, Frame(redactor=Redactor([KEY]))), tmp_path / "run", clock)
    assert stream.getvalue().isascii()
    assert "\x1b" not in stream.getvalue()
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def documented() -> dict[str, set[str]]:
    """The fields of each event, as the reference lists them."""
    text = DOCUMENTATION.read_text(encoding="utf-8")
    section = text[text.index("## run --json-lines") :]
    section = section[: section.index("\n## ", 5)]
    rows = [line.split("|")[1:4] for line in section.splitlines() if line.startswith("| `")]
    return {re.findall(r"`(\w+)`", event)[0]: set(re.findall(r"`(\w+)`", fields)) for event, fields, _ in rows}


def test_every_line_is_as_documented(lines: list[dict[str, object]]) -> None:
    """Each event has exactly the fields that the reference lists, and the reference lists no other event."""
    known = documented()
    assert set(known) == set(FIELDS)
    of_trials = {"trial", "model", "feature", "repeat", "attempt"}
    for event, fields in FIELDS.items():
        assert known[event] | (of_trials if of_trials <= set(fields) else set()) == set(fields), event
    for line in lines:
        assert tuple(line) == (*COMMON, *FIELDS[str(line["event"])])
    assert {line["event"] for line in lines} == set(FIELDS) - {"run_finished"}


def test_events_come_in_order_and_tell_what_happened(lines: list[dict[str, object]]) -> None:
    """The first is the run's begin, each trial's last its end, with what it came to."""
    assert lines[0]["event"] == "run_started"
    assert (lines[0]["trials"], lines[0]["finished"], lines[0]["models"]) == (2, 0, ["fast"])
    found = {str(line["event"]): line for line in lines}
    assert found["call"]["output_tokens"] == 5
    assert found["waiting"] | {"reason": "attempt_failed", "wait_s": 12.5} == found["waiting"]
    assert found["graded"]["rung"] == "R2"
    assert found["trial_finished"]["verdict"] == "error:provider"
    assert "[redacted]" in str(found["trial_finished"]["error"])
    assert (found["budget"]["done"], found["budget"]["cost_usd"]) == (2, pytest.approx(0.02))
    assert all(KEY not in str(line) for line in lines)


def test_a_reader_who_leaves_ends_no_run(tmp_path: Path) -> None:
    """A pipe that nobody reads: the run goes on, and nothing is raised in its threads."""
    reading, writing = os.pipe()
    os.close(reading)
    clock = ManualClock()
    stream = os.fdopen(writing, "w", encoding="utf-8", buffering=1)
    progress = JsonLines(stream, trials(2), clock)
    played(progress, tmp_path / "run", clock)
    assert progress.broken
    with pytest.raises(BrokenPipeError):
        stream.close()


def test_plain_lines_go_quiet_where_nobody_reads(tmp_path: Path) -> None:
    """A log that nobody reads any more: the run goes on, and nothing is raised in its threads."""
    reading, writing = os.pipe()
    os.close(reading)
    clock = ManualClock()
    stream = os.fdopen(writing, "w", encoding="utf-8", buffering=1)

    class Piped(Console):
        def on_broken_pipe(self) -> None:
            """As the command line has it: rich would end the process."""
            raise BrokenPipeError

    progress = PlainLines(Piped(file=stream), trials(2), clock)
    played(progress, tmp_path / "run", clock)
    assert progress.broken
    os.dup2(os.open(os.devnull, os.O_WRONLY), writing)
    stream.close()


def test_plain_lines_tell_begin_and_end_and_now_and_then_all(tmp_path: Path) -> None:
    """A line a trial's begin, grading, long wait and end; after three minutes one about the whole run."""
    stream, clock = io.StringIO(), ManualClock()
    console = Console(file=stream, width=80)
    frame = Frame(redactor=Redactor([KEY]))
    played(PlainLines(console, trials(2), clock, frame), tmp_path / "run", clock)
    whole = "1 of 2 trials | pass 1 · running 1 | end unknown · 0.3 trials a minute · begun 3 min 02 s ago"
    assert stream.getvalue().splitlines() == [
        "run folder: runs/x[/nope]",
        "fast shop/one 1: started (attempt 1)",
        "fast shop/one 2: started (attempt 1)",
        "fast shop/one 1: waiting 12 s (rate limit)",
        "fast shop/one 1: goes on (attempt 1)",
        "fast shop/one 1: agent stopped (finished), grading",
        "fast shop/one 1: pass in 10.0 s, 1 turns",
        f"{whole} | $0.01 · 101 output tokens · 1 turns · in doubt 1 · resumed 1 | groq takes 1 of 2 calls at once",
        "fast shop/one 2: error:provider in 10.0 s, 1 turns: the provider said [redacted] no",
    ]


@pytest.mark.parametrize(("width", "height"), [(40, 10), (80, 24), (200, 60)])
def test_the_live_view_fits_the_terminal(tmp_path: Path, width: int, height: int) -> None:
    """What is drawn at the end of it, on terminals of several sizes, leaves the last line free and shows no key."""
    stream, clock = io.StringIO(), ManualClock()
    console = Console(file=stream, width=width, height=height, force_terminal=True)
    table = LiveTable(console, trials(2), clock, Frame(redactor=Redactor([KEY])))
    played(table, tmp_path / "run", clock)
    shown = console.render_lines(table.render(), pad=False)
    assert len(shown) < height
    assert max(sum(segment.cell_length for segment in line) for line in shown) <= width
    assert KEY not in stream.getvalue()
    assert "2 of 2 trials" in "".join(segment.text for segment in shown[0])


def test_what_lies_in_the_folder_counts_as_done(tmp_path: Path) -> None:
    """A run that is gone on with: one of its two trials has a record from before."""
    first, _ = both = trials(2)
    with Journal.create(tmp_path / "run") as journal:
        journal.append_record(record_of(first))
    stream = io.StringIO()
    with JsonLines(stream, both, ManualClock()) as progress:
        progress.begun(tmp_path / "run")
    assert json.loads(stream.getvalue())["finished"] == 1


def test_a_resumed_run_is_told_as_a_whole(tmp_path: Path) -> None:
    """Of four trials one is finished, one was interrupted, one was killed: all are planned, one is finished.

    What the three have cost is spent; the interrupted one shows as at work, with what it has used, once it goes on.
    """
    first, second, third, _ = every = trials(4)
    with Journal.create(tmp_path / "run") as journal:
        journal.append_record(record_of(first, cost_usd=0.5))
        left = {"verdict": Verdict.NOT_RUN, "stop": "interrupted", "cost_usd": 0.25, "in_doubt": 1}
        journal.append_record(record_of(second, **left))
        for kind, body in (
            (Kind.TRIAL_STARTED, {}),
            (Kind.RESPONSE, {"turn": 1, "output_tokens": 7, "cost_usd": 0.125}),
        ):
            journal.append(Entry(kind=kind, body=body, trial=third.id, attempt=1))
    stream = io.StringIO()
    with JsonLines(stream, every, ManualClock()) as progress:
        progress.begun(tmp_path / "run")
        progress.event(second, "resumed", {"attempt": 1, "elapsed_ns": SECOND})
        progress.done(second, record_of(second, cost_usd=0.5, in_doubt=1, resumed=True, lives=2))
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    told = {line["event"]: line for line in lines}
    assert (told["run_started"]["trials"], told["run_started"]["finished"]) == (4, 1)
    assert told["resumed"]["attempt"] == 1
    assert (told["budget"]["done"], told["budget"]["cost_usd"]) == (2, pytest.approx(0.5 + 0.5 + 0.125))
    assert (told["budget"]["output_tokens"], told["budget"]["turns"]) == (101 + 101 + 7, 3)
    table = LiveTable(Console(file=io.StringIO(), width=120), every, ManualClock())
    table.begun(tmp_path / "run")
    before = "".join(line.plain for line in table.render().renderables)  # type: ignore[union-attr]
    assert "1 of 4 trials" in before
    table.event(second, "resumed", {"attempt": 1, "elapsed_ns": SECOND})
    after = "".join(line.plain for line in table.render().renderables)  # type: ignore[union-attr]
    assert "running 1" in after
    assert "in doubt 1" in after
    assert "$0.88" in after
