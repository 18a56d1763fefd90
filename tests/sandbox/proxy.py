"""A proxy on a unix socket of its own between a client and the Docker engine: it can cut, stall and refuse."""

import contextlib
import socket
import threading
from pathlib import Path
from typing import Self

_CHUNK = 64 * 1024


class EngineProxy:
    """Passes every connection on to the engine's socket until told otherwise. A context manager.

    `host` is its address as DOCKER_HOST has it.
    """

    def __init__(self, path: Path, engine: str = "/var/run/docker.sock") -> None:
        self.host = f"unix://{path}"
        self._path = path
        self._engine = engine
        self._listener: socket.socket | None = None
        self._flowing = threading.Event()
        self._flowing.set()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._left: int | None = None
        self._rewriting: tuple[bytes, bytes] | None = None

    def __enter__(self) -> Self:
        """Listen."""
        self.accept()
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Stop listening and drop every connection."""
        self.refuse()

    def accept(self) -> None:
        """Take connections, as at the start."""
        self._listener = listener = socket.socket(socket.AF_UNIX)
        self._path.unlink(missing_ok=True)
        listener.bind(str(self._path))
        listener.listen()
        threading.Thread(target=self._serve, args=(listener,), daemon=True).start()

    def refuse(self) -> None:
        """Drop every connection, and refuse new ones until `accept`."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.cut()

    def cut(self) -> None:
        """Drop the connections that are open; new ones are fine."""
        self._flowing.set()
        with self._lock:
            doomed, self._open = self._open, set()
        for end in doomed:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def cut_after(self, count: int) -> None:
        """Drop everything once the engine has said this many more bytes, over all connections."""
        self._left = count

    def rewrite(self, asked: bytes, passed: bytes) -> None:
        """From now on requests carry `passed` where they say `asked`; both are of one length, as headers tell it."""
        if len(asked) != len(passed):
            raise ValueError(f"{asked!r} and {passed!r} are not of one length")
        self._rewriting = (asked, passed)

    def stall(self) -> None:
        """Keep the connections, and take new ones, but pass nothing on until `cut` or `flow`."""
        self._flowing.clear()

    def flow(self) -> None:
        """Pass on what was held back."""
        self._flowing.set()

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                ours, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(ours,), daemon=True).start()

    def _carry(self, ours: socket.socket) -> None:
        """One connection, both ways, until both have ended."""
        with ours, socket.socket(socket.AF_UNIX) as theirs:
            theirs.connect(self._engine)
            with self._lock:
                self._open |= {ours, theirs}
            asked = threading.Thread(target=self._pump, args=(ours, theirs), kwargs={"said": False})
            asked.start()
            self._pump(theirs, ours, said=True)
            asked.join()
            with self._lock:
                self._open -= {ours, theirs}

    def _pump(self, source: socket.socket, sink: socket.socket, *, said: bool) -> None:
        """One direction of one connection; half-closed ends stay half-closed."""
        with contextlib.suppress(OSError):
            while data := source.recv(_CHUNK):
                self._flowing.wait()
                if said and self._spent(len(data)):
                    self.cut()
                    return
                if not said and self._rewriting is not None:
                    data = data.replace(*self._rewriting)
                sink.sendall(data)
        self._flowing.wait()
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def _spent(self, count: int) -> bool:
        with self._lock:
            if self._left is None:
                return False
            self._left -= count
            if self._left > 0:
                return False
            self._left = None
            return True
