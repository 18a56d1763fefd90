"""The body of a chat completion request out of messages and tools; pure."""

from collections.abc import Sequence
from typing import Any

from harness.models.assembly import json_object
from harness.models.contract import Message, Role, ToolSpec
from harness.models.settings import ModelSettings


def wire_messages(messages: Sequence[Message], reasoning_field: str) -> list[dict[str, Any]]:
    """The messages as chat completions take them."""
    return [_message(message, reasoning_field) for message in messages]


def wire_options(settings: ModelSettings, tools: Sequence[ToolSpec], *, ask_usage: bool) -> dict[str, Any]:
    """Everything of a request but its model, messages and `stream`."""
    options = dict(settings.parameters)
    if "max_output_tokens" in options:
        options[settings.quirks.max_tokens_field] = options.pop("max_output_tokens")
    if ask_usage:
        options["stream_options"] = {"include_usage": True}
    if tools:
        options["tools"] = [_tool(tool) for tool in tools]
    return options


def _message(message: Message, reasoning_field: str) -> dict[str, Any]:
    wire: dict[str, Any] = {"role": str(message.role), "content": message.content}
    if message.role is Role.TOOL:
        wire["tool_call_id"] = message.tool_call_id
    if message.tool_calls:
        wire["content"] = message.content or None
        wire["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": _sendable(call.arguments)}}
            for call in message.tool_calls
        ]
    if message.reasoning and reasoning_field:
        wire[reasoning_field] = message.reasoning
    return wire


def _sendable(arguments: str) -> str:
    """Strict servers reject a history whose arguments are no JSON object: the model's slip must not end the trial."""
    return arguments if json_object(arguments) is not None else "{}"


def _tool(tool: ToolSpec) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
    return {"type": "function", "function": function}
