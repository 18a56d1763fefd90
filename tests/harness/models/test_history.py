"""The body of a request, joined from parts that were encoded once, is what encoding it whole would give."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.models.chat_request import wire_message
from harness.models.contract import Message, Role, ToolCall
from harness.models.history import History
from harness.models.responses_request import input_items

Edit = Callable[[list[Message]], list[Message]]

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
calls = st.builds(ToolCall, id=text, name=text, arguments=text | st.just('{"a": "ü"}') | st.just("[]"))
messages = st.builds(
    Message,
    role=st.sampled_from(Role),
    content=text,
    reasoning=text,
    tool_calls=st.lists(calls, max_size=3).map(tuple),
    tool_call_id=text,
)
histories = st.lists(messages, max_size=6)
options = st.dictionaries(
    text.filter(lambda name: name != "messages"), st.integers() | st.booleans() | text, min_size=1
)


def whole(history: Sequence[Message], given_options: dict[str, Any], reasoning_field: str = "") -> bytes:
    """The request, encoded at once."""
    wire = [wire_message(message, reasoning_field) for message in history]
    request = {**given_options, "messages": wire}
    return json.dumps(request, ensure_ascii=False, separators=(",", ":")).encode()


def chat(reasoning_field: str = "") -> History:
    """A history as chat completions encode it."""
    return History(lambda message, _: (wire_message(message, reasoning_field),))


def ids(history: Sequence[Message]) -> set[str]:
    """The ids of all calls."""
    return {call.id for message in history for call in message.tool_calls}


@st.composite
def edits(draw: st.DrawFn) -> Edit:
    """A step of a conversation: messages appended, one put in another's place or shortened, or the end cut off."""
    kind = draw(st.sampled_from(["append", "replace", "shorten", "cut"]))
    where, more = draw(st.integers(0, 20)), draw(st.lists(messages, min_size=1, max_size=3))

    def edited(history: list[Message]) -> list[Message]:
        position = where % (len(history) + 1)
        before, after = history[:position], history[position + 1 :]
        if kind == "append" or position == len(history):
            return history + more
        if kind == "replace":
            return [*before, more[0], *after]
        return before if kind == "cut" else [*before, replace(history[position], content="short"), *after]

    return edited


@given(histories, st.lists(edits(), max_size=6), options, st.sampled_from(["", "reasoning"]))
def test_joined_body_is_the_whole_body(
    conversation: list[Message], steps: list[Edit], given_options: dict[str, Any], reasoning_field: str
) -> None:
    """Whatever happened to the history between two calls, also in its middle, body and ids are those of a new one."""
    history = chat(reasoning_field)
    for step in [list, *steps]:
        conversation = step(conversation)
        history.follow(conversation)
        assert history.body(given_options, "messages") == whole(conversation, given_options, reasoning_field)
        assert history.call_ids == ids(conversation)


@given(histories, st.integers(0, 6))
def test_body_may_begin_anywhere(conversation: list[Message], since: int) -> None:
    """Only the messages from a position on, also where one of them is several pieces or none at all."""
    since = min(since, len(conversation))
    history = History(lambda message, position: () if position == 0 else input_items(message))
    history.follow(conversation)
    pieces = [item for message in conversation[max(since, 1) :] for item in input_items(message)]
    assert json.loads(history.body({"a": 1}, "input", since)) == {"a": 1, "input": pieces}


@given(histories, messages)
def test_ids_of_an_earlier_call_stay(conversation: list[Message], another: Message) -> None:
    """The ids that were handed out do not change when the history goes on."""
    history = chat()
    history.follow(conversation)
    handed_out = history.call_ids
    history.follow([*conversation, another])
    assert handed_out == ids(conversation)


def test_known_messages_are_not_encoded_again() -> None:
    """A message stands for its text by being the same object: not even a change that nobody may make is seen."""
    known, more = Message(role=Role.USER, content="as it was"), Message(role=Role.USER, content="more")
    before = replace(known)
    history = chat()
    history.follow([known])
    object.__setattr__(known, "content", "changed behind its back")
    history.follow([known, more])
    assert history.body({"model": "m"}, "messages") == whole([before, more], {"model": "m"})
    history.follow([replace(known), more])
    assert history.body({"model": "m"}, "messages") == whole([known, more], {"model": "m"})


def test_text_that_no_wire_takes_leaves_the_history_whole() -> None:
    """Half a character cannot be sent; what was known before can be sent again."""
    good, bad = Message(role=Role.USER, content="go"), Message(role=Role.USER, content="\ud83d")
    history = chat()
    with pytest.raises(UnicodeEncodeError):
        history.follow([good, bad])
    history.follow([good, good])
    assert history.body({"model": "m"}, "messages") == whole([good, good], {"model": "m"})


def test_history_is_fit_for_strict_servers() -> None:
    """Arguments that are no JSON object go back as an empty one; reasoning only under the preset's name for it."""
    call = ToolCall(id="a", name="t", arguments='{"cut')
    message = Message(role=Role.ASSISTANT, reasoning="hm", tool_calls=(call,))
    plain, told = wire_message(message, ""), wire_message(message, "reasoning")
    assert plain["tool_calls"][0]["function"]["arguments"] == "{}"
    assert plain["content"] is None
    assert "reasoning" not in plain
    assert told["reasoning"] == "hm"
    answer = Message(role=Role.TOOL, content="ok", tool_call_id="a")
    assert wire_message(answer, "") == {"role": "tool", "content": "ok", "tool_call_id": "a"}
