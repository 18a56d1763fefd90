"""Runs of many trials, looked at: time and memory of a board, a history and a Parquet file, and how they grow.

SPLITCLOCK_BENCH_RUNS sets how many trials the runs have (1000,10000). At 100000 it takes 5 GB of disk for a while.
"""

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.bench.figures import Details, Figure, Findings
from tests.bench.rig import Rig
from tests.bench.synthetic import TURNS, write_run

SPANS = 4 * TURNS + 2
_ROOT = Path(__file__).resolve().parents[2]
_MB = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a command took: seconds of CPU and by the wall, and its peak of resident memory in bytes."""

    cpu_s: float
    wall_s: float
    peak_bytes: int


def measure(rig: Rig) -> Findings:
    """The same commands on runs of growing size, each in a fresh process."""
    sizes = _sizes()
    found = {size: _commands(rig, size) for size in sizes}
    first, last = sizes[0], sizes[-1]
    rows = tuple(
        (name, f"{size:,}", f"{cost.wall_s:.1f} s", f"{cost.cpu_s:.1f} s", f"{cost.peak_bytes / _MB:.0f} MB")
        for name in found[first]
        for size in sizes
        for cost in (found[size][name],)
    )
    figures = tuple(
        figure
        for name in found[first]
        for figure in _figures(name, (first, found[first][name]), (last, found[last][name]))
    )
    title = f"runs of so many trials with {SPANS} spans, {TURNS} calls and {TURNS} tool calls each"
    return Findings(
        figures=figures,
        details=(Details(title=title, columns=("command", "trials", "wall", "CPU", "peak memory"), rows=rows),),
    )


def _sizes() -> list[int]:
    given = os.environ.get("SPLITCLOCK_BENCH_RUNS") or "1000,10000"
    return sorted(int(part) for part in given.split(","))


def _commands(rig: Rig, size: int) -> dict[str, Cost]:
    """Each command on a new run of this size, which is removed afterwards."""
    run, store = rig.scratch / f"run-{size}", rig.scratch / f"history-{size}"
    rig.say(f"writing a run of {size:,} trials")
    write_run(run, size)
    try:
        return {
            "board_json": _cost(rig, "board", run, "--json"),
            "parquet_trials": _cost(rig, "export", run, "--format", "parquet", "-o", rig.scratch / "trials.parquet"),
            "parquet_spans": _cost(
                rig, "export", run, "--format", "parquet", "--table", "spans", "-o", rig.scratch / "spans.parquet"
            ),
            "history_add": _cost(rig, "history", "add", run, "--to", store),
            "history_trend": _cost(rig, "history", "trend", "--json", "--to", store),
        }
    finally:
        shutil.rmtree(run, ignore_errors=True)
        shutil.rmtree(store, ignore_errors=True)


def _cost(rig: Rig, *arguments: str | Path) -> Cost:
    """What a command took; the kernel tells of each child by itself. Raises RuntimeError when it failed."""
    argv = [sys.executable, "-m", "harness", *map(str, arguments)]
    log = rig.scratch / "log"
    began = time.monotonic()
    with (rig.scratch / "out").open("wb") as out, log.open("wb") as err:
        process = subprocess.Popen(argv, cwd=_ROOT, stdout=out, stderr=err)
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(argv[2:])}: {log.read_text('utf-8', 'replace')[-1000:]}")
    peak = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Cost(cpu_s=used.ru_utime + used.ru_stime, wall_s=time.monotonic() - began, peak_bytes=peak)


def _figures(name: str, first: tuple[int, Cost], last: tuple[int, Cost]) -> tuple[Figure, ...]:
    """CPU a thousand trials and peak memory at the largest size, against those at the smallest."""
    (few, small), (many, large) = first, last
    return (
        Figure(
            name=f"{name}_cpu",
            value=large.cpu_s / many * 1000,
            unit="s/1,000 trials",
            reference=f"of {few:,} trials",
            reference_value=small.cpu_s / few * 1000,
            target="no more than with few",
            met=large.cpu_s / many <= small.cpu_s / few,
        ),
        Figure(
            name=f"{name}_peak",
            value=large.peak_bytes / _MB,
            unit="MB",
            reference=f"of {few:,} trials; {many // few} times as many are {many:,}",
            reference_value=small.peak_bytes / _MB,
        ),
    )
