"""`python -m harness.simulator --config FILE`: prints {"port": n} when ready, serves until its input closes."""

import argparse
import json
import sys
import threading
from pathlib import Path

from harness.errors import ConfigError
from harness.simulator.config import read_config
from harness.simulator.server import SimulatorServer

_SWITCH_S = 0.000_5
"""How long one thread may keep the others from running: less than the time between two chunks."""


def main() -> int:
    """Serve; the exit code is 0 after the input closed, 2 for a configuration that cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m harness.simulator", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="JSON file: models, scripts, log")
    options = parser.parse_args()
    try:
        server = SimulatorServer(read_config(options.config))
    except (ConfigError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.setswitchinterval(_SWITCH_S)
    threading.Thread(target=server.serve_forever, name="accept", daemon=True).start()
    sys.stdout.write(json.dumps({"port": server.server_address[1]}) + "\n")
    sys.stdout.flush()
    while sys.stdin.read(4096):  # the parent holds the other end: its death, however sudden, closes it
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
