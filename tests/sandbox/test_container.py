"""Docker boxes: isolation as seen from inside, containers that die, and what is left behind."""

import threading
import time
from pathlib import Path

import pytest

from sandbox.container import DockerSandbox
from sandbox.contract import Command, Limits, Sandbox
from sandbox.engine import Engine
from sandbox.errors import SandboxDiedError, SandboxError
from sandbox.images import DockerProvider, DockerSettings
from tests.sandbox.places import Place, Room, run, sh, text

KINDS = ("docker",)


@pytest.fixture
def engine(place: Place) -> Engine:
    """The engine behind the boxes."""
    assert isinstance(place.provider, DockerProvider)
    return place.provider.engine


def test_inside_is_locked_down(shared_box: Sandbox) -> None:
    """An ordinary user without capabilities, new privileges or network, behind a system-call filter."""
    status = dict(
        line.split(":\t", 1) for line in text(sh(shared_box, "cat /proc/self/status")).splitlines() if ":\t" in line
    )
    assert status["Uid"].split() == ["1000"] * 4
    assert int(status["CapBnd"], 16) == int(status["CapEff"], 16) == 0
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert text(sh(shared_box, "ls /sys/class/net")).split() == ["lo"]


def test_host_s_own_name_resolves(shared_box: Sandbox) -> None:
    """Without a network the box still knows itself."""
    script = "import socket; print(socket.gethostbyname(socket.gethostname()))"
    assert text(run(shared_box, "python3", "-c", script)) == "127.0.0.1\n"


def test_executor_is_out_of_the_agent_s_hands(shared_box: Sandbox) -> None:
    """The executor's file cannot be changed, and what started it is not on the agent's path."""
    assert sh(shared_box, "echo x >> /opt/splitclock/executor.py").exit_code != 0
    assert sh(shared_box, "mv /opt/splitclock /opt/other").exit_code != 0
    command = text(sh(shared_box, "tr '\\0' ' ' < /proc/$PPID/cmdline"))
    assert command.startswith("/usr/")
    assert command.strip().endswith("-I -S /opt/splitclock/executor.py")


def test_dead_container_is_told_with_its_state(box: Sandbox, engine: Engine) -> None:
    """A container killed under a call ends the call, with its exit code."""
    assert isinstance(box, DockerSandbox)
    timer = threading.Timer(0.5, engine.kill, args=(box.container,))
    timer.start()
    with pytest.raises(SandboxDiedError, match=r"the container is dead \(exit code 137"):
        sh(box, "sleep 60")
    with pytest.raises(SandboxDiedError, match=r"is not running|is dead"):
        sh(box, "true")
    timer.join()


def test_command_that_kills_everything_ends_the_box(box: Sandbox) -> None:
    """`kill -9 -1` takes the container along; that is told, and the work can still be exported."""
    sh(box, "echo work > file; sync")
    with pytest.raises(SandboxDiedError):
        sh(box, "kill -9 -1; sleep 60")
    assert [file.path for file in box.export({}).files] == ["file"]


def test_flood_does_not_hold_the_kill(box: Sandbox) -> None:
    """With output under way the engine would take ten seconds to kill: the stream is closed first."""
    started, ended = threading.Event(), threading.Event()

    def work() -> None:
        with pytest.raises(SandboxDiedError):
            box.run(Command(argv=("yes",), deadline_s=120.0), lambda _piece: started.set())
        ended.set()

    thread = threading.Thread(target=work)
    thread.start()
    assert started.wait(30)
    before = time.monotonic()
    assert "yes" in box.kill()
    assert time.monotonic() - before < 9
    assert ended.wait(30)
    thread.join()


def test_runtime_is_passed_through(place: Place, engine: Engine, tmp_path: Path) -> None:
    """The OCI runtime that was asked for by name is the one that runs the box, and stands in the provenance."""
    default = str(engine.info()["DefaultRuntime"])
    asked = DockerProvider(engine, DockerSettings(cache=tmp_path, runtime=default))
    with asked.open(place.spec(Room())) as box:
        assert isinstance(box, DockerSandbox)
        assert engine.inspect(box.container)["HostConfig"]["Runtime"] == default
        assert sh(box, "true").exit_code == 0
    assert asked.provenance()["runtime"] == default
    other = DockerProvider(engine, DockerSettings(cache=tmp_path, runtime="no-such-runtime"))
    with pytest.raises(SandboxError, match="no-such-runtime"), other.open(place.spec(Room())):
        pytest.fail("it was started")


def test_lifetime_ends_the_container(place: Place) -> None:
    """A box lives no longer than its limits say, harness or not."""
    with (
        place.open(Room(limits=Limits(memory_bytes=128 * 1024**2, lifetime_s=2))) as box,
        pytest.raises(SandboxDiedError),
    ):
        sh(box, "sleep 30")


def test_nothing_is_left(place: Place, engine: Engine) -> None:
    """After leaving, the container is gone, also when the block failed or the start did."""
    box = place.open()
    assert isinstance(box, DockerSandbox)
    with pytest.raises(ZeroDivisionError), box:
        container = box.container
        raise ZeroDivisionError
    with pytest.raises(SandboxError, match="No such container"):
        engine.inspect(container)
    broken = place.open(Room(limits=Limits(memory_bytes=1)))
    assert isinstance(broken, DockerSandbox)
    with pytest.raises(SandboxError), broken:
        pytest.fail("it was started")
    with pytest.raises(SandboxDiedError, match="no container"):
        _ = broken.container


def test_stopped_executor_does_not_hold_the_harness(box: Sandbox) -> None:
    """A command that stops the executor is the host's deadline's business; meanwhile closing the box is prompt."""
    done = threading.Event()

    def work() -> None:
        with pytest.raises(SandboxDiedError):
            box.run(Command(argv=("sh", "-c", "kill -STOP $PPID; sleep 60"), deadline_s=60.0))
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    assert not done.wait(1.0)
    box.__exit__(None, None, None)
    assert done.wait(10)
    thread.join()
