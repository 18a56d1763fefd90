"""What a request asks, as a hash: of two requests with the same hash one is the other made again."""

import hashlib
from collections.abc import Sequence
from itertools import compress, count
from operator import is_not

from harness.edge import canonical_json
from harness.messages import message_json
from harness.models.contract import Message, ToolSpec


class RequestHash:
    """SHA-256 over the tools and a growing history: each message is hashed once, while those before it stay."""

    def __init__(self, tools: Sequence[ToolSpec]) -> None:
        described = [[tool.name, tool.description, dict(tool.parameters)] for tool in tools]
        self._start = hashlib.sha256(canonical_json(described) + b"\n")
        self._so_far = self._start.copy()
        self._messages: list[Message] = []

    def of(self, messages: Sequence[Message]) -> str:
        """64 hex digits for this history."""
        known = min(len(self._messages), len(messages))
        if next(compress(count(), map(is_not, self._messages, messages)), known) < len(self._messages):
            self._messages.clear()
            self._so_far = self._start.copy()
        for message in messages[len(self._messages) :]:
            self._so_far.update(canonical_json(message_json(message)) + b"\n")
            self._messages.append(message)
        return self._so_far.hexdigest()
