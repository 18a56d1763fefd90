"""One model of a matrix: its table, checked against what its provider needs, as a frozen value."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from harness.edge import Parsed, did_you_mean, keys_of, parse, shown
from harness.matrix_file import ModelFile, QuirksFile, TimeoutsFile
from harness.models.presets import PRESETS
from harness.models.price_table import listed
from harness.models.prices import Price
from harness.models.settings import ModelSettings, Quirks, Timeouts

SIMULATED = ("simulator", "replay")
"""Providers that play scripted turns: `simulator` over real HTTP, `replay` without any wire."""
_SCRIPTED_ONLY = ("turns", "first_token_ms", "tokens_per_s", "tokens_per_chunk", "most_in_flight")
_REAL_ONLY = ("base_url", "key_env")
_PACE = ("first_token_ms", "tokens_per_s", "tokens_per_chunk", "most_in_flight")
_MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """One model of a matrix. `key_env` names the variable that holds its key, None where it needs none.

    `model` is what the provider calls it; `parameters` are sent as they are. `price_source` says where the price comes
    from, or why it is unknown. `concurrency` is how many requests its provider gets at once, at most. Of simulated ones
    the last five fields say what they play and how fast; None for all others. `base_url` is "" where the simulator is
    Splitclock's own child, else that of one that runs elsewhere, at a pace of its own.
    """

    name: str
    provider: str
    api: str
    model: str
    base_url: str = ""
    key_env: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    context_window: int | None = None
    claimed_tokens_per_s: float | None = None
    concurrency: int | None = None
    price: Price | None = None
    price_source: str = ""
    quirks: Quirks = field(default_factory=Quirks)
    timeouts: Timeouts = field(default_factory=Timeouts)
    turns: str | None = None
    first_token_ms: float | None = None
    tokens_per_s: float | None = None
    tokens_per_chunk: int | None = None
    most_in_flight: int | None = None

    @property
    def simulated(self) -> bool:
        """Whether it plays scripted turns instead of thinking; said in every table."""
        return self.provider in SIMULATED

    @property
    def billed(self) -> bool:
        """Whether somebody sends a bill for its tokens: not for simulated ones, nor for a server of one's own."""
        preset = PRESETS.get(self.provider)
        own = preset is not None and preset.key_env is None and self.key_env is None
        return not self.simulated and not own

    def price_of(self, served_model: str, service_tier: str) -> Price | None:
        """The price of one answer, None where unknown: that of the model asked for, in the tier that served it.

        Where only the served model has a price, it is that; a provider that names no tier gave the one asked for.
        """
        price = self.price
        if price is None and self.billed and served_model:
            price = listed(self.base_url, served_model).price
        tier = service_tier or str(self.parameters.get("service_tier", ""))
        return None if price is None else price.of_tier(tier)

    def settings(self, base_url: str | None = None, headers: Mapping[str, str] | None = None) -> ModelSettings:
        """How to reach it, for `harness.models`; `base_url` is where a simulator turned out to listen."""
        return ModelSettings(
            model=self.model,
            base_url=base_url or self.base_url,
            api=self.api,
            parameters=self.parameters,
            context_window=self.context_window,
            quirks=self.quirks,
            timeouts=self.timeouts,
            headers=headers or {},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReading:
    """What could be made of a model's table: None when too little is right, the problems, the fields that are bad."""

    config: ModelConfig | None
    problems: tuple[str, ...] = ()
    bad: frozenset[str] = frozenset()


def read_model(name: str, table: Any, file: str) -> ModelReading:
    """The model of a table [models.NAME] of a file, which begins each line of its problems. No key is looked for."""
    where = f"{file}: models.{name}"
    if not isinstance(table, dict):
        return ModelReading(config=None, problems=(f"{where}: should be a table, not {shown(table)}",))
    parsed = parse(ModelFile, table, file, f"models.{name}")
    problems = [*parsed.problems]
    if not _MODEL_NAME.fullmatch(name):
        problems.append(f"{where}: should be named with letters, digits, `-`, `_` and `.`, a letter or digit first")
    problems += [f"{where}.{line}" for line in _unfit(parsed)]
    config = None if parsed.value is None else _config(name, parsed.value)
    return ModelReading(config=config, problems=tuple(problems), bad=parsed.bad)


def _unfit(parsed: Parsed[ModelFile]) -> Iterator[str]:
    """What a model's fields lack or have too much of for its provider, but fields already complained about."""
    file = parsed.value
    if file is None:
        return
    checks = _unfit_simulated(file) if file.provider in SIMULATED else _unfit_real(file)
    for name, problem in checks:
        if name not in parsed.bad:
            yield f"{name}: {problem}"


def _unfit_simulated(file: ModelFile) -> Iterator[tuple[str, str]]:
    elsewhere = file.provider == "simulator" and file.base_url is not None
    own = file.provider == "simulator" and not elsewhere
    for name in ("turns", "first_token_ms", "tokens_per_s") if own else ("turns",):
        if getattr(file, name) is None:
            yield name, f"is missing; provider `{file.provider}` needs it"
    for name in _PACE if elsewhere else ():
        if getattr(file, name) is not None:
            yield name, "is said where that simulator is started, not here beside its `base_url`"
    for name in () if elsewhere else _REAL_ONLY:
        if getattr(file, name) is not None:
            hint = "; one elsewhere has a `base_url`" if own else ""
            yield name, f"means nothing to provider `{file.provider}`, which calls nobody{hint}"
    if file.provider == "replay" and file.api != "chat":
        yield "api", "means nothing to provider `replay`, which has no wire; use provider `simulator`"


def _unfit_real(file: ModelFile) -> Iterator[tuple[str, str]]:
    if not file.provider and file.base_url is None:
        yield "provider", f"is missing; name one of {_providers()}, or give `base_url`"
    elif file.provider not in PRESETS and file.base_url is None:
        hint = did_you_mean(file.provider, (*PRESETS, *SIMULATED))
        yield "provider", f"unknown provider `{file.provider}` without `base_url`{hint}; known: {_providers()}"
    if file.model is None:
        yield "model", "is missing; it is what the provider calls the model"
    for name in _SCRIPTED_ONLY:
        if getattr(file, name) is not None:
            yield name, "is only for the providers `simulator` and `replay`"


def _providers() -> str:
    return ", ".join((*PRESETS, *SIMULATED))


def _given(table: QuirksFile | TimeoutsFile) -> dict[str, Any]:
    """What a table says, by name."""
    return {key: value for key in keys_of(type(table)) if (value := getattr(table, key)) is not None}


def _config(name: str, file: ModelFile) -> ModelConfig:
    preset = PRESETS.get(file.provider)
    known_key = preset.key_env if preset else None
    quirks, timeouts = _given(file.quirks), _given(file.timeouts)
    config = ModelConfig(
        name=name,
        provider=file.provider or "custom",
        api=file.api,
        model=file.model or name,
        base_url=file.base_url or (preset.base_url if preset else ""),
        key_env=(known_key if file.key_env is None else file.key_env) or None,
        parameters=file.parameters,
        context_window=file.context_window,
        claimed_tokens_per_s=file.claimed_tokens_per_s,
        concurrency=file.concurrency,
        quirks=replace(preset.quirks if preset else Quirks(), **quirks),
        timeouts=Timeouts(**timeouts),
        turns=file.turns,
        first_token_ms=file.first_token_ms,
        tokens_per_s=file.tokens_per_s,
        tokens_per_chunk=file.tokens_per_chunk,
        most_in_flight=file.most_in_flight,
    )
    return _priced(config, file)


def _priced(config: ModelConfig, file: ModelFile) -> ModelConfig:
    """With the price that the matrix gives, else the table's; what nobody sends a bill for has none."""
    if file.price is not None:
        return replace(config, price=Price(**file.price.model_dump()), price_source="the matrix")
    if not config.billed:
        return config
    found = listed(config.base_url, config.model)
    return replace(config, price=found.price, price_source=found.source)
