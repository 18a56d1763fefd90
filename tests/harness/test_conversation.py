"""The history stays inside the window, and says what it left out."""

from harness.conversation import Conversation, budget
from harness.models.contract import Message, Role, Usage


def tool(text: str) -> Message:
    """A tool's answer."""
    return Message(role=Role.TOOL, content=text, tool_call_id="1")


def test_nothing_is_touched_while_the_history_fits() -> None:
    """No message changes before it must."""
    conversation = Conversation(Message(role=Role.USER, content="x" * 100))
    conversation.add(tool("y" * 10_000))
    before = list(conversation.messages)
    assert conversation.fit(10_000) == ()
    assert list(conversation.messages) == before


def test_oldest_outputs_go_first() -> None:
    """A full window costs the oldest tool outputs, down to 70 % of the budget."""
    conversation = Conversation(Message(role=Role.USER, content="x" * 100))
    for letter in "abcdef":
        conversation.add(tool(letter * 7_000))
    shortened = conversation.fit(10_000)
    assert shortened == (1, 2, 3)
    assert conversation.tokens <= 7_000
    assert "6600 characters of this old output were taken out" in conversation.messages[1].content
    assert conversation.messages[6].content == "f" * 7_000


def test_an_output_is_shortened_once() -> None:
    """What is short already is left alone, so the estimate can stay over the budget and the caller must stop."""
    conversation = Conversation(Message(role=Role.USER, content="x" * 50_000), tool("y" * 5_000))
    assert conversation.fit(1_000) == (1,)
    assert conversation.fit(1_000) == ()
    assert conversation.tokens > 1_000


def test_the_estimate_follows_the_provider() -> None:
    """After one call the provider's own count scales the estimate."""
    conversation = Conversation(Message(role=Role.USER, content="x" * 1_000))
    conversation.calibrate(Usage(input_tokens=2_000))
    assert conversation.tokens == 2_000
    conversation.calibrate(Usage())
    assert conversation.tokens == 2_000


def test_the_budget_leaves_room_for_an_answer() -> None:
    """Half a window of output is never reserved from a small window."""
    assert budget(128_000, None) == 128_000 - 16_384
    assert budget(8_000, 6_000) == 6_000
