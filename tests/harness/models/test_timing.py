"""Spans and rows of calls."""

from dataclasses import replace

import pytest

from harness.clock import Phase, partition
from harness.models.contract import CallAttempt, CallTimes, Message, Pause, Reply, Role, Usage
from harness.models.prices import Price, cost_usd
from harness.models.timing import call_row, spans

MS = 1_000_000
TIMES = CallTimes(
    send=10 * MS,
    headers=15 * MS,
    first_chunk=40 * MS,
    first_token=50 * MS,
    first_answer=90 * MS,
    last_token=250 * MS,
    end=260 * MS,
    deltas=20,
)
USAGE = Usage(input_tokens=1000, output_tokens=101, cached_input_tokens=400, reasoning_tokens=40)


def reply(times: CallTimes = TIMES, usage: Usage = USAGE, reasoning: str = "hm") -> Reply:
    """A reply of one attempt."""
    return Reply(
        message=Message(role=Role.ASSISTANT, content="hi", reasoning=reasoning),
        finish_reason="stop",
        usage=usage,
        attempts=(CallAttempt(times=times),),
    )


def test_spans_of_an_answered_call() -> None:
    """Connect, first token and decode follow each other without a gap; the tail belongs to decode."""
    assert [(span.sub, span.t0 // MS, span.t1 // MS) for span in spans(reply(), 3)] == [
        ("connect", 10, 15),
        ("first_token", 15, 50),
        ("decode", 50, 260),
    ]


def test_spans_sum_in_the_partition() -> None:
    """Sub-phases of the model sum to the call, the rest is the harness."""
    split = partition(spans(reply(), 1), 0, 300 * MS)
    assert split.sub_phases == {"model.connect": 5 * MS, "model.first_token": 35 * MS, "model.decode": 210 * MS}
    assert split.phases[Phase.HARNESS] == 50 * MS


def test_answer_without_tokens_has_no_decode() -> None:
    """All of an empty answer is the wait for its first token."""
    times = replace(TIMES, first_token=None, first_answer=None, last_token=None, deltas=0)
    assert [(span.sub, span.t1 - span.t0) for span in spans(reply(times), 1)] == [
        ("connect", 5 * MS),
        ("first_token", 245 * MS),
    ]


def test_row_of_a_call() -> None:
    """Durations are those of the answered attempt; TTFT counts from sending."""
    row = call_row(reply(), 3, Price(input=2.0, output=10.0, cached_input=0.5))
    assert (row.turn, row.connect_ns, row.first_token_ns, row.total_ns) == (3, 5 * MS, 40 * MS, 250 * MS)
    assert (row.decode_ns, row.decode_tokens) == (200 * MS, 100)
    assert row.cost_usd == pytest.approx((600 * 2 + 400 * 0.5 + 101 * 10) / 1e6)


def test_hidden_reasoning_is_not_decode() -> None:
    """Reasoning tokens that were not streamed are no part of the decode speed."""
    assert call_row(reply(reasoning=""), 1, None).decode_tokens == 60


@pytest.mark.parametrize(
    "unclear",
    [
        reply(replace(TIMES, deltas=1)),
        reply(replace(TIMES, last_token=99 * MS)),
        reply(usage=Usage(input_tokens=1)),
        reply(usage=Usage(output_tokens=1)),
        reply(replace(TIMES, first_token=None, last_token=None)),
    ],
)
def test_unclear_speed_is_unknown(unclear: Reply) -> None:
    """With one delta, under 50 ms, or without usage there is no speed: neither tokens nor time."""
    row = call_row(unclear, 1, None)
    assert (row.decode_ns, row.decode_tokens) == (None, None)


def test_unknown_cost_is_none() -> None:
    """Without a price or without tokens the cost is unknown; unreported cache hits are charged in full."""
    price = Price(input=1.0, output=1.0)
    assert cost_usd(USAGE, None) is None
    assert cost_usd(Usage(input_tokens=5), price) is None
    assert cost_usd(Usage(input_tokens=5, output_tokens=5), price) == pytest.approx(1e-5)
    assert cost_usd(USAGE, price) == pytest.approx(1101 / 1e6)


def test_row_has_every_moment() -> None:
    """Each counts from sending."""
    row = call_row(reply(), 3, None)
    assert (row.first_chunk_ns, row.first_token_ns, row.first_answer_ns) == (30 * MS, 40 * MS, 80 * MS)
    assert (row.last_token_ns, row.total_ns, row.deltas, row.wait_ns) == (240 * MS, 250 * MS, 20, 0)


def test_row_says_what_carried_and_served_it() -> None:
    """In the provider's own words."""
    served = replace(
        reply(replace(TIMES, largest_gap_ns=7, received_bytes=9)),
        api="responses",
        transport="http",
        served_model="m-2",
        service_tier="flex",
        system_fingerprint="fp",
        attempts=(CallAttempt(times=TIMES, request_id="req"),),
        server_timings={"queue_time": 0.5},
    )
    row = call_row(served, 1, None)
    assert (row.api, row.transport, row.served_model, row.service_tier) == ("responses", "http", "m-2", "flex")
    assert (row.system_fingerprint, row.request_id, row.server_timings) == ("fp", "req", {"queue_time": 0.5})


def test_waiting_is_failed_attempts_and_pauses() -> None:
    """What came in a failed attempt is counted apart: it may be billed."""
    failed = CallAttempt(times=CallTimes(send=0, end=3 * MS, deltas=5), fault="connection")
    retried = replace(
        reply(),
        attempts=(failed, *reply().attempts),
        pauses=(Pause(t0=3 * MS, t1=9 * MS, reason="backoff"),),
    )
    row = call_row(retried, 1, None)
    assert (row.wait_ns, row.unfinished_deltas, row.deltas) == (9 * MS, 5, 20)


@pytest.mark.parametrize(("deltas", "billable"), [(0, 0), (5, 1)])
def test_a_status_after_a_part_of_the_answer_refuses_nothing(deltas: int, billable: int) -> None:
    """Servers tell of an error in mid-stream by a status too: what came before may be billed all the same."""
    failed = CallAttempt(times=CallTimes(send=0, end=3 * MS, deltas=deltas), fault="server_error", status=502)
    row = call_row(replace(reply(), attempts=(failed, *reply().attempts)), 1, None)
    assert row.billable_attempts == billable


def test_a_summary_is_not_decode() -> None:
    """Where reasoning came as a summary at most, speed is that of the answer, from its own first token."""
    summed = replace(reply(reasoning="in short"), hidden_reasoning="before")
    row = call_row(summed, 1, None)
    assert (row.decode_ns, row.decode_tokens) == (160 * MS, 60)


@pytest.mark.parametrize(
    ("where", "tokens"),
    [("between", 40), ("before", None), ("between", None)],
)
def test_hidden_reasoning_of_unknown_size_or_place_hides_the_speed(where: str, tokens: int | None) -> None:
    """Then nobody can tell what was written when."""
    usage = replace(USAGE, reasoning_tokens=tokens)
    row = call_row(replace(reply(usage=usage), hidden_reasoning=where), 1, None)
    assert (row.decode_ns, row.decode_tokens) == (None, None)


def test_an_open_reasoning_item_without_tokens_hides_nothing() -> None:
    """Some servers announce reasoning and do none."""
    usage = replace(USAGE, reasoning_tokens=0)
    row = call_row(replace(reply(usage=usage, reasoning=""), hidden_reasoning="between"), 1, None)
    assert (row.decode_ns, row.decode_tokens) == (200 * MS, 100)


def test_failed_attempts_are_named_in_the_row() -> None:
    """The row counts attempts and keeps their faults; its durations leave them out."""
    failed = CallAttempt(times=CallTimes(send=0, end=9 * MS), fault="rate_limit", status=429)
    retried = replace(reply(), attempts=(failed, *reply().attempts))
    row = call_row(retried, 1, None)
    assert (row.attempts, row.faults, row.total_ns) == (2, ("rate_limit",), 250 * MS)
    first = spans(retried, 1)[0]
    assert (first.sub, first.details) == ("failed_call", {"fault": "rate_limit", "status": 429})
