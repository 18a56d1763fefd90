"""The Responses API, streamed over HTTP or over one WebSocket for each trial.

The system message goes as `instructions`: OpenAI's guides name that field for it, it is put before all input and
outranks it, it is never inherited from a previous response (so the same words stand for each turn on both transports),
and the servers of others that speak this API take it too.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar

from harness.clock import Clock
from harness.models.carrier import HttpCarrier
from harness.models.contract import Message, Role, ToolSpec
from harness.models.health import ProviderHealth
from harness.models.responses_assembly import ResponsesAssembly
from harness.models.responses_request import input_items, response_options
from harness.models.settings import ModelSettings
from harness.models.sse import EventParser, MessageParser, Parser
from harness.models.wire_model import Wire, WireModel

_ABOUT_INCLUDE = ("'include", '"include', "`include", "parameter: include", "encrypted content", "encrypted_content")
"""Words of servers that do not take the option; the word alone stands in many a complaint."""


class ResponsesDialect:
    """The `Dialect` of the Responses API."""

    path = "/responses"
    field = "input"
    optional: ClassVar[Mapping[str, Sequence[str]]] = {"include": _ABOUT_INCLUDE}
    assembly = ResponsesAssembly
    parser: type[Parser] = EventParser

    def __init__(self, settings: ModelSettings) -> None:
        self._settings = settings

    def encode(self, message: Message, position: int) -> Sequence[Mapping[str, Any]]:
        """The input items of a message; the opening system message is none of them."""
        return () if position == 0 and message.role is Role.SYSTEM else input_items(message)

    def options(self, opening: Message | None, tools: Sequence[ToolSpec], dropped: Collection[str]) -> dict[str, Any]:
        """Model, parameters, tools and instructions."""
        options = response_options(self._settings, tools, dropped)
        if opening is not None and opening.role is Role.SYSTEM:
            options["instructions"] = opening.content
        return options


class MessageDialect(ResponsesDialect):
    """The same over a WebSocket, whose messages are events without any framing."""

    parser: type[Parser] = MessageParser


def open_responses(settings: ModelSettings, key: str | None, clock: Clock, health: ProviderHealth) -> WireModel:
    """A model behind the Responses API over HTTP."""
    dialect = ResponsesDialect(settings)
    carrier = HttpCarrier(settings, key, dialect)
    return WireModel(settings, key, clock, health, Wire(dialect=dialect, carrier=carrier))


def open_responses_websocket(
    settings: ModelSettings, key: str | None, clock: Clock, health: ProviderHealth
) -> WireModel:
    """A model behind the Responses API over a WebSocket."""
    from harness.models.websocket import WebSocketCarrier

    carrier = WebSocketCarrier(settings, key)
    return WireModel(settings, key, clock, health, Wire(dialect=MessageDialect(settings), carrier=carrier))
