"""One attached exec: bytes in on its standard input, (stream, bytes) out, over the engine's raw socket."""

import contextlib
import socket
from typing import Protocol

_HEADER = 8
_CHUNK = 256 * 1024
_STREAMS = {0: "stdin", 1: "stdout", 2: "stderr"}


class RawReader(Protocol):
    """The buffered side of a socket: may already hold bytes that came along with the response's head."""

    def read1(self, size: int, /) -> bytes:
        """At most `size` bytes, empty at the end."""
        ...


class Closable(Protocol):
    """Whatever keeps the connection alive and wants closing after it."""

    def close(self) -> None:
        """Give the connection back."""
        ...


class ExecChannel:
    """The attached streams of one exec. `receive` belongs to one thread; `send` and `close` may come from others.

    `exec_id` names the exec for `Engine.exit_code`.
    """

    def __init__(self, exec_id: str, sock: socket.socket, reader: RawReader, response: Closable) -> None:
        self.exec_id = exec_id
        self._socket = sock
        self._reader = reader
        self._response = response
        self._stream = "stdout"
        self._left = 0
        sock.settimeout(None)

    def send(self, data: bytes) -> None:
        """Write all of `data` to the standard input. Raises OSError when nobody reads it any more."""
        self._socket.sendall(data)

    def close_input(self) -> None:
        """End the standard input; output still arrives."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def receive(self) -> tuple[str, bytes]:
        """The next piece of output as ("stdout" or "stderr", bytes); empty bytes at the end or after `close`."""
        while self._left == 0:
            header = self._exactly(_HEADER)
            if len(header) < _HEADER:
                return (self._stream, b"")
            self._stream = _STREAMS.get(header[0], "stderr")
            self._left = int.from_bytes(header[4:], "big")
        data = self._some(min(self._left, _CHUNK))
        self._left -= len(data)
        return (self._stream, data)

    def close(self) -> None:
        """Cut the connection; a `receive` blocked in another thread returns at once. The process inside runs on."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError):
            self._response.close()
        with contextlib.suppress(OSError):
            self._socket.close()

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size and (more := self._some(size - len(data))):
            data += more
        return data

    def _some(self, size: int) -> bytes:
        """A connection that breaks ends like one that closes: what it means is for the caller to find out."""
        try:
            return self._reader.read1(size)
        except (OSError, ValueError):
            return b""
