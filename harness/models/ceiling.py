"""How many output tokens may still stream into a call: a stream that passes that is cut, for it is paid for."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from harness.models.faults import Fault, FaultError


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """How many output tokens are left, asked anew at each piece of an answer, from the call's own thread.

    `fault` is that of a call which passes it (`Fault.TOKEN_LIMIT`, `Fault.BUDGET`), `what` the words for it.
    """

    left: Callable[[], float]
    fault: Fault
    what: str


_ceilings: ContextVar[tuple[Ceiling, ...]] = ContextVar("ceilings", default=())


@contextmanager
def under(ceiling: Ceiling) -> Iterator[None]:
    """Cut what passes this ceiling, beside those that hold already, in all calls that this thread makes in the body."""
    token = _ceilings.set((*_ceilings.get(), ceiling))
    try:
        yield
    finally:
        _ceilings.reset(token)


def check_ceilings(tokens: int) -> None:
    """End a request that has streamed about so many tokens and is not at its end. Raises FaultError, never retried.

    A provider tells its own count only at the end. Until then a piece of an answer (a delta) counts as one token, or
    four of its characters do, whichever gives more: servers put several tokens into a piece rather than less than one,
    and few tokens have more than four characters. Reasoning that is not streamed is seen when it is over.
    """
    for ceiling in _ceilings.get():
        left = ceiling.left()
        if tokens > left:
            raise FaultError(ceiling.fault, f"cut after about {tokens} tokens: {max(0, round(left))} of {ceiling.what}")
