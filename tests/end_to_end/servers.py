"""Model servers with something wrong, on this machine: one that talks rubbish, one that says nothing, a closed port."""

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


class Server(socketserver.ThreadingTCPServer):
    """Answers every request with `answer`, as it is; with None it answers nothing and stays on the line.

    `asked` is set by the first request that is treated so. The list of models, by which connections are opened, is
    refused at once where there is no answer, unless the server is `mute`.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, answer: bytes | None, *, mute: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.mute = mute
        self.answer = answer
        self.asked = threading.Event()
        self.over = threading.Event()

    @property
    def url(self) -> str:
        """What a matrix gives as `base_url`."""
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def table(self) -> dict[str, object]:
        """The table of a model that is served here."""
        return served(self.url)


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        server = cast("Server", self.server)
        length, verb = 0, self.rfile.readline().partition(b" ")[0]
        for line in iter(self.rfile.readline, b"\r\n"):
            if not line:
                return
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        self.rfile.read(length)
        if verb == b"GET" and server.answer is None and not server.mute:
            self.wfile.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        server.asked.set()
        if server.answer is None:
            self.wfile.write(HEAD)
            server.over.wait()
        else:
            self.wfile.write(server.answer)


@contextmanager
def serving(answer: bytes | None, *, mute: bool = False) -> Iterator[Server]:
    """A server at work."""
    with Server(answer, mute=mute) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.over.set()
            server.shutdown()
            thread.join()


def served(url: str) -> dict[str, object]:
    """The table of a model at a URL that needs no key."""
    return {"base_url": url, "model": "some-model", "claimed_tokens_per_s": 100.0}


def refused() -> str:
    """The URL of a port where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
