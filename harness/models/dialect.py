"""What tells one wire API from another: how a request is worded, and how an answer is read."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from harness.models.assembly import Assembly
from harness.models.contract import Message, ToolSpec
from harness.models.sse import Parser


class Dialect(Protocol):
    """One wire API, for one model. Pure: it neither sends nor waits."""

    @property
    def path(self) -> str:
        """Where requests go, under the base URL."""
        ...

    @property
    def field(self) -> str:
        """The field of a request that holds the messages."""
        ...

    @property
    def optional(self) -> Mapping[str, Sequence[str]]:
        """Options that servers may reject, each with the words of such a rejection: they are left out from then on."""
        ...

    def encode(self, message: Message, position: int) -> Sequence[Mapping[str, Any]]:
        """The pieces of `field` that the message at this position of the history is."""
        ...

    def options(self, opening: Message | None, tools: Sequence[ToolSpec], dropped: Collection[str]) -> dict[str, Any]:
        """Everything else of a request; `opening` is the first message of the history."""
        ...

    def assembly(self) -> Assembly:
        """What puts an answer together."""
        ...

    def parser(self) -> Parser:
        """What finds the events in the bytes of an answer."""
        ...
