"""The output items of a turn as the Responses API has them, and whose answer an item belongs to."""

import re
from collections.abc import Mapping
from typing import Any

from harness.simulator.bends import call_ids, with_id
from harness.simulator.sealed import seal
from harness.turns import Turn

REASONED = "r"
"""Ends the answer's part of an item's id where the answer began with reasoning."""

_CUT = ("length", "content_filter")
_ID = re.compile(r"(?:rs|msg|fc)_(.+)_\d+")


def output_items(turn: Turn, identity: str, *, sealed: bool) -> list[dict[str, Any]]:
    """All items of the answer with this id, in the order of the schedule; `sealed`: reasoning has its encryption.

    An answer that is complete has something after its reasoning: a message with no text where the turn says nothing.
    One that was cut may end with reasoning, or hold no item at all.
    """
    mark = identity + (REASONED if turn.reasoning else "")
    items: list[dict[str, Any]] = []
    if turn.reasoning:
        items.append(_reasoning(turn, f"rs_{mark}_0", sealed=sealed))
    if turn.content or not (turn.tool_calls or turn.ending in _CUT):
        items.append(_message(turn, f"msg_{mark}_{len(items)}"))
    for call, call_id in zip(turn.tool_calls, call_ids(turn, identity), strict=True):
        spoken = {**with_id("call_id", call_id), "name": call.name, "arguments": call.arguments_text()}
        items.append({"id": f"fc_{mark}_{len(items)}", "type": "function_call", "status": "completed", **spoken})
    if items and turn.ending in _CUT:
        items[-1]["status"] = "incomplete"
    return items


def begun(item: Mapping[str, Any]) -> dict[str, Any]:
    """The item as it is announced: nothing in it yet."""
    empty: dict[str, Any] = {"arguments": ""} if item["type"] == "function_call" else {"content": []}
    return (
        {name: each for name, each in item.items() if name != "encrypted_content"} | empty | {"status": "in_progress"}
    )


def answer_of(item: Mapping[str, Any]) -> str:
    """Which answer a model's item came from; "" where its id does not tell."""
    match = _ID.fullmatch(str(item.get("id") or ""))
    return match[1] if match else ""


def by_model(item: Mapping[str, Any]) -> bool:
    """Whether a model made it: reasoning, a tool call, or a message of the assistant."""
    return item["type"] in {"reasoning", "function_call"} or item.get("role") == "assistant"


def _reasoning(turn: Turn, item_id: str, *, sealed: bool) -> dict[str, Any]:
    content = [{"type": "reasoning_text", "text": turn.reasoning}]
    item = {"id": item_id, "type": "reasoning", "summary": [], "content": content, "status": "completed"}
    return item | ({"encrypted_content": seal(item_id, turn.reasoning)} if sealed else {})


def _message(turn: Turn, item_id: str) -> dict[str, Any]:
    content = [message_part(turn, turn.content)]
    return {"id": item_id, "type": "message", "role": "assistant", "status": "completed", "content": content}


def message_part(turn: Turn, text: str) -> dict[str, Any]:
    """The content part of a message that says this text."""
    if turn.ending == "refusal":
        return {"type": "refusal", "refusal": text}
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
