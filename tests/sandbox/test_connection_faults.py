"""The way to the engine is cut, stalls, is refused: always an error of the sandbox, never a result, never a blame."""

import gc
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.connection import dial
from sandbox.container import DockerSandbox
from sandbox.contract import Sandbox
from sandbox.engine import Engine
from sandbox.errors import EngineUnavailableError, SandboxDiedError, SandboxError, SandboxLostError
from sandbox.images import DockerProvider, DockerSettings
from tests.sandbox.places import Place, PlainPlace, run, sh, text
from tests.sandbox.proxy import EngineProxy

pytestmark = [pytest.mark.docker, pytest.mark.slow]

SHORT_S = 3
"""Seconds that control calls of these tests wait: the real minute would say nothing more."""


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[EngineProxy]:
    """A proxy that passes everything on, so far."""
    host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    if not host.startswith("unix://"):
        pytest.skip("the engine is not behind a unix socket")
    with EngineProxy(tmp_path / "engine.sock", host.removeprefix("unix://")) as made:
        yield made


@pytest.fixture
def through(proxy: EngineProxy, docker_place: Place, tmp_path: Path) -> Iterator[Place]:
    """The engine behind the proxy."""
    settings = {"base_url": proxy.host}
    engine = Engine(dial(settings, SHORT_S), dial(settings, SHORT_S))
    yield Place(provider=DockerProvider(engine, DockerSettings(cache=tmp_path)), environment=docker_place.environment)
    proxy.flow()
    engine.close()


@pytest.fixture
def box(through: Place) -> Iterator[Sandbox]:
    """A box behind the proxy; it is left only once everything flows again."""
    with through.open() as fresh:
        yield fresh


@pytest.fixture
def plain_box(through: Place) -> Iterator[Sandbox]:
    """The same on the path for images without Python."""
    with PlainPlace(provider=through.provider, environment=through.environment).open() as fresh:
        yield fresh


def _soon(what: object, delay_s: float = 0.7) -> threading.Timer:
    timer = threading.Timer(delay_s, what)  # type: ignore[arg-type]
    timer.start()
    return timer


def test_everything_passes_through(box: Sandbox) -> None:
    """The proxy itself is no fault: commands, files and export work through it."""
    assert text(sh(box, "head -c 300000 /dev/zero | wc -c")).strip() == "300000"
    assert sh(box, "echo kept > file").exit_code == 0
    assert [file.path for file in box.export({}).files] == ["file"]


def test_cut_in_mid_command_is_no_result(proxy: EngineProxy, box: Sandbox) -> None:
    """The call says that the connection was cut, blames nobody inside, and the next call is served."""
    timer = _soon(proxy.cut)
    with pytest.raises(SandboxLostError, match="cut"):
        sh(box, "echo partial; sleep 30")
    timer.join()
    assert text(run(box, "echo", "again")) == "again\n"


def test_cut_in_mid_command_without_an_executor(proxy: EngineProxy, plain_box: Sandbox) -> None:
    """The slow path has no result to show either, though it cannot always tell who cut it, or what ends well later."""
    timer = _soon(proxy.cut)
    with pytest.raises(SandboxDiedError):
        sh(plain_box, "echo partial; sleep 6; echo whole")
    timer.join()
    assert text(run(plain_box, "echo", "again")) == "again\n"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_refused_engine_is_lost(proxy: EngineProxy, box: Sandbox) -> None:
    """An engine that goes away in mid-command and stays away is nobody's doing inside."""
    timer = _soon(proxy.refuse)
    with pytest.raises(SandboxLostError, match="Docker engine"):
        sh(box, "sleep 30")
    with pytest.raises(SandboxLostError, match="Docker engine"):
        sh(box, "true")
    with pytest.raises(EngineUnavailableError, match="Docker engine at"):
        Engine.connect({"DOCKER_HOST": proxy.host})
    timer.join()
    proxy.accept()
    gc.collect()  # the library leaks a socket for each refusal
    assert text(run(box, "echo", "again")) == "again\n"


def test_stalled_control_call_has_an_end(proxy: EngineProxy, box: Sandbox) -> None:
    """A control call that gets no answer ends by the clock, as an error of the engine's."""
    assert isinstance(box, DockerSandbox)
    engine, container = box._engine, box.container  # noqa: SLF001 (the one behind the proxy)
    proxy.stall()
    with pytest.raises(SandboxLostError, match=r"did not answer in time|lost the Docker engine"):
        engine.inspect(container)
    proxy.flow()
    assert engine.inspect(container)["State"]["Running"]


def test_stalled_stream_does_not_hold_an_interrupt(proxy: EngineProxy, box: Sandbox) -> None:
    """A command behind a stalled connection is given up at once when the box is closed by another thread."""
    assert isinstance(box, DockerSandbox)
    seen: list[BaseException] = []

    def work() -> None:
        try:
            sh(box, "sleep 300", deadline_s=300.0)
        except SandboxDiedError as error:
            seen.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(0.5)
    proxy.stall()
    box._hang_up("the test has had enough")  # noqa: SLF001 (what every way of ending begins with)
    thread.join(30)
    assert not thread.is_alive()
    assert "had enough" in str(seen[0])
    proxy.flow()


def test_cut_in_mid_export_is_no_tree(proxy: EngineProxy, box: Sandbox) -> None:
    """Half an archive is an error that blames nobody, not a smaller tree; another try gets all of it."""
    assert sh(box, "for i in 1 2 3 4 5 6 7 8; do head -c 1000000 /dev/urandom > $i; done").exit_code == 0
    box.kill()
    proxy.cut_after(2_000_000)
    with pytest.raises(SandboxError) as caught:
        box.export({})
    assert "wrote" not in str(caught.value)
    assert len(box.export({}).files) == 8
