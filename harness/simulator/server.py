"""The simulator's server: one thread per connection, on this machine only."""

import sys
from functools import partial
from http.server import ThreadingHTTPServer
from typing import Any

from harness.simulator.config import SimulatorConfig
from harness.simulator.handler import Handler
from harness.simulator.stage import Stage


class SimulatorServer(ThreadingHTTPServer):
    """Listens on a port of 127.0.0.1, a free one unless told, from the moment it is made.

    Raises ConfigError for unreadable scripts, OSError for a port that is taken.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, config: SimulatorConfig, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), partial(Handler, Stage(config)))

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Tell of what should not be; a client that is killed is none of that."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)
