"""The command line as users start it, watched from outside: how long it takes, and how much memory it has."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a command cost: seconds of wall-clock and of CPU, and bytes of memory at its peak."""

    wall_s: float
    cpu_s: float
    peak_bytes: int


def start(*arguments: object, cache: Path, log: Path) -> "subprocess.Popen[bytes]":
    """Give a command; what it prints goes to a file."""
    environment = {**os.environ, "SPLITCLOCK_CACHE": str(cache), "COLUMNS": "200"}
    with log.open("ab") as sink:
        return subprocess.Popen(
            [sys.executable, "-m", "harness", *map(str, arguments)],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
        )


def cost(arguments: Sequence[object], cache: Path, log: Path) -> Cost:
    """Give a command that must succeed, and wait for it. Raises RuntimeError."""
    began = time.monotonic()
    process = start(*arguments, cache=cache, log=log)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{arguments[0]} failed: {log.read_text('utf-8', 'replace')[-2000:]}")
    scale = 1 if sys.platform == "darwin" else 1024
    return Cost(
        wall_s=time.monotonic() - began,
        cpu_s=usage.ru_utime + usage.ru_stime,
        peak_bytes=usage.ru_maxrss * scale,
    )


def resident_bytes(process: int) -> int:
    """The memory of a process that is alive; 0 where that cannot be told."""
    try:
        text = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    except OSError:
        return 0
    found = re.search(r"^VmRSS:\s+(\d+) kB$", text, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def size(name: str, default: int) -> int:
    """A size of a benchmark: that of the variable SPLITCLOCK_BENCH_<NAME>, or the default."""
    return int(os.environ.get(f"SPLITCLOCK_BENCH_{name.upper()}", default))
