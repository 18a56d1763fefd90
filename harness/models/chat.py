"""Chat completions, streamed: the wire API that every OpenAI-compatible server speaks."""

from collections.abc import Collection, Sequence
from typing import Any

from harness.clock import Clock
from harness.models.carrier import HttpCarrier
from harness.models.chat_assembly import ChatAssembly
from harness.models.chat_request import wire_message, wire_options
from harness.models.contract import Message, ToolSpec
from harness.models.health import ProviderHealth
from harness.models.settings import ModelSettings
from harness.models.sse import EventParser
from harness.models.wire_model import Wire, WireModel


class ChatDialect:
    """The `Dialect` of chat completions."""

    path = "/chat/completions"
    field = "messages"
    optional = {"stream_options": ("stream_options",)}  # noqa: RUF012 - a constant of the API, never changed
    assembly = ChatAssembly
    parser = EventParser

    def __init__(self, settings: ModelSettings) -> None:
        self._settings = settings

    def encode(self, message: Message, position: int) -> Sequence[dict[str, Any]]:  # noqa: ARG002 - all places are alike
        """One piece for each message."""
        return (wire_message(message, self._settings.quirks.reasoning_field),)

    def options(self, opening: Message | None, tools: Sequence[ToolSpec], dropped: Collection[str]) -> dict[str, Any]:  # noqa: ARG002 - it is a message like the others
        """Model, parameters and tools."""
        return wire_options(self._settings, tools, dropped)


def open_chat(settings: ModelSettings, key: str | None, clock: Clock, health: ProviderHealth) -> WireModel:
    """A model behind chat completions."""
    dialect = ChatDialect(settings)
    carrier = HttpCarrier(settings, key, dialect)
    return WireModel(settings, key, clock, health, Wire(dialect=dialect, carrier=carrier))
