"""What a simulator plays: models with their pace, scripts with their turns; the JSON file it is started with."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.errors import ConfigError
from harness.turns import Turn, read_turns

MOST_FIRST_TOKEN_MS = 3_600_000
MOST_TOKENS_PER_S = 1_000_000
MOST_TOKENS_PER_CHUNK = 10_000


class Pace(BaseModel):
    """How fast a simulated model speaks; `tokens_per_s` 0 is as fast as the machine can.

    More than `most_in_flight` requests at once, of all trials, are refused with a 429 that does not say when to come
    back; 0 is no bound. With `timings` the end of a streamed answer says how long the server took, from what was really
    sent when.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    first_token_ms: float = Field(default=0.0, ge=0, le=MOST_FIRST_TOKEN_MS)
    tokens_per_s: float = Field(default=0.0, ge=0, le=MOST_TOKENS_PER_S)
    tokens_per_chunk: int = Field(default=1, ge=1, le=MOST_TOKENS_PER_CHUNK)
    timings: bool = False
    most_in_flight: int = Field(default=0, ge=0)


class SimulatorConfig(BaseModel):
    """Models by name, scripts by key (turns, or the path of a file of turns), and where the log of sent bytes goes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    models: dict[str, Pace]
    scripts: dict[str, Path | tuple[Turn, ...]]
    log: Path | None = None

    def turns(self) -> dict[str, tuple[Turn, ...]]:
        """All scripts, read. Raises ConfigError."""
        return {key: read_turns(script) if isinstance(script, Path) else script for key, script in self.scripts.items()}


def read_config(path: Path) -> SimulatorConfig:
    """The configuration in this file. Raises ConfigError with one line for each problem."""
    try:
        return SimulatorConfig.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    except ValidationError as error:
        problems = (f"{path}: {'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise ConfigError(*problems) from error
