"""A scripted turn as a chat completion, streamed or whole."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness.simulator.answer import Event
from harness.simulator.bends import bent_usage, call_ids, with_id
from harness.simulator.chat_request import ChatRequest
from harness.simulator.config import Pace
from harness.simulator.rejection import RejectedError
from harness.simulator.schedule import Chunk, Part, schedule
from harness.turns import ScriptedFault, Turn


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatAnswer:
    """The turn that answers this request; `id` is that of the completion."""

    request: ChatRequest
    turn: Turn
    pace: Pace
    id: str

    @property
    def stream(self) -> bool:
        """Whether chunks were asked for."""
        return self.request.stream

    def events(self) -> Iterator[Event]:
        """Role, the chunks when they are due, the finish reason, and usage where it was asked for."""
        yield self._event({"role": "assistant", "content": ""})
        for chunk in schedule(self.turn, self.pace):
            yield self._event(self._delta(chunk), chunk)
        ending = self._chunk({}, _finish_reason(self.turn))
        yield Event(payload=ending, due_ns=0, ending=True)
        if self.request.wants_usage:
            usage = {**self._base("chat.completion.chunk"), "choices": [], "usage": self._usage()}
            yield Event(payload=usage, ending=True)

    def whole(self) -> dict[str, Any]:
        """The completion as one object."""
        choice = {"index": 0, "message": self._message(), "finish_reason": _finish_reason(self.turn)}
        return {**self._base("chat.completion"), "choices": [choice], "usage": self._usage()}

    def broken(self, fault: ScriptedFault, sent: int) -> dict[str, Any]:  # noqa: ARG002 - chunks have no numbers
        """An error object where a chunk or a completion is due."""
        return {"error": RejectedError(fault.status, fault.message, fault.code).body()}

    def without_choice(self) -> dict[str, Any]:
        """An empty list in a chunk, null in a whole completion."""
        if self.stream:
            return {**self._base("chat.completion.chunk"), "choices": []}
        return {**self._base("chat.completion"), "choices": None}

    def _base(self, kind: str) -> dict[str, Any]:
        tier = {"service_tier": self.turn.service_tier} if self.turn.service_tier else {}
        model = self.turn.served_model or self.request.model
        return {"id": self.id, "object": kind, "created": 0, "model": model, "system_fingerprint": "simulator", **tier}

    def _event(self, delta: Mapping[str, Any], chunk: Chunk | None = None) -> Event:
        payload = self._chunk(delta)
        return (
            Event(payload=payload)
            if chunk is None
            else Event(payload=payload, tokens=chunk.tokens, due_ns=chunk.due_ns)
        )

    def _chunk(self, delta: Mapping[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        return {**self._base("chat.completion.chunk"), "choices": [choice]}

    def _delta(self, chunk: Chunk) -> dict[str, Any]:
        """Id and name come with the first piece of the arguments only."""
        if chunk.part is not Part.CALL:
            return {_field(self.turn, chunk.part): chunk.text}
        if not chunk.first:
            return {"tool_calls": [{"index": chunk.call, "function": {"arguments": chunk.text}}]}
        function = {"name": self.turn.tool_calls[chunk.call].name, "arguments": chunk.text}
        identity = with_id("id", call_ids(self.turn, self.id)[chunk.call])
        return {"tool_calls": [{"index": chunk.call, **identity, "type": "function", "function": function}]}

    def _message(self) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": None}
        if self.turn.content:
            message[_field(self.turn, Part.CONTENT)] = self.turn.content
        if self.turn.reasoning:
            message["reasoning_content"] = self.turn.reasoning
        calls = zip(self.turn.tool_calls, call_ids(self.turn, self.id), strict=True)
        if self.turn.tool_calls:
            message["tool_calls"] = [
                {
                    **with_id("id", identity),
                    "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments_text()},
                }
                for call, identity in calls
            ]
        return message

    def _usage(self) -> dict[str, Any] | None:
        prompt, output = self.request.prompt_tokens, self.turn.output_tokens
        usage = {
            "prompt_tokens": prompt,
            "completion_tokens": output,
            "total_tokens": prompt + output,
            "completion_tokens_details": {"reasoning_tokens": self.turn.reasoning_tokens},
        }
        return bent_usage(self.turn, usage)


def _field(turn: Turn, part: Part) -> str:
    """The field of a message for this part: a refusal has its own."""
    if part is Part.REASONING:
        return "reasoning_content"
    return "refusal" if turn.ending == "refusal" else "content"


def _finish_reason(turn: Turn) -> str:
    """A refusal ends like any other answer."""
    return "stop" if turn.ending == "refusal" else turn.finish_reason
