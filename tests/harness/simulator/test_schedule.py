"""When which part of a scripted turn is due."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.simulator.chat import ChatAnswer
from harness.simulator.chat_request import ChatRequest
from harness.simulator.config import Pace
from harness.simulator.schedule import Part, schedule
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
    chunks = list(schedule(TURN, Pace(tokens_per_s=100, tokens_per_chunk=4)))
    assert [chunk.tokens for chunk in chunks] == [1, 2, 4, 4, 3, 4, 1, 1]
    total = sum(chunk.tokens for chunk in chunks)
    assert total == TURN.output_tokens == 20
    assert chunks[0].due_ns == 0
    assert chunks[-1].due_ns == (total - 1) * 10_000_000


def test_full_speed_is_due_at_once() -> None:
    """Zero tokens per second is no pace at all."""
    assert {chunk.due_ns for chunk in schedule(TURN, Pace(tokens_per_chunk=3))} == {0}


@given(turns, st.integers(1, 9), st.sampled_from([0, 1, 65, 1000]))
def test_any_turn_survives_being_cut(turn: Turn, size: int, rate: float) -> None:
    """Whatever the text and the size of chunks: put together again it is the turn, in order, tokens adding up."""
    chunks = list(schedule(turn, Pace(tokens_per_s=rate, tokens_per_chunk=size)))
    texts = {
        part: "".join(chunk.text for chunk in chunks if chunk.part is part) for part in (Part.REASONING, Part.CONTENT)
    }
    assert texts == {Part.REASONING: turn.reasoning, Part.CONTENT: turn.content}
    for number, call in enumerate(turn.tool_calls):
        own = [chunk for chunk in chunks if chunk.part is Part.CALL and chunk.call == number]
        assert "".join(chunk.text for chunk in own) == call.arguments_text()
        assert [(chunk.first, chunk.last) for chunk in own] == [
            (each == 0, each == len(own) - 1) for each in range(len(own))
        ]
    assert sum(chunk.tokens for chunk in chunks) == turn.output_tokens
    assert [chunk.due_ns for chunk in chunks] == sorted(chunk.due_ns for chunk in chunks)


@pytest.mark.parametrize("content", [None, "", "12345"])
def test_usage_counts_what_was_asked(content: str | None) -> None:
    """The prompt is its texts, arguments and tools, four characters a token."""
    call: dict[str, Any] = {"id": "a", "function": {"name": "t", "arguments": "{}"}}
    messages = [
        {"role": "user", "content": content},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": "", "tool_call_id": "a"},
    ]
    request = ChatRequest.from_json(json.dumps({"model": "m", "messages": messages}).encode())
    counted = ChatAnswer(request=request, turn=TURN, pace=Pace(), id="x").whole()["usage"]
    assert counted["prompt_tokens"] == 1 + len(content or "") // 4 + (len(content or "") % 4 > 0)
    assert counted["total_tokens"] == counted["prompt_tokens"] + 20
