"""The simulator's server: one thread per connection, on this machine only."""

import itertools
import secrets
import threading
from http.server import ThreadingHTTPServer

from harness.simulator.config import SimulatorConfig
from harness.simulator.handler import Handler
from harness.simulator.log import SentLog


class SimulatorServer(ThreadingHTTPServer):
    """Listens on a free port of 127.0.0.1 from the moment it is made. Raises ConfigError for unreadable scripts."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, config: SimulatorConfig) -> None:
        self.models = config.models
        self.scripts = config.turns()
        self.log = SentLog(config.log)
        self._run = secrets.token_hex(4)
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), Handler)

    def next_id(self) -> str:
        """A request id that no other simulator gives."""
        with self._lock:
            return f"sim-{self._run}-{next(self._numbers)}"
