"""What a Responses API request is made of: input items and options as that API takes them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from harness.models.contract import Message, Role, ToolCall, ToolSpec
from harness.models.settings import ModelSettings
from harness.models.text import mapping_of, sendable_arguments, text_of

ENCRYPTED = "reasoning.encrypted_content"


def input_items(message: Message) -> tuple[Mapping[str, Any], ...]:
    """A message as input items; the output items it was made of go back in their places."""
    if message.role is Role.TOOL:
        return ({"type": "function_call_output", "call_id": message.tool_call_id, "output": message.content},)
    if message.role is not Role.ASSISTANT:
        return (_said(message),)
    items = tuple(_with_followers(_resent(message))) if message.items else _made(message)
    return items or (_said(message),)  # a turn in which nothing was said is a turn all the same


def untouched(message: Message) -> bool:
    """Whether the calls that would be sent are those that came: then what the server holds is what would be sent."""
    written = [item for item in message.items if item.get("type") == "function_call"]
    came = [{field: item.get(field) for field in ("call_id", "name", "arguments")} for item in written]
    return bool(message.items) and came == [_fields(call) for call in message.tool_calls]


def response_options(
    settings: ModelSettings, tools: Sequence[ToolSpec], dropped: Collection[str] = ()
) -> dict[str, Any]:
    """Everything of a request but its input; options that the server has rejected are `dropped`."""
    found: dict[str, Any] = {"model": settings.model, "store": False, **settings.parameters}
    found["include"] = [*dict.fromkeys([ENCRYPTED, *found.get("include", ())])]
    if "reasoning_effort" in found:
        found["reasoning"] = {"effort": found.pop("reasoning_effort"), **mapping_of(found.get("reasoning"))}
    if tools:
        found["tools"] = [_tool(tool) for tool in tools]
    return {name: value for name, value in found.items() if name not in dropped}


def _said(message: Message) -> Mapping[str, Any]:
    return {"type": "message", "role": str(message.role), "content": message.content}


def _made(message: Message) -> tuple[Mapping[str, Any], ...]:
    """Items of a message that did not come from this API."""
    calls = ({"type": "function_call", **_fields(call)} for call in message.tool_calls)
    return (*((_said(message),) if message.content else ()), *calls)


def _fields(call: ToolCall) -> dict[str, str]:
    return {"call_id": call.id, "name": call.name, "arguments": sendable_arguments(call.arguments)}


def _resent(message: Message) -> Iterator[Mapping[str, Any] | None]:
    """The items as they are sent again, None in the place of one that is not: calls are those the message has now."""
    calls = iter(_calls_in_place(message))
    for item in map(_without_nulls, message.items):
        if item.get("type") == "function_call":
            call = next(calls)
            yield None if call is None else {**item, **_fields(call)}
        elif item.get("type") != "reasoning" or item.get("encrypted_content") or item.get("content"):
            yield item  # reasoning of which nothing but a summary came says nothing to a server that stored nothing


def _calls_in_place(message: Message) -> Sequence[ToolCall | None]:
    """For each call among the items what has become of it: as many as came are the same, else their ids tell."""
    written = [item for item in message.items if item.get("type") == "function_call"]
    if len(written) == len(message.tool_calls):
        return message.tool_calls
    known = {call.id: call for call in message.tool_calls}
    return [known.get(text_of(item.get("call_id"))) for item in written]


def _with_followers(items: Iterator[Mapping[str, Any] | None]) -> Iterator[Mapping[str, Any]]:
    """The items without reasoning that has lost what it led to: the API rejects that."""
    reasoning: list[Mapping[str, Any]] = []
    for item in items:
        if item is None:
            reasoning = []
        elif item.get("type") == "reasoning":
            reasoning.append(item)
        else:
            yield from (*reasoning, item)
            reasoning = []


def _without_nulls(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """What an answer may hold as null, a request must leave out."""
    return {name: value for name, value in item.items() if value is not None}


def _tool(tool: ToolSpec) -> dict[str, Any]:
    facts = {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
    return {"type": "function", **facts, "strict": False}
