"""Opens a model by the name of its wire API."""

from collections.abc import Callable

from harness.clock import Clock
from harness.errors import ConfigError
from harness.models.contract import Model
from harness.models.settings import ModelSettings

Opener = Callable[[ModelSettings, str | None, Clock], Model]


def _chat(settings: ModelSettings, key: str | None, clock: Clock) -> Model:
    from harness.models.chat import ChatModel  # the SDK takes a while to import: only who calls a model pays

    return ChatModel(settings, key, clock)


APIS: dict[str, Opener] = {"chat": _chat}
"""Wire APIs by the name a matrix gives them."""


def open_model(settings: ModelSettings, key: str | None, clock: Clock) -> Model:
    """A model ready for one trial; the caller closes it. Raises ConfigError for an API that does not exist."""
    try:
        opener = APIS[settings.api]
    except KeyError:
        raise ConfigError(
            f"model {settings.model}: no api {settings.api!r}; known: {', '.join(sorted(APIS))}"
        ) from None
    return opener(settings, key, clock)
