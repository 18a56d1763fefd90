"""Who ended it: what the agent's commands do is the agent's, all else is nobody's in there."""

import os
import signal
import threading

import pytest

from sandbox.container import DockerSandbox
from sandbox.contract import Limits, Sandbox
from sandbox.engine import Engine
from sandbox.errors import SandboxDiedError, SandboxLostError
from sandbox.images import DockerProvider
from tests.sandbox.places import Place, Room, run, sh, text

KINDS = ("docker",)
pytestmark = pytest.mark.slow


@pytest.fixture
def engine(place: Place) -> Engine:
    """The engine behind the boxes."""
    assert isinstance(place.provider, DockerProvider)
    return place.provider.engine


def test_agent_cannot_touch_pid_1(shared_box: Sandbox) -> None:
    """PID 1 is root's without a single capability; the agent may neither signal nor trace it, nor become it."""
    status = dict(
        line.split(":\t", 1) for line in text(sh(shared_box, "cat /proc/1/status")).splitlines() if ":\t" in line
    )
    assert status["Uid"].split() == ["0"] * 4
    assert [int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")] == [0] * 5
    for attempt in ("kill -9 1", "kill -TERM 1", "cat /proc/1/environ", "ls /proc/1/fd", "echo x > /proc/1/mem"):
        assert sh(shared_box, attempt).exit_code != 0
    assert sh(shared_box, "pkill -9 sleep; kill -9 $(pgrep -f /bin/sleep)").exit_code != 0
    assert text(run(shared_box, "id", "-u")) == "1000\n"


def test_kill_of_everything_costs_the_executor_only(box: Sandbox) -> None:
    """`kill -9 -1` reaches what runs as the agent; the container stays, and so does its work."""
    with pytest.raises(SandboxDiedError) as caught:
        sh(box, "echo work > file; kill -9 -1; sleep 60")
    assert not isinstance(caught.value, SandboxLostError)
    assert text(run(box, "cat", "file")) == "work\n"


@pytest.mark.parametrize("name", ["KILL", "SEGV", "ABRT", "BUS"])
def test_killed_executor_is_the_agent_s_doing(box: Sandbox, name: str) -> None:
    """By whichever signal: no agent can make its damage look like a lost connection."""
    with pytest.raises(SandboxDiedError) as caught:
        sh(box, f"kill -{name} $PPID; kill -9 $PPID; sleep 60")
    assert not isinstance(caught.value, SandboxLostError)


def test_kill_through_the_engine_is_from_outside(box: Sandbox, engine: Engine) -> None:
    """Another program that ends the container through the engine: lost, and nobody inside is blamed."""
    assert isinstance(box, DockerSandbox)
    timer = threading.Timer(0.5, engine.kill, args=(box.container,))
    timer.start()
    with pytest.raises(SandboxLostError, match="ended from outside"):
        sh(box, "sleep 60")
    with pytest.raises(SandboxLostError, match="ended from outside"):
        sh(box, "true")
    timer.join()


def test_kill_of_the_process_on_the_host_is_from_outside(box: Sandbox, engine: Engine) -> None:
    """As a host that runs out of memory would do it, which no event of the engine's tells of."""
    assert isinstance(box, DockerSandbox)
    pid = int(engine.inspect(box.container)["State"]["Pid"])
    if os.geteuid() != 0 or not os.path.exists(f"/proc/{pid}"):  # noqa: PTH110 (a process, not a file)
        pytest.skip("the container's processes are not ours to kill")
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(SandboxLostError, match="ended from outside"):
        sh(box, "sleep 60")


def test_removed_container_is_from_outside(box: Sandbox, engine: Engine) -> None:
    """A container that somebody cleaned away."""
    assert isinstance(box, DockerSandbox)
    engine.remove(box.container)
    with pytest.raises(SandboxLostError):
        sh(box, "true")


def test_kill_after_a_memory_kill_is_still_from_outside(place: Place, engine: Engine) -> None:
    """The engine remembers that memory ran out once; what ended the container is another question."""
    with place.open(Room(limits=Limits(memory_bytes=128 * 1024**2, pids=64, lifetime_s=600))) as box:
        assert isinstance(box, DockerSandbox)
        assert run(box, "python3", "-c", "b'x' * (1 << 29)").oom_killed
        engine.kill(box.container)
        with pytest.raises(SandboxLostError, match="ended from outside"):
            sh(box, "true")


def test_memory_that_no_process_holds_is_the_agent_s_doing(place: Place) -> None:
    """Shared memory outlives its maker, so that the kernel may end all there is, PID 1 too: scored, not retried."""
    fill = (
        "import ctypes, os\n"
        "lib = ctypes.CDLL(None, use_errno=True)\n"
        "lib.shmat.restype = ctypes.c_void_p\n"
        "for _ in range(64):\n"
        "    at = lib.shmat(lib.shmget(0, 32 << 20, 0o1666), None, 0)\n"
        "    ctypes.memset(at, 1, 32 << 20)\n"
        "    lib.shmdt(ctypes.c_void_p(at))\n"
    )
    with place.open(Room(limits=Limits(memory_bytes=128 * 1024**2, pids=64, lifetime_s=600))) as box:
        for _ in range(4):
            try:
                run(box, "python3", "-c", fill)
            except SandboxLostError as error:
                pytest.fail(f"taken for an accident: {error}")
            except SandboxDiedError:
                continue
