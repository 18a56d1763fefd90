"""The policy of a gate: what a candidate may lose, how sure one wants to be, and what counts as comparable. Pure."""

import tomllib
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from harness.errors import ConfigError
from harness.untrusted import one_line

SCHEMA = 1
"""Number of the file's form."""

Off = Literal["off"]
Rise = Annotated[float, Field(ge=0, le=100, strict=True)] | Off
"""By what share of the baseline something may rise: 0.1 is ten percent; "off" does not judge it."""

Share = Annotated[float, Field(ge=0, le=1, strict=True)]


class Metric(StrEnum):
    """What is compared feature by feature; its value is its name in policies, JSON and tables."""

    PASS_RATE = "pass_rate"  # noqa: S105 - a rate, not a password
    AGENT_WALL = "agent_wall"
    MODEL = "model"
    TOOL = "tool"
    WAIT = "wait"
    HARNESS = "harness"
    COST = "cost"
    OUTPUT_TOKENS = "output_tokens"


TIMES = (Metric.AGENT_WALL, Metric.MODEL, Metric.TOOL, Metric.WAIT, Metric.HARNESS)
"""Those that are durations."""


class Trials(StrEnum):
    """Which trials times and costs are compared on; the others stand beside."""

    PASSING = "passing"
    ALL = "all"


class Spending(StrEnum):
    """How a group-sequential design spends its alpha over its looks."""

    POCOCK = "pocock"
    OBRIEN_FLEMING = "obrien-fleming"


class Difference(StrEnum):
    """What may differ between a baseline and a candidate; each makes their figures incomparable unless it is allowed.

    `model` are the settings of a gated model (its endpoint, pace or parameters), `prompt` the words it sees.
    """

    TARGET = "target"
    MANIFEST = "manifest"
    BRIEF = "brief"
    LIMITS = "limits"
    RUNG = "rung"
    HOST = "host"
    SANDBOX = "sandbox"
    PARALLEL = "parallel"
    ENVIRONMENT = "environment"
    SCRIPT = "script"
    MODEL = "model"
    PROMPT = "prompt"
    HARNESS = "harness"
    FEATURES = "features"


class _Form(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PassRate(_Form):
    """How far the pass rate may drop, as a share of all trials (0.1 is ten points)."""

    margin: Share | Off = 0.1


class Time(_Form):
    """By what share each duration may rise.

    A phase is compared together with `floor` of the baseline's agent wall, so that what takes next to no time cannot
    fail a gate, and what took none has a ratio. With `yardstick`, verdicts on what this machine itself takes have to
    hold with its speed taken out too.
    """

    trials: Trials = Trials.PASSING
    yardstick: bool = True
    floor: Annotated[float, Field(gt=0, le=1)] = 0.02
    agent_wall: Rise = 0.1
    model: Rise = 0.1
    tool: Rise = 0.1
    wait: Rise = 0.25
    harness: Rise = 0.25


class Spend(_Form):
    """By what share the cost and the output tokens of a trial may rise."""

    cost: Rise = 0.1
    output_tokens: Rise = 0.1


class Caps(_Form):
    """Shares of a run's trials: past `errors` (of infrastructure or provider) nothing is judged; `tampered` fails."""

    errors: Share = 0.05
    tampered: Share = 0.0


class Least(_Form):
    """How much there must be of both runs before anything is judged; features are counted of those both have."""

    features: Annotated[int, Field(ge=1)] = 1
    repeats: Annotated[int, Field(ge=1)] = 1


class Comparable(_Form):
    """Differences between the runs that are allowed by name."""

    allow: tuple[Difference, ...] = (Difference.MODEL, Difference.PROMPT, Difference.HARNESS, Difference.SCRIPT)


class Sequential(_Form):
    """Looks at the data while it grows, fixed in advance: after how many repeats, and how alpha is spent on them."""

    looks: tuple[Annotated[int, Field(ge=1)], ...]
    spending: Spending = Spending.POCOCK

    @model_validator(mode="after")
    def _rise(self) -> Self:
        if not self.looks or any(a >= b for a, b in zip(self.looks, self.looks[1:], strict=False)):
            raise ValueError("looks must be numbers of repeats that rise, for example [1, 2, 4]")
        return self


class Policy(_Form):
    """Everything that a gate decides by. `inconclusive` says how a gate exits that the data cannot decide.

    `alpha` is the chance, over all criteria together, to fail a candidate that is no worse than allowed; intervals have
    the confidence 1 - alpha. `must_pass` names features ("target/feature", wildcards) each trial of which has to pass.
    `models` names the models that are judged, all that both runs have where it is empty.
    """

    schema_: Literal[1] = Field(default=1, alias="schema")
    alpha: Annotated[float, Field(gt=0, le=0.5)] = 0.05
    models: tuple[str, ...] = ()
    must_pass: tuple[str, ...] = ()
    inconclusive: Literal["inconclusive", "pass", "fail"] = "inconclusive"
    pass_rate: PassRate = PassRate()
    time: Time = Time()
    spend: Spend = Spend()
    caps: Caps = Caps()
    least: Least = Least()
    comparable: Comparable = Comparable()
    sequential: Sequential | None = None

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    @model_validator(mode="after")
    def _looks_suffice(self) -> Self:
        if self.sequential is not None and self.sequential.looks[0] < self.least.repeats:
            raise ValueError(
                f"[sequential] looks first after {self.sequential.looks[0]} of the {self.least.repeats} repeats that "
                f"[least] asks for; look later, or ask for fewer"
            )
        return self

    def limit(self, metric: Metric) -> float | None:
        """How far a metric may go: a share of all trials for the pass rate, else of the baseline; None if it is off."""
        found = {
            Metric.PASS_RATE: self.pass_rate.margin,
            Metric.COST: self.spend.cost,
            Metric.OUTPUT_TOKENS: self.spend.output_tokens,
        }.get(metric)
        value = getattr(self.time, metric) if found is None else found
        return None if value == "off" else float(value)


def parse_policy(text: str, name: str) -> Policy:
    """A policy from TOML. Raises ConfigError with a line for each problem, which begins with `name`."""
    try:
        return Policy.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{name}: is no TOML: {one_line(str(error))}") from error
    except ValidationError as error:
        told = dict.fromkeys(_problem(one) for one in error.errors() if not str(one["loc"][-1:]).count("literal["))
        raise ConfigError(*(f"{name}: {one}" for one in told)) from error


_OR_OFF = "constrained-float"
"""What pydantic calls the number of a setting that may be "off" as well."""


def _problem(error: Any) -> str:
    where = ".".join(str(part) for part in error["loc"] if part != _OR_OFF)
    if error["type"] == "extra_forbidden":
        return f"{one_line(where)}: no such setting; `splitclock gate --explain-policy` lists them"
    message = str(error["msg"])
    if error["type"] in _NUMBERS and isinstance(error["input"], (int, float, str, bool)):
        most = (error.get("ctx") or {}).get("le")
        message = f"{one_line(repr(error['input']), 40)} is not allowed: {message[:1].lower()}{message[1:]}"
        message += ', or "off"' if _OR_OFF in error["loc"] else ""
        message += "; a share: 0.1 is ten percent" if most in {1, 100} else ""
    return f"{one_line(where) or 'the file'}: {one_line(message)}"


_NUMBERS = {"less_than", "less_than_equal", "greater_than", "greater_than_equal", "float_type", "float_parsing"}
