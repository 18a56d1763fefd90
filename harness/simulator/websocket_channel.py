"""The way back to a client over a WebSocket: events as JSON in text frames, on the socket of an upgraded request."""

import select
import socket
import time
from collections import deque
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from typing import Any

from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

from harness.simulator.answer import Answer
from harness.simulator.channel import reset, to_json
from harness.simulator.rejection import RejectedError
from harness.turns import ScriptedFault

_MAX_MESSAGE_BYTES = 64 * 1024 * 1024
_RECEIVE_BYTES = 65_536
_CLOSED_NORMALLY = 1000
_MAX_CLOSE_S = 2.0


class WebSocketChannel:
    """Used by one thread: what comes in while an answer is played is read whenever that waits."""

    def __init__(self, handler: BaseHTTPRequestHandler) -> None:
        self._handler = handler
        self._socket: socket.socket = handler.connection
        self._protocol = ServerProtocol(state=State.OPEN, max_size=_MAX_MESSAGE_BYTES)
        self._fragments: list[bytes] = []
        self._messages: deque[tuple[str, int]] = deque()

    def next_message(self) -> tuple[str, int]:
        """The next text message, and the moment at which all of it had come. Raises OSError when there is none."""
        while not self._messages:
            self._receive()
        return self._messages.popleft()

    def begin(self, identity: str) -> int:  # noqa: ARG002 - there are no headers to put it in
        """Nothing is sent: the first event begins the answer."""
        return 0

    def encode(self, payload: Mapping[str, Any]) -> bytes:
        """JSON."""
        return to_json(payload).encode()

    def frame(self, data: bytes) -> bytes:
        """As it is: the protocol frames it when it is written."""
        return data

    def write(self, frame: bytes) -> int:
        """One text frame; returns when the kernel has taken the bytes."""
        self._protocol.send_text(frame)
        return self._flush()

    def finish(self) -> int:
        """Nothing is sent: the last event ends the answer."""
        return 0

    def wait_until(self, moment_ns: int) -> None:
        """Sleep, and answer pings meanwhile."""
        while True:
            left_ns = max(moment_ns - time.monotonic_ns(), 0)
            if select.select([self._socket], [], [], left_ns / 1e9)[0]:
                self._receive()
            elif not left_ns or time.monotonic_ns() >= moment_ns:
                return

    idle_until = wait_until

    def reject(self, error: RejectedError, identity: str) -> None:  # noqa: ARG002 - there are no headers to put it in
        """An error event, with the headers that an HTTP answer would have."""
        headers = {"headers": dict(error.headers)} if error.headers else {}
        self.write(self.encode({"type": "error", "status": error.status, "error": {**error.body(), **headers}}))

    def error(self, answer: Answer, fault: ScriptedFault, sent: int) -> bytes:
        """An error event with its number, or a failed response."""
        if fault.kind == "failed":
            return self.encode(answer.broken(fault, sent))
        told = RejectedError(fault.status, fault.message, fault.code).body()
        return self.encode({"type": "error", "status": fault.status, "error": told, "sequence_number": sent})

    def keep_alive(self) -> int:
        """A ping."""
        self._protocol.send_ping(b"keep-alive")
        return self._flush()

    def body(self, content_type: str, data: bytes, identity: str) -> None:  # noqa: ARG002 - a frame has no type
        """The bytes in a text frame."""
        self.write(data)

    def stop(self) -> None:
        """Nothing is sent, and the connection stays."""

    def end(self) -> None:
        """Close cleanly, and wait a little for the client to do so too. Raises OSError: there is no connection now."""
        self._protocol.send_close(_CLOSED_NORMALLY)
        self._flush()
        deadline_ns = time.monotonic_ns() + round(_MAX_CLOSE_S * 1e9)
        self.wait_until(deadline_ns)
        raise ConnectionAbortedError("closed")

    def cut(self) -> None:
        """A TCP reset. Raises OSError: there is no connection now."""
        self._handler.rfile.close()  # it holds the socket open
        reset(self._socket)
        raise ConnectionAbortedError("reset")

    def _flush(self) -> int:
        """Send what the protocol has to say; an empty piece stands for the end, which closing the socket is."""
        data = b"".join(self._protocol.data_to_send())
        if data:
            self._socket.sendall(data)
        return len(data)

    def _receive(self) -> None:
        """Read once; pings and a closing handshake are answered. Raises OSError once the client is gone."""
        data = self._socket.recv(_RECEIVE_BYTES)
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
        for event in self._protocol.events_received():
            self._take(event)
        self._flush()
        if not data or self._protocol.close_expected():
            raise ConnectionAbortedError("the client left")

    def _take(self, event: Any) -> None:
        if not isinstance(event, Frame) or event.opcode not in {Opcode.TEXT, Opcode.BINARY, Opcode.CONT}:
            return
        self._fragments.append(bytes(event.data))
        if event.fin:
            text = b"".join(self._fragments).decode(errors="replace")
            self._messages.append((text, time.monotonic_ns()))
            self._fragments = []
