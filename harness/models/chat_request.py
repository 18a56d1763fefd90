"""The body of a chat completion request out of messages and tools."""

import json
from collections.abc import Mapping, Sequence
from itertools import compress, count
from operator import is_not
from typing import Any

from harness.models.assembly import json_object
from harness.models.contract import Message, Role, ToolSpec
from harness.models.settings import ModelSettings

_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


class History:
    """A growing history as JSON: each message is encoded once, so that a turn costs the same early and late.

    Messages never change: the same object is the same text. From the first one that stands in another's place, all
    are encoded anew, which happens as rarely as old messages are shortened.
    """

    def __init__(self, reasoning_field: str) -> None:
        self._reasoning_field = reasoning_field
        self._messages: list[Message] = []
        self._ends: list[int] = []
        self._text = bytearray()
        self._call_ids: set[str] = set()

    @property
    def call_ids(self) -> frozenset[str]:
        """The ids of all tool calls in it."""
        return frozenset(self._call_ids)

    def follow(self, messages: Sequence[Message]) -> None:
        """Become these messages. Raises UnicodeEncodeError for text that no wire takes."""
        known = min(len(self._messages), len(messages))
        same = next(compress(count(), map(is_not, self._messages, messages)), known)
        if same < len(self._messages):
            self._cut(same)
        for message in messages[same:]:
            self._add(message)

    def body(self, model: str, options: Mapping[str, Any]) -> bytes:
        """A request for a streamed completion of it, as UTF-8; an option replaces what has its name."""
        rest = _json({"model": model, "stream": True, **options})
        return b"".join((rest[:-1], b',"messages":[', self._text, b"]}"))

    def _cut(self, length: int) -> None:
        del self._messages[length:], self._ends[length:]
        del self._text[self._ends[-1] if self._ends else 0 :]
        self._call_ids = {call.id for message in self._messages for call in message.tool_calls}

    def _add(self, message: Message) -> None:
        text = _json(wire_message(message, self._reasoning_field))
        self._text += b"," + text if self._messages else text
        self._messages.append(message)
        self._ends.append(len(self._text))
        self._call_ids.update(call.id for call in message.tool_calls)


def wire_message(message: Message, reasoning_field: str) -> dict[str, Any]:
    """A message as chat completions take it."""
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


def _sendable(arguments: str) -> str:
    """Strict servers reject a history whose arguments are no JSON object: the model's slip must not end the trial."""
    return arguments if json_object(arguments) is not None else "{}"


def _tool(tool: ToolSpec) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
    return {"type": "function", "function": function}


def _json(value: Mapping[str, Any]) -> bytes:
    return _encoder.encode(value).encode()
