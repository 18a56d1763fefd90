"""A scripted turn as a response of the Responses API: its events, or the one object."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness.simulator.answer import Event
from harness.simulator.bends import bent_usage
from harness.simulator.config import Pace
from harness.simulator.items import begun, message_part, output_items
from harness.simulator.rejection import RejectedError
from harness.simulator.responses_request import Held, ResponsesRequest
from harness.simulator.schedule import Chunk, Part, schedule
from harness.turns import ScriptedFault, Turn

_REASONS = {"length": "max_output_tokens", "content_filter": "content_filter"}
_ECHOED = ("instructions", "tools", "tool_choice", "reasoning", "max_output_tokens", "temperature", "top_p", "metadata")


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponsesAnswer:
    """The turn that answers this request; `id` is that of the response."""

    request: ResponsesRequest
    turn: Turn
    pace: Pace
    id: str

    @property
    def stream(self) -> bool:
        """Whether events were asked for."""
        return self.request.stream

    def events(self) -> Iterator[Event]:
        """All events, numbered; deltas when they are due, what stands around them at once."""
        numbers = itertools.count()
        for event in self._unnumbered():
            yield Event(
                payload={**event.payload, "sequence_number": next(numbers)},
                tokens=event.tokens,
                due_ns=event.due_ns,
                ending=event.ending,
            )

    def whole(self) -> dict[str, Any]:
        """The response as one object."""
        return self._response(_status(self.turn), self.items())

    def broken(self, fault: ScriptedFault, sent: int) -> dict[str, Any]:
        """An error event, flat as this API has it over HTTP, or a failed response; unstreamed, the object itself."""
        if fault.kind == "failed":
            failed = self._response("failed", []) | {"error": {"code": fault.code, "message": fault.message}}
            event = {"type": "response.failed", "response": failed, "sequence_number": sent}
            return event if self.stream else failed
        if not self.stream:
            return {"error": RejectedError(fault.status, fault.message, fault.code).body()}
        told = {"code": fault.code or None, "message": fault.message, "param": None}
        return {"type": "error", **told, "sequence_number": sent}

    def without_choice(self) -> dict[str, Any]:
        """A completed response that holds no item; null instead of a list where it is not streamed."""
        if self.stream:
            return {"type": "response.completed", "response": self._response("completed", []), "sequence_number": 0}
        return self._response("completed", None)

    def items(self) -> list[dict[str, Any]]:
        """The output items."""
        return output_items(self.turn, self.id.removeprefix("resp_"), sealed=self.request.sealed)

    def held(self) -> Held:
        """What a connection keeps of it once it was given."""
        output = self.items()
        return Held(
            response_id=self.id,
            items=(*self.request.items, *output),
            answers=self.request.turn + 1,
            open_calls=tuple(item.get("call_id", "") for item in output if item["type"] == "function_call"),
            tokens=self.request.prompt_tokens,
        )

    def _unnumbered(self) -> Iterator[Event]:
        for kind in ("response.created", "response.in_progress"):
            yield Event(payload={"type": kind, "response": self._response("in_progress", [])})
        items = self.items()
        index = -1
        for chunk in schedule(self.turn, self.pace):
            index += chunk.first
            place = {"item_id": items[index]["id"], "output_index": index}
            if chunk.first:
                yield from _opening(items[index], place, self.turn)
            yield _delta(chunk, place, self.turn)
            if chunk.last:
                yield from _closing(items[index], place)
        for number in range(index + 1, len(items)):  # a message with no text in it
            place = {"item_id": items[number]["id"], "output_index": number}
            yield from _opening(items[number], place, self.turn)
            yield from _closing(items[number], place)
        yield self._ending(items)

    def _ending(self, items: list[dict[str, Any]]) -> Event:
        status = _status(self.turn)
        payload = {"type": f"response.{status}", "response": self._response(status, items)}
        return Event(payload=payload, due_ns=0, ending=True)

    def _response(self, status: str, output: list[dict[str, Any]] | None) -> dict[str, Any]:
        reason = _REASONS.get(self.turn.ending)
        raw = self.request.raw
        return {
            "id": self.id,
            "object": "response",
            "created_at": 0,
            "status": status,
            "error": None,
            "incomplete_details": {"reason": reason} if status == "incomplete" else None,
            "model": self.turn.served_model or self.request.model,
            "output": output,
            "parallel_tool_calls": True,
            "previous_response_id": raw.get("previous_response_id"),
            "store": False,
            "tool_choice": "auto",
            "tools": [],
            **{name: raw[name] for name in _ECHOED if raw.get(name) is not None},
            "service_tier": self.turn.service_tier or raw.get("service_tier"),
            "usage": None if status in {"in_progress", "failed"} else self._usage(),
        }

    def _usage(self) -> dict[str, Any] | None:
        prompt, output = self.request.prompt_tokens, self.turn.output_tokens
        usage = {
            "input_tokens": prompt,
            "input_tokens_details": {"cached_tokens": self.request.cached_tokens},
            "output_tokens": output,
            "output_tokens_details": {"reasoning_tokens": self.turn.reasoning_tokens},
            "total_tokens": prompt + output,
        }
        return bent_usage(self.turn, usage)


def _status(turn: Turn) -> str:
    return "incomplete" if turn.ending in _REASONS else "completed"


def _delta(chunk: Chunk, place: Mapping[str, Any], turn: Turn) -> Event:
    refused = turn.ending == "refusal"
    match chunk.part:
        case Part.REASONING:
            payload = {"type": "response.reasoning_text.delta", **place, "content_index": 0, "delta": chunk.text}
        case Part.CONTENT:
            kind = "response.refusal.delta" if refused else "response.output_text.delta"
            payload = {"type": kind, **place, "content_index": 0, "delta": chunk.text}
            payload |= {} if refused else {"logprobs": []}
        case Part.CALL:
            payload = {"type": "response.function_call_arguments.delta", **place, "delta": chunk.text}
    return Event(payload=payload, tokens=chunk.tokens, due_ns=chunk.due_ns)


def _opening(item: Mapping[str, Any], place: Mapping[str, Any], turn: Turn) -> Iterator[Event]:
    index = place["output_index"]
    yield Event(payload={"type": "response.output_item.added", "output_index": index, "item": begun(item)})
    if item["type"] == "function_call":
        return
    part = {"type": "reasoning_text", "text": ""} if item["type"] == "reasoning" else message_part(turn, "")
    yield Event(payload={"type": "response.content_part.added", **place, "content_index": 0, "part": part})


def _closing(item: Mapping[str, Any], place: Mapping[str, Any]) -> Iterator[Event]:
    if item["type"] == "function_call":
        told = {"name": item["name"], "arguments": item["arguments"]}
        yield Event(payload={"type": "response.function_call_arguments.done", **place, **told})
    else:
        part = item["content"][0]
        done = {"type": f"response.{part['type']}.done", **place, "content_index": 0}
        yield Event(payload={**done, **{name: part[name] for name in ("text", "refusal", "logprobs") if name in part}})
        yield Event(payload={"type": "response.content_part.done", **place, "content_index": 0, "part": part})
    yield Event(payload={"type": "response.output_item.done", "output_index": place["output_index"], "item": item})
