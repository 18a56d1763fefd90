"""`python -m tests.faults [--only ROW] [--api API]`: play every fault, print the table in Markdown.

The exit code is 1 when something is not as it must be; what it is goes to standard error.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.end_to_end.desk import Desk
from tests.faults.play import played
from tests.faults.rows import EVERYWHERE, rows
from tests.faults.table import complaints, markdown


def main() -> int:
    """Play what is asked for; everything, without options."""
    every = {row.name: row for row in rows()}
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--only", action="append", choices=every, metavar="ROW", help=f"one of {', '.join(every)}")
    parser.add_argument("--api", action="append", choices=EVERYWHERE, help="over this API")
    options = parser.parse_args()
    build = Path("build")
    build.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="faults-", dir=build, ignore_cleanup_errors=True) as folder:
        desk = Desk(folder=Path(folder).resolve(), cache=build.resolve() / "cache")
        found = played(desk, [every[name] for name in options.only or every], options.api or EVERYWHERE)
        wrong = tuple(complaints(found))
        sys.stdout.write(markdown(found))
    for line in wrong:
        sys.stderr.write(f"{line}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
