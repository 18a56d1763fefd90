"""The line to one provider: an `openai` client whose calls can be timed to the byte and cut from another thread."""

import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

import httpx2
import openai

from harness.models.settings import ModelSettings

_MAX_WHOLE_BYTES = 8 * 1024 * 1024
"""What grows past this is no answer where it is read whole before anybody looks: an error, a list of models."""

_KEEP_ALIVE_S = 60.0
_WRITE_S = 60.0


class Tracker(Protocol):
    """What wants to know the moments of one HTTP request; called in the thread that makes it."""

    def sending(self) -> None:
        """The request is about to go out."""
        ...

    def sent(self) -> None:
        """The request has reached the wire: whatever fails now, the provider may have read it."""
        ...

    def answered(self) -> None:
        """The headers of the answer are there."""
        ...

    @property
    def cut(self) -> bool:
        """Whether nobody waits for the answer any more."""
        ...


current: ContextVar[Tracker] = ContextVar("current")
"""Who tracks the requests of this thread."""


class _Nobody:
    cut = False

    def sending(self) -> None:
        """Nobody asks."""

    def sent(self) -> None:
        """Nobody asks."""

    def answered(self) -> None:
        """Nobody asks."""


@contextmanager
def unwatched() -> Iterator[None]:
    """Requests of this thread whose moments nobody wants to know."""
    token = current.set(_Nobody())
    try:
        yield
    finally:
        current.reset(token)


@cache
def tls() -> ssl.SSLContext:
    """One context of the system's trust store for all lines: making it takes longer than a local call."""
    return httpx2.create_ssl_context()


class Line:
    """One connection pool to one provider. The SDK's own retries are off: they would hide failures in the timing."""

    def __init__(self, settings: ModelSettings, key: str | None) -> None:
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self._http = httpx2.Client(
            verify=tls(),
            timeout=httpx2.Timeout(None, connect=settings.timeouts.connect_s, write=_WRITE_S),
            limits=httpx2.Limits(max_connections=None, keepalive_expiry=_KEEP_ALIVE_S),
            follow_redirects=False,  # source code goes nowhere but where the user said
            trust_env=not is_loopback(settings.base_url),  # a proxy cannot reach this machine's own servers
            event_hooks={"request": [self._request], "response": [self._response]},
        )
        self._client = openai.OpenAI(
            api_key=key or "none",
            base_url=settings.base_url,
            default_headers=dict(settings.headers),
            max_retries=0,
            http_client=self._http,
        )
        self._client.organization = self._client.project = self._client.admin_api_key = (
            None  # read from the environment
        )

    @property
    def client(self) -> openai.OpenAI:
        """The SDK's client of this line."""
        return self._client

    def post(self, path: str, body: bytes) -> AbstractContextManager[httpx2.Response]:
        """Send a request; the answer, entered with its headers, closed on leaving.

        The body comes ready: given as messages, the SDK walks through every one of them by its type at each call,
        which takes 30 ms for a history of 120.
        """
        answer: httpx2.Response = self._client.post(path, cast_to=httpx2.Response, content=body, stream=True)
        return closing(answer)

    def hold(self, found: socket.socket) -> None:
        """Take a new connection's socket, to be broken by `cut`; at once where nobody waits for it any more.

        Closing a file under a blocked read does not wake it, a shutdown does.
        """
        with self._lock:
            self._sockets = [each for each in self._sockets if each.fileno() != -1] + [found]
        if current.get().cut:
            shut(found)

    def cut(self) -> None:
        """Break every connection at once, under the hands of whoever reads from it; new ones may be opened."""
        with self._lock:
            sockets, self._sockets = self._sockets, []
        for each in sockets:
            shut(each)

    def close(self) -> None:
        """Break and release all connections."""
        self.cut()
        self._http.close()

    def _request(self, request: httpx2.Request) -> None:
        """Sending begins with opening a connection where one is needed, else when the first byte goes out."""
        tracker, opened = current.get(), False

        def trace(event: str, info: Mapping[str, Any]) -> None:
            nonlocal opened
            if event.endswith(".started"):
                opened = opened or "connect_" in event
                if "send_request_headers" in event and not opened:
                    tracker.sending()
            elif event.endswith("send_request_headers.complete"):
                tracker.sent()
            elif event.endswith(("connect_tcp.complete", "start_tls.complete")):
                self.hold(info["return_value"].get_extra_info("socket"))

        tracker.sending()
        request.extensions["trace"] = trace

    def _response(self, response: httpx2.Response) -> None:
        current.get().answered()
        if response.request.method != "POST" or not response.is_success:
            response.stream = _Bounded(response.stream)


class _Bounded(httpx2.SyncByteStream):
    """A body that the SDK reads whole; one without end is an error instead of all memory."""

    def __init__(self, body: object) -> None:
        self._body = cast("httpx2.SyncByteStream", body)

    def __iter__(self) -> Iterator[bytes]:
        seen = 0
        for data in self._body:
            seen += len(data)
            if seen > _MAX_WHOLE_BYTES:
                raise httpx2.DecodingError(f"more than {_MAX_WHOLE_BYTES} bytes")
            yield data

    def close(self) -> None:
        """Release the connection."""
        self._body.close()


def shut(each: socket.socket) -> None:
    """Break a connection under the hands of whoever reads from it."""
    try:
        socket.socket.shutdown(each, socket.SHUT_RDWR)  # not SSLSocket's own, which would pull TLS from under a read
    except (OSError, TypeError):
        return  # it was closed already, or is TLS inside TLS, which is no socket


def is_loopback(url: str) -> bool:
    """Whether a URL is of this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
