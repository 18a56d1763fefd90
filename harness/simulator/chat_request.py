"""A chat completion request as the simulator reads it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict

from harness.models.replay import tool_text
from harness.turns import count_tokens


class _Function(BaseModel):
    model_config = ConfigDict(extra="ignore")

    name: str
    arguments: str = ""


class _Call(BaseModel):
    model_config = ConfigDict(extra="ignore")

    id: str
    function: _Function


class _Message(BaseModel):
    model_config = ConfigDict(extra="ignore")

    role: str
    content: str | list[dict[str, Any]] | None = None
    tool_calls: list[_Call] | None = None
    tool_call_id: str | None = None


class _ToolFunction(BaseModel):
    model_config = ConfigDict(extra="ignore")

    name: str
    description: str = ""
    parameters: dict[str, Any] = {}


class _Tool(BaseModel):
    model_config = ConfigDict(extra="ignore")

    function: _ToolFunction


class _StreamOptions(BaseModel):
    model_config = ConfigDict(extra="ignore")

    include_usage: bool = False


class _Body(BaseModel):
    model_config = ConfigDict(extra="ignore")

    model: str
    messages: list[_Message]
    tools: list[_Tool] | None = None
    stream: bool = False
    stream_options: _StreamOptions | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """A valid request; `turn` is the number of assistant messages in it."""

    model: str
    turn: int
    stream: bool
    wants_usage: bool
    prompt_tokens: int

    @classmethod
    def from_json(cls, body: bytes) -> "ChatRequest":
        """Raises ValueError for what is no chat completion request, as strict servers do.

        Every tool message must answer a call of the assistant message before it, each call exactly once.
        """
        raw = json.loads(body)
        parsed = _Body.model_validate(raw)
        _check_tool_messages(parsed.messages)
        return cls(
            model=parsed.model,
            turn=sum(message.role == "assistant" for message in parsed.messages),
            stream=parsed.stream,
            wants_usage=parsed.stream_options is not None and parsed.stream_options.include_usage,
            prompt_tokens=prompt_tokens(raw),
        )


def _check_tool_messages(messages: list[_Message]) -> None:
    open_ids: list[str] = []
    for number, message in enumerate(messages):
        if message.role == "tool":
            if message.tool_call_id not in open_ids:
                raise ValueError(f"messages.{number}: answers no open tool call: {message.tool_call_id!r}")
            open_ids.remove(message.tool_call_id)
        elif open_ids:
            raise ValueError(f"messages.{number}: tool calls without an answer: {', '.join(open_ids)}")
        if message.role == "assistant":
            open_ids = [call.id for call in message.tool_calls or ()]
    if open_ids:
        raise ValueError(f"tool calls without an answer: {', '.join(open_ids)}")


def prompt_tokens(request: Mapping[str, Any]) -> int:
    """Scripted tokens of a request, counted as the replay model counts them."""
    texts = [_content_text(message.get("content")) for message in request["messages"]]
    calls = (call for message in request["messages"] for call in message.get("tool_calls") or ())
    texts += [str(call["function"].get("arguments", "")) for call in calls]
    functions = (tool["function"] for tool in request.get("tools") or ())
    texts += [tool_text(each["name"], each.get("description", ""), each.get("parameters", {})) for each in functions]
    return count_tokens(*texts)


def _content_text(content: str | list[dict[str, Any]] | None) -> str:
    """Content is text, or parts of which some are."""
    parts = content if isinstance(content, list) else [{"text": content or ""}]
    return "".join(str(part.get("text", "")) for part in parts)
