"""Tool calls out of the fragments that servers stream, none of whose fields can be relied on."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.models.contract import ToolCall
from harness.models.text import Pieces, sound, text_of


@dataclass(slots=True, kw_only=True)
class _Open:
    """A call that is still being written."""

    index: int | None
    id: str = ""
    name: str = ""
    arguments: Pieces = field(default_factory=Pieces)

    @property
    def complete(self) -> bool:
        try:
            json.loads(str(self.arguments))
        except (ValueError, RecursionError):
            return False
        return True


class CallFragments:
    """Puts fragments together: by index where there is one, else by id, else in the order they come."""

    def __init__(self) -> None:
        self._calls: list[_Open] = []

    def feed(self, fragments: object) -> int:
        """Take in the `tool_calls` of one delta; how many characters of arguments came."""
        if not isinstance(fragments, list):
            return 0
        return sum(self._one(fragment) for fragment in fragments if isinstance(fragment, Mapping))

    def calls(self) -> tuple[ToolCall, ...]:
        """The calls in the order of their first fragments; arguments that never came are an empty object."""
        return tuple(
            ToolCall(id=sound(call.id), name=sound(call.name), arguments=sound(str(call.arguments)) or "{}")
            for call in self._calls
        )

    def _one(self, fragment: Mapping[str, Any]) -> int:
        function = fragment.get("function")
        function = function if isinstance(function, Mapping) else {}
        name, identity = text_of(function.get("name")), text_of(fragment.get("id"))
        call = self._find(fragment.get("index"), identity, name)
        call.id = call.id or identity
        call.name = call.name or name  # some servers repeat the name in every fragment
        arguments = _arguments(function.get("arguments"))
        call.arguments.add(arguments)
        return len(arguments)

    def _find(self, index: object, identity: str, name: str) -> _Open:
        number = index if isinstance(index, int) else None
        candidates = [call for call in self._calls if number is None or call.index == number]
        if candidates and not _starts_another(candidates[-1], number, identity, name):
            return candidates[-1]
        self._calls.append(_Open(index=number))
        return self._calls[-1]


def _starts_another(current: _Open, index: int | None, identity: str, name: str) -> bool:
    """Whether a fragment that seems to belong to `current` opens a call of its own."""
    if identity and current.id and identity != current.id:
        return bool(name)  # all calls under index 0, as some gateways send them
    return index is None and not identity and bool(name) and current.complete


def _arguments(value: object) -> str:
    """Argument text; some servers send the finished object instead."""
    return json.dumps(value) if isinstance(value, Mapping) else text_of(value)
