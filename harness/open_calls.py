"""A call that was under way when a process died: its answer if it was complete, else whether it may have been paid."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from harness.messages import message_json
from harness.models.contract import Reply
from harness.models.prices import Price
from harness.models.timing import call_row, spans
from harness.past import OpenCall, Past, spent_ns
from harness.record import SpanRow
from harness.recorded import RecordedReply


@dataclass(frozen=True, slots=True, kw_only=True)
class CameOf:
    """What is known of a call without an outcome: its whole `reply`; that `nothing` was under way; else it is in doubt.

    Of a call in doubt `received_bytes` and `deltas` had come.
    """

    reply: Reply | None = None
    nothing: bool = False
    received_bytes: int = 0
    deltas: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A past whose open call is settled, and the row to write about it, if any: its kind ("" for none) and body."""

    past: Past
    kind: str = ""
    body: Mapping[str, Any] | None = None


def in_doubt(_trial_id: str, _attempt: int, _call: OpenCall) -> CameOf:
    """What is known where nothing was written down of what came: nothing."""
    return CameOf()


def settled(past: Past, came: CameOf, price_for: Callable[[Reply], Price | None]) -> Settled:
    """The past once its open call came to this."""
    call = past.open_call
    if call is None or came.nothing:
        return Settled(past=replace(past, open_call=None))
    if came.reply is not None:
        return _promoted(past, call, came.reply, price_for(came.reply))
    body = {
        "turn": call.turn,
        "request": call.request,
        "received_bytes": came.received_bytes,
        "deltas": came.deltas,
    }
    doubted = replace(past, open_call=None, in_doubt=past.in_doubt + 1)
    return Settled(past=doubted, kind="in_doubt", body=body)


def _promoted(past: Past, call: OpenCall, reply: Reply, price: Price | None) -> Settled:
    """The answer as if it had been heard to its end: it takes its own time, from its intent on."""
    row = call_row(reply, call.turn, price)
    earliest, latest = reply.attempts[0].times.send, reply.times.end
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
        "promoted": True,
        "at_ns": elapsed_ns,
        "spans": [one.model_dump() for one in rows],
    }
    after = replace(past, open_call=None, elapsed_ns=elapsed_ns, spans=(*past.spans, *rows), recorded=recorded)
    return Settled(past=after, kind="response", body=body)
