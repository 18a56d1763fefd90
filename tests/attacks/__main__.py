"""`python -m tests.attacks [NAME ...]`: play the attacks on real Docker and print the table.

The exit code is 1 where a verdict is not the one that is due; what is wrong goes to standard error.
"""

import argparse
import os
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sandbox.checkout import Checkouts
from sandbox.engine import Engine
from sandbox.images import DockerProvider, DockerSettings
from tests.attacks.cases import load_attacks
from tests.attacks.lab import Lab, Seen, play_all

WIDTH = 150
_SHOWN = 110


def main() -> int:
    """Play what is asked for; everything, without names."""
    every = {attack.name: attack for attack in load_attacks()}
    parser = argparse.ArgumentParser(prog="python -m tests.attacks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="an attack's folder in tests/attacks/cases")
    names = parser.parse_args().names
    unknown = [name for name in names if name not in every]
    if unknown:
        parser.error(f"no such attack: {', '.join(unknown)}")
    cache = Path("build").resolve() / "cache"
    settings = DockerSettings(cache=cache, host_environment=dict(os.environ))
    lab = Lab(DockerProvider(Engine.connect(os.environ), settings), Checkouts(cache / "checkouts"))
    found = list(play_all(lab, [every[name] for name in names or every]))
    Console(width=None if sys.stdout.isatty() else WIDTH).print(_table(found))
    wrong = [line for seen in found if (line := seen.wrong())]
    for line in wrong:
        sys.stderr.write(f"{line}\n")
    return 1 if wrong else 0


def _table(found: list[Seen]) -> Table:
    table = Table(box=None)
    for name in ("attack", "stopped by", "due", "got", "evidence"):
        table.add_column(name, no_wrap=name != "evidence", overflow="fold")
    for seen in found:
        style = "bold red" if seen.wrong() else ""
        words = (seen.attack.name, _stopped_by(seen), seen.attack.verdict.value, seen.verdict.value)
        table.add_row(*(Text(word, style=style) for word in words), Text(seen.evidence[:_SHOWN]))
    return table


def _stopped_by(seen: Seen) -> str:
    return "R3 only" if seen.attack.rung == "R3" else seen.attack.rung


if __name__ == "__main__":
    sys.exit(main())
