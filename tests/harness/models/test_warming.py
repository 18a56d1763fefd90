"""Connections are open before a call's clock runs, and whatever goes wrong with that is no error."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from harness.clock import SystemClock
from harness.models.contract import CallFailedError, Message, Role
from harness.models.factory import open_model
from harness.models.settings import ModelSettings, RetryPolicy, Timeouts
from tests.harness.models.answers import send_json

ASK = [Message(role=Role.USER, content="hello")]
CHOICE = {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
ITEM = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "hi"}]}
ANSWERS = {"chat": {"choices": [CHOICE]}, "responses": {"object": "response", "status": "completed", "output": [ITEM]}}


@dataclass(slots=True)
class Seen:
    """What a server saw: connections, and the lines of requests."""

    url: str = ""
    connections: int = 0
    requests: list[str] = field(default_factory=list)


@pytest.fixture(params=ANSWERS)
def api(request: pytest.FixtureRequest) -> str:
    """Each wire API over HTTP."""
    name: str = request.param
    return name


@pytest.fixture
def serve_models(api: str) -> Iterator[Callable[..., Seen]]:
    """Start a server that answers calls, and the question for its models by this function."""
    with ExitStack() as stack:

        def start(answer: Callable[[BaseHTTPRequestHandler], None]) -> Seen:
            seen = Seen()

            class Handler(BaseHTTPRequestHandler):
                protocol_version = "HTTP/1.1"

                def setup(self) -> None:
                    seen.connections += 1
                    super().setup()

                def do_GET(self) -> None:
                    seen.requests.append(self.requestline)
                    answer(self)

                def do_POST(self) -> None:
                    seen.requests.append(self.requestline)
                    self.rfile.read(int(self.headers["content-length"]))
                    send_json(self, 200, ANSWERS[api])

                def log_message(self, *_: object) -> None:
                    """Keep the test's output clean."""

            server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
            server.daemon_threads = True
            stack.callback(server.server_close)
            thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            seen.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
            return seen

        yield start


def settings(url: str, api: str, connect_s: float = 5) -> ModelSettings:
    """A model that is asked once."""
    return ModelSettings(
        model="m", base_url=url, api=api, timeouts=Timeouts(connect_s=connect_s), retry=RetryPolicy(attempts=1)
    )


@pytest.mark.parametrize("status", [200, 401, 404, 500])
def test_the_first_call_finds_its_connection_open(serve_models: Callable[..., Seen], api: str, status: int) -> None:
    """Whatever the server says about its models, it is asked once, and the call goes over the same connection."""
    seen = serve_models(lambda handler: send_json(handler, status, {"data": []}))
    model = open_model(settings(seen.url, api), "key", SystemClock())
    assert seen.requests == ["GET /v1/models HTTP/1.1"]
    assert model.reply(ASK, []).message.content == "hi"
    model.close()
    assert (len(seen.requests), seen.connections) == (2, 1)


def test_a_server_that_does_not_answer_is_not_waited_for(serve_models: Callable[..., Seen], api: str) -> None:
    """The time-out of connecting bounds it, also where bytes drip; the call then has a connection of its own."""
    released = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("content-length", "1000")
        handler.end_headers()
        while not released.wait(0.05):
            try:
                handler.wfile.write(b" ")
            except OSError:
                return

    seen = serve_models(drip)
    model = open_model(settings(seen.url, api, connect_s=0.3), None, SystemClock())
    assert not released.is_set()
    assert model.reply(ASK, []).message.content == "hi"
    released.set()
    model.close()
    assert seen.connections == 2


def test_a_server_that_is_down_is_told_by_the_first_call(api: str) -> None:
    """Opening a model raises nothing."""
    model = open_model(settings("http://127.0.0.1:9/v1", api), None, SystemClock())
    with pytest.raises(CallFailedError) as caught:
        model.reply(ASK, [])
    model.close()
    assert caught.value.fault == "connection"
