"""What of a fault's outcome is not as it must be."""

from collections.abc import Iterator
from itertools import pairwise

from tests.faults.play import Seen
from tests.faults.rows import RATE_LIMIT, RETRY_AFTER_S

TRANSPORTS = {"chat": "http", "responses": "http", "responses-websocket": "websocket"}


def problems(seen: Seen) -> tuple[str, ...]:
    """A line for everything that is not as its row expects, or as it must be for every row."""
    return tuple(f"{what}: {is_!r}, not {wanted!r}" for what, is_, wanted in _compared(seen) if is_ != wanted)


def _compared(seen: Seen) -> Iterator[tuple[str, object, object]]:
    """What, as it is, as it must be."""
    record, expected = seen.record, seen.row.expected
    yield "stop", record.stop, expected.stop
    yield "verdict", record.verdict.value, expected.verdict
    yield "exit code", seen.exit_code, expected.exit_code
    yield "requests, as the simulator counts them", len(seen.requests), expected.requests
    yield "failed attempts", seen.failed, expected.faults
    yield "waits", set(seen.waits), set(expected.waits)
    yield "tool calls", seen.tools, expected.tools
    yield "what was to be said is in the transcript", expected.says in seen.said, True
    yield "failed attempts in the journal", seen.journalled, len(expected.faults)
    yield from _booked(seen)
    yield from _told(seen)
    yield from _others(seen)


def _booked(seen: Seen) -> Iterator[tuple[str, object, object]]:
    """Failed attempts and pauses are waiting, answered calls are model time, and all of it is the wall."""
    record = seen.record
    calls = len(record.calls)
    yield "sum of phases", sum(record.phases.values()), record.wall_ns
    yield "model time", record.phases["model"], sum(call.total_ns for call in record.calls)
    yield "answered and failed attempts", calls + len(seen.failed), seen.row.expected.requests
    yield "each attempt is booked around the moment that the simulator got it", _around_their_moments(seen), True
    yield "pauses are booked between attempts", _between_attempts(seen), True
    if seen.row.alone and RATE_LIMIT in seen.row.expected.waits:
        yield "Retry-After is obeyed", seen.wait_ns(RATE_LIMIT) >= RETRY_AFTER_S * 10**9, True


def _around_their_moments(seen: Seen) -> bool:
    """Each attempt was sent before the simulator received it, and ended after: on one clock, the trial's start apart.

    Whatever the load: some start of the trial must exist for which that holds of all attempts.
    """
    if len(seen.attempts) != len(seen.requests):
        return False
    arrived = [sent.received_ns for sent in seen.requests]
    moments = list(zip(arrived, seen.attempts, strict=True))
    if seen.requests[0].fault == "handshake":  # refused while the connection was warmed, told to the first attempt
        del moments[0]
    return max(at - end for at, (_, end) in moments) <= min(at - begin for at, (begin, _) in moments)


def _between_attempts(seen: Seen) -> bool:
    """No pause lies inside an attempt, and there is none but between two of them."""
    gaps = [(before[1], after[0]) for before, after in pairwise(seen.attempts)]
    return all(any(end <= t0 and t1 <= begin for end, begin in gaps) for t0, t1 in seen.pauses)


def _told(seen: Seen) -> Iterator[tuple[str, object, object]]:
    """Served model, transport and usage of every call, as the provider told them."""
    expected = seen.row.expected
    for call in seen.record.calls:
        yield "api", call.api, seen.api
        yield "transport", call.transport, TRANSPORTS[seen.api]
    served = {call.served_model for call in seen.record.calls} - {f"{seen.row.name}_{seen.api}"}
    yield "served by another model", served, {expected.served} - {""}
    yield "the board tells of it", expected.served in seen.board, True
    yield (
        "part of an answer is kept in mind",
        any(call.unfinished_deltas for call in seen.record.calls),
        expected.partial,
    )
    unknown = [call for call in seen.record.calls if call.output_tokens is None]
    yield "calls without usage", len(unknown), 0 if expected.usage else 1
    if not expected.usage:
        yield "cost is a lower bound", seen.record.cost_is_lower_bound, True


def _others(seen: Seen) -> Iterator[tuple[str, object, object]]:
    """Of a lost provider nothing more is asked; another one is not harmed."""
    for record, requests in seen.later:
        yield "requests of a later trial", requests, 0
        yield "a later trial's stop", record.stop, seen.row.expected.stop
    if seen.row.alone:
        yield "another provider's trial", seen.other and seen.other.verdict.value, "pass"
