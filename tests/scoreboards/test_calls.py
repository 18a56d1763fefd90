"""Model calls: tokens, failed attempts, wires, and who served them."""

from collections.abc import Callable

import pytest

from harness.record import CallRow, Record
from scoreboards.calls import FaultGroup, model_calls
from scoreboards.served import Served, is_other, served_models

SECOND = 1_000_000_000
Make = Callable[..., Record]
MakeCall = Callable[..., CallRow]


@pytest.mark.parametrize(
    ("requested", "served", "other"),
    [
        ("gpt-x", "gpt-x", False),
        ("gpt-x", "GPT-X", False),
        ("gpt-x", "gpt-x-2026-01-01", False),
        ("gpt-4", "gpt-4-0613", False),
        ("gemini-x-preview", "gemini-x-preview-05-20", False),
        ("gemini-x-preview", "gemini-x-preview-09-2025", False),
        ("gemini-x", "gemini-x-2-05", True),
        ("claude-opus-4", "claude-opus-4-20250514", False),
        ("claude-x-latest", "claude-x-20260101", False),
        ("gemini-1.5-pro", "gemini-1.5-pro-002", False),
        ("qwen3", "qwen3:latest", False),
        ("openai/gpt-x", "gpt-x-2026-01-01", False),
        ("gpt-5", "gpt-5-mini", True),
        ("gpt-5", "gpt-5.1", True),
        ("gpt-4", "gpt-4o", True),
        ("claude-opus-4", "claude-opus-4-1", True),
        ("gpt-x", "tiny", True),
        ("a/gpt-x", "b/gpt-x", True),
        ("", "tiny", False),
        ("gpt-x", "", False),
    ],
)
def test_which_model_is_another(requested: str, served: str, other: bool) -> None:  # noqa: FBT001 - a table of cases
    """A date or a version number makes no other model, a smaller sister does; unknown is not an accusation."""
    assert is_other(requested, served) is other


def test_served_models_are_counted(record: Make, call: MakeCall) -> None:
    """Who answered, most calls first; a replay, which nobody serves, is never another model."""
    calls = [call(n, served_model="gpt-x-2026-01-01") for n in range(2)] + [call(3, served_model="tiny")]
    assert served_models([record({}, requested_model="gpt-x", calls=calls)]) == (
        Served(requested="gpt-x", served="gpt-x-2026-01-01", calls=2, other=False),
        Served(requested="gpt-x", served="tiny", calls=1, other=True),
    )
    replayed = record({}, requested_model="gpt-x", simulated=True, calls=[call(served_model="replay")])
    assert not served_models([replayed])[0].other
    simulated = record({}, requested_model="m", simulated=True, calls=[call(served_model="x", transport="http")])
    assert served_models([simulated])[0].other


def test_tokens_and_moments(record: Make, call: MakeCall) -> None:
    """Parts of totals beside them; a call that never ended makes every sum a lower bound."""
    calls = [
        call(1, cached_input_tokens=600, reasoning_tokens=50, first_chunk_ns=3, first_answer_ns=9, largest_gap_ns=7),
        call(2, reasoning_tokens=1, first_chunk_ns=5, largest_gap_ns=11, connect_ns=None),
    ]
    found = model_calls([record({}, calls=calls)])
    assert (found.answered, found.unanswered) == (2, 0)
    assert (found.cached_input_tokens.value, found.cached_input_tokens.is_lower_bound) == (600, True)
    assert (found.reasoning_tokens.value, found.reasoning_tokens.is_lower_bound) == (51, False)
    assert (found.headers_median_ns, found.first_chunk_median_ns, found.first_answer_median_ns) == (SECOND // 10, 4, 9)
    assert found.largest_gap_ns == 11
    cut = model_calls([record({}, calls=calls, unanswered_calls=1)])
    assert (cut.reasoning_tokens.value, cut.reasoning_tokens.is_lower_bound, cut.unanswered) == (51, True, 1)


def test_old_calls_leave_their_figures_unknown(record: Make, call: MakeCall) -> None:
    """No gap of 0 and no waiting of 0 where nobody measured them."""
    found = model_calls([record({}, calls=[call(1, faults=("timeout",))])])
    assert (found.largest_gap_ns, found.first_chunk_median_ns) == (None, None)
    assert found.fault_groups == (FaultGroup(kinds=("timeout",), calls=1, attempts=1, wait_ns=None),)
    assert found.wires == {("", ""): 1}


def test_waiting_is_booked_on_the_faults_it_was_for(record: Make, call: MakeCall) -> None:
    """Calls with several kinds of faults are a group of their own, so that no waiting counts twice."""
    calls = [
        call(1, faults=("rate_limit",), wait_ns=3 * SECOND),
        call(2, faults=("rate_limit", "rate_limit"), wait_ns=4 * SECOND),
        call(3, faults=("timeout", "rate_limit"), wait_ns=9 * SECOND),
        call(4, wait_ns=0, api="chat", transport="http", service_tier="priority"),
    ]
    found = model_calls([record({}, calls=calls)])
    assert found.failed_attempts == 5
    assert list(found.faults.items()) == [("rate_limit", 4), ("timeout", 1)]
    assert found.fault_groups == (
        FaultGroup(kinds=("rate_limit",), calls=2, attempts=3, wait_ns=7 * SECOND),
        FaultGroup(kinds=("rate_limit", "timeout"), calls=1, attempts=2, wait_ns=9 * SECOND),
    )
    assert found.wires == {("", ""): 3, ("chat", "http"): 1}
    gave_up = record({"wait": 7}, repeat=2, verdict="error:provider", sub_phases={"wait.backoff": 7 * SECOND})
    assert model_calls([gave_up]).provider_wait == {"failed_call": 0, "backoff": 7 * SECOND, "rate_limit": 0}
    assert found.tiers == {"": 3, "priority": 1}


def test_tries_of_calls_that_were_given_up_count(record: Make, call: MakeCall) -> None:
    """A provider that never answered has failed tries all the same, apart from those before an answer."""
    gave_up = record({}, repeat=2, verdict="error:provider", unanswered_faults=("server_error", "server_error"))
    found = model_calls([record({}, calls=[call(1, faults=("timeout",), wait_ns=1)]), gave_up])
    assert (found.answered, found.failed_attempts) == (1, 3)
    assert found.faults == {"server_error": 2, "timeout": 1}
    assert found.unanswered_faults == {"server_error": 2}
    assert [group.attempts for group in found.fault_groups] == [1]
