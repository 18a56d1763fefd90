"""A reply put together from the events of a Responses API answer, over HTTP or a WebSocket."""

from collections.abc import Collection, Mapping
from typing import Any

from harness.models.assembly import EventError, Facts, Moments, unique_calls
from harness.models.contract import Message, Role, ToolCall
from harness.models.output_items import OutputItem, OutputItems
from harness.models.text import mapping_of, sound, text_of
from harness.models.usage import response_timings

_DELTAS = {
    "response.output_text.delta": "message",
    "response.refusal.delta": "message",
    "response.function_call_arguments.delta": "function_call",
    "response.reasoning_text.delta": "reasoning",
    "response.reasoning_summary_text.delta": "reasoning",
}
_ENDS = {"response.completed", "response.incomplete"}
_ENDINGS = {"max_output_tokens": "length"}


class ResponsesAssembly:
    """An `Assembly` of events.

    A delta of a reasoning summary counts as a token for the moments of first and last token, since a client sees it,
    but not as streamed reasoning: a summary is fewer tokens than what it sums up. The text of a finished item that
    came without any delta counts as one delta.
    """

    def __init__(self) -> None:
        self.moments = Moments()
        self.facts = Facts()
        self._items = OutputItems()
        self._status = ""
        self._why_incomplete = ""
        self._resumed = False

    @property
    def finish_reason(self) -> str:
        """The word that chat completions have for it: "tool_calls", "stop", "length", "content_filter", "refusal"."""
        if not self._status:
            return ""
        if self._status == "incomplete":
            return _ENDINGS.get(self._why_incomplete, self._why_incomplete) or "incomplete"
        if any(item.refused for item in self._items.all):
            return "refusal"
        return "tool_calls" if any(item.kind == "function_call" for item in self._items.all) else "stop"

    @property
    def final(self) -> bool:
        """The last event of an answer holds its usage."""
        return bool(self._status)

    @property
    def thinking(self) -> bool:
        """A reasoning item is open and nothing of it was streamed."""
        item = self._items.open
        return item is not None and item.kind == "reasoning" and not item.streamed

    @property
    def hidden_reasoning(self) -> str:
        """As in `Reply.hidden_reasoning`, as far as items tell it."""
        hidden = any(item.kind == "reasoning" and not item.streamed for item in self._items.all)
        return ("between" if self._resumed else "before") if hidden else ""

    def feed(self, event: Mapping[str, Any], at: int) -> bool:
        """Take in one event, or a whole response where a server does not stream."""
        self.moments.event(at)
        kind = event.get("type")
        if event.get("object") == "response" and not kind:
            return self._ended(event, at)
        if not isinstance(kind, str):
            raise EventError("no type in the event")
        if isinstance(event.get("response"), Mapping):
            self._facts(event, event["response"])
        if kind in _DELTAS:
            return self._delta(kind, event, at)
        if kind == "response.output_item.added":
            self._begun(self._items.begin(event))
        elif kind == "response.output_item.done":
            return self._item(mapping_of(event.get("item")), event, at)
        elif kind in _ENDS:
            return self._ended(mapping_of(event.get("response")), at)
        return False

    def message(self, taken_ids: Collection[str], prefix: str) -> Message:
        """The assistant's message; its `items` are as they came, ids included."""
        items = self._items.all
        calls = tuple(_call(item) for item in items if item.kind == "function_call")
        return Message(
            role=Role.ASSISTANT,
            content=sound("".join(str(item.text) for item in items if item.kind == "message")),
            reasoning=sound("\n\n".join(filter(None, (str(item.reasoning or item.summary) for item in items)))),
            tool_calls=unique_calls(calls, taken_ids, prefix),
            items=tuple(_kept(item) for item in items),
        )

    def _facts(self, event: Mapping[str, Any], response: Mapping[str, Any]) -> None:
        self.facts.read(response)
        self.facts.tell(response_timings(event, response))

    def _begun(self, item: OutputItem) -> None:
        self._resumed |= item.kind == "reasoning" and self.moments.first_answer is not None

    def _delta(self, kind: str, event: Mapping[str, Any], at: int) -> bool:
        text = text_of(event.get("delta"))
        if not text:
            return False
        item = self._items.find(event, _DELTAS[kind])
        if kind == "response.reasoning_text.delta":
            item.reasoning.add(text)
            item.streamed = True
        elif kind == "response.reasoning_summary_text.delta":
            item.summary.add(text)
        else:
            item.text.add(text)
            item.refused |= kind == "response.refusal.delta"
        self.moments.delta(at, len(text), answered=_DELTAS[kind] != "reasoning")
        return True

    def _item(self, raw: Mapping[str, Any], event: Mapping[str, Any], at: int) -> bool:
        """A whole item; what it holds beyond its deltas came just now."""
        item = self._items.find(event, text_of(raw.get("type")))
        said, thought = bool(item.text), bool(item.reasoning or item.summary)
        item.finish(raw)
        answered, reasoned = bool(item.text) and not said, bool(item.reasoning or item.summary) and not thought
        if answered or reasoned:
            come = len(str(item.text)) * answered + len(str(item.reasoning) + str(item.summary)) * reasoned
            self.moments.delta(at, come, answered=answered)
        return answered or reasoned

    def _ended(self, response: Mapping[str, Any], at: int) -> bool:
        if not response:
            raise EventError("no response in the event that ends it")
        self._facts({}, response)
        output = response.get("output")
        for index, raw in enumerate(output if isinstance(output, list) else ()):
            if self._items.lacks(index, mapping_of(raw)):
                self._item(mapping_of(raw), {"output_index": index, "item": raw}, at)
        status = text_of(response.get("status")) or "completed"
        if status not in {"completed", "incomplete"} or not isinstance(output, list | None):
            raise EventError(f"a response with status {status!r} is no answer")
        if status == "completed" and not self._items.all:
            raise EventError("a completed response without any item")
        self._why_incomplete = sound(text_of(mapping_of(response.get("incomplete_details")).get("reason")))
        self._status = status
        return True


def _call(item: OutputItem) -> ToolCall:
    identity, name = text_of(item.raw.get("call_id")), text_of(item.raw.get("name"))
    return ToolCall(id=sound(identity), name=sound(name), arguments=sound(str(item.text)) or "{}")


def _kept(item: OutputItem) -> Mapping[str, Any]:
    """The item as it came; where its end never came, with the text of its deltas."""
    if item.done or not item.text:
        return item.raw
    text = str(item.text)
    if item.kind == "function_call":
        return {**item.raw, "arguments": text}
    part = {"type": "refusal", "refusal": text} if item.refused else {"type": "output_text", "text": text}
    return {**item.raw, "role": "assistant", "content": [part]}
