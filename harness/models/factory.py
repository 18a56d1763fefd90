"""Opens a model by the name of its wire API."""

from collections.abc import Callable

from harness.clock import Clock
from harness.errors import ConfigError
from harness.models.contract import Model
from harness.models.health import ProviderHealth
from harness.models.settings import ModelSettings

Opener = Callable[[ModelSettings, str | None, Clock, ProviderHealth], Model]


def _chat() -> Opener:
    from harness.models.chat import ChatModel  # the SDK takes most of a second to import: only who needs it pays
    from harness.models.line import tls

    tls()
    return ChatModel


APIS: dict[str, Callable[[], Opener]] = {"chat": _chat}
"""Wire APIs by the name a matrix gives them, each loaded when it is first needed."""


def load_api(api: str) -> Opener:
    """What opens models of this API, loaded; call it before any clock runs. Raises ConfigError for an unknown one."""
    if api not in APIS:
        raise ConfigError(f"no model api {api!r}; known: {', '.join(sorted(APIS))}")
    return APIS[api]()


def open_model(settings: ModelSettings, key: str | None, clock: Clock, health: ProviderHealth | None = None) -> Model:
    """A model ready for one trial; the caller closes it. Raises ConfigError for an API that does not exist.

    `health` is shared by all models of one provider and key; without it this model minds nobody else.
    """
    return load_api(settings.api)(settings, key, clock, health or ProviderHealth())
