"""`python -m tests.calibration [--pairs N] [--only FEATURESxREPEATS]`: simulated runs through the gate, in Markdown.

The exit code is 1 when a rate is above alpha or a power is not the stated one; which goes to standard error.
"""

import argparse
import multiprocessing
import os
import sys

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # small products: threads only wait for each other

from tests.calibration.designs import DESIGNS, looks_of, run
from tests.calibration.table import complaints, markdown


def main() -> int:
    """Measure what is asked for; all designs, without options."""
    names = {f"{features}x{repeats}": (features, repeats) for features, repeats in DESIGNS}
    parser = argparse.ArgumentParser(prog="python -m tests.calibration", description=__doc__)
    parser.add_argument("--pairs", type=int, default=2_000, help="simulated pairs of runs for each design")
    parser.add_argument("--only", action="append", choices=names, metavar="FxR", help=f"one of {', '.join(names)}")
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    jobs = [(*names[name], options.pairs) for name in reversed(options.only or names)]  # the long ones first
    with multiprocessing.get_context("spawn").Pool(options.processes) as pool:
        looks = pool.apply_async(looks_of, (options.pairs,))
        found = list(reversed(pool.starmap(run, jobs, chunksize=1)))
        sys.stdout.write(markdown(found, looks.get()))
        wrong = tuple(complaints(found, looks.get()))
    for line in wrong:
        sys.stderr.write(f"{line}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
