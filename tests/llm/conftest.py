"""A llama.cpp server of its own for these tests, desks, and the tables that are printed at their end."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from sandbox.contract import SandboxProvider
from tests.bench.figures import Details, Findings, show
from tests.end_to_end.desk import Desk

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / "build" / "llm" / "bin" / "python"
CONTEXT = 8192
_STOP_S = 30
_WIDTH = 150
_TABLES = pytest.StashKey[list[Details]]()


def pytest_configure(config: pytest.Config) -> None:
    """Begin without tables."""
    config.stash[_TABLES] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print what was measured, whether tests passed or not."""
    tables = config.stash[_TABLES]
    if tables:
        terminalreporter.section("measured")
        console = Console(width=_WIDTH, highlight=False, markup=False, emoji=False)
        show(console, Findings(figures=(), details=tuple(tables)))


@pytest.fixture(scope="session")
def tables(request: pytest.FixtureRequest) -> list[Details]:
    """Tables put in here are printed at the end."""
    return request.config.stash[_TABLES]


@pytest.fixture(scope="session")
def base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running server, which answers; skips where its packages are not installed."""
    if not PYTHON.exists():
        pytest.skip("no local model: its packages are not installed; `make test-llm` does it where PyPI can be reached")
    errors = tmp_path_factory.mktemp("llm") / "server.log"
    with errors.open("wb") as log:
        argv = [str(PYTHON), str(Path(__file__).with_name("serve.py")), str(CONTEXT)]
        process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
    try:
        yield _address(process, errors)
    finally:
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
        _ended(process)


def _address(process: "subprocess.Popen[bytes]", errors: Path) -> str:
    """Where the server listens, from its first line; it prints one once the model is loaded."""
    line = process.stdout.readline() if process.stdout else b""
    assert line, f"the server of the local model did not start: {errors.read_text(errors='replace')[-500:]}"
    return str(json.loads(line)["base_url"])


def _ended(process: "subprocess.Popen[bytes]") -> None:
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.fixture
def desk(tmp_path: Path, docker_provider: SandboxProvider) -> Desk:
    """A desk in a folder of the test's own, on a machine with Docker: a real model's commands stay in a sandbox."""
    assert docker_provider.kind == "docker"
    return Desk(folder=tmp_path, cache=tmp_path / "cache")
