"""Messages as JSON and back: how journals and transcripts keep them."""

from collections.abc import Mapping
from typing import Any

from harness.models.contract import Message, Role, ToolCall


def message_json(message: Message) -> dict[str, Any]:
    """A message as JSON-able data: raw tool arguments, and the output items that its API wants back."""
    body: dict[str, Any] = {"role": message.role.value, "content": message.content}
    if message.reasoning:
        body["reasoning"] = message.reasoning
    if message.tool_calls:
        body["tool_calls"] = [{"id": c.id, "name": c.name, "arguments": c.arguments} for c in message.tool_calls]
    if message.tool_call_id:
        body["tool_call_id"] = message.tool_call_id
    if message.items:
        body["items"] = list(message.items)
    return body


def message_of(body: Mapping[str, Any]) -> Message:
    """The message that `message_json` was given. Raises KeyError, TypeError, ValueError for what it never made."""
    return Message(
        role=Role(body["role"]),
        content=body["content"],
        reasoning=body.get("reasoning", ""),
        tool_calls=tuple(
            ToolCall(id=call["id"], name=call["name"], arguments=call["arguments"])
            for call in body.get("tool_calls", ())
        ),
        tool_call_id=body.get("tool_call_id", ""),
        items=tuple(body.get("items", ())),
    )
