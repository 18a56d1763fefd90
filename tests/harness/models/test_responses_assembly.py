"""Replies out of Responses API events, made with the SDK's own types where those exist."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types import responses as sdk
from openai.types.responses.response_usage import InputTokensDetails, OutputTokensDetails, ResponseUsage

from harness.models.assembly import EventError
from harness.models.contract import Usage
from harness.models.responses_assembly import ResponsesAssembly
from harness.models.responses_request import input_items

Event = Mapping[str, Any]

USAGE = ResponseUsage(
    input_tokens=5,
    input_tokens_details=InputTokensDetails(cached_tokens=4, cache_write_tokens=0),
    output_tokens=7,
    output_tokens_details=OutputTokensDetails(reasoning_tokens=6),
    total_tokens=12,
)
REASONING = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}
MESSAGE = {
    "type": "message",
    "id": "msg_1",
    "role": "assistant",
    "status": "completed",
    "content": [{"type": "output_text", "text": "hello", "annotations": []}],
}
CALL = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "shell", "arguments": '{"x": 1}'}


def response(status: str = "completed", output: Sequence[Event] = (), **fields: Any) -> dict[str, Any]:
    """A response."""
    made = sdk.Response(
        id="resp_1",
        created_at=100.5,
        model="m-2",
        object="response",
        output=[],
        parallel_tool_calls=True,
        tool_choice="auto",
        tools=[],
        status=status,  # type: ignore[arg-type]
        usage=USAGE,
    )
    return {**made.model_dump(mode="json", exclude_none=True), "output": list(output), **fields}


def text_delta(text: str, index: int = 0) -> Event:
    """A piece of a message."""
    return sdk.ResponseTextDeltaEvent(
        type="response.output_text.delta",
        content_index=0,
        delta=text,
        item_id="msg_1",
        logprobs=[],
        output_index=index,
        sequence_number=0,
    ).model_dump()


def arguments_delta(text: str, item_id: str = "fc_1", index: int = 0) -> Event:
    """A piece of a call's arguments."""
    return sdk.ResponseFunctionCallArgumentsDeltaEvent(
        type="response.function_call_arguments.delta",
        delta=text,
        item_id=item_id,
        output_index=index,
        sequence_number=0,
    ).model_dump()


def thought_delta(text: str, kind: str = "reasoning_text") -> Event:
    """A piece of reasoning, or of its summary."""
    return {"type": f"response.{kind}.delta", "item_id": "rs_1", "output_index": 0, "delta": text}


def begun(item: Event, index: int = 0) -> Event:
    """An item that is about to be written."""
    empty: dict[str, Any] = {"arguments": ""} if item["type"] == "function_call" else {"content": []}
    return {"type": "response.output_item.added", "output_index": index, "item": {**item, **empty}}


def done(item: Event, index: int = 0) -> Event:
    """A whole item."""
    return {"type": "response.output_item.done", "output_index": index, "item": item}


def ended(status: str = "completed", **fields: Any) -> Event:
    """The last event."""
    return {"type": f"response.{status}", "response": response(status, **fields)}


def fed(*events: Event) -> ResponsesAssembly:
    """An assembly of these events, one each 10 ns from 100 on."""
    assembly = ResponsesAssembly()
    for number, event in enumerate(events):
        assembly.feed(event, 100 + 10 * number)
    return assembly


def test_a_whole_turn() -> None:
    """Reasoning, a message and a call: text, call, items as they came, moments, usage and facts."""
    assembly = fed(
        {"type": "response.created", "response": response("in_progress")},
        begun(REASONING),
        done(REASONING),
        begun(MESSAGE, 1),
        text_delta("hel", 1),
        text_delta("lo", 1),
        done(MESSAGE, 1),
        begun(CALL, 2),
        arguments_delta('{"x"', index=2),
        arguments_delta(": 1}", index=2),
        done(CALL, 2),
        ended(output=[REASONING, MESSAGE, CALL], completed_at=101.25, service_tier="flex"),
    )
    message = assembly.message((), "c")
    assert (message.content, message.reasoning) == ("hello", "")
    assert [(call.id, call.name, call.arguments) for call in message.tool_calls] == [("c1", "shell", '{"x": 1}')]
    assert message.items == (REASONING, MESSAGE, CALL)
    assert (assembly.finish_reason, assembly.final, assembly.hidden_reasoning) == ("tool_calls", True, "before")
    moments = assembly.moments
    assert (moments.first_chunk, moments.first_token, moments.first_answer, moments.last_token) == (100, 140, 140, 190)
    assert (moments.deltas, moments.largest_gap_ns) == (4, 30)
    facts = assembly.facts
    assert (facts.response_id, facts.served_model, facts.service_tier) == ("resp_1", "m-2", "flex")
    assert facts.timings == {"server.created_at": 100.5, "server.completed_at": 101.25}
    assert facts.usage(4) == Usage(input_tokens=5, output_tokens=7, cached_input_tokens=4, reasoning_tokens=6)


def test_streamed_reasoning_is_a_token_but_no_answer() -> None:
    """As with chat completions; nothing of it is hidden."""
    assembly = fed(begun(REASONING), thought_delta("hm"), done(REASONING), text_delta("a", 1), ended())
    assert (assembly.moments.first_token, assembly.moments.first_answer) == (110, 130)
    assert (assembly.message((), "c").reasoning, assembly.hidden_reasoning) == ("hm", "")


def test_a_summary_is_a_token_but_hides_reasoning() -> None:
    """A client sees it come, and it is shown; but it is not what was reasoned."""
    summed = {**REASONING, "summary": [{"type": "summary_text", "text": "in short"}]}
    events = (begun(REASONING), thought_delta("in short", "reasoning_summary_text"), done(summed), text_delta("a", 1))
    assembly = fed(*events, ended())
    assert (assembly.moments.first_token, assembly.moments.first_answer) == (110, 130)
    assert (assembly.message((), "c").reasoning, assembly.hidden_reasoning) == ("in short", "before")


def test_hidden_reasoning_between_parts_is_told() -> None:
    """Then nobody can tell how fast the parts were written."""
    assembly = fed(text_delta("a"), done(MESSAGE), begun(REASONING, 1), done(REASONING, 1), done(CALL, 2), ended())
    assert assembly.hidden_reasoning == "between"


def test_thinking_is_an_open_reasoning_item() -> None:
    """Only while one is open of which nothing was streamed."""
    assembly = ResponsesAssembly()
    seen = []
    for event in (begun(REASONING), done(REASONING), begun(CALL)):
        assembly.feed(event, 1)
        seen.append(assembly.thinking)
    assert seen == [True, False, False]
    assert not fed(begun(REASONING), thought_delta("hm")).thinking


@pytest.mark.parametrize(
    "kind", ["response.created", "response.queued", "response.in_progress", "response.content_part.added", "keepalive"]
)
def test_signs_of_life_are_no_content(kind: str) -> None:
    """Nor are events that nobody knows."""
    assembly = ResponsesAssembly()
    assert not assembly.feed({"type": kind, "response": response("in_progress")}, 1)
    assert not assembly.feed(begun(MESSAGE), 2)
    assert not assembly.feed(text_delta(""), 3)
    assert assembly.moments.first_token is None
    assert (assembly.moments.first_chunk, assembly.finish_reason) == (1, "")


@pytest.mark.parametrize(
    ("details", "reason"),
    [
        ({"reason": "max_output_tokens"}, "length"),
        ({"reason": "content_filter"}, "content_filter"),
        ({"reason": "steered"}, "steered"),
        (None, "incomplete"),
    ],
)
def test_incomplete_answers_say_why(details: object, reason: str) -> None:
    """In the words of chat completions where those have one."""
    assert fed(text_delta("a"), ended("incomplete", incomplete_details=details)).finish_reason == reason


def test_a_cut_call_keeps_what_was_written() -> None:
    """Its item never ended: what came of it is in the items."""
    events = (begun(CALL), arguments_delta('{"x'), ended("incomplete", incomplete_details={"reason": "x"}))
    message = fed(*events).message((), "c")
    assert message.tool_calls[0].arguments == '{"x'
    assert message.items[0]["arguments"] == '{"x'


def test_a_refusal_is_told() -> None:
    """Its text is the content."""
    delta = sdk.ResponseRefusalDeltaEvent(
        type="response.refusal.delta",
        content_index=0,
        delta="I will not.",
        item_id="msg_1",
        output_index=0,
        sequence_number=0,
    )
    refused = {**MESSAGE, "content": [{"type": "refusal", "refusal": "I will not."}]}
    for assembly in (fed(delta.model_dump(), ended()), fed(done(refused), ended())):
        assert (assembly.finish_reason, assembly.message((), "c").content) == ("refusal", "I will not.")


def test_items_that_come_whole_are_one_delta() -> None:
    """A server that streams no deltas still says when each item came."""
    assembly = fed(done(MESSAGE), done(CALL, 1), ended())
    assert (assembly.moments.first_token, assembly.moments.last_token, assembly.moments.deltas) == (100, 110, 2)


def test_a_response_that_is_not_streamed() -> None:
    """All of it came at one moment."""
    assembly = fed(response(output=[REASONING, MESSAGE, CALL]))
    message = assembly.message((), "c")
    assert (message.content, len(message.tool_calls), len(message.items)) == ("hello", 1, 3)
    assert (assembly.finish_reason, assembly.moments.first_token, assembly.moments.last_token) == (
        "tool_calls",
        100,
        100,
    )
    assert assembly.facts.usage(2).output_tokens == 7


def test_output_of_the_last_event_alone() -> None:
    """A server may tell all items in its last event only; one that tells none there has told them before."""
    assert fed(ended(output=[MESSAGE])).message((), "c").content == "hello"
    assert fed(done(MESSAGE), ended(output=[])).message((), "c").content == "hello"


@pytest.mark.parametrize(
    "nothing",
    [
        {"type": "response.completed"},
        {"type": "response.completed", "response": None},
        {"type": "response.completed", "response": {"status": "completed", "output": []}},
        {"type": "response.completed", "response": {"status": "completed", "output": "much"}},
        {"type": "response.completed", "response": {"status": "in_progress"}},
        {"object": "response", "status": "cancelled", "output": []},
        {"choices": []},
        {},
    ],
)
def test_what_is_no_answer_is_an_error(nothing: Event) -> None:
    """None of it passes for an empty answer."""
    with pytest.raises(EventError):
        fed(nothing)


def test_calls_under_one_index() -> None:
    """Servers that number all items 0 tell them apart by id; those without ids by order."""
    second = {**CALL, "id": "fc_2", "call_id": "c2"}
    events = (begun(CALL), begun(second), arguments_delta("{}", "fc_2"), arguments_delta('{"x": 1}'))
    message = fed(*events, done(CALL), done({**second, "arguments": "{}"}), ended()).message((), "c")
    assert [(call.id, call.arguments) for call in message.tool_calls] == [("c1", '{"x": 1}'), ("c2", "{}")]


def test_ids_are_made_unique_and_kept_in_the_items() -> None:
    """Repeated, taken, empty and missing ids are replaced in the calls alone."""
    ids = ["a", "a", "", "old"]
    items = [{**CALL, "id": f"fc_{number}", "call_id": identity} for number, identity in enumerate(ids)]
    nameless = {name: value for name, value in CALL.items() if name != "call_id"} | {"id": "fc_9"}
    message = fed(*(done(item, number) for number, item in enumerate([*items, nameless])), ended()).message(
        ["old"], "c"
    )
    assert message.tool_calls[0].id == "a"
    assert len({call.id for call in message.tool_calls} - {"", "old"}) == 5
    assert [item.get("call_id") for item in message.items] == [*ids, None]


@pytest.mark.parametrize(
    ("raw", "usage"),
    [
        (None, Usage()),
        ("many", Usage()),
        ({"input_tokens": -1, "output_tokens": "7"}, Usage()),
        ({"input_tokens": 5, "output_tokens": 0}, Usage(input_tokens=5)),
        (
            {"input_tokens": 5, "output_tokens": 7, "output_tokens_details": None},
            Usage(input_tokens=5, output_tokens=7),
        ),
    ],
)
def test_usage_is_a_count_or_unknown(raw: object, usage: Usage) -> None:
    """Missing, negative and textual counts are unknown, never zero."""
    assert fed(text_delta("a"), ended(usage=raw)).facts.usage(1) == usage


def test_server_timings_of_others_are_kept() -> None:
    """Figures of llama.cpp and vLLM, beside the response or inside it."""
    event = {**ended(metrics={"queue_time_ms": 3}), "timings": {"predicted_ms": 12.5}}
    timings = fed(text_delta("a"), event).facts.timings
    assert (timings["queue_time_ms"], timings["predicted_ms"]) == (3.0, 12.5)


def test_characters_in_halves() -> None:
    """Two halves of a character that were sent apart are joined."""
    assert fed(text_delta("a\ud83d"), text_delta("\ude42b"), ended()).message((), "c").content == "a🙂b"


def test_items_can_be_sent_again_whatever_is_in_them() -> None:
    """Half a character that stands alone is replaced; what is no JSON number is an error in time."""
    odd = {**CALL, "note": ["\ud83d"]}
    assert fed(done(odd), ended()).message((), "c").items[0]["note"] == ["\ufffd"]
    with pytest.raises(EventError):
        fed(done({**CALL, "note": float("nan")}))


KINDS = ["response.completed", "response.incomplete", "response.output_item.added", "response.output_item.done"]
KINDS += ["response.output_text.delta", "response.function_call_arguments.delta", "response.reasoning_text.delta"]
KINDS += ["response.reasoning_summary_text.delta", "response.refusal.delta", "response.created"]
WORDS = ["message", "function_call", "reasoning", "output_text", "completed", "incomplete", "response", *KINDS]
KEYS = ["type", "item", "item_id", "output_index", "id", "delta", "content", "text", "summary", "arguments", "call_id"]
KEYS += ["name", "response", "output", "status", "usage", "input_tokens", "object", "incomplete_details", "reason"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(), max_size=5) | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=25,
)
EVENTS = st.builds(
    lambda kind, rest: {**rest, "type": kind},
    st.sampled_from(KINDS),
    st.dictionaries(st.sampled_from(KEYS), JSON, max_size=5),
)


@settings(max_examples=30)
@given(st.lists(EVENTS, max_size=8))
def test_no_event_breaks_the_assembly(events: list[dict[str, Any]]) -> None:
    """Any JSON object is either taken in or refused; what is there can always be read."""
    assembly = ResponsesAssembly()
    for event in events:
        try:
            assembly.feed(event, 1)
        except EventError:
            continue
    message = assembly.message((), "c")
    assert len({call.id for call in message.tool_calls}) == len(message.tool_calls)
    assert (message.content + message.reasoning + assembly.finish_reason + repr(message.tool_calls)).encode()
    assert json.dumps(input_items(message), ensure_ascii=False, allow_nan=False).encode()
    assert (assembly.facts.usage(1).output_tokens or 0) >= 0
