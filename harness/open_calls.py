"""A call that was under way when a process died: its answer if it was complete, else whether it may have been paid."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness.budget import Spending, Spent, in_doubt
from harness.lock import boot_id
from harness.messages import message_json
from harness.models.contract import Reply
from harness.models.prices import Price
from harness.models.timing import call_row, spans
from harness.models.wire_past import promoted, read_wire
from harness.past import OpenCall, Past, spent_ns
from harness.record import SpanRow
from harness.recorded import RecordedReply


@dataclass(frozen=True, slots=True, kw_only=True)
class CameOf:
    """What is known of a call without an outcome: its whole `reply`; that `nothing` was under way; else it is in doubt.

    Of a call in doubt `received_bytes` and `deltas` had come. `billable` says that an earlier request of the same call
    failed in a way that may be charged for, after `lost_deltas`.
    """

    reply: Reply | None = None
    nothing: bool = False
    received_bytes: int = 0
    deltas: int = 0
    billable: bool = False
    lost_deltas: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A past whose open call is settled, and the row to write about it, if any: its kind ("" for none) and body.

    `charged` is what the call comes to, as the row says too.
    """

    past: Past
    kind: str = ""
    body: Mapping[str, Any] | None = None
    charged: Spent = field(default_factory=Spent)


def nothing_known(_trial_id: str, _attempt: int, _call: OpenCall) -> CameOf:
    """What is known where nothing was written down of what came: nothing."""
    return CameOf()


def from_wire(path: Path, call: OpenCall) -> CameOf:
    """What the attempt's wire log at `path` tells of the call. Raises InfraError where it cannot be read."""
    last = read_wire(path, call.turn, call.life)
    if last is None:  # no request ever went out; but a machine that went down may have forgotten the file
        return CameOf(nothing=call.boot == boot_id())
    return CameOf(
        reply=promoted(last),
        nothing=not last.in_doubt,
        received_bytes=last.received_bytes,
        deltas=last.deltas,
        billable=any(attempt.may_be_billed for attempt in last.failed),
        lost_deltas=sum(attempt.times.deltas for attempt in last.failed if attempt.may_be_billed),
    )


def settled(past: Past, came: CameOf, price_for: Callable[[Reply], Price | None], price: Price | None) -> Settled:
    """The past once its open call came to this; `price` is what output is charged at whose usage nobody told."""
    call = past.open_call
    if call is None:
        return Settled(past=past)
    if came.reply is not None:
        return _promoted(past, call, came.reply, (price_for(came.reply), price))
    known = replace(past.recorded, unanswered_calls=past.recorded.unanswered_calls + came.billable)
    after = replace(past, open_call=None, in_doubt=past.in_doubt + (not came.nothing), recorded=known)
    charged = in_doubt(came.lost_deltas if came.nothing else came.lost_deltas + came.deltas, price)
    if came.nothing and not came.billable:
        return Settled(past=after)
    if came.nothing:
        body = {**_failed(past, call), "charged": charged.row()}
        return Settled(past=after, kind="call_failed", body=body, charged=charged)
    body = {
        "turn": call.turn,
        "request": call.request,
        "received_bytes": came.received_bytes,
        "deltas": came.deltas,
        "billable": came.billable,
        "charged": charged.row(),
    }
    return Settled(past=after, kind="in_doubt", body=body, charged=charged)


def _failed(past: Past, call: OpenCall) -> dict[str, Any]:
    """The body of a note on a call whose requests had all failed when its process died."""
    return {
        "turn": call.turn,
        "fault": "interrupted",
        "message": "its process died between two requests",
        "stop": "interrupted",
        "error": "",
        "billable": True,
        "faults": [],
        "at_ns": past.elapsed_ns,
        "spans": [],
    }


def _promoted(past: Past, call: OpenCall, reply: Reply, prices: tuple[Price | None, Price | None]) -> Settled:
    """The answer as if it had been heard to its end: it takes its own time, from its intent on.

    It is charged as any answer is, at the first of the prices, what has no usage at the second.
    """
    row = call_row(reply, call.turn, prices[0])
    charged = Spending(price=prices[1]).of(row, reply.message)
    earliest = min((reply.attempts[0].times.send, *(pause.t0 for pause in reply.pauses)))
    latest = reply.times.end
    rows = tuple(
        SpanRow(
            phase=str(span.phase),
            sub=span.sub,
            t0=span.t0 - earliest + past.elapsed_ns,
            t1=span.t1 - earliest + past.elapsed_ns,
            name=span.name,
            details=dict(span.details),
        )
        for span in spans(reply, call.turn)
    )
    elapsed_ns = past.elapsed_ns + latest - earliest
    known = past.recorded
    recorded = replace(
        known,
        replies={**known.replies, call.turn: RecordedReply(reply=reply, row=row)},
        spent_ns=spent_ns(elapsed_ns, (*past.spans, *rows)),
    )
    body = {
        **message_json(reply.message),
        **row.model_dump(),
        "charged": charged.row(),
        "promoted": True,
        "at_ns": elapsed_ns,
        "spans": [one.model_dump() for one in rows],
    }
    after = replace(past, open_call=None, elapsed_ns=elapsed_ns, spans=(*past.spans, *rows), recorded=recorded)
    return Settled(past=after, kind="response", body=body, charged=charged)
