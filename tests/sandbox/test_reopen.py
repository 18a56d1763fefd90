"""Going on in the container that a killed process left: what is still there, who may, and what nobody takes away."""

import contextlib
import os
import time
import uuid
from collections.abc import Callable
from dataclasses import replace

import pytest

from sandbox.client import ExecutorClient
from sandbox.container import DockerSandbox
from sandbox.contract import BoxSpec, DiskQuota, Identity, Sandbox, SandboxProvider
from sandbox.engine import Engine
from sandbox.errors import NothingToReopenError, SandboxDiedError, SandboxError
from sandbox.hardening import AGENT
from sandbox.images import DockerProvider
from sandbox.labels import DISK
from sandbox.reaper import reap_abandoned, reap_own
from sandbox.volume import why_no_hard_bound
from tests.sandbox.leaver import process_in
from tests.sandbox.places import OneRun, Place, PlainPlace, Room, sh, text

KINDS = ("docker", "plain")
pytestmark = [pytest.mark.slow, pytest.mark.alone]  # any command of another test reaps what a dead process left

TALKER = "while sleep 0.1; do echo said; echo said >> said; done"


@pytest.fixture
def identity() -> Identity:
    """One attempt of a run that no other test has."""
    return Identity(run=f"run-{uuid.uuid4().hex}", trial="t1")


@pytest.fixture
def engine(identity: Identity, place: Place) -> Engine:
    """The engine, with nothing but this test's run."""
    assert isinstance(place.provider, DockerProvider)
    found = OneRun.connect(os.environ)
    found.run = identity.run
    return found


@pytest.fixture
def room(identity: Identity) -> Room:
    """What the killed process asked for."""
    return Room(identity=identity)


@pytest.fixture
def spec(place: Place, room: Room) -> BoxSpec:
    """The same as whoever comes later says it."""
    return place.spec(room)


def _exists(engine: Engine, container: str) -> bool:
    try:
        engine.inspect(container)
    except SandboxDiedError:
        return False
    return True


def _await(condition: Callable[[], bool]) -> None:
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)
    pytest.fail("it never came")


def _grows(box: Sandbox) -> bool:
    size = box.stat("said").size
    for _ in range(200):
        if box.stat("said").size > size:
            return True
        time.sleep(0.05)
    return False


def test_work_goes_on(place: Place, room: Room, spec: BoxSpec, engine: Engine) -> None:
    """Files and background processes are as they were, also one whose output the dead process had taken."""
    script = f"echo work > file; sleep 4321 & ({TALKER}) &"
    if isinstance(place, PlainPlace):
        script = f"echo work > file; sleep 4321 > /dev/null 2>&1 & ({TALKER}) > /dev/null 2>&1 &"
    with process_in(place, room, script) as left:
        pass
    with place.reopen(spec) as box:
        assert isinstance(box, DockerSandbox)
        assert box.container == left
        assert box.read("file", 10) == b"work\n"
        assert _grows(box)
        assert text(sh(box, "cat file")) == "work\n"
        assert "sleep 4321" in box.kill()
        assert {file.path for file in box.export({}).files} == {"file", "said"}
    assert not _exists(engine, left)
    with pytest.raises(NothingToReopenError, match="left none"), place.reopen(spec):
        pytest.fail("it was opened")


def test_what_was_under_way_is_killed(place: Place, room: Room, spec: BoxSpec, engine: Engine) -> None:
    """A command whose result nobody can get any more ends with the process that waited for it; what was left stays."""
    if isinstance(place, PlainPlace):
        pytest.skip("the slow path cannot tell a command under way from what commands left")
    with process_in(place, room, "sleep 4322 &", last="sleep 4323; true") as left:
        _await(lambda: "sleep 4323" in engine.processes(left))
    with place.reopen(spec) as box:
        assert box.kill() == ("sleep 4322",)


def test_only_what_was_asked_for(place: Place, room: Room, spec: BoxSpec, engine: Engine) -> None:
    """Another identity finds nothing; other settings find something that they cannot use, and remove it."""
    with process_in(place, room) as left:
        pass
    other = replace(spec, identity=replace(spec.identity, attempt=2))
    nobody = replace(spec, identity=Identity())
    for asked in (other, nobody):
        with pytest.raises(NothingToReopenError, match="left none"), place.reopen(asked):
            pytest.fail("it was opened")
    assert _exists(engine, left)
    with (
        pytest.raises(NothingToReopenError, match="other settings"),
        place.reopen(replace(spec, limits=replace(spec.limits, pids=99))),
    ):
        pytest.fail("it was opened")
    assert not _exists(engine, left)


def test_dead_container_is_removed(place: Place, room: Room, spec: BoxSpec, engine: Engine) -> None:
    """What does not run cannot be gone on with."""
    with process_in(place, room) as left:
        pass
    engine.kill(left)
    with pytest.raises(NothingToReopenError, match="does not run"), place.reopen(spec):
        pytest.fail("it was opened")
    assert not _exists(engine, left)


def test_two_are_one_too_many(place: Place, room: Room, spec: BoxSpec, engine: Engine) -> None:
    """Of two containers for one attempt nobody knows which was worked in last: both go."""
    with process_in(place, room) as first, process_in(place, room) as second:
        pass
    with pytest.raises(NothingToReopenError, match="2 were left"), place.reopen(spec):
        pytest.fail("it was opened")
    assert not _exists(engine, first)
    assert not _exists(engine, second)


def test_living_owner_is_left_alone(place: Place, room: Room, spec: BoxSpec, engine: Engine) -> None:
    """While the process that opened it lives, nobody else comes in, and nobody takes it away."""
    with process_in(place, room) as left:
        with pytest.raises(NothingToReopenError, match="left none"), place.reopen(spec):
            pytest.fail("it was opened")
        assert reap_abandoned(engine).containers == ()
        assert _exists(engine, left)
    assert reap_abandoned(engine).containers == (left,)


def test_reaper_leaves_what_another_goes_on_with(place: Place, room: Room, spec: BoxSpec, engine: Engine) -> None:
    """A reopened container still names its dead owner; it is safe while whoever reopened it lives, and not longer."""
    with process_in(place, room, "echo work > file") as left:
        pass
    assert reap_abandoned(engine, keep_run=spec.identity.run).containers == ()
    with process_in(place, room, "grep work file", how="reopen") as reopened:
        assert reopened == left
        assert reap_abandoned(engine).containers == ()
        with pytest.raises(NothingToReopenError), place.reopen(spec):
            pytest.fail("it was opened")
        assert _exists(engine, left)
    with place.reopen(spec) as box:  # a third life
        assert text(sh(box, "cat file")) == "work\n"
        assert reap_abandoned(engine).containers == ()
        assert reap_own(engine).containers == (left,)
    assert not _exists(engine, left)


def test_one_executor_at_a_time(place: Place, spec: BoxSpec, engine: Engine) -> None:
    """Where an executor still lives when another one comes, as after a connection that hangs, it is ended."""
    if isinstance(place, PlainPlace):
        pytest.skip("there is none")
    with place.provider.open(spec) as box:
        assert isinstance(box, DockerSandbox)
        argv = text(sh(box, "tr '\\0' ' ' < /proc/$PPID/cmdline")).split()
        other = ExecutorClient(engine.attach(box.container, argv, AGENT, {}, workdir="/"))
        try:
            other.hello(box.workspace, own_cgroup=True)
            with contextlib.suppress(SandboxDiedError):  # if it has not been noticed yet
                sh(box, "true")
            count = "cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -o 'executor[.]py' | wc -l"
            assert text(sh(box, count)).strip() == "1"
            assert box.restarts == 1
            assert not other.alive
        finally:
            other.close()


def test_volume_comes_along(place: Place, room: Room, engine: Engine) -> None:
    """A workspace with a hard bound is gone on with as any other, nobody reaps it meanwhile, and it goes at the end."""
    if isinstance(place, PlainPlace):
        pytest.skip("the same volume")
    if why := why_no_hard_bound(engine):
        pytest.skip(why)
    assert isinstance(place.provider, DockerProvider)
    disks = place.provider.settings.cache / "disks"
    room = replace(room, limits=replace(room.limits, disk_bytes=64 * 1024**2, disk_quota=DiskQuota.HARD))
    with process_in(place, room, "echo work > file"):
        pass
    assert reap_abandoned(engine, keep_run=room.identity.run, disks=disks).containers == ()
    with place.reopen(place.spec(room)) as box:
        assert reap_abandoned(engine, disks=disks).containers == ()
        assert text(sh(box, "cat file")) == "work\n"
        assert len(engine.volumes({DISK: ""})) == 1
    assert engine.volumes({DISK: ""}) == {}
    assert list(disks.iterdir()) == []


def test_no_local_sandbox_is_reopened(local_provider: SandboxProvider, spec: BoxSpec) -> None:
    """What a dead process left on this machine itself is not gone on with."""
    with pytest.raises(SandboxError), local_provider.reopen(spec):
        pytest.fail("it was opened")
