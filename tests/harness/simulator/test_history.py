"""What the simulator's Responses API refuses in an input, and how it counts answers."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.simulator.history import check_input, count_answers
from harness.simulator.items import output_items
from harness.simulator.rejection import RejectedError
from harness.simulator.responses_request import ResponsesRequest
from harness.simulator.sealed import seal, unseal
from harness.turns import ScriptedCall, Turn

USER = {"type": "message", "role": "user", "content": "u"}
SAID = {"type": "message", "role": "assistant", "content": "a"}
CALL = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
DONE = {"type": "function_call_output", "call_id": "c", "output": "ok"}

turns = st.builds(
    Turn,
    reasoning=st.sampled_from(["", "think"]),
    content=st.sampled_from(["", "say"]),
    tool_calls=st.lists(st.just(ScriptedCall(name="f")), max_size=2),
)


def items_of(turn: Turn, identity: str) -> list[dict[str, Any]]:
    """The items of an answer, each call with its output."""
    made = output_items(turn, identity, sealed=True)
    outputs = [
        {"type": "function_call_output", "call_id": item["call_id"], "output": ""}
        for item in made
        if item["type"] == "function_call"
    ]
    return made + outputs


@given(st.lists(st.tuples(turns, st.booleans()), max_size=6))
def test_answers_are_counted_as_chat_counts_them(history: list[tuple[Turn, bool]]) -> None:
    """As many as there were assistant messages, whether or not the user said something in between."""
    items: list[dict[str, Any]] = [USER]
    for number, (turn, spoken) in enumerate(history):
        items += [*items_of(turn, f"sim-x-{number}"), *([USER] if spoken else [])]
    assert count_answers(items) == len(history)
    check_input(items)


@given(st.lists(turns, max_size=5))
def test_ids_are_not_needed_to_count(history: list[Turn]) -> None:
    """A client that leaves ids out is counted by what stands between answers."""
    items: list[dict[str, Any]] = []
    for number, turn in enumerate(history):
        items += [USER, *({**item, "id": None} for item in items_of(turn, f"sim-x-{number}"))]
    assert count_answers(items) == len(history)
    check_input(items)


def test_outputs_between_the_calls_of_one_answer() -> None:
    """Calls of one answer stay one answer when each is followed by its output."""
    calls = output_items(Turn(tool_calls=(ScriptedCall(name="f"),) * 2), "sim-x-1", sealed=False)
    outputs = [{"type": "function_call_output", "call_id": call["call_id"], "output": ""} for call in calls]
    items = [USER, calls[0], outputs[0], calls[1], outputs[1]]
    assert count_answers(items) == 1
    check_input(items)
    assert count_answers([SAID, USER, SAID]) == 2


def thought(**fields: Any) -> dict[str, Any]:
    """A reasoning item as this simulator makes it, with other fields where given."""
    (made, _) = output_items(Turn(reasoning="r", content="c"), "sim-x-1", sealed=True)
    return {**made, **fields}


def answer_to(item: dict[str, Any]) -> dict[str, Any]:
    """The message that belongs to `thought()`, with the fields of this item."""
    return {**output_items(Turn(reasoning="r", content="c"), "sim-x-1", sealed=True)[1], **item}


@pytest.mark.parametrize(
    ("items", "told"),
    [
        ([USER, CALL], "No tool output found for function call 'c'"),
        ([USER, DONE], "No tool call found"),
        ([CALL, DONE, DONE], "No tool call found"),
        ([DONE, CALL], "No tool call found"),
        ([CALL, CALL, DONE], "No tool output found"),
        ([thought()], "required following item"),
        ([thought(), USER], "required following item"),
        ([thought(), output_items(Turn(content="c"), "sim-x-2", sealed=True)[0]], "required following item"),
        ([answer_to({})], "without its required 'reasoning' item: 'rs_sim-x-1r_0'"),
        ([thought(encrypted_content=None), answer_to({})], "include=['reasoning.encrypted_content']"),
        ([thought(encrypted_content=""), answer_to({})], "include=['reasoning.encrypted_content']"),
        ([thought(encrypted_content="gAAAA"), answer_to({})], "could not be verified"),
        ([thought(encrypted_content="ü"), answer_to({})], "could not be verified"),
        ([thought(encrypted_content=seal("rs_sim-x-2r_0", "r")), answer_to({})], "came with item"),
        (
            [{**SAID, "content": [{"type": "input_text", "text": "a"}]}],
            "Supported values are: 'output_text', 'refusal'",
        ),
        ([{**USER, "content": [{"type": "output_text", "text": "a"}]}], "'input_text'"),
    ],
)
def test_what_strict_servers_refuse(items: list[dict[str, Any]], told: str) -> None:
    """Outputs that answer no call, calls without output, reasoning that was lost, changed or torn off."""
    with pytest.raises(RejectedError) as caught:
        check_input(items)
    assert told in str(caught.value)
    assert caught.value.status in {400, 404}


def test_encryption_tells_whose_reasoning_it_is() -> None:
    """Without its id a reasoning item is still known by its encryption."""
    check_input([thought(id=None), answer_to({})])


@given(st.text(), st.text())
def test_sealed_text_comes_back(identity: str, text: str) -> None:
    """What was sealed is what is unsealed."""
    assert unseal(seal(identity, text)) == (identity, text)


@given(st.text(), st.integers(0, 200), st.characters(codec="ascii"))
def test_changed_seal_is_found_out(text: str, place: int, character: str) -> None:
    """One changed character is one too many."""
    sealed = seal("rs_a_0", text)
    at = place % len(sealed.rstrip("="))
    changed = sealed[:at] + character + sealed[at + 1 :]
    try:
        assert unseal(changed) == ("rs_a_0", text)  # the last character may hold bits that mean nothing
        assert changed == sealed or at == len(sealed.rstrip("=")) - 1
    except ValueError as error:
        assert "could not be verified" in str(error)  # noqa: PT017 - either may come


@pytest.mark.parametrize(
    "raw",
    [
        {"model": "m", "input": [{"type": "computer_call"}]},
        {"model": "m", "input": [{"role": "tool", "content": "x"}]},
        {"model": "m", "input": [1]},
        {"model": "m", "input": [{"type": "function_call_output", "call_id": "a"}]},
        {"model": "m", "input": "x", "tools": [{"type": "function", "function": {"name": "f"}}]},
        [],
    ],
)
def test_what_is_no_request(raw: Any) -> None:
    """Items and tools of other APIs are refused."""
    with pytest.raises(ValueError, match="validation error"):
        ResponsesRequest.read(raw)


def test_nothing_is_stored() -> None:
    """Over HTTP no response can be gone on from, and nothing runs in the background."""
    for field, value in (("previous_response_id", "resp_a"), ("background", True)):
        with pytest.raises(RejectedError) as caught:
            ResponsesRequest.read({"model": "m", "input": "x", field: value})
        assert caught.value.param == field
