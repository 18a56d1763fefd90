"""A model call as spans of the trial's clock and as a row of its record; pure."""

from harness.clock import Phase, Span
from harness.models.contract import CallAttempt, CallFailedError, CallTimes, Reply
from harness.models.prices import Price, cost_usd
from harness.record import CallRow

MIN_DECODE_NS = 50_000_000
"""A decode shorter than this says more about the network's buffers than about the model."""


def spans(outcome: Reply | CallFailedError, turn: int) -> tuple[Span, ...]:
    """The spans of one logical call: its answered attempt as model time, everything before that as waiting.

    The tail between the last token and the end of the answer (usage, the final marker) is decode time.
    """
    answered = isinstance(outcome, Reply)
    failed = outcome.attempts[:-1] if answered else outcome.attempts
    found = [_waiting("failed_call", each.times.send, each.times.end, turn, each) for each in failed]
    found += [_waiting(pause.reason, pause.t0, pause.t1, turn) for pause in outcome.pauses]
    if isinstance(outcome, Reply):
        found += _answered(outcome.times, turn)
    return tuple(sorted((span for span in found if span.t0 < span.t1), key=lambda span: span.t0))


def call_row(reply: Reply, turn: int, price: Price | None) -> CallRow:
    """The record's row of an answered call.

    `connect_ns` is sending to headers, `first_token_ns` sending to first token (TTFT), `decode_ns` first to last token.
    """
    times, usage = reply.times, reply.usage
    decode_tokens = _decode_tokens(reply)
    return CallRow(
        turn=turn,
        connect_ns=_between(times.send, times.headers),
        first_token_ns=_between(times.send, times.first_token),
        decode_ns=None if decode_tokens is None else _between(times.first_token, times.last_token),
        decode_tokens=decode_tokens,
        total_ns=times.end - times.send,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cached_input_tokens=usage.cached_input_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        cost_usd=cost_usd(usage, price),
        attempts=len(reply.attempts),
        faults=tuple(each.fault for each in reply.attempts if each.fault),
        finish_reason=reply.finish_reason,
        served_model=reply.served_model,
        server_timings=dict(reply.server_timings),
    )


def _answered(times: CallTimes, turn: int) -> list[Span]:
    """[send, headers) [headers, first token) [first token, end); a moment that did not come merges its neighbours."""
    headers = times.send if times.headers is None else times.headers
    first = times.end if times.first_token is None else times.first_token
    name = f"call {turn}"
    return [
        Span(phase=Phase.MODEL, sub="connect", t0=times.send, t1=headers, name=name),
        Span(phase=Phase.MODEL, sub="first_token", t0=headers, t1=first, name=name),
        Span(phase=Phase.MODEL, sub="decode", t0=first, t1=times.end, name=name),
    ]


def _waiting(sub: str, t0: int, t1: int, turn: int, attempt: CallAttempt | None = None) -> Span:
    details = {} if attempt is None else {"fault": attempt.fault, "status": attempt.status}
    return Span(phase=Phase.WAIT, sub=sub, t0=t0, t1=t1, name=f"call {turn}", details=details)


def _decode_tokens(reply: Reply) -> int | None:
    """Visible output tokens minus the first, or None where the speed cannot be told.

    Reasoning that was not streamed is output nobody saw arrive: it is left out, and where its size is not known but
    may be there, so is its speed.
    """
    times, usage = reply.times, reply.usage
    decode_ns = _between(times.first_token, times.last_token)
    if decode_ns is None or decode_ns < MIN_DECODE_NS or times.deltas < 2 or usage.output_tokens is None:  # noqa: PLR2004 - a speed needs two moments
        return None
    hidden = 0 if reply.message.reasoning else usage.reasoning_tokens or 0
    return max(0, usage.output_tokens - hidden - 1) or None


def _between(t0: int | None, t1: int | None) -> int | None:
    return None if t0 is None or t1 is None else t1 - t0
