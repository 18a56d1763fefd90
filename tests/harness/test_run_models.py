"""The models of a run: what one trial learns of a provider, the others know."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from harness.clock import SystemClock
from harness.commands.models import Models, open_models
from harness.config import Matrix, ModelConfig, TrialLimits
from harness.features import EnvironmentSpec, Feature, Source, Suite, Target
from harness.models.contract import CallFailedError, Message, Role
from harness.plan import Trial, plan
from harness.turns import ScriptedFault, Turn
from sandbox.contract import Limits

pytestmark = pytest.mark.slow

TARGET = Target(
    name="shop",
    description="",
    folder=Path("shop"),
    source=Source(path=Path("shop/app")),
    environment=EnvironmentSpec(image="splitclock/base"),
    suite=Suite(runner="pytest", command=("pytest",), protected=(), timeout_s=5),
    service=None,
    limits=Limits(),
)
FEATURE = Feature(name="one", target=TARGET, folder=Path("shop/features/one"), brief="Build it.")
ASK = [Message(role=Role.USER, content="hi")]
FATAL = {
    "locked": (401, "", "check the key in THE_KEY"),
    "forbidden": (403, "", "check the key in THE_KEY and what it may do"),
    "missing": (404, "", "check `model`, `api` and `base_url` of [models.a]"),
    "unpaid": (402, "", "check the quota and the credit of its account (THE_KEY)"),
    "used_up": (429, "insufficient_quota", "check the quota and the credit of its account (THE_KEY)"),
}


def refusal(status: int, code: str = "", **headers: str) -> tuple[Turn, ...]:
    """A script of nothing but this answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return (Turn(faults=(ScriptedFault(kind="status", status=status, code=code, headers=named),) * 9),)


SCRIPTS = {
    **{f"shop/one:{name}": refusal(status, code) for name, (status, code, _) in FATAL.items()},
    "shop/one:busy": refusal(429, retry_after="900"),
    "shop/one:sound": (Turn(content="hello"),) * 2,
}


def config(name: str, turns: str = "sound", key_env: str | None = "THE_KEY") -> ModelConfig:
    """A simulated model that plays a script, as if it had a key."""
    return ModelConfig(
        name=name, provider="simulator", api="chat", model=name, turns=turns, key_env=key_env, tokens_per_s=1e6
    )


def trials(*configs: ModelConfig, wall_s: float = 1800.0) -> list[Trial]:
    """A trial of each."""
    matrix = Matrix(
        name="m", features=("shop/*",), models={one.name: one for one in configs}, limits=TrialLimits(wall_s=wall_s)
    )
    return list(plan(matrix, [FEATURE], {"shop/one": "1", **dict.fromkeys(SCRIPTS, "2")}))


@contextmanager
def opened(folder: Path, *configs: ModelConfig) -> Iterator[Models]:
    """Their models, with the simulator at work."""
    with open_models({one.name: one for one in configs}, SCRIPTS, SystemClock(), folder / "log.jsonl") as models:
        yield models


def asked(models: Models, trial: Trial, left_s: float = 60.0) -> str:
    """How a call of a trial ends: the kind of its fault, or ""."""
    with closing(models(trial)) as model:
        try:
            model.reply(ASK, [], left_s)
        except CallFailedError as error:
            return error.fault
    return ""


@pytest.mark.parametrize("name", FATAL)
def test_a_loss_is_one_line_with_the_next_step(tmp_path: Path, name: str) -> None:
    """Which provider, which models, the provider's words, and what to do; a trial of it is not worth a sandbox."""
    configs = config("a", name), config("b"), config("c", key_env=None)
    with opened(tmp_path, *configs) as models:
        a, b, c = trials(*configs)
        assert [models.unavailable(trial) for trial in (a, b, c)] == [None, None, None]
        assert asked(models, a)
        (line,) = models.losses()
        alone = name == "missing"
        assert line.startswith(
            "provider simulator was lost to `a`: " if alone else "provider simulator was lost to `a`, `b`: "
        )
        assert line.endswith(f"; {FATAL[name][2]}")
        assert [models.unavailable(trial) is not None for trial in (a, b, c)] == [True, not alone, False]
        assert asked(models, b) == ("" if alone else asked(models, a))
        assert asked(models, c) == ""


def test_a_busy_provider_puts_off_what_cannot_wait(tmp_path: Path) -> None:
    """A trial that may take longer than the wait is begun; one that may not is put off; no provider is lost."""
    configs = config("a", "busy"), config("b"), config("c", key_env=None)
    with opened(tmp_path, *configs) as models:
        a, b, c = trials(*configs, wall_s=600)
        assert asked(models, a) == "deferred"
        why = models.unavailable(b)
        assert why is not None
        assert (why.fault, str(why).startswith("not tried: the provider wants to be left alone until ")) == (
            "deferred",
            True,
        )
        assert models.unavailable(trials(*configs, wall_s=1800)[1]) is None
        assert models.unavailable(c) is None
        assert asked(models, c) == ""
        assert models.losses() == ()
