"""A matrix file and the environment become one frozen Matrix, or every problem at once.

The only reader of `os.environ`. A Matrix holds the names of keys, never the keys: `key_for` looks one up when a model
is opened.
"""

import math
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from harness.catalogue import instead, is_path
from harness.edge import byte_size, parse, read_toml, user_path
from harness.errors import ConfigError
from harness.matrix_file import MatrixFile
from harness.model_config import ModelConfig, ModelReading, read_model
from harness.models.presets import PRESETS
from harness.redact import SHORTEST
from harness.run_budget import RunBudget, run_budget
from sandbox.contract import FLOOR_BYTES

__all__ = [
    "Matrix",
    "ModelConfig",
    "Parallel",
    "Reading",
    "RunBudget",
    "Settings",
    "Slice",
    "TrialLimits",
    "key_for",
    "load_matrix",
    "read_matrix",
    "settings",
]

ToolSlots = int | Literal["auto"]

_HOST_PREFIXES = ("DOCKER_", "XDG_", "PIP_", "UV_", "NPM_CONFIG_", "npm_config_")
_HOST_NAMES = frozenset(
    {
        "HOME",
        "USER",
        "LOGNAME",
        "PATH",
        "TMPDIR",
        "LANG",
        "CONTAINER_HOST",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "NODE_EXTRA_CA_CERTS",
        "GIT_SSL_CAINFO",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "NO_PROXY",
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "no_proxy",
        "GOPROXY",
        "GONOSUMDB",
        "GOFLAGS",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialLimits:
    """What one trial may use: model turns, seconds of agent wall, output tokens, USD (None: no bound)."""

    turns: int = 100
    wall_s: float = 1800.0
    output_tokens: int = 200_000
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parallel:
    """How many trials run at once, and how many sandboxes may burn CPU at once ("auto": cores / cpus per sandbox)."""

    trials: int = 4
    tool_slots: ToolSlots = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """What a run executes: models x features x repeats, with limits. `only` narrows the features, () does not."""

    name: str
    features: tuple[str, ...]
    models: Mapping[str, ModelConfig]
    repeats: int = 1
    only: tuple[str, ...] = ()
    limits: TrialLimits = TrialLimits()
    parallel: Parallel = Parallel()
    budget: RunBudget = field(default_factory=RunBudget)

    @property
    def scripts(self) -> frozenset[str]:
        """The names of the scripted turns that its simulated models play."""
        return frozenset(model.turns for model in self.models.values() if model.turns is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """The part of a matrix that a command line asks for; empty and None mean all of it."""

    models: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    repeats: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What could be made of a matrix file: what is right of it, for further checks, and every problem."""

    matrix: Matrix | None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the environment says: the cache folder, and the variables that image builds and the engine may look at.

    `registry` is where the base image is pulled from if it is not local (None: built here), `runtime` the OCI runtime
    of trial containers ("runsc" for gVisor; None: the engine's default), `disk_floor` how many bytes of the engine's
    disk must be free for anything to start. `history` is the folder of the history store, if one is set, `baselines`
    where named baselines are kept: a folder, or "git:BRANCH". `step_summary` is the file of a job's summary, where
    GitHub runs one.
    """

    cache: Path
    host_environment: Mapping[str, str]
    registry: str | None = None
    runtime: str | None = None
    disk_floor: int = FLOOR_BYTES
    history: Path | None = None
    baselines: str | None = None
    step_summary: Path | None = None


def load_matrix(path: Path, part: Slice | None = None, environ: Mapping[str, str] | None = None) -> Matrix:
    """The matrix of a file, or the part of it that is asked for. Raises ConfigError with every problem.

    Paths among its feature patterns are taken from beside the file. Keys are looked for in `environ` (default: the
    process's own), of the models asked for only.
    """
    reading = read_matrix(path, part, environ)
    if reading.problems or reading.matrix is None:
        raise ConfigError(*reading.problems)
    return reading.matrix


def read_matrix(
    path: Path, part: Slice | None = None, environ: Mapping[str, str] | None = None, beside: Path | None = None
) -> Reading:
    """As `load_matrix`, for callers with more to check in the same go. Raises ConfigError when it is no TOML at all.

    Paths in it are taken from the folder `beside`, by default its own.
    """
    part = part or Slice()
    data = read_toml(path)
    parsed = parse(MatrixFile, data, str(path))
    tables = data.get("models")
    tables = tables if isinstance(tables, dict) else {}
    problems = list(parsed.problems)
    if not tables and "models" in data and "models" not in parsed.bad:
        problems.append(f"{path}: models: none; add a table [models.NAME] with provider and model")
    problems += _slice_problems(path, part, tables)
    models: dict[str, ModelConfig] = {}
    for name, table in tables.items():
        wanted = not part.models or name in part.models
        model = read_model(name, table, str(path))
        problems += model.problems
        if model.config is not None and wanted:
            models[name] = model.config
            problems += _cannot_run(model, f"{path}: models.{name}", _environ(environ))
    matrix = None if parsed.value is None else _matrix(parsed.value, (beside or path.parent) / path.name, part, models)
    problems += () if matrix is None else _unlimited(matrix, str(path))
    return Reading(matrix=matrix, problems=tuple(problems))


def capped(matrix: Matrix, cost_usd: float | None, file: Path) -> Matrix:
    """The matrix with this budget of USD instead of its own; None leaves it as it is.

    Raises ConfigError, which names the matrix's file, where nobody knows what a model costs.
    """
    if cost_usd is None:
        return matrix
    if not (0 < cost_usd < math.inf):
        raise ConfigError(f"--max-cost {cost_usd:g}: should be above 0")
    found = replace(matrix, budget=replace(matrix.budget, cost_usd=cost_usd))
    problems = tuple(_unlimited(found, str(file)))
    if problems:
        raise ConfigError(*problems)
    return found


def key_for(model: ModelConfig, environ: Mapping[str, str] | None = None) -> str | None:
    """The key of a model, from the variable that it names; None where it needs none or the variable is not set."""
    return (_environ(environ).get(model.key_env) or None) if model.key_env else None


def environment_without_keys(models: Iterable[ModelConfig], environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for a user's own program: without the keys of these models and of all presets.

    A variable that holds a key goes too, whatever its name, and whatever else it holds ("Bearer sk-...").
    """
    given = _environ(environ)
    names = {preset.key_env for preset in PRESETS.values()} | {model.key_env for model in models}
    values = {given[name] for name in names if name and given.get(name)}
    long = tuple(value for value in values if len(value) >= SHORTEST)  # a short one may stand in anything by chance
    return {
        name: value
        for name, value in given.items()
        if name not in names and value not in values and not any(key in value for key in long)
    }


def is_set(name: str, environ: Mapping[str, str] | None = None) -> bool:
    """Whether a variable of the environment holds anything; its value is not looked at further."""
    return bool(_environ(environ).get(name))


def settings(environ: Mapping[str, str] | None = None) -> Settings:
    """What the environment says. The cache is SPLITCLOCK_CACHE, else splitclock below XDG_CACHE_HOME, else ~/.cache."""
    given = _environ(environ)
    base = Path(given.get("XDG_CACHE_HOME") or Path(given.get("HOME") or user_path("~")) / ".cache")
    cache = user_path(given.get("SPLITCLOCK_CACHE") or base / "splitclock")
    host = {name: value for name, value in given.items() if name in _HOST_NAMES or name.startswith(_HOST_PREFIXES)}
    return Settings(
        cache=cache.absolute(),
        host_environment=host,
        registry=given.get("SPLITCLOCK_REGISTRY") or None,
        runtime=given.get("SPLITCLOCK_RUNTIME") or None,
        disk_floor=_bytes("SPLITCLOCK_DISK_FLOOR", given, FLOOR_BYTES),
        history=user_path(given["SPLITCLOCK_HISTORY"]).absolute() if given.get("SPLITCLOCK_HISTORY") else None,
        baselines=given.get("SPLITCLOCK_BASELINES") or None,
        step_summary=Path(given["GITHUB_STEP_SUMMARY"]) if given.get("GITHUB_STEP_SUMMARY") else None,
    )


def _bytes(name: str, environ: Mapping[str, str], default: int) -> int:
    try:
        return byte_size(environ[name]) if environ.get(name) else default
    except ValueError as error:
        raise ConfigError(f"{name}: {error}") from error


def _environ(environ: Mapping[str, str] | None) -> Mapping[str, str]:
    return os.environ if environ is None else environ


def _cannot_run(model: ModelReading, where: str, environ: Mapping[str, str]) -> Iterator[str]:
    """Why a model that is asked for cannot be called, sound though its table is."""
    config = model.config
    if config is None:
        return
    if config.key_env and "key_env" not in model.bad and key_for(config, environ) is None:
        yield f"{where}: no key: set {config.key_env}"


def _unlimited(matrix: Matrix, file: str) -> Iterator[str]:
    """The models that a cost limit could never stop, for nobody knows what they cost."""
    bounds = {"limits.cost_usd": matrix.limits.cost_usd, "budget.cost_usd": matrix.budget.cost_usd}
    wanting = " and ".join(name for name, most in bounds.items() if most is not None)
    for name, model in matrix.models.items():
        if wanting and model.billed and model.price is None:
            verb = "need" if " and " in wanting else "needs"
            yield f"{file}: models.{name}.price: {wanting} {verb} a price; add [models.{name}.price]"


def _slice_problems(path: Path, part: Slice, tables: Mapping[str, Any]) -> Iterator[str]:
    for name in part.models:
        if name not in tables:
            yield f"--model {name}: not in {path}{instead(name, tables)}"
    if part.repeats is not None and part.repeats < 1:
        yield f"--repeats {part.repeats}: should be at least 1"


def _matrix(file: MatrixFile, path: Path, part: Slice, models: Mapping[str, ModelConfig]) -> Matrix:
    limits, parallel = file.limits, file.parallel
    return Matrix(
        name=file.name,
        features=tuple(pattern_beside(path, pattern) for pattern in file.features),
        models=models,
        repeats=file.repeats if part.repeats is None else part.repeats,
        only=part.features,
        limits=TrialLimits(
            turns=limits.turns,
            wall_s=float(limits.wall_s),
            output_tokens=limits.output_tokens,
            cost_usd=limits.cost_usd,
        ),
        parallel=Parallel(trials=parallel.trials, tool_slots=parallel.tool_slots),
        budget=run_budget(file),
    )


def pattern_beside(path: Path, pattern: str) -> str:
    """A feature pattern of the matrix file at `path`, a path in it made absolute."""
    return str((path.parent / user_path(pattern)).resolve()) if is_path(pattern) else pattern
