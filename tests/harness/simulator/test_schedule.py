"""When which part of a scripted turn is due."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.models.assembly import Assembly
from harness.simulator.config import Pace
from harness.simulator.script import schedule, usage
from harness.turns import ScriptedCall, Turn

TURN = Turn(
    reasoning="r" * 9, content="c" * 41, tool_calls=(ScriptedCall(name="a", arguments="x" * 17), ScriptedCall(name="b"))
)

turns = st.builds(
    Turn,
    reasoning=st.text(max_size=30),
    content=st.text(max_size=60),
    tool_calls=st.lists(st.builds(ScriptedCall, name=st.just("t"), arguments=st.text(max_size=30)), max_size=3),
)


def test_first_token_comes_alone_and_rate_is_exact() -> None:
    """Token n is due n / rate after the first: a client that divides tokens - 1 by its decode time gets the rate."""
    chunks = list(schedule(TURN, Pace(tokens_per_s=100, tokens_per_chunk=4), "x"))
    assert [chunk.tokens for chunk in chunks] == [1, 2, 4, 4, 3, 4, 1, 1]
    total = sum(chunk.tokens for chunk in chunks)
    assert total == TURN.output_tokens == 20
    assert chunks[0].due_ns == 0
    assert chunks[-1].due_ns == (total - 1) * 10_000_000


def test_full_speed_is_due_at_once() -> None:
    """Zero tokens per second is no pace at all."""
    assert {chunk.due_ns for chunk in schedule(TURN, Pace(tokens_per_chunk=3), "x")} == {0}


@given(turns, st.integers(1, 9), st.sampled_from([0, 1, 65, 1000]))
def test_any_turn_survives_being_cut(turn: Turn, size: int, rate: float) -> None:
    """Whatever the text and the size of chunks: put together again it is the turn, in order, tokens adding up."""
    chunks = list(schedule(turn, Pace(tokens_per_s=rate, tokens_per_chunk=size), "x"))
    assembly = Assembly()
    for chunk in chunks:
        assert assembly.feed({"choices": [{"index": 0, "delta": json.loads(json.dumps(chunk.delta))}]}, chunk.due_ns)
    message = assembly.message((), "x")
    assert (message.reasoning, message.content) == (turn.reasoning, turn.content)
    spoken = [call for call in turn.tool_calls if call.arguments]
    assert [call.arguments for call in message.tool_calls if call.arguments != "{}"] == [
        call.arguments for call in spoken if call.arguments != "{}"
    ]
    assert sum(chunk.tokens for chunk in chunks) == turn.output_tokens
    assert [chunk.due_ns for chunk in chunks] == sorted(chunk.due_ns for chunk in chunks)


@pytest.mark.parametrize("content", [None, "", "12345"])
def test_usage_counts_what_was_asked(content: str | None) -> None:
    """The prompt is its texts, arguments and tools, four characters a token."""
    call: dict[str, Any] = {"id": "a", "function": {"name": "t", "arguments": "{}"}}
    messages = [{"role": "user", "content": content}, {"role": "assistant", "content": None, "tool_calls": [call]}]
    counted = usage(TURN, {"messages": messages})
    assert counted["prompt_tokens"] == 1 + len(content or "") // 4 + (len(content or "") % 4 > 0)
    assert counted["total_tokens"] == counted["prompt_tokens"] + 20
