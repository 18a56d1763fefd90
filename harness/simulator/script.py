"""A scripted turn as the chunks of a chat completion, each with its tokens and its moment; pure."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness.models.replay import tool_text
from harness.simulator.config import Pace
from harness.turns import CHARACTERS_PER_TOKEN, ScriptedCall, Turn, count_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A delta with the tokens it carries; due `due_ns` after the first token is."""

    delta: Mapping[str, Any]
    tokens: int
    due_ns: int


def schedule(turn: Turn, pace: Pace, identity: str) -> Iterator[Chunk]:
    """The chunks of a turn: reasoning, then content, then tool calls.

    The first chunk holds one token, each later one up to `tokens_per_chunk` of the same kind. A chunk is due when its
    last token is: token n (from 0) at n / `tokens_per_s` after the first, so no error adds up.
    """
    sent = 0
    for text, wrap in _runs(turn, identity):
        at = 0
        while at < len(text):
            size = CHARACTERS_PER_TOKEN * (pace.tokens_per_chunk if sent else 1)
            piece = text[at : at + size]
            tokens = count_tokens(piece)
            sent += tokens
            due_ns = round((sent - 1) * 1e9 / pace.tokens_per_s) if pace.tokens_per_s else 0
            yield Chunk(delta=wrap(piece, at), tokens=tokens, due_ns=due_ns)
            at += size


_Wrap = Callable[[str, int], dict[str, Any]]
"""Makes a delta of a piece of text that begins at this character of its run."""


def _runs(turn: Turn, identity: str) -> Iterator[tuple[str, _Wrap]]:
    yield turn.reasoning, lambda piece, _: {"reasoning_content": piece}
    yield turn.content, lambda piece, _: {"content": piece}
    for index, call in enumerate(turn.tool_calls):
        yield call.arguments_text(), _call_wrap(index, _call_id(identity, index), call.name)


def _call_wrap(index: int, call_id: str, name: str) -> _Wrap:
    """Id and name come with the first piece of the arguments only."""

    def wrap(piece: str, at: int) -> dict[str, Any]:
        if at:
            return {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}
        function = {"name": name, "arguments": piece}
        return {"tool_calls": [{"index": index, "id": call_id, "type": "function", "function": function}]}

    return wrap


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


def usage(turn: Turn, request: Mapping[str, Any]) -> dict[str, Any]:
    """The usage a provider would report."""
    prompt = prompt_tokens(request)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": turn.output_tokens,
        "total_tokens": prompt + turn.output_tokens,
        "completion_tokens_details": {"reasoning_tokens": turn.reasoning_tokens},
    }


def whole_message(turn: Turn, identity: str) -> dict[str, Any]:
    """The assistant's message of an answer that is not streamed."""
    message: dict[str, Any] = {"role": "assistant", "content": turn.content or None}
    if turn.reasoning:
        message["reasoning_content"] = turn.reasoning
    if turn.tool_calls:
        message["tool_calls"] = [
            _whole_call(call, _call_id(identity, index)) for index, call in enumerate(turn.tool_calls)
        ]
    return message


def _whole_call(call: ScriptedCall, call_id: str) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments_text()}
    return {"id": call_id, "type": "function", "function": function}


def _call_id(identity: str, index: int) -> str:
    return f"call_{identity}_{index}"
