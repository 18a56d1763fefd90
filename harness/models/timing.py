"""A model call as spans of the trial's clock and as a row of its record; pure."""

from collections.abc import Sequence

from harness.clock import Phase, Span
from harness.models.contract import OWN_QUEUE, CallAttempt, CallFailedError, CallTimes, Pause, Reply
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
    """The record's row of an answered call."""
    times, usage = reply.times, reply.usage
    failed = reply.attempts[:-1]
    decode_ns, decode_tokens = _decode(reply)
    return CallRow(
        turn=turn,
        connect_ns=_between(times.send, times.headers),
        first_chunk_ns=_between(times.send, times.first_chunk),
        first_token_ns=_between(times.send, times.first_token),
        first_answer_ns=_between(times.send, times.first_answer),
        last_token_ns=_between(times.send, times.last_token),
        decode_ns=decode_ns,
        decode_tokens=decode_tokens,
        total_ns=times.end - times.send,
        wait_ns=_waited_ns(failed, reply.pauses),
        largest_gap_ns=times.largest_gap_ns,
        deltas=times.deltas,
        received_bytes=times.received_bytes,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cached_input_tokens=usage.cached_input_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        cost_usd=cost_usd(usage, price),
        attempts=len(reply.attempts),
        faults=tuple(each.fault for each in reply.attempts if each.fault),
        billable_attempts=sum(each.may_be_billed for each in failed),
        unfinished_deltas=sum(each.times.deltas for each in failed),
        finish_reason=reply.finish_reason,
        api=reply.api,
        transport=reply.transport,
        served_model=reply.served_model,
        service_tier=reply.service_tier,
        system_fingerprint=reply.system_fingerprint,
        request_id=reply.attempts[-1].request_id,
        server_timings=dict(reply.server_timings),
    )


def _waited_ns(failed: Sequence[CallAttempt], pauses: Sequence[Pause]) -> int:
    """What failed attempts and pauses took, but the harness's own queue; they never overlap."""
    theirs = [pause for pause in pauses if pause.reason != OWN_QUEUE]
    return sum(each.times.end - each.times.send for each in failed) + sum(pause.t1 - pause.t0 for pause in theirs)


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


def _decode(reply: Reply) -> tuple[int | None, int | None]:
    """From when to when visible tokens were streamed, nanoseconds, and how many without the first; or None and None.

    Reasoning that was not streamed is output nobody saw arrive: its tokens are left out, and time counts from the
    first token of the answer. Where it went on between parts of the answer, or its size is not known, nor is the speed.
    """
    times, usage = reply.times, reply.usage
    hidden, start = _hidden_tokens(reply), times.first_token
    if hidden:
        start = times.first_answer
    decode_ns = _between(start, times.last_token)
    if decode_ns is None or decode_ns < MIN_DECODE_NS or times.deltas < 2:  # noqa: PLR2004 - a speed needs two moments
        return None, None
    if usage.output_tokens is None or hidden is None or usage.output_tokens - hidden < 2:  # noqa: PLR2004 - the same
        return None, None
    return decode_ns, usage.output_tokens - hidden - 1


def _hidden_tokens(reply: Reply) -> int | None:
    """Reasoning tokens that were not streamed; None where they cannot be told from the others."""
    tokens = reply.usage.reasoning_tokens
    if not reply.hidden_reasoning:
        return 0 if reply.message.reasoning else tokens or 0
    return tokens if reply.hidden_reasoning == "before" or tokens == 0 else None


def _between(t0: int | None, t1: int | None) -> int | None:
    return None if t0 is None or t1 is None else t1 - t0
