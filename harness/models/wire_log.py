"""What a wire brings is written down as it comes, so that a killed process loses no answer that was paid for."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

from harness.models.contract import CallAttempt, Pause
from harness.models.reading import Asked


class WireLog(Protocol):
    """Told of one call after the other, by the thread that makes it. All moments are monotonic nanoseconds.

    Each method may raise InfraError (DiskFullError): what cannot be written down shall not be acted on.
    """

    def begin(self, turn: int, request: str, life: int = 1) -> None:
        """A call begins: its turn, and the SHA-256 (hex) of what is asked, by which of its attempt's lives.

        What was known of others is let go.
        """
        ...

    def sending(self, asked: Asked, at: int) -> None:
        """A request is about to go out."""
        ...

    def sent(self, at: int) -> None:
        """When it went out, told with the first that came back."""
        ...

    def head(self, status: int, fields: Mapping[str, str], at: int) -> None:
        """The headers of its answer came."""
        ...

    def data(self, data: bytes, at: int) -> None:
        """Bytes of its answer came."""
        ...

    def closed(self, at: int) -> None:
        """The body of its answer is over."""
        ...

    def end(self, at: int) -> None:
        """Its answer is complete, and was so at this moment."""
        ...

    def failed(self, attempt: CallAttempt) -> None:
        """It was not answered."""
        ...

    def paused(self, pause: Pause) -> None:
        """The call waited before its next request."""
        ...

    def settle(self) -> None:
        """The answer is kept elsewhere now: nothing of the call is needed any more."""
        ...

    def close(self) -> None:
        """No further call will be told of."""
        ...


class NoWireLog:
    """Keeps nothing: for calls outside a run."""

    def begin(self, turn: int, request: str, life: int = 1) -> None:
        """Nothing is kept."""

    def sending(self, asked: Asked, at: int) -> None:
        """Nothing is kept."""

    def sent(self, at: int) -> None:
        """Nothing is kept."""

    def head(self, status: int, fields: Mapping[str, str], at: int) -> None:
        """Nothing is kept."""

    def data(self, data: bytes, at: int) -> None:
        """Nothing is kept."""

    def closed(self, at: int) -> None:
        """Nothing is kept."""

    def end(self, at: int) -> None:
        """Nothing is kept."""

    def failed(self, attempt: CallAttempt) -> None:
        """Nothing is kept."""

    def paused(self, pause: Pause) -> None:
        """Nothing is kept."""

    def settle(self) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Nothing is kept."""


_NOWHERE = NoWireLog()
_log: ContextVar[WireLog] = ContextVar("wire_log", default=_NOWHERE)


@contextmanager
def recording(log: WireLog) -> Iterator[None]:
    """Tell `log` of all calls that this thread makes in the body, and close it then."""
    token = _log.set(log)
    try:
        yield
    finally:
        _log.reset(token)
        log.close()


def wire_log() -> WireLog:
    """Who is told of this thread's calls."""
    return _log.get()
