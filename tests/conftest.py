"""Fixtures that every test may use: where sandboxes come from."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from sandbox.contract import Environment, Recipe, SandboxProvider
from sandbox.engine import Engine
from sandbox.errors import EngineUnavailableError
from sandbox.images import DockerProvider, DockerSettings
from sandbox.local import LocalProvider

_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # how busy a machine is fails no test
settings.register_profile("whole", _PATIENT, max_examples=50)
settings.register_profile("nightly", _PATIENT, max_examples=300)
settings.register_profile("quick", _PATIENT, max_examples=15)  # for `make check`; `make test` looks at fifty
settings.load_profile("whole")

REQUIRE = "SPLITCLOCK_REQUIRE_DOCKER"
BASE = Recipe(name="base", image="splitclock/base")


@pytest.fixture(scope="session")
def docker_provider(tmp_path_factory: pytest.TempPathFactory) -> SandboxProvider:
    """The Docker engine of this machine; tests that need it are skipped without one, unless it is required."""
    try:
        engine = Engine.connect(os.environ)
    except EngineUnavailableError as error:
        if os.environ.get(REQUIRE):
            raise
        pytest.skip(f"{error} (set {REQUIRE}=1 to make this a failure)")
    settings = DockerSettings(cache=tmp_path_factory.mktemp("docker-cache"), host_environment=dict(os.environ))
    return DockerProvider(engine, settings)


@pytest.fixture(scope="session")
def local_provider(tmp_path_factory: pytest.TempPathFactory) -> SandboxProvider:
    """Sandboxes without isolation on this machine, with a cache of the test session's own."""
    return LocalProvider(tmp_path_factory.mktemp("local-cache"))


@pytest.fixture(scope="session")
def environment(docker_provider: SandboxProvider) -> Environment:
    """The base environment in Docker: the base image with the agent's user, no set-up."""
    return docker_provider.prepare(BASE, lambda _line: None)


@pytest.fixture(scope="session")
def local_environment(local_provider: SandboxProvider) -> Environment:
    """The base environment on this machine: nothing but what is installed here."""
    return local_provider.prepare(BASE, lambda _line: None)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache folder of one test's own."""
    return tmp_path / "cache"
