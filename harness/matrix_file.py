"""The form of a matrix file."""

import re
from datetime import date, time
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from harness.edge import Name, SchemaOne, Strict, shown
from harness.simulator.config import MOST_FIRST_TOKEN_MS, MOST_TOKENS_PER_CHUNK, MOST_TOKENS_PER_S

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_SCRIPT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_OURS = {"model", "messages", "tools", "stream", "stream_options", "n", "input", "instructions"}
_SECRET = re.compile(r"api_?key|authorization|secret|password|token$", re.IGNORECASE)

Positive = Annotated[int, Field(gt=0)]
PositiveFloat = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
WEEK_S = 7 * 24 * 3600
Seconds = Annotated[float, Field(gt=0, le=WEEK_S)]


def _base_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        what = "it" if "@" in value else shown(value)  # what holds a password is not repeated
        raise ValueError(f"{what} should be a URL such as http://127.0.0.1:8080/v1")
    if parts.username or parts.password or parts.query:
        raise ValueError(
            "should hold no user, password or query; a key goes into an environment variable, see `key_env`"
        )
    return value.rstrip("/")


def _variable(value: str) -> str:
    # The value is not repeated: who gets this wrong has perhaps put the key itself here.
    if value and not _VARIABLE.fullmatch(value):
        raise ValueError("should be the name of an environment variable, never the key itself")
    return value


def _script(value: str) -> str:
    if not _SCRIPT.fullmatch(value):
        raise ValueError(f"{shown(value)} should be the name of scripted turns, without folder or .jsonl")
    return value


def _tool_slots(value: object) -> object:
    if value == "auto" or (isinstance(value, int) and not isinstance(value, bool) and value > 0):
        return value
    raise ValueError(f'{shown(value)} should be "auto" or a number above 0')


def _parameters(value: dict[str, Any]) -> dict[str, Any]:
    for name, one in value.items():
        if name in _OURS:
            raise ValueError(f"`{name}` is set by Splitclock itself")
        if _SECRET.search(name):
            raise ValueError(f"`{name}` looks like a secret; keys go into an environment variable, see `key_env`")
        if not _is_json(one):
            raise ValueError(f"`{name}` holds a date, or a number that is none: JSON cannot carry it")
    return value


def _is_json(value: Any) -> bool:
    if isinstance(value, dict):
        return all(_is_json(one) for one in value.values())
    if isinstance(value, list):
        return all(_is_json(one) for one in value)
    if isinstance(value, float):
        return value - value == 0
    return not isinstance(value, date | time)


class PriceFile(Strict):
    """[models.NAME.price]: USD per million tokens."""

    input: NotNegative
    output: NotNegative
    cached_input: NotNegative | None = None


class QuirksFile(Strict):
    """[models.NAME.quirks]: over those of the preset."""

    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] | None = None
    stream_usage: bool | None = None
    reasoning_field: str | None = None


class TimeoutsFile(Strict):
    """[models.NAME.timeouts]: seconds of one request, over the defaults."""

    connect_s: Seconds | None = None
    first_token_s: Seconds | None = None
    idle_s: Seconds | None = None
    total_s: Seconds | None = None


class ModelFile(Strict):
    """[models.NAME] of a matrix."""

    provider: str = ""
    api: Literal["chat", "responses", "responses-websocket"] = "chat"
    model: Annotated[str, Field(min_length=1)] | None = None
    base_url: Annotated[str, AfterValidator(_base_url)] | None = None
    key_env: Annotated[str, AfterValidator(_variable)] | None = None
    parameters: Annotated[dict[str, Any], AfterValidator(_parameters)] = Field(default_factory=dict)
    context_window: Positive | None = None
    claimed_tokens_per_s: PositiveFloat | None = None
    concurrency: Annotated[int, Field(gt=0, le=1_000)] | None = None
    price: PriceFile | None = None
    quirks: QuirksFile = QuirksFile()
    timeouts: TimeoutsFile = TimeoutsFile()
    turns: Annotated[str, AfterValidator(_script)] | None = None
    first_token_ms: Annotated[float, Field(ge=0, le=MOST_FIRST_TOKEN_MS)] | None = None
    tokens_per_s: Annotated[float, Field(gt=0, le=MOST_TOKENS_PER_S)] | None = None
    tokens_per_chunk: Annotated[int, Field(gt=0, le=MOST_TOKENS_PER_CHUNK)] | None = None
    most_in_flight: Positive | None = None


class TrialLimitsFile(Strict):
    """[limits] of a matrix: what one trial may use."""

    turns: Annotated[int, Field(gt=0, le=100_000)] = 100
    wall_s: Annotated[float, Field(gt=0, le=WEEK_S)] = 1800.0
    output_tokens: Positive = 200_000
    cost_usd: PositiveFloat | None = None


class BudgetFile(Strict):
    """[budget] of a matrix: what all trials together may use."""

    turns: Positive | None = None
    output_tokens: Positive | None = None
    cost_usd: PositiveFloat | None = None
    wall_s: PositiveFloat | None = None


class ParallelFile(Strict):
    """[parallel] of a matrix."""

    trials: Annotated[int, Field(gt=0, le=1_000)] = 4
    tool_slots: Annotated[Any, BeforeValidator(_tool_slots)] = "auto"


class MatrixFile(Strict):
    """A matrix file; each model's table is checked on its own, as `ModelFile`."""

    schema_: SchemaOne = Field(alias="schema")
    name: Name
    features: Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)]
    repeats: Annotated[int, Field(gt=0, le=10_000)] = 1
    limits: TrialLimitsFile = TrialLimitsFile()
    parallel: ParallelFile = ParallelFile()
    budget: BudgetFile = BudgetFile()
    models: dict[str, Any]
