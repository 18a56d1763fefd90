"""`python -m tests.kill [--kills N] [--seed N]`: kill and resume until there were enough kills, print what came of it.

The exit code is 1 when something is not as it must be; what it is goes to standard error.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console

from tests.kill.rounds import Plan, Round, rounds
from tests.kill.table import round_table


def main() -> int:
    """Kill as often as asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.kill", description=__doc__)
    parser.add_argument("--kills", type=int, default=50, metavar="N", help="how many in all")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="other moments for other numbers")
    options = parser.parse_args()
    build = Path("build")
    build.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="kill-", dir=build, ignore_cleanup_errors=True) as folder:
        plan = Plan(
            folder=Path(folder).resolve(), cache=build.resolve() / "cache", kills=options.kills, seed=options.seed
        )
        done = tuple(_told(rounds(plan)))
    Console(width=140).print(round_table(done))
    return 1 if any(each.wrong for each in done) else 0


def _told(played: Iterable[Round]) -> Iterable[Round]:
    """The rounds, with what is wrong told as soon as it is known."""
    for each in played:
        for line in each.wrong:
            sys.stderr.write(f"seed {each.seed}: {line}\n")
        yield each


if __name__ == "__main__":
    sys.exit(main())
