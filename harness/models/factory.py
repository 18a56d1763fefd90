"""Opens a model by the name of its wire API."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from harness.clock import Clock
from harness.errors import ConfigError
from harness.models.contract import Model
from harness.models.health import ProviderHealth
from harness.models.settings import ModelSettings

if TYPE_CHECKING:
    from harness.models.wire_model import WireModel

Opener = Callable[[ModelSettings, str | None, Clock, ProviderHealth], Model]


def _chat() -> Opener:
    from harness.models.chat import open_chat  # the SDK takes most of a second to import: only who needs it pays

    return _warmed(open_chat)


def _responses() -> Opener:
    from harness.models.responses import open_responses

    return _warmed(open_responses)


def _responses_websocket() -> Opener:
    import websockets.sync.client  # noqa: F401 - the SDK imports it at the first connection, under a clock

    from harness.models.responses import open_responses_websocket

    return _warmed(open_responses_websocket)


def _warmed(open_: "Callable[[ModelSettings, str | None, Clock, ProviderHealth], WireModel]") -> Opener:
    """Opens a model and its connection: this happens while a trial is set up, so no call pays for it."""
    from harness.models.line import tls

    tls()

    def opened(settings: ModelSettings, key: str | None, clock: Clock, health: ProviderHealth) -> Model:
        model = open_(settings, key, clock, health)
        model.warm()
        return model

    return opened


APIS: dict[str, Callable[[], Opener]] = {
    "chat": _chat,
    "responses": _responses,
    "responses-websocket": _responses_websocket,
}
"""Wire APIs by the name a matrix gives them, each loaded when it is first needed."""


def load_api(api: str) -> Opener:
    """What opens models of this API, loaded; call it before any clock runs. Raises ConfigError for an unknown one."""
    if api not in APIS:
        raise ConfigError(f"no model api {api!r}; known: {', '.join(sorted(APIS))}")
    return APIS[api]()


def open_model(settings: ModelSettings, key: str | None, clock: Clock, health: ProviderHealth | None = None) -> Model:
    """A model ready for one trial, its connection open where one could be had; the caller closes it.

    Raises ConfigError for an API that does not exist. `health` is shared by all models of one provider and key; without
    it this model minds nobody else.
    """
    return load_api(settings.api)(settings, key, clock, health or ProviderHealth())
