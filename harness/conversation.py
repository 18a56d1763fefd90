"""The history that is sent with each call, kept inside the model's context window."""

from collections.abc import Sequence
from dataclasses import replace

from harness.models.contract import Message, Role, Usage

CHARACTERS_A_TOKEN = 3.5
"""The guess until the provider has counted once; code runs at about three to four."""

MOST_RESERVE = 16_384
SHORT = 600
KEEP_EACH_END = 200
ROOM_AFTER_SHORTENING = 0.7


class Conversation:
    """Messages in order. The size is an estimate, scaled by the provider's own last count of tokens."""

    def __init__(self, *opening: Message) -> None:
        self._messages: list[Message] = list(opening)
        self._characters = sum(_size(message) for message in opening)
        self._tokens_a_character = 1 / CHARACTERS_A_TOKEN

    @property
    def messages(self) -> Sequence[Message]:
        """The messages as they would be sent now."""
        return self._messages

    @property
    def tokens(self) -> int:
        """Estimated tokens of the whole history."""
        return round(self._characters * self._tokens_a_character)

    def add(self, message: Message) -> None:
        """Append one message."""
        self._messages.append(message)
        self._characters += _size(message)

    def calibrate(self, usage: Usage) -> None:
        """Learn the size of a token from what the provider counted for the history just sent."""
        if usage.input_tokens and self._characters:
            self._tokens_a_character = usage.input_tokens / self._characters

    def fit(self, budget_tokens: int) -> tuple[int, ...]:
        """Shorten old tool outputs until the estimate is well inside the budget; returns their positions.

        Nothing happens while the history fits; then the oldest go first, down to 70 % of the budget, so that the
        provider's prompt cache is not broken at every turn.
        """
        if self.tokens <= budget_tokens:
            return ()
        shortened = []
        for position in self._shortening_order():
            self._shorten(position)
            shortened.append(position)
            if self.tokens <= budget_tokens * ROOM_AFTER_SHORTENING:
                break
        return tuple(shortened)

    def _shortening_order(self) -> list[int]:
        """Long tool outputs, oldest first: a linear look, taken only when the window is full."""
        return [
            position
            for position, message in enumerate(self._messages)
            if message.role is Role.TOOL and len(message.content) > SHORT
        ]

    def _shorten(self, position: int) -> None:
        message = self._messages[position]
        text = message.content
        note = f"\n[... {len(text) - 2 * KEEP_EACH_END} characters of this old output were taken out ...]\n"
        shorter = replace(message, content=text[:KEEP_EACH_END] + note + text[-KEEP_EACH_END:])
        self._messages[position] = shorter
        self._characters += len(shorter.content) - len(text)


def budget(context_window: int, output_tokens: int | None) -> int:
    """Tokens that the history may have so that an answer of `output_tokens` still fits into the window."""
    reserve = min(output_tokens or MOST_RESERVE, context_window // 4)
    return context_window - reserve


def _size(message: Message) -> int:
    calls = sum(len(call.name) + len(call.arguments) for call in message.tool_calls)
    return len(message.content) + len(message.reasoning) + calls
