"""What of a fault's outcome is not as it must be."""

from collections.abc import Iterator
from itertools import pairwise

from tests.faults.play import Seen
from tests.faults.rows import FAILED, RATE_LIMIT, RETRY_AFTER_S

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
    yield "pauses are as long as the simulator saw nothing", _paused_long_enough(seen), True
    if seen.row.alone and RATE_LIMIT in seen.row.expected.waits:
        yield "Retry-After is obeyed", seen.wait_ns(RATE_LIMIT) >= RETRY_AFTER_S * 10**9, True


def _paused_long_enough(seen: Seen) -> bool:
    """Between a failed attempt's sending and the next request there is at least what was booked as waiting."""
    failed = [sent for sent in seen.requests if sent.fault]
    gaps = [after.received_ns - before.received_ns for before, after in pairwise(seen.requests) if before in failed]
    slack_ns = 50_000_000 * len(failed)  # for what a request takes to arrive
    return (
        not gaps or abs(sum(gaps) - sum(map(seen.wait_ns, (FAILED, "backoff", RATE_LIMIT)))) <= sum(gaps) / 4 + slack_ns
    )


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
