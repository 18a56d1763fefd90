"""`python -m harness.simulator --config FILE`: prints {"port": n} when ready, serves until its input closes.

With `--stay` it serves until it is ended by a signal, so that it outlives whoever asks it.
"""

import argparse
import json
import signal
import sys
import threading
from pathlib import Path

from harness.errors import ConfigError
from harness.simulator.config import read_config
from harness.simulator.server import SimulatorServer

_SWITCH_S = 0.000_5
"""How long one thread may keep the others from running: less than the time between two chunks."""


def main() -> int:
    """Serve; the exit code is 0 after its end was asked for, 2 for a configuration or a port that cannot be used."""
    options = _options()
    try:
        server = SimulatorServer(read_config(options.config), options.port)
    except (ConfigError, OSError, OverflowError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    ended = threading.Event()
    if options.stay:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: ended.set())
    sys.setswitchinterval(_SWITCH_S)
    threading.Thread(target=server.serve_forever, name="accept", daemon=True).start()
    sys.stdout.write(json.dumps({"port": server.server_address[1]}) + "\n")
    sys.stdout.flush()
    if options.stay:
        ended.wait()
        return 0
    while sys.stdin.read(4096):  # the parent holds the other end: its death, however sudden, closes it
        pass
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m harness.simulator", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="JSON file: models, scripts, log")
    parser.add_argument("--port", type=int, default=0, help="port of 127.0.0.1 to listen on; else a free one")
    parser.add_argument("--stay", action="store_true", help="serve until SIGTERM or Ctrl-C, whoever started it")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
