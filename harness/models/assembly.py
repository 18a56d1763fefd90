"""A reply put together from the chunks of a chat completion, with the moment of each."""

import json
from collections.abc import Collection, Mapping
from typing import Any

from harness.models.contract import Message, Role, ToolCall, Usage
from harness.models.fragments import CallFragments
from harness.models.text import sound, text_of
from harness.models.usage import read_usage, server_timings, usage_of


class ChunkError(ValueError):
    """A chunk is no chunk of a chat completion."""


class Assembly:
    """Collects chunks as they come; pure, the moments are told to it. All moments are monotonic nanoseconds."""

    def __init__(self) -> None:
        self.first_chunk: int | None = None
        self.first_token: int | None = None
        self.first_answer: int | None = None
        self.last_token: int | None = None
        self.largest_gap_ns = 0
        self.deltas = 0
        self.finish_reason = ""
        self.served_model = ""
        self.service_tier = ""
        self.system_fingerprint = ""
        self.timings: dict[str, float] = {}
        self._usage: Mapping[str, Any] | None = None
        self._content: list[str] = []
        self._reasoning: list[str] = []
        self._refused = False
        self._calls = CallFragments()

    def feed(self, chunk: Mapping[str, Any], at: int) -> bool:
        """Take in one chunk that arrived `at`; whether it brought part of the answer. Raises ChunkError."""
        self.first_chunk = at if self.first_chunk is None else self.first_chunk
        self._facts(chunk)
        choices = chunk.get("choices")
        if not isinstance(choices, list):
            if self._is_only_facts(chunk):
                return False
            raise ChunkError("no list of choices in the answer")
        answered = False
        for choice in choices:
            if isinstance(choice, Mapping) and choice.get("index") in (0, None):
                answered |= self._choice(choice, at)
        return answered

    def usage(self) -> Usage:
        """Tokens as the provider counted them; a count of no tokens for a text that came is taken as unknown."""
        usage = read_usage(self._usage)
        if usage.output_tokens == 0 and self.deltas:
            return Usage(input_tokens=usage.input_tokens, cached_input_tokens=usage.cached_input_tokens)
        return usage

    def message(self, taken_ids: Collection[str], prefix: str) -> Message:
        """The assistant's message; ids of tool calls that are missing, or among `taken_ids`, are made from `prefix`."""
        return Message(
            role=Role.ASSISTANT,
            content=sound("".join(self._content)),
            reasoning=sound("".join(self._reasoning)),
            tool_calls=_unique(self._calls.calls(), taken_ids, prefix),
        )

    def ending(self) -> str:
        """The provider's finish reason, "refusal" where the model declined in a field of its own, "" where cut off."""
        return "refusal" if self._refused and self.finish_reason else self.finish_reason

    def _facts(self, chunk: Mapping[str, Any]) -> None:
        self.served_model = sound(text_of(chunk.get("model"))) or self.served_model
        self.service_tier = sound(text_of(chunk.get("service_tier"))) or self.service_tier
        self.system_fingerprint = sound(text_of(chunk.get("system_fingerprint"))) or self.system_fingerprint
        self.timings |= server_timings(chunk)
        self._usage = usage_of(chunk) or self._usage

    def _is_only_facts(self, chunk: Mapping[str, Any]) -> bool:
        """Some servers end with a chunk of usage or timings that has no choices at all."""
        return bool(usage_of(chunk) or server_timings(chunk))

    def _choice(self, choice: Mapping[str, Any], at: int) -> bool:
        delta = choice.get("delta") or choice.get("message")
        answered, reasoned = self._delta(delta) if isinstance(delta, Mapping) else (False, False)
        if answered or reasoned:
            self._stamp(at, answered=answered)
        self.finish_reason = sound(text_of(choice.get("finish_reason"))) or self.finish_reason
        return answered or reasoned or bool(choice.get("finish_reason"))

    def _delta(self, delta: Mapping[str, Any]) -> tuple[bool, bool]:
        """Keep what a delta says; whether it holds answer text, and whether it holds reasoning."""
        reasoning = text_of(delta.get("reasoning_content")) or text_of(delta.get("reasoning"))
        refusal = text_of(delta.get("refusal"))
        content = text_of(delta.get("content")) + refusal
        self._refused = self._refused or bool(refusal)
        self._reasoning.append(reasoning)
        self._content.append(content)
        called = self._calls.feed(delta.get("tool_calls"))
        return bool(content) or called, bool(reasoning)

    def _stamp(self, at: int, *, answered: bool) -> None:
        if self.last_token is not None:
            self.largest_gap_ns = max(self.largest_gap_ns, at - self.last_token)
        self.first_token = at if self.first_token is None else self.first_token
        if answered and self.first_answer is None:
            self.first_answer = at
        self.last_token = at
        self.deltas += 1


def _unique(calls: tuple[ToolCall, ...], taken: Collection[str], prefix: str) -> tuple[ToolCall, ...]:
    seen, unique = set(taken), []
    for number, call in enumerate(calls, 1):
        identity, suffix = call.id, 0
        while not identity or identity in seen:
            identity = f"{prefix}_{number}" + (f"_{suffix}" if suffix else "")
            suffix += 1
        seen.add(identity)
        unique.append(ToolCall(id=identity, name=call.name, arguments=call.arguments))
    return tuple(unique)


def json_object(text: str) -> Mapping[str, Any] | None:
    """The JSON object this text is, or None."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
