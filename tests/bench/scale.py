"""A long matrix on one machine: does the five hundredth trial cost what the first did, in time, memory and disk?

SPLITCLOCK_BENCH_TRIALS (500), SPLITCLOCK_BENCH_TURNS (40) and SPLITCLOCK_BENCH_PARALLEL (4) set its size.
"""

import json
import sqlite3
import subprocess
import time
from collections import Counter
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from harness.simulator.config import MOST_TOKENS_PER_CHUNK, MOST_TOKENS_PER_S
from harness.turns import ScriptedCall, Turn
from tests.bench.commands import resident_bytes, size, start
from tests.bench.figures import Details, Figure, Findings
from tests.bench.rig import Rig
from tests.end_to_end.targets import APPLICATION, FINISH, SOLVE, FeatureFiles, TargetFiles, matrix, simulated

STEPS = 5
"""The run is looked at in so many equal parts."""

FLAT = 0.8
MOST_MB_A_STEP = 5.0
ROWS_A_TURN = {"intent": 1, "response": 1, "tool_start": 1, "tool_end": 1}
ROWS_A_TRIAL = {"trial_started": 1, "submission": 1, "record": 1}
_LOOK_S = 0.2
_TAP = "echo 1..2; grep -q double calc.py && echo 'ok 1 - double' || echo 'not ok 1 - double'; echo 'ok 2 - add'"
_BYTES_A_MB = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The run when so many trials were done: seconds since its start, and memory of the harness."""

    done: int
    at_s: float
    resident_bytes: int


def measure(rig: Rig) -> Findings:
    """One run, watched from outside."""
    trials, turns = size("trials", 500), size("turns", 40)
    run = rig.scratch / "run"
    seen = _watched(_prepared(rig, trials, turns), run, trials, rig)
    rows = _rows(run)
    return Findings(
        figures=(*_pace(seen), *_growth(seen), _row_figure(rows, trials, turns), _disk(run, trials)),
        details=(_steps(seen), _kinds(rows, trials)),
    )


def _prepared(rig: Rig, trials: int, turns: int) -> Path:
    """A matrix of one model and one feature; its tools start no process, its suite takes no time."""
    look = Turn(content="I look again.", tool_calls=(ScriptedCall(name="read", arguments={"path": "calc.py"}),))
    script = (SOLVE, *(look for _ in range(turns - 2)), FINISH)
    hidden = {"tests/test_double.py": "# the suite looks for itself\n"}
    manifest = {"schema": 1, "fail_to_pass": ["double"], "pass_to_pass": ["add"]}
    feature = FeatureFiles(turns={"long": script}, hidden=hidden, manifest=manifest)
    folder = replace(TargetFiles(), application=APPLICATION).write(rig.scratch / "targets", feature)
    file = folder / "target.toml"
    text = file.read_text(encoding="utf-8").replace('runner = "pytest"', 'runner = "tap"')
    command = json.dumps(["sh", "-c", _TAP])
    file.write_text(text.replace('command = ["python", "-m", "pytest"]', f"command = {command}"), encoding="utf-8")
    table = {**simulated("long", MOST_TOKENS_PER_S, 0), "tokens_per_chunk": MOST_TOKENS_PER_CHUNK}
    path = matrix(rig.scratch / "scale.toml", {"fast": table}, trials=size("parallel", 4))
    whole = path.read_text(encoding="utf-8").replace("[limits]", f"repeats = {trials}\n[limits]", 1)
    path.write_text(whole, encoding="utf-8")
    return path


def _watched(file: Path, run: Path, trials: int, rig: Rig) -> list[Seen]:
    log = rig.scratch / "log"
    given = ("--fixtures", rig.scratch / "targets", "--sandbox", "local", "--out", run, "--json")
    process = start("run", file, *given, cache=rig.scratch / "cache", log=log)
    try:
        seen = _looks(process, run, trials)
    finally:
        process.kill()
        process.wait()
    if seen[-1].done < trials:
        raise RuntimeError(f"the run ended early: {log.read_text('utf-8', 'replace')[-2000:]}")
    return seen


def _looks(process: "subprocess.Popen[bytes]", run: Path, trials: int) -> list[Seen]:
    """The start of the first trial, the end of each step; then it is waited for."""
    seen: list[Seen] = []
    while process.poll() is None:
        done = _count(run)
        if done is not None and done >= len(seen) * trials // STEPS and len(seen) <= STEPS:
            seen.append(Seen(done=done, at_s=time.monotonic(), resident_bytes=resident_bytes(process.pid)))
        time.sleep(_LOOK_S)
    if process.returncode != 0 or not seen:
        raise RuntimeError(f"the run ended with exit code {process.returncode}")
    return seen


def _count(run: Path) -> int | None:
    """How many trials have a record; None before the first has begun."""
    with suppress(sqlite3.Error), closing(_opened(run)) as found:
        (started,) = found.execute("SELECT count(*) FROM rows WHERE kind = 'trial_started'").fetchone()
        (done,) = found.execute("SELECT count(*) FROM rows WHERE kind = 'record'").fetchone()
        return int(done) if started else None
    return None


def _opened(run: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{run}/journal.sqlite?mode=ro", uri=True)


def _rows(run: Path) -> Counter[str]:
    with closing(_opened(run)) as found:
        return Counter(dict(found.execute("SELECT kind, count(*) FROM rows GROUP BY kind")))


def _speeds(seen: list[Seen]) -> list[float]:
    """Trials a minute of each step."""
    pairs = pairwise(seen)
    return [(later.done - sooner.done) / (later.at_s - sooner.at_s) * 60 for sooner, later in pairs]


def _pace(seen: list[Seen]) -> tuple[Figure, ...]:
    speeds = _speeds(seen)
    whole = (seen[-1].done - seen[0].done) / (seen[-1].at_s - seen[0].at_s) * 60
    return (
        Figure(
            name="scale_throughput",
            value=whole,
            unit="trials/min",
            reference="the first part of the run",
            reference_value=speeds[0],
        ),
        Figure(
            name="scale_last_part",
            value=speeds[-1],
            unit="trials/min",
            reference="the first part of the run",
            reference_value=speeds[0],
            target=f"at least {FLAT:.0%} of it",
            met=speeds[-1] >= FLAT * speeds[0],
        ),
    )


def _growth(seen: list[Seen]) -> tuple[Figure, ...]:
    """The first step warms everything up, so growth is counted from its end."""
    first, last = seen[1], seen[-1]
    steps = max(len(seen) - 2, 1)
    slope = (last.resident_bytes - first.resident_bytes) / _BYTES_A_MB / steps
    return (
        Figure(
            name="scale_memory_growth",
            value=slope,
            unit="MB",
            reference=f"the harness after {first.done} trials",
            reference_value=first.resident_bytes / _BYTES_A_MB,
            target=f"under {MOST_MB_A_STEP:g} MB for each further {(last.done - first.done) // steps} trials",
            met=slope < MOST_MB_A_STEP,
        ),
    )


def _row_figure(rows: Counter[str], trials: int, turns: int) -> Figure:
    expected = {kind: each * turns * trials for kind, each in ROWS_A_TURN.items()}
    expected |= {kind: each * trials for kind, each in ROWS_A_TRIAL.items()}
    counted = sum(rows[kind] for kind in expected)
    return Figure(
        name="scale_journal_rows",
        value=counted,
        unit="rows",
        reference="calls, tool calls and trials, each told of once",
        reference_value=sum(expected.values()),
        target="as many",
        met=all(rows[kind] == number for kind, number in expected.items()),
    )


def _disk(run: Path, trials: int) -> Figure:
    sizes = [path.stat().st_size for path in run.rglob("*") if path.is_file()]
    journal = (run / "journal.sqlite").stat().st_size
    return Figure(
        name="scale_disk_per_trial",
        value=sum(sizes) / trials / 1000,
        unit="kB",
        reference="the journal alone",
        reference_value=journal / trials / 1000,
    )


def _steps(seen: list[Seen]) -> Details:
    rows = tuple(
        (f"{sooner.done} to {later.done}", f"{speed:.0f}", f"{later.resident_bytes / _BYTES_A_MB:.1f} MB")
        for (sooner, later), speed in zip(pairwise(seen), _speeds(seen), strict=True)
    )
    return Details(title="a long run, part by part", columns=("trials", "trials/min", "memory after"), rows=rows)


def _kinds(rows: Counter[str], trials: int) -> Details:
    found = tuple((kind, str(count), f"{count / trials:.2f}") for kind, count in sorted(rows.items()))
    return Details(title="journal rows", columns=("kind", "rows", "each trial"), rows=found)
