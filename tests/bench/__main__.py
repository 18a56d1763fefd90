"""`python -m tests.bench [--only NAME]`: run the benchmarks, print their tables, write build/bench.json."""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.text import Text

from harness.clock import SystemClock, stamp_promptly
from tests.bench import (
    contention,
    delays,
    exports,
    fixed,
    interrupts,
    memory,
    power,
    residual,
    saturation,
    scale,
    transport,
    truth,
)
from tests.bench.figures import Figure, Findings, figure_table, show, write
from tests.bench.rig import NoEngineError, Rig, quiet_logs

BENCHMARKS: dict[str, Callable[[Rig], Findings]] = {
    "transport": transport.measure,
    "fixed": fixed.measure,
    "memory": memory.measure,
    "harness": residual.measure,
    "truth": truth.measure,
    "delays": delays.measure,
    "saturation": saturation.measure,
    "contention": contention.measure,
    "exports": exports.measure,
    "interrupts": interrupts.measure,
    "power": power.measure,
    "scale": scale.measure,
}

_WIDTH = 160


def main() -> int:
    """Run what is asked for; a benchmark that cannot run says so. The exit code is 0: a benchmark is not a test."""
    options = _options()
    console = _console()
    quiet_logs()
    stamp_promptly()
    build = options.out.parent
    build.mkdir(parents=True, exist_ok=True)
    console.print(f"load average {_load()}, {os.cpu_count()} cores")
    figures: list[Figure] = []
    for name in options.only or BENCHMARKS:
        figures += _one(name, build, console)
    write(options.out, figures)
    if figures:
        console.rule("figures")
        console.print(figure_table(figures))
    console.print(f"load average {_load()}; written to {options.out}")
    return 0


def _console() -> Console:
    """Standard output; where it is no terminal, wide enough for the tables."""
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = max(console.width, _WIDTH)
    return console


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", action="append", choices=sorted(BENCHMARKS), metavar="NAME", help="run this one")
    parser.add_argument("--out", type=Path, default=Path("build/bench.json"), help="where the figures are written")
    return parser.parse_args()


def _one(name: str, build: Path, console: Console) -> tuple[Figure, ...]:
    console.rule(name)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bench-", dir=build, ignore_cleanup_errors=True) as scratch:
        rig = Rig(scratch=Path(scratch).resolve(), clock=SystemClock(), say=lambda line: console.print(Text(line)))
        try:
            findings = BENCHMARKS[name](rig)
        except NoEngineError as error:
            console.print(Text(f"{name}: left out: {error}"))
            return ()
        except Exception:  # noqa: BLE001 - one benchmark's failure is shown and must not cost the others
            console.print_exception(max_frames=8)
            return ()
    show(console, findings)
    console.print(f"{name}: {time.monotonic() - began:.0f} s")
    return findings.figures


def _load() -> str:
    return " ".join(f"{value:.2f}" for value in os.getloadavg())


if __name__ == "__main__":
    sys.exit(main())
