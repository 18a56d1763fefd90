"""What the gate says of real runs: the same again, a slower suite, a slower model, one feature less solved.

`python -m tests.regressions` runs the bundled target `bookings` in containers with a simulated model, once as a
baseline and once for each case, and judges each case against the baseline by the default policy. Prints a Markdown
table; exit code 1 where a gate does not say what the case calls for. `--keep DIR` keeps the runs there; `--sandbox
local` runs them without containers, in half of the time.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TARGET = "bookings"
LOST = "room-filters"
"""The feature that the worse model does not solve."""

SLOWER = 1.3
TOKENS_PER_S = 1000.0
FIRST_TOKEN_MS = 100.0

_SLOW = '''

def pytest_unconfigure(config):
    """Take as much longer as the process has taken so far, times a share."""
    import os, time

    begun = int(open("/proc/self/stat").read().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
    age = float(open("/proc/uptime").read().split()[0]) - begun
    time.sleep(age * {share})
'''


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A candidate: what is different of it, what the gate must be told to allow, and what it then has to say."""

    name: str
    is_right: Callable[[int, Any], bool]
    change: Callable[[Path], object] = lambda _target: None
    slower: float = 1.0
    allow: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Where the runs lie, and what they run in."""

    place: Path
    sandbox: str


def main() -> int:
    """Run everything in a folder of its own, which goes at the end unless it was named; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.regressions")
    parser.add_argument("--keep", metavar="DIR", type=Path, help="keep the runs in this folder")
    parser.add_argument("--sandbox", choices=("docker", "local"), default="docker")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="splitclock-regressions-") as scratch:
        place = given.keep or Path(scratch)
        place.mkdir(parents=True, exist_ok=True)
        bench = Bench(place=place, sandbox=given.sandbox)
        baseline = _run(bench, Case(name="baseline", is_right=lambda _code, _gate: True))
        rows = [_row(bench, baseline, case) for case in CASES]
    lines = (("candidate", "exit code", "gate", "criteria", "where from", "right"), ("---",) * 6, *rows)
    sys.stdout.write("".join(f"| {' | '.join(line)} |\n" for line in lines))
    return int(any(row[-1] != "yes" for row in rows))


def _run(bench: Bench, case: Case) -> Path:
    """One run of the target, changed as the case says; returns its folder. Raises RuntimeError where it fails."""
    fixtures, out = bench.place / f"{case.name}-fixtures", bench.place / case.name
    shutil.copytree(ROOT / "fixtures" / TARGET, fixtures / TARGET)
    _solve_all(fixtures / TARGET)
    case.change(fixtures / TARGET)
    matrix = bench.place / f"{case.name}.toml"
    matrix.write_text(
        f'schema = 1\nname = "{case.name}"\nfeatures = ["{TARGET}/*"]\nrepeats = 1\n[parallel]\ntrials = 2\n'
        f'[models.simulated]\nprovider = "simulator"\nturns = "demo"\nfirst_token_ms = {FIRST_TOKEN_MS * case.slower}\n'
        f"tokens_per_s = {TOKENS_PER_S / case.slower}\n",
        encoding="utf-8",
    )
    said = _splitclock("run", matrix, "--out", out, "--fixtures", fixtures, "--sandbox", bench.sandbox)
    if said.returncode:
        raise RuntimeError(f"{case.name}: exit code {said.returncode}: {said.stderr[-2000:]}")
    sys.stderr.write(f"{case.name}: run\n")
    return out


def _row(bench: Bench, baseline: Path, case: Case) -> tuple[str, ...]:
    candidate = _run(bench, case)
    allowed = [word for kind in case.allow for word in ("--allow", kind)]
    said = _splitclock("gate", "--baseline", baseline, "--candidate", candidate, "--json", *allowed)
    gate = json.loads(said.stdout)
    right = case.is_right(said.returncode, gate)
    return (case.name, str(said.returncode), gate["summary"], _criteria(gate), _blame(gate), "yes" if right else "NO")


def _criteria(gate: Any) -> str:
    return "<br>".join(f"{one['name']}: {one['verdict']}: {one['reason']}" for one in gate["criteria"])


def _blame(gate: Any) -> str:
    return "<br>".join(one["blame"]["words"] for one in gate["criteria"] if one["blame"])


def _splitclock(*arguments: object) -> "subprocess.CompletedProcess[str]":
    argv = [sys.executable, "-m", "harness", *map(str, arguments)]
    return subprocess.run(argv, cwd=ROOT, check=False, capture_output=True, text=True)


def _solve_all(target: Path) -> None:
    """Eight features show nothing among so many criteria, nine do: the one that fails by design is solved."""
    turns = target / "features" / "waitlist" / "turns"
    shutil.copy(turns / "solid.jsonl", turns / "demo.jsonl")


def _slow_suite(target: Path) -> None:
    """The tests say what they said, so that the manifests hold: they only forget which source they were made from."""
    for path in target.glob("features/*/manifest.json"):
        manifest = json.loads(path.read_text(encoding="utf-8"))
        del manifest["made_from"]["snapshot"]
        path.write_text(json.dumps(manifest), encoding="utf-8")
    with (target / "app" / "tests" / "conftest.py").open("a", encoding="utf-8") as conftest:
        conftest.write(_SLOW.format(share=SLOWER - 1))


def _lose(target: Path) -> None:
    script = target / "features" / LOST / "turns" / "demo.jsonl"
    *_, last = script.read_text(encoding="utf-8").splitlines()
    script.write_text(last + "\n", encoding="utf-8")


def _metric(gate: Any, name: str) -> Any:
    return next(one for one in gate["criteria"] if one["name"] == name)


def _fails_by(gate: Any, metric: str, *causes: str) -> bool:
    """Whether a criterion fails, and all these words stand in what it is put down to."""
    one = _metric(gate, metric)
    words = "" if one["blame"] is None else one["blame"]["words"]
    return bool(one["verdict"] == "fail" and all(cause in words for cause in causes))


def _would_be_decided(gate: Any) -> bool:
    rate = _metric(gate, "pass_rate")
    return rate["verdict"] == "fail" or (rate["verdict"] == "inconclusive" and bool(rate["would_decide"]))


CASES = (
    Case(name="again", is_right=lambda code, _gate: code != 1),
    Case(
        name="slower-suite",
        change=_slow_suite,
        allow=("target",),
        is_right=lambda code, gate: code == 1 and _fails_by(gate, "tool", "test"),
    ),
    Case(
        name="slower-model",
        slower=SLOWER,
        is_right=lambda code, gate: code == 1 and _fails_by(gate, "model", "decod"),
    ),
    Case(name="one-less", change=_lose, is_right=lambda code, gate: code in {1, 3} and _would_be_decided(gate)),
)

if __name__ == "__main__":
    sys.exit(main())
