"""Servers that misbehave, and models opened on them without patience."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from harness.clock import SystemClock
from harness.models.chat import open_chat
from harness.models.health import ProviderHealth
from harness.models.responses import open_responses_websocket
from harness.models.settings import ModelSettings, Quirks, RetryPolicy, Timeouts
from harness.models.wire_model import WireModel
from tests.harness.models import sockets
from tests.harness.models.sockets import OpenSocket, ServeSocket

Answer = Callable[[BaseHTTPRequestHandler], None]

SHORT = Timeouts(connect_s=5, first_token_s=5, idle_s=5, total_s=10, tail_s=0.1)
ONCE = RetryPolicy(attempts=1)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients of these tests go away in the middle of things."""


@pytest.fixture
def serve() -> Iterator[Callable[[Answer], str]]:
    """Start a server that answers each POST by this function; the base URL."""
    with ExitStack() as stack:

        def start(answer: Answer) -> str:
            class Handler(BaseHTTPRequestHandler):
                protocol_version = "HTTP/1.1"

                def do_POST(self) -> None:
                    self.rfile.read(int(self.headers["content-length"]))
                    answer(self)

                def log_message(self, *_: object) -> None:
                    """Keep the test's output clean."""

            server = _Server(("127.0.0.1", 0), Handler)
            stack.callback(server.server_close)
            thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            return f"http://127.0.0.1:{server.server_address[1]}/v1"

        yield start


@pytest.fixture
def open_at() -> Iterator[Callable[..., WireModel]]:
    """Open a chat model at this base URL; `timeouts`, `retry`, `quirks`, `key` may be given."""
    with ExitStack() as stack:

        def start(
            url: str,
            *,
            timeouts: Timeouts = SHORT,
            retry: RetryPolicy = ONCE,
            quirks: Quirks | None = None,
            key: str | None = None,
        ) -> WireModel:
            settings = ModelSettings(model="m", base_url=url, timeouts=timeouts, retry=retry, quirks=quirks or Quirks())
            model = open_chat(settings, key, SystemClock(), ProviderHealth())
            stack.callback(model.close)
            return model

        yield start


@pytest.fixture
def serve_socket() -> Iterator[ServeSocket]:
    """Start WebSocket servers."""
    with ExitStack() as stack:
        yield lambda *args: sockets.start(stack, *args)


@pytest.fixture
def open_socket() -> Iterator[OpenSocket]:
    """Open a model over a WebSocket at this base URL."""
    with ExitStack() as stack:

        def start(url: str, *, timeouts: Timeouts = sockets.SHORT, retry: RetryPolicy = sockets.SWIFT) -> WireModel:
            settings = ModelSettings(model="m", base_url=url, api="responses-websocket", timeouts=timeouts, retry=retry)
            model = open_responses_websocket(settings, sockets.KEY, SystemClock(), ProviderHealth())
            stack.callback(model.close)
            return model

        yield start
