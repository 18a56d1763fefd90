"""The simulator's server: one thread per connection, on this machine only."""

from functools import partial
from http.server import ThreadingHTTPServer

from harness.simulator.config import SimulatorConfig
from harness.simulator.handler import Handler
from harness.simulator.stage import Stage


class SimulatorServer(ThreadingHTTPServer):
    """Listens on a free port of 127.0.0.1 from the moment it is made. Raises ConfigError for unreadable scripts."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, config: SimulatorConfig) -> None:
        super().__init__(("127.0.0.1", 0), partial(Handler, Stage(config)))
