"""Conformance: executors that are killed, boxes that are closed under a call, interrupts."""

import os
import signal
import threading
import time

import pytest

from sandbox.box import ExecutorBox
from sandbox.contract import Command, Sandbox
from sandbox.errors import SandboxDiedError
from tests.sandbox.places import Place, gone, run, sh, text

pytestmark = pytest.mark.slow

MOMENT_S = 5.0
"""Far less than the minute that the command would take, far more than a wake-up needs on a busy machine."""


def test_killed_executor_is_replaced(box: Sandbox) -> None:
    """A command that kills the executor damages one call; the next one finds a fresh executor."""
    assert isinstance(box, ExecutorBox)
    with pytest.raises(SandboxDiedError):
        sh(box, "echo kept > file; kill -9 $PPID; sleep 60")
    assert text(run(box, "cat", "file")) == "kept\n"
    assert box.restarts == 1
    with pytest.raises(SandboxDiedError):
        sh(box, "kill -9 $PPID; sleep 60")
    assert box.read("file", 10) == b"kept\n"
    assert box.restarts == 2


def test_polite_signals_do_not_end_the_executor(box: Sandbox) -> None:
    """Only SIGKILL ends the executor, and commands do not inherit its deafness."""
    for name in ("TERM", "INT", "HUP", "QUIT", "USR1", "USR2", "ALRM"):
        assert text(sh(box, f"kill -{name} $PPID; sleep 0.05; echo alive")) == "alive\n"
        assert sh(box, f"kill -{name} $$; sleep 60").signal is not None


def test_executor_cannot_be_traced_or_spoken_for(box: Sandbox) -> None:
    """A command cannot open the executor's descriptors or memory, by which it could forge results."""
    if box.kind != "docker":
        pytest.skip("nothing shuts out commands that run with this process's own rights")
    for target in ("fd/0", "fd/1", "fd/3", "fd/4", "mem", "environ"):
        assert sh(box, f"cat /proc/$PPID/{target} > /dev/null").exit_code != 0
        assert sh(box, f"echo x > /proc/$PPID/{target}").exit_code != 0


def test_commands_inherit_no_descriptor(box: Sandbox) -> None:
    """A command has its three streams and nothing else open, while other commands run and leave pipes behind."""
    sh(box, "sleep 300 &")
    script = "import os; print(sorted(map(int, os.listdir('/proc/self/fd'))))"
    assert text(run(box, "python3", "-c", script)) == "[0, 1, 2, 3]\n"  # 3 is the folder that is being listed


def test_close_wakes_a_blocked_run(box: Sandbox) -> None:
    """Leaving the box in another thread ends a call in flight at once, with an error of the sandbox's."""
    seen: list[BaseException] = []
    started = threading.Event()

    def work() -> None:
        try:
            box.run(Command(argv=("sh", "-c", "echo go; sleep 60"), deadline_s=60.0), lambda _piece: started.set())
        except SandboxDiedError as error:
            seen.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    assert started.wait(30)
    before = time.monotonic()
    box.__exit__(None, None, None)
    thread.join(MOMENT_S)
    assert not thread.is_alive()
    assert time.monotonic() - before < MOMENT_S
    assert len(seen) == 1
    assert "closed" in str(seen[0]) or "killed" in str(seen[0])


def test_kill_wakes_a_blocked_run(box: Sandbox) -> None:
    """Killing the box from another thread does the same, and names the command that ran."""
    seen: list[BaseException] = []
    started = threading.Event()

    def work() -> None:
        try:
            box.run(
                Command(argv=("sh", "-c", "echo go; exec sleep 309"), deadline_s=60.0), lambda _piece: started.set()
            )
        except SandboxDiedError as error:
            seen.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    assert started.wait(30)
    time.sleep(0.2)
    survivors = box.kill()
    thread.join(MOMENT_S)
    assert not thread.is_alive()
    assert seen
    assert "sleep 309" in survivors


def test_killed_before_it_started_never_starts(place: Place) -> None:
    """An interrupt that kills a box while another thread is about to enter it wins."""
    box = place.open()
    assert box.kill() == ()
    with pytest.raises(SandboxDiedError, match="killed"), box:
        pytest.fail("it was started")


def test_interrupt_reaches_the_main_thread(box: Sandbox) -> None:
    """Ctrl-C during a command raises KeyboardInterrupt at once, and the command is killed."""
    timer = threading.Timer(0.5, os.kill, args=(os.getpid(), signal.SIGINT))
    before = time.monotonic()
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        sh(box, "exec sleep 310")
    assert time.monotonic() - before < MOMENT_S
    assert run(box, "true").exit_code == 0
    assert gone(box, "sleep 310")
