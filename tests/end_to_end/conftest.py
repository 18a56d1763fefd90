"""Desks for the tests of the command line."""

import signal
from pathlib import Path

import pytest

from sandbox.contract import SandboxProvider
from tests.end_to_end.desk import Desk


@pytest.fixture(scope="session", autouse=True)
def heard() -> None:
    """Commands hear Ctrl-C also where these tests run as a shell's background job, which is deaf to it, heirs too."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache of all commands of this test session."""
    return tmp_path_factory.mktemp("end-to-end-cache")


@pytest.fixture
def desk(tmp_path: Path, shared_cache: Path) -> Desk:
    """A desk in a folder of the test's own."""
    return Desk(folder=tmp_path, cache=shared_cache)


@pytest.fixture
def docker_desk(desk: Desk, docker_provider: SandboxProvider) -> Desk:
    """The same, on a machine that has a Docker engine."""
    assert docker_provider.kind == "docker"
    return desk
