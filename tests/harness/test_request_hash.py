"""What a request asks, as a hash."""

from harness.messages import message_json, message_of
from harness.models.contract import Message, Role, ToolCall, ToolSpec
from harness.request_hash import RequestHash

TOOL = ToolSpec(name="shell", description="Run.", parameters={"type": "object"})
ASK = Message(role=Role.USER, content="hi ü")
ANSWER = Message(
    role=Role.ASSISTANT,
    reasoning="hm",
    tool_calls=(ToolCall(id="1", name="shell", arguments="{}"),),
    items=({"type": "message", "id": "x"},),
)
TOLD = Message(role=Role.TOOL, content="done", tool_call_id="1")


def test_the_same_history_has_the_same_hash_however_it_came_about() -> None:
    """Grown turn by turn, whole at once, or rebuilt from JSON."""
    grown = RequestHash([TOOL])
    first = grown.of([ASK])
    whole = grown.of([ASK, ANSWER, TOLD])
    assert len(first) == 64
    assert first != whole == RequestHash([TOOL]).of([ASK, ANSWER, TOLD])
    rebuilt = [message_of(message_json(message)) for message in (ASK, ANSWER, TOLD)]
    assert rebuilt == [ASK, ANSWER, TOLD]
    assert RequestHash([TOOL]).of(rebuilt) == whole


def test_whatever_is_sent_is_in_the_hash() -> None:
    """Other tools, another message in an old place, fewer messages."""
    hashed = RequestHash([TOOL])
    seen = {hashed.of([ASK, ANSWER, TOLD]), RequestHash([]).of([ASK, ANSWER, TOLD])}
    shorter = Message(role=Role.TOOL, content="d", tool_call_id="1")
    seen |= {hashed.of([ASK, ANSWER, shorter]), hashed.of([ASK, ANSWER])}
    assert len(seen) == 4
    assert hashed.of([ASK, ANSWER, TOLD]) in seen
