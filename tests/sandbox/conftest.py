"""Every conformance test runs on both kinds of sandbox."""

from collections.abc import Iterator

import pytest

from sandbox.contract import Environment, Sandbox, SandboxProvider
from tests.sandbox.places import Place


@pytest.fixture(scope="module", params=["local", pytest.param("docker", marks=pytest.mark.docker)])
def place(request: pytest.FixtureRequest) -> Place:
    """Where boxes come from: this machine, and the Docker engine."""
    prefix = "local_" if request.param == "local" else ""
    return Place(
        provider=request.getfixturevalue(f"{request.param}_provider"),
        environment=request.getfixturevalue(f"{prefix}environment"),
    )


@pytest.fixture(scope="session")
def docker_place(docker_provider: SandboxProvider, environment: Environment) -> Place:
    """The Docker engine, for what only it can promise: limits and isolation."""
    return Place(provider=docker_provider, environment=environment)


@pytest.fixture(scope="module")
def shared_box(place: Place) -> Iterator[Sandbox]:
    """One box for all tests of a module that leave nothing behind."""
    with place.open() as box:
        yield box


@pytest.fixture
def box(place: Place) -> Iterator[Sandbox]:
    """A box of one test's own."""
    with place.open() as fresh:
        yield fresh
