"""The output items of a Responses API answer while they are being written, none of whose fields can be relied on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.models.assembly import EventError
from harness.models.text import Pieces, mapping_of, sound_object, text_of

_TEXT_PARTS = {"output_text": "text", "text": "text", "refusal": "refusal"}


@dataclass(slots=True, kw_only=True)
class OutputItem:
    """One item: `raw` as it came last, and the text of its deltas (content or arguments; reasoning; its summary).

    `streamed` says that reasoning came as deltas, not as a summary or all at once.
    """

    index: object = None
    raw: Mapping[str, Any] = field(default_factory=dict)
    text: Pieces = field(default_factory=Pieces)
    reasoning: Pieces = field(default_factory=Pieces)
    summary: Pieces = field(default_factory=Pieces)
    streamed: bool = False
    refused: bool = False
    done: bool = False

    @property
    def kind(self) -> str:
        """The API's word: "message", "reasoning", "function_call", or another."""
        return text_of(self.raw.get("type"))

    def finish(self, raw: Mapping[str, Any]) -> None:
        """The item is whole; where it says less than its deltas did, theirs is kept."""
        self.raw, self.done = _sendable(raw), True
        reasoning = _joined(raw.get("content"), "text") if self.kind == "reasoning" else ""
        self.text = Pieces(text_in(raw)) or self.text
        self.reasoning = Pieces(reasoning) or self.reasoning
        self.summary = Pieces(_joined(raw.get("summary"), "text")) or self.summary
        self.refused = self.refused or any(part.get("type") == "refusal" for part in _parts(raw.get("content")))


class OutputItems:
    """All items of an answer in the order they were begun; found by their id where there is one, else by index."""

    def __init__(self) -> None:
        self.all: list[OutputItem] = []

    @property
    def open(self) -> OutputItem | None:
        """The item that was begun last, where it is still being written."""
        return self.all[-1] if self.all and not self.all[-1].done else None

    def begin(self, event: Mapping[str, Any]) -> OutputItem:
        """A new item, as `response.output_item.added` tells it."""
        item = OutputItem(index=event.get("output_index"), raw=_sendable(event.get("item")))
        self.all.append(item)
        return item

    def lacks(self, position: int, raw: Mapping[str, Any]) -> bool:
        """Whether this item, which stands here among all of an answer, was not told of before, or not to its end."""
        known = self.all[position : position + 1]
        return not known or (not known[0].done and known[0].kind == raw.get("type"))

    def find(self, event: Mapping[str, Any], kind: str) -> OutputItem:
        """The unfinished item that an event is about, begun now where nobody told of it before."""
        identity = text_of(event.get("item_id")) or text_of(mapping_of(event.get("item")).get("id"))
        index = event.get("output_index")
        candidates = [item for item in self.all if not item.done and item.kind == kind]
        for same in (
            [item for item in candidates if identity and item.raw.get("id") == identity],
            [item for item in candidates if index is not None and item.index == index],
            candidates if index is None else [],
        ):
            if same:
                return same[-1]
        return self.begin({"output_index": index, "item": {"type": kind, "id": identity}})


def text_in(raw: Mapping[str, Any]) -> str:
    """What an item says to others: the arguments of a call, the text or refusal of a message."""
    if raw.get("type") == "function_call":
        return text_of(raw.get("arguments"))
    if raw.get("type") != "message":
        return ""
    return "".join(
        text_of(part.get(_TEXT_PARTS[part["type"]])) for part in _parts(raw.get("content")) if _is_text(part)
    )


def _sendable(raw: object) -> Mapping[str, Any]:
    try:
        return sound_object(mapping_of(raw))
    except ValueError as error:
        raise EventError(f"an item that cannot be sent again: {error}") from error


def _is_text(part: Mapping[str, Any]) -> bool:
    return text_of(part.get("type")) in _TEXT_PARTS


def _parts(value: object) -> list[Mapping[str, Any]]:
    return [part for part in value if isinstance(part, Mapping)] if isinstance(value, list) else []


def _joined(value: object, key: str) -> str:
    return "".join(text_of(part.get(key)) for part in _parts(value))
