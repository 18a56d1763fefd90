"""A growing history as the text of a request, encoded once."""

import json
from collections.abc import Callable, Mapping, Sequence
from itertools import compress, count
from operator import is_not
from typing import Any

from harness.models.contract import Message

Encode = Callable[[Message, int], Sequence[Mapping[str, Any]]]
"""What a message at this position is on a wire: one piece, several, or none."""

_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


class History:
    """A growing history as JSON: each message is encoded once, so that a turn costs the same early and late.

    Messages never change: the same object is the same text. From the first one that stands in another's place, all
    are encoded anew, which happens as rarely as old messages are shortened.
    """

    def __init__(self, encode: Encode) -> None:
        self._encode = encode
        self._messages: list[Message] = []
        self._ends: list[int] = []
        self._text = bytearray()
        self._call_ids: set[str] = set()
        self.kept = 0
        """How many messages were already known, in their places, when it was last told to follow."""

    def __len__(self) -> int:
        return len(self._messages)

    def __getitem__(self, position: int) -> Message:
        return self._messages[position]

    @property
    def call_ids(self) -> frozenset[str]:
        """The ids of all tool calls in it."""
        return frozenset(self._call_ids)

    def follow(self, messages: Sequence[Message]) -> None:
        """Become these messages. Raises UnicodeEncodeError for text that no wire takes."""
        known = min(len(self._messages), len(messages))
        self.kept = next(compress(count(), map(is_not, self._messages, messages)), known)
        if self.kept < len(self._messages):
            self._cut(self.kept)
        for message in messages[self.kept :]:
            self._add(message)

    def body(self, options: Mapping[str, Any], field: str, since: int = 0) -> bytes:
        """A request of these options with the messages from number `since` on as the array `field`, as UTF-8."""
        start = self._ends[since - 1] if since else 0
        text = memoryview(self._text)[start:]
        return b"".join((_json(options)[:-1], b",", _json(field), b":[", text[1:], b"]}"))

    def _cut(self, length: int) -> None:
        del self._messages[length:], self._ends[length:]
        del self._text[self._ends[-1] if self._ends else 0 :]
        self._call_ids = {call.id for message in self._messages for call in message.tool_calls}

    def _add(self, message: Message) -> None:
        self._text += b"".join(b"," + _json(piece) for piece in self._encode(message, len(self._messages)))
        self._messages.append(message)
        self._ends.append(len(self._text))
        self._call_ids.update(call.id for call in message.tool_calls)


def _json(value: object) -> bytes:
    return _encoder.encode(value).encode()
