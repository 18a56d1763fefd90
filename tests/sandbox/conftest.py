"""Every conformance test runs on both kinds of sandbox."""

from collections.abc import Iterator

import pytest

from sandbox.contract import Environment, Sandbox, SandboxProvider
from tests.sandbox.places import Place, PlainPlace


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run on the kinds that a module names in KINDS, or on both full ones."""
    if "place" in metafunc.fixturenames:
        kinds = getattr(metafunc.module, "KINDS", ("local", "docker"))
        params = [pytest.param(kind, marks=() if kind == "local" else pytest.mark.docker) for kind in kinds]
        metafunc.parametrize("place", params, indirect=True, scope="module")


@pytest.fixture(scope="module")
def place(request: pytest.FixtureRequest) -> Place:
    """Where boxes come from: this machine, the Docker engine, or the engine with the path for images without Python."""
    if request.param == "plain":
        full: Place = request.getfixturevalue("docker_place")
        return PlainPlace(provider=full.provider, environment=full.environment)
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
