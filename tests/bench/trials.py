"""`python -m tests.bench.trials docker|local PARALLEL SCRATCH`: so many trials at once, and this process's peak memory.

Real trials over real HTTP: the simulator as fast as it can, commands with output, journal, grading.
"""

import json
import re
import resource
import sys
from collections.abc import Callable
from pathlib import Path

from harness.clock import SystemClock
from harness.models.contract import Model
from harness.models.factory import load_api, open_model
from harness.models.settings import ModelSettings
from harness.simulator.config import Pace
from harness.simulator.handler import SCRIPT_HEADER
from harness.simulator.process import Simulator
from harness.turns import Turn
from sandbox.contract import SandboxProvider
from tests.bench.rig import FINISH, Rig, Workshop, bookings, journal, quiet_logs, shell

TURNS = 30
OUTPUT = "seq 1 3000"
SCRIPT: tuple[Turn, ...] = (*(shell(OUTPUT) for _ in range(TURNS)), FINISH)
"""30 commands with 14 KB of output each: at the end a history of some 400 KB, as long as real ones."""


def main(place: str, parallel: int, scratch: Path) -> None:
    """Run the trials; prints one line of JSON with `peak_bytes`."""
    quiet_logs()
    rig = Rig(scratch=scratch, clock=SystemClock(), say=lambda _line: None)
    provider: SandboxProvider = rig.docker(rig.engine()) if place == "docker" else rig.local()
    prepared = bookings(rig, provider)
    with Simulator({"bench": Pace()}, {"bench": SCRIPT}) as simulator, journal(rig) as kept:
        open_ = opener(rig, simulator.base_url)
        Workshop(rig, prepared, provider, lambda _trial: open_()).run(kept, parallel)
        sys.stdout.write(json.dumps({"peak_bytes": peak_bytes()}) + "\n")


def opener(rig: Rig, base_url: str, api: str = "chat") -> Callable[[], Model]:
    """Opens models of the simulator's script `bench`, over a wire API."""
    settings = ModelSettings(model="bench", base_url=base_url, api=api, headers={SCRIPT_HEADER: "bench"})
    load_api(settings.api)
    return lambda: open_model(settings, None, rig.clock)


def peak_bytes() -> int:
    """Largest resident set of this process since it was started.

    Linux: VmHWM, for `ru_maxrss` also counts the parent at the moment of the fork. Elsewhere `ru_maxrss`.
    """
    status = Path("/proc/self/status")
    if status.exists():
        found = re.search(r"^VmHWM:\s+(\d+) kB$", status.read_text(encoding="utf-8"), re.MULTILINE)
        if found:
            return int(found[1]) * 1024
    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
