"""A provider's own clock: every server's keys and units, and the difference to ours."""

from collections.abc import Callable, Mapping

import pytest

from harness.record import CallRow
from scoreboards.server_time import ServerTime, both_clocks, server_time

MS, S = 10**6, 10**9
CEREBRAS = {"queue_time": 0.5, "prompt_time": 1, "completion_time": 2, "total_time": 4, "created": 1.7e9}
GROQ = {"queue_time": 0.5, "prompt_time": 1.0, "completion_time": 2.0, "total_time": 3.0}


@pytest.mark.parametrize(
    ("timings", "expected"),
    [
        (
            {"prompt_n": 9, "prompt_ms": 12.5, "predicted_ms": 100, "predicted_n": 3, "cache_n": 0},
            ServerTime(
                source="llama.cpp",
                first_token_ns=12_500_000,
                generation_ns=100 * MS,
                total_ns=112_500_000,
            ),
        ),
        (
            {"queue_time_ms": 5, "time_to_first_token_ms": 20, "generation_time_ms": 100, "mean_itl_ms": 9},
            ServerTime(
                source="vLLM", queue_ns=5 * MS, first_token_ns=25 * MS, generation_ns=100 * MS, total_ns=125 * MS
            ),
        ),
        (
            CEREBRAS,
            ServerTime(
                source="Cerebras or Groq",
                queue_ns=S // 2,
                first_token_ns=3 * S // 2,
                generation_ns=2 * S,
                total_ns=4 * S,
            ),
        ),
        (
            GROQ,
            ServerTime(
                source="Cerebras or Groq",
                queue_ns=S // 2,
                first_token_ns=3 * S // 2,
                generation_ns=2 * S,
                total_ns=7 * S // 2,
            ),
        ),
        ({"openai-processing-ms": 350}, ServerTime(source="OpenAI", headers_ns=350 * MS)),
        (
            {"server.created_at": 1.7e9, "server.completed_at": 1.7e9 + 3},
            ServerTime(source="OpenAI", coarse_total_ns=3 * S),
        ),
        ({"server.created_at": 1.7e9}, None),
        ({"server.created_at": 9.0, "server.completed_at": 5.0}, None),
        ({}, None),
        ({"tokens_per_second": 65}, None),
    ],
)
def test_each_server(timings: Mapping[str, float], expected: ServerTime | None) -> None:
    """Seconds or milliseconds as each has it; Groq's total lacks the queue; what is unknown is nothing."""
    assert server_time(timings) == expected


def test_parts_that_are_missing_stay_unknown() -> None:
    """Half of the figures make no whole, and figures out of their minds are none."""
    assert server_time({"prompt_ms": 5}) == ServerTime(source="llama.cpp", first_token_ns=5 * MS)
    assert server_time({"generation_time_ms": 7}) == ServerTime(source="vLLM", generation_ns=7 * MS)
    assert server_time({"prompt_time": 1, "completion_time": 2, "total_time": 3}) == ServerTime(
        source="Cerebras or Groq", generation_ns=2 * S
    )
    for broken in (float("nan"), float("inf"), -1.0, 1e30):
        assert server_time({"openai-processing-ms": broken}) is None


def test_the_difference_is_client_less_server(call: Callable[..., CallRow]) -> None:
    """Over the calls that have both, never clamped: a server that counts more gives a figure below 0."""
    timed = {"prompt_ms": 400, "predicted_ms": 2100}
    calls = [
        call(1, server_timings=timed),
        call(2, server_timings=timed, first_token_ns=600 * MS, decode_ns=None),
        call(3),
    ]
    found = both_clocks(calls)
    assert found is not None
    assert (found.sources, found.queue_ns) == ({"llama.cpp": 2}, None)
    first, decode, total = (found.stretches[name] for name in ("first_token", "generation", "total"))
    assert (first.calls, first.client_ns, first.server_ns) == (2, 1100 * MS, 800 * MS)
    assert (first.difference_ns, first.median_ns) == (300 * MS, 150 * MS)
    assert (decode.calls, decode.difference_ns) == (1, -100 * MS)
    assert (total.calls, total.difference_ns) == (2, 0)
    assert "headers" not in found.stretches
    assert both_clocks(calls[2:]) is None


def test_openai_speaks_of_the_headers(call: Callable[..., CallRow]) -> None:
    """Its figure ends where the stream begins, and is held against our headers alone."""
    found = both_clocks([call(server_timings={"openai-processing-ms": 60})])
    assert found is not None
    assert list(found.stretches) == ["headers"]
    assert found.stretches["headers"].difference_ns == 40 * MS
