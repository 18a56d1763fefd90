"""What a chat completion request is made of: messages and options as that API takes them."""

from collections.abc import Collection, Sequence
from typing import Any

from harness.models.contract import Message, Role, ToolSpec
from harness.models.settings import ModelSettings
from harness.models.text import sendable_arguments


def wire_message(message: Message, reasoning_field: str) -> dict[str, Any]:
    """A message as chat completions take it."""
    wire: dict[str, Any] = {"role": str(message.role), "content": message.content}
    if message.role is Role.TOOL:
        wire["tool_call_id"] = message.tool_call_id
    if message.tool_calls:
        wire["content"] = message.content or None
        wire["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": sendable_arguments(call.arguments)},
            }
            for call in message.tool_calls
        ]
    if message.reasoning and reasoning_field:
        wire[reasoning_field] = message.reasoning
    return wire


def wire_options(settings: ModelSettings, tools: Sequence[ToolSpec], dropped: Collection[str] = ()) -> dict[str, Any]:
    """Everything of a request but its messages; options that the server has rejected are `dropped`."""
    options = {"model": settings.model, **settings.parameters}
    if "max_output_tokens" in options:
        options[settings.quirks.max_tokens_field] = options.pop("max_output_tokens")
    if settings.quirks.stream_usage and "stream_options" not in dropped:
        options["stream_options"] = {"include_usage": True}
    if tools:
        options["tools"] = [_tool(tool) for tool in tools]
    return options


def _tool(tool: ToolSpec) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
    return {"type": "function", "function": function}
