"""The models of a run: how each trial gets its own, and what all of them know of their providers."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from harness.clock import Clock
from harness.config import ModelConfig, key_for
from harness.models.contract import CallFailedError, Model
from harness.models.factory import load_api, open_model
from harness.models.faults import Fault
from harness.models.gate import MOST
from harness.models.health import ProviderHealth, too_long
from harness.models.replay import ReplayModel
from harness.models.settings import RetryPolicy
from harness.plan import Trial
from harness.scripts import script_key
from harness.simulator.config import Pace
from harness.simulator.process import Simulator
from harness.simulator.stage import SCRIPT_HEADER, TRIAL_HEADER
from harness.turns import Turn

_NS_A_SECOND = 10**9

Configs = Mapping[str, ModelConfig]
Scripts = Mapping[str, tuple[Turn, ...]]


class Models:
    """Opens the model of each trial. Trials that call the same provider with the same key share its health."""

    def __init__(
        self,
        configs: Configs,
        scripts: Scripts,
        clock: Clock,
        simulator: Simulator | None = None,
        parallel: int = MOST,
    ) -> None:
        self._configs = configs
        self._scripts = scripts
        self._clock = clock
        self._simulator = simulator
        self._health = _healths(configs, parallel)

    def __call__(self, trial: Trial) -> Model:
        """The model of a trial, which closes it."""
        config = trial.settings
        health = self._health[config.name]
        script = script_key(trial.feature, config.turns or "")
        if config.provider == "replay":
            return ReplayModel(self._scripts[script], self._clock)
        if config.provider != "simulator":
            return open_model(config.settings(), key_for(config), self._clock, health)
        own = None if self._simulator is None or config.base_url else self._simulator.base_url
        settings = config.settings(own, {SCRIPT_HEADER: script, TRIAL_HEADER: trial.id})
        return open_model(settings, None if own else key_for(config), self._clock, health)

    def unavailable(self, trial: Trial) -> CallFailedError | None:
        """Why no call of a trial would be answered, known from the calls of others; None where one may be."""
        health = self._health[trial.settings.name]
        if health.lost is not None:
            message = f"not tried, for this provider failed before: {health.lost}"
            return CallFailedError(message, fault=health.lost.fault, attempts=(), pauses=())
        longest_s = min(trial.limits.wall_s, RetryPolicy().retry_after_cap_s)
        words = too_long(health.quiet_until - self._clock.now_ns(), longest_s, self._clock.utc())
        return CallFailedError(f"not tried: {words}", fault=Fault.DEFERRED, attempts=(), pauses=()) if words else None

    def quiet_s(self, trial: Trial) -> float:
        """Seconds for which the provider of a trial wants to be left alone, 0 where it does not."""
        return max(0.0, (self._health[trial.settings.name].quiet_until - self._clock.now_ns()) / _NS_A_SECOND)

    def losses(self) -> tuple[str, ...]:
        """A line for each failure that cost the run a provider: which, for which models, and what to do."""
        failures: dict[int, tuple[CallFailedError, list[ModelConfig]]] = {}
        for name, health in self._health.items():
            if health.lost is not None:
                failures.setdefault(id(health.lost), (health.lost, []))[1].append(self._configs[name])
        return tuple(_loss(failure, configs) for failure, configs in failures.values())


@contextmanager
def open_models(configs: Configs, scripts: Scripts, clock: Clock, log: Path, parallel: int = MOST) -> Iterator[Models]:
    """How the trials of a run get their models, with a simulator at work, which writes `log`, where one is named.

    No provider gets more than `parallel` requests at once.
    """
    paced = {
        name: Pace(
            first_token_ms=config.first_token_ms or 0.0,
            tokens_per_s=config.tokens_per_s or 0.0,
            tokens_per_chunk=config.tokens_per_chunk or 1,
            most_in_flight=config.most_in_flight or 0,
        )
        for name, config in configs.items()
        if config.provider == "simulator" and not config.base_url
    }
    for api in sorted({config.api for config in configs.values() if config.provider != "replay"}):
        load_api(api)  # outside every trial's clock: importing an SDK takes longer than many calls
    with ExitStack() as stack:
        simulator = stack.enter_context(Simulator(paced, scripts, log)) if paced else None
        yield Models(configs, scripts, clock, simulator, parallel)


def _healths(configs: Configs, parallel: int) -> dict[str, ProviderHealth]:
    """The health of each model by its name in the matrix; those of one provider and key stand over one another.

    Of the caps that such models name the lowest holds for all of them.
    """
    providers: dict[object, ProviderHealth] = {}
    models: dict[object, ProviderHealth] = {}
    found = {}
    for name, config in configs.items():
        address = _address(config)
        caps = [one.concurrency for one in configs.values() if one.concurrency and _address(one) == address]
        fresh = ProviderHealth(name=_where(config), most=min([parallel, *caps]))
        provider = providers.setdefault(address, fresh)
        found[name] = models.setdefault((address, config.model), ProviderHealth(provider))
    return found


def _address(config: ModelConfig) -> tuple[str, str | None]:
    return config.base_url or config.provider, config.key_env


def _where(config: ModelConfig) -> str:
    """The provider in words, with its host where it has one."""
    host = urlsplit(config.base_url).hostname
    return f"{config.provider} ({host})" if host else config.provider


def _loss(failure: CallFailedError, configs: list[ModelConfig]) -> str:
    first = configs[0]
    named = ", ".join(f"`{config.name}`" for config in configs)
    return f"provider {_where(first)} was lost to {named}: {failure}; {_advice(failure.fault, first)}"


def _advice(fault: str, config: ModelConfig) -> str:
    if fault == Fault.NO_SUCH_MODEL:
        return f"check `model`, `api` and `base_url` of [models.{config.name}]"
    if fault == Fault.NO_QUOTA:
        return "check the quota and the credit of its account" + (f" ({config.key_env})" if config.key_env else "")
    if config.key_env is None:
        return f"if it wants a key, name its variable as `key_env` of [models.{config.name}]"
    return f"check the key in {config.key_env}" + (" and what it may do" if fault == Fault.PERMISSION else "")
