"""What a Responses API request is made of."""

from dataclasses import replace
from typing import Any

import pytest

from harness.models.contract import Message, Role, ToolCall, ToolSpec
from harness.models.history import History
from harness.models.responses import ResponsesDialect
from harness.models.responses_request import input_items, response_options, untouched
from harness.models.settings import ModelSettings

REASONING: dict[str, Any] = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [],
    "encrypted_content": "gAAA",
    "status": None,
}
SENT = {name: value for name, value in REASONING.items() if value is not None}
SAID = {"type": "message", "id": "msg_1", "role": "assistant", "content": [{"type": "output_text", "text": "hi"}]}
CALL = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "shell", "arguments": '{"a":1}'}
OTHER = {**CALL, "id": "fc_2", "call_id": "c2"}


def answered(*items: dict[str, Any]) -> Message:
    """The message of an answer with these items."""
    written = [item for item in items if item["type"] == "function_call"]
    calls = (ToolCall(id=item["call_id"], name=item["name"], arguments=item["arguments"]) for item in written)
    return Message(role=Role.ASSISTANT, content="hi", tool_calls=tuple(calls), items=items)


def test_items_go_back_in_their_places() -> None:
    """Reasoning with its encryption before what it led to; nulls are left out, which requests do not take."""
    message = answered(REASONING, SAID, REASONING, CALL, OTHER)
    assert input_items(message) == (SENT, SAID, SENT, CALL, OTHER)
    assert untouched(message)


def test_calls_are_those_the_message_has_now() -> None:
    """Ids made unique and arguments made fit are sent; the items themselves stay as they came."""
    message = answered(REASONING, CALL, {**CALL, "arguments": '{"cut'})
    calls = (message.tool_calls[0], replace(message.tool_calls[1], id="c1_2", arguments="{}"))
    mended = replace(message, tool_calls=calls)
    assert input_items(mended) == (SENT, CALL, {**CALL, "call_id": "c1_2", "arguments": "{}"})
    assert mended.items[2]["arguments"] == '{"cut'
    assert not untouched(mended)


@pytest.mark.parametrize(
    ("items", "sent"),
    [
        ((REASONING, SAID, REASONING, CALL), (SENT, SAID)),
        ((SAID, REASONING, CALL), (SAID,)),
        ((REASONING, REASONING, CALL, OTHER), ()),
        ((REASONING,), ()),
    ],
)
def test_reasoning_goes_with_what_it_led_to(items: tuple[dict[str, Any], ...], sent: tuple[object, ...]) -> None:
    """Where a cut message lost its calls; a turn of which nothing is left is an empty message."""
    cut = replace(answered(*items), tool_calls=(), content="")
    nothing = {"type": "message", "role": "assistant", "content": ""}
    assert input_items(cut) == (sent or (nothing,))


def test_some_calls_may_be_left() -> None:
    """They are known by their ids."""
    message = answered(REASONING, CALL, REASONING, OTHER)
    assert input_items(replace(message, tool_calls=message.tool_calls[1:])) == (SENT, OTHER)


def test_reasoning_that_says_nothing_is_left_out() -> None:
    """Without encryption and without text there is nothing a server that stored nothing could find."""
    bare = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "in short"}]}
    told = {**bare, "content": [{"type": "reasoning_text", "text": "hm"}]}
    assert input_items(answered(bare, CALL)) == (CALL,)
    assert input_items(answered(told, CALL)) == (told, CALL)
    assert untouched(answered(bare, CALL))


def test_messages_of_other_apis_become_items() -> None:
    """Text and calls; a tool message answers its call."""
    message = replace(answered(CALL), items=())
    fields = {"type": "function_call", "call_id": "c1", "name": "shell", "arguments": '{"a":1}'}
    assert input_items(message) == ({"type": "message", "role": "assistant", "content": "hi"}, fields)
    assert not untouched(message)
    result = Message(role=Role.TOOL, content="ok", tool_call_id="c1")
    assert input_items(result) == ({"type": "function_call_output", "call_id": "c1", "output": "ok"},)


def test_options_of_a_request() -> None:
    """Nothing is stored, encryption is asked for, neutral parameters have their places."""
    parameters = {"max_output_tokens": 9, "reasoning_effort": "low", "reasoning": {"summary": "auto"}, "temperature": 0}
    settings = ModelSettings(model="m", base_url="u", parameters={**parameters, "include": ["x"]})
    tool = ToolSpec(name="t", description="d", parameters={"type": "object"})
    assert response_options(settings, [tool]) == {
        "model": "m",
        "store": False,
        "include": ["reasoning.encrypted_content", "x"],
        "max_output_tokens": 9,
        "temperature": 0,
        "reasoning": {"effort": "low", "summary": "auto"},
        "tools": [
            {"type": "function", "name": "t", "description": "d", "parameters": {"type": "object"}, "strict": False}
        ],
    }
    assert "include" not in response_options(settings, [], {"include"})
    assert "tools" not in response_options(settings, [])


def test_the_system_message_is_the_instructions() -> None:
    """The opening one; another one, later, stays in its place."""
    dialect = ResponsesDialect(ModelSettings(model="m", base_url="u"))
    system, user = Message(role=Role.SYSTEM, content="You work."), Message(role=Role.USER, content="Go.")
    history = History(dialect.encode)
    history.follow([system, user, system])
    assert dialect.options(history[0], [], ())["instructions"] == "You work."
    assert "instructions" not in dialect.options(user, [], ())
    body = history.body({"a": 1}, "input").decode()
    assert [body.count('"user"'), body.count('"system"')] == [1, 1]
