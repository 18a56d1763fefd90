"""Resident memory of the harness per parallel trial: the peak of eight at once less the peak of one, by seven."""

import json
import subprocess
import sys
from pathlib import Path

from tests.bench.figures import Details, Figure, Findings, median
from tests.bench.rig import Rig

MANY = 8
ROUNDS = 3
MOST_MB = 10.0
_DEADLINE_S = 300
_BYTES_A_MB = 1e6
_ROOT = Path(__file__).resolve().parents[2]


def measure(rig: Rig) -> Findings:
    """One trial, then eight at once, each in a fresh process, in turns."""
    place = rig.place()
    ones, manies = [], []
    for number in range(ROUNDS):
        ones.append(_peak(rig.scratch / f"one-{number}", place, 1))
        manies.append(_peak(rig.scratch / f"many-{number}", place, MANY))
    one, many = median(ones), median(manies)
    each = (many - one) / (MANY - 1)
    figure = Figure(
        name="memory_per_trial",
        value=each,
        unit="MB",
        reference="the harness with one trial",
        reference_value=one,
        target=f"under {MOST_MB:g} MB",
        met=each < MOST_MB,
    )
    rows = tuple(
        (f"{number + 1}", f"{a:.1f} MB", f"{b:.1f} MB", f"{(b - a) / (MANY - 1):.2f} MB")
        for number, (a, b) in enumerate(zip(ones, manies, strict=True))
    )
    title = f"peak resident memory of the harness, sandbox: {place}"
    columns = ("round", "one trial", f"{MANY} at once", "each more")
    return Findings(figures=(figure,), details=(Details(title=title, columns=columns, rows=rows),))


def _peak(scratch: Path, place: str, parallel: int) -> float:
    """Megabytes (10^6 bytes) at the peak of a process that ran so many trials at once."""
    scratch.mkdir()
    argv = [sys.executable, "-m", "tests.bench.trials", place, str(parallel), str(scratch)]
    done = subprocess.run(argv, cwd=_ROOT, capture_output=True, text=True, timeout=_DEADLINE_S, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"the trials whose memory is measured failed: {done.stderr.strip()[-2000:]}")
    return float(json.loads(done.stdout.splitlines()[-1])["peak_bytes"]) / _BYTES_A_MB
