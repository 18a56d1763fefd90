"""A reply put together from the chunks of a chat completion."""

from collections.abc import Collection, Mapping
from typing import Any

from harness.models.assembly import EventError, Facts, Moments, unique_calls
from harness.models.contract import Message, Role
from harness.models.fragments import CallFragments
from harness.models.text import sound, text_of
from harness.models.usage import server_timings, usage_of


class ChatAssembly:
    """An `Assembly` of chunks. Usage and timings may follow the finish reason, in chunks of their own."""

    final = False
    thinking = False
    hidden_reasoning = ""

    def __init__(self) -> None:
        self.moments = Moments()
        self.facts = Facts()
        self._finish_reason = ""
        self._content: list[str] = []
        self._reasoning: list[str] = []
        self._refused = False
        self._calls = CallFragments()

    @property
    def finish_reason(self) -> str:
        """The provider's own word."""
        return "refusal" if self._refused and self._finish_reason else self._finish_reason

    def feed(self, event: Mapping[str, Any], at: int) -> bool:
        """Take in one chunk."""
        self.moments.event(at)
        self.facts.read(event)
        choices = event.get("choices")
        if not isinstance(choices, list):
            if usage_of(event) or server_timings(event):  # some servers end with a chunk that has no choices at all
                return False
            raise EventError("no list of choices in the answer")
        answered = False
        for choice in choices:
            if isinstance(choice, Mapping) and choice.get("index") in (0, None):
                answered |= self._choice(choice, at)
        return answered

    def message(self, taken_ids: Collection[str], prefix: str) -> Message:
        """The assistant's message."""
        return Message(
            role=Role.ASSISTANT,
            content=sound("".join(self._content)),
            reasoning=sound("".join(self._reasoning)),
            tool_calls=unique_calls(self._calls.calls(), taken_ids, prefix),
        )

    def _choice(self, choice: Mapping[str, Any], at: int) -> bool:
        delta = choice.get("delta") or choice.get("message")
        answered, reasoned = self._delta(delta) if isinstance(delta, Mapping) else (0, 0)
        if answered or reasoned:
            self.moments.delta(at, answered + reasoned, answered=bool(answered))
        self._finish_reason = sound(text_of(choice.get("finish_reason"))) or self._finish_reason
        return bool(answered or reasoned or choice.get("finish_reason"))

    def _delta(self, delta: Mapping[str, Any]) -> tuple[int, int]:
        """Keep what a delta says; how many characters of answer it holds, and how many of reasoning."""
        reasoning = text_of(delta.get("reasoning_content")) or text_of(delta.get("reasoning"))
        refusal = text_of(delta.get("refusal"))
        content = text_of(delta.get("content")) + refusal
        self._refused = self._refused or bool(refusal)
        self._reasoning.append(reasoning)
        self._content.append(content)
        called = self._calls.feed(delta.get("tool_calls"))
        return len(content) + called, len(reasoning)
