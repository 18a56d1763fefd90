"""How an answer gets to a client: over HTTP as events or as one body; what a WebSocket must offer as well."""

import json
import select
import socket
import struct
import time
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any, Protocol

from harness.simulator.answer import Answer
from harness.simulator.rejection import RejectedError
from harness.turns import ScriptedFault

to_json = json.JSONEncoder(separators=(",", ":")).encode
"""Compact JSON; one encoder for all, since making one costs more than most chunks."""


class Channel(Protocol):
    """The way back to one client, for one answer. Every method may raise OSError once the client is gone."""

    def begin(self, identity: str) -> int:
        """Say that an answer comes; the moment when that was said, or 0."""
        ...

    def encode(self, payload: Mapping[str, Any]) -> bytes:
        """The bytes of an event."""
        ...

    def frame(self, data: bytes) -> bytes:
        """These bytes, ready to be written."""
        ...

    def write(self, frame: bytes) -> int:
        """Send what was encoded or framed at once; how many bytes it became."""
        ...

    def finish(self) -> int:
        """End the answer as the protocol wants it; how many bytes that took."""
        ...

    def wait_until(self, moment_ns: int) -> None:
        """Sleep on the absolute schedule: being late once does not make the rest late."""
        ...

    def idle_until(self, moment_ns: int) -> None:
        """Sleep for long, and raise OSError when the client leaves."""
        ...

    def reject(self, error: RejectedError, identity: str) -> None:
        """Answer with an error."""
        ...

    def error(self, answer: Answer, fault: ScriptedFault, sent: int) -> bytes:
        """The event, encoded, that tells of an error in the middle of an answer, after `sent` events."""
        ...

    def keep_alive(self) -> int:
        """Send what says no more than that the connection lives; how many bytes it took."""
        ...

    def body(self, content_type: str, data: bytes, identity: str) -> None:
        """Answer with status 200 and these bytes, whatever they are."""
        ...

    def stop(self) -> None:
        """End an answer that told of an error."""
        ...

    def end(self) -> None:
        """End the answer cleanly where it is, and over a WebSocket the connection with it."""
        ...

    def cut(self) -> None:
        """Reset the connection."""
        ...


class HttpChannel:
    """Chunked HTTP: server-sent events, or a JSON body."""

    def __init__(self, handler: BaseHTTPRequestHandler, *, stream: bool, done: bytes = b"") -> None:
        self._handler = handler
        self._stream = stream
        self._done = done

    def begin(self, identity: str) -> int:
        """Send status and headers."""
        kind = "text/event-stream" if self._stream else "application/json"
        self._head(HTTPStatus.OK, {"content-type": kind, "transfer-encoding": "chunked"}, identity)
        return time.monotonic_ns()

    def encode(self, payload: Mapping[str, Any]) -> bytes:
        """An event, with its name where it has a type, or plain JSON; framed as a chunk."""
        text = to_json(payload)
        if self._stream:
            name = f"event: {payload['type']}\n" if "type" in payload else ""
            text = f"{name}data: {text}\n\n"
        return _chunked(text.encode())

    def frame(self, data: bytes) -> bytes:
        """A chunk."""
        return _chunked(data)

    def write(self, frame: bytes) -> int:
        """Returns when the kernel has taken the bytes."""
        self._handler.wfile.write(frame)
        return len(frame)

    def finish(self) -> int:
        """The last event, where the API has one, and the last chunk."""
        return self.write((_chunked(self._done) if self._stream and self._done else b"") + b"0\r\n\r\n")

    def wait_until(self, moment_ns: int) -> None:
        """Sleep."""
        left_ns = moment_ns - time.monotonic_ns()
        if left_ns > 0:
            time.sleep(left_ns / 1e9)

    def idle_until(self, moment_ns: int) -> None:
        """Sleep as long as the client is there; it has nothing to say while it waits for an answer."""
        left_s = (moment_ns - time.monotonic_ns()) / 1e9
        connection = self._handler.connection
        if left_s > 0 and select.select([connection], [], [], left_s)[0] and not connection.recv(1, socket.MSG_PEEK):
            raise ConnectionAbortedError("the client left")
        self.wait_until(moment_ns)

    def reject(self, error: RejectedError, identity: str) -> None:
        """An error object with the status."""
        self._send(
            error.status, {**error.headers, "content-type": "application/json"}, {"error": error.body()}, identity
        )

    def error(self, answer: Answer, fault: ScriptedFault, sent: int) -> bytes:
        """As the API has it."""
        return self.encode(answer.broken(fault, sent))

    def keep_alive(self) -> int:
        """A comment; in a JSON body, white space."""
        return self.write(_chunked(b": keep-alive\n\n" if self._stream else b"\n"))

    def body(self, content_type: str, data: bytes, identity: str) -> None:
        """With its length."""
        self._head(HTTPStatus.OK, {"content-type": content_type, "content-length": str(len(data))}, identity)
        self.write(data)

    def stop(self) -> None:
        """The last chunk."""
        self.write(b"0\r\n\r\n")

    end = stop

    def cut(self) -> None:
        """A TCP reset: what the client has not read yet may be lost as well."""
        self._handler.close_connection = True
        self._handler.rfile.close()  # it holds the socket open
        reset(self._handler.connection)

    def send(self, status: int, value: Mapping[str, Any]) -> None:
        """A whole answer outside of any turn."""
        self._send(status, {"content-type": "application/json"}, value, "")

    def _send(self, status: int, headers: Mapping[str, str], value: Mapping[str, Any], identity: str) -> None:
        data = to_json(value).encode()
        self._head(status, {**headers, "content-length": str(len(data))}, identity)
        self.write(data)

    def _head(self, status: int, headers: Mapping[str, str], identity: str) -> None:
        self._handler.send_response(status)
        for name, value in headers.items():
            self._handler.send_header(name, value)
        if identity:
            self._handler.send_header("x-request-id", identity)
        self._handler.end_headers()


def reset(connection: socket.socket) -> None:
    """Close so that the other end is told of a reset, not of an end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def _chunked(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)
