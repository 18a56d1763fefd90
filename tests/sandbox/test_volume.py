"""A workspace with a hard bound: full is full, told by the file system, and nothing of it is left afterwards."""

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.container import DockerSandbox
from sandbox.contract import DiskQuota, File, Limits
from sandbox.errors import SandboxError
from sandbox.images import DockerProvider
from sandbox.labels import DISK, OWNER, RUN, of_process
from sandbox.reaper import reap_abandoned
from sandbox.volume import drop_volume, make_volume, reap_images_of_volumes, why_no_hard_bound
from tests.sandbox.leaver import ROOT
from tests.sandbox.places import OneRun, Place, Room, run, sh, text

KINDS = ("docker",)
pytestmark = [pytest.mark.slow, pytest.mark.alone]  # loop devices, and what dead processes left

SIZE = 64 * 1024**2
LIMITS = Limits(memory_bytes=256 * 1024**2, pids=64, disk_bytes=SIZE, disk_quota=DiskQuota.HARD, lifetime_s=600)


@pytest.fixture
def provider(place: Place) -> DockerProvider:
    """The provider, where volumes with hard bounds can be had."""
    assert isinstance(place.provider, DockerProvider)
    return place.provider


@pytest.fixture
def hard(place: Place, provider: DockerProvider, tmp_path: Path) -> Iterator[DockerSandbox]:
    """A box whose workspace ends after 64 MiB."""
    try:
        with place.open(Room(files=(File(path="given", data=b"given"),), limits=LIMITS)) as box:
            assert isinstance(box, DockerSandbox)
            yield box
    except SandboxError as error:
        if os.geteuid() == 0 and "needs" not in str(error):
            raise
        pytest.skip(str(error))
    assert tmp_path
    assert provider.engine.volumes({DISK: "", OWNER: of_process("x", 1)[OWNER]}) == {}


def test_full_is_told_to_the_command(hard: DockerSandbox) -> None:
    """The command that fills it gets the system's own error; the box lives, and what fits is exported."""
    filled = sh(hard, "for i in 1 2 3 4 5 6 7 8; do head -c 12000000 /dev/zero > $i || exit 7; done")
    assert (filled.exit_code, b"No space left" in filled.stderr.head) == (7, True)
    assert sh(hard, "rm -f ?; echo mine > new").exit_code == 0
    export = hard.export({})
    assert {file.path: file.data for file in export.files} == {"given": b"given", "new": b"mine\n"}


def test_inodes_end_too(hard: DockerSandbox) -> None:
    """So do the names of files, long before the host's."""
    program = "i = 0\nwhile True:\n i += 1; open(str(i), 'x').close()"
    ended = run(hard, "python3", "-c", program)
    assert b"No space left" in ended.stderr.tail + ended.stderr.head
    assert 4_000 < int(text(sh(hard, "ls -f | wc -l"))) < 9_000


def test_it_belongs_to_the_agent(hard: DockerSandbox) -> None:
    """The workspace is its own, without set-user-id programs, devices or a folder of the file system's."""
    assert text(sh(hard, "stat -c '%u:%g' .; ls -A")).split() == ["1000:1000", "given"]
    options = text(sh(hard, 'grep " $(pwd) " /proc/self/mountinfo'))
    assert "nosuid" in options
    assert "nodev" in options


_DYING = """
import os, signal, sys
from pathlib import Path
from sandbox import volume
from sandbox.engine import Engine
from sandbox.labels import RUN, of_process

steps, run = int(sys.argv[2]), volume._run

def dying(*argv):
    global steps
    steps -= 1
    if steps < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return run(*argv)

volume._run = dying
labels = {**of_process("sandbox", 600), RUN: sys.argv[3]}
volume.make_volume(Engine.connect(os.environ), Path(sys.argv[1]), 64 * 1024**2, labels)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("steps", range(4))
def test_nothing_is_left_of_what_was_half_made(tmp_path: Path, steps: int, place: Place) -> None:
    """Killed after any step of making it, a process leaves nothing that the next look would not find."""
    assert isinstance(place.provider, DockerProvider)
    if why := why_no_hard_bound(place.provider.engine):
        pytest.skip(why)
    engine, run = OneRun.connect(os.environ), uuid.uuid4().hex
    engine.run = run
    ended = subprocess.run([sys.executable, "-c", _DYING, tmp_path, str(steps), run], cwd=ROOT, check=False)
    assert ended.returncode == -signal.SIGKILL
    (image,) = tmp_path.iterdir()
    assert (image.name in _loop_devices()) == (steps == 3)
    assert len(engine.volumes({DISK: ""})) == (steps == 3)
    mine = make_volume(engine, tmp_path, SIZE, of_process("sandbox", 600) | {RUN: run})
    try:
        reap_abandoned(engine, disks=tmp_path)
        assert list(tmp_path.iterdir()) == [mine.image]
        assert image.name not in _loop_devices()
        assert list(engine.volumes({DISK: ""})) == [mine.name]
    finally:
        drop_volume(engine, mine)
    assert mine.image.name not in _loop_devices()


def test_file_without_its_volume_goes_too(tmp_path: Path, place: Place) -> None:
    """A process killed between the volume's removal and the file's leaves a file and a device: they go."""
    assert isinstance(place.provider, DockerProvider)
    engine = place.provider.engine
    if why := why_no_hard_bound(engine):
        pytest.skip(why)
    made = make_volume(engine, tmp_path, SIZE, of_process("sandbox", 600))
    engine.remove_volume(made.name)
    left = made.image.rename(made.image.with_name(made.image.name.replace(str(os.getpid()), "4194303")))
    assert reap_images_of_volumes(engine, tmp_path) == (left,)
    assert list(tmp_path.iterdir()) == []
    assert left.name not in _loop_devices()


def _loop_devices() -> str:
    argv = ["/usr/sbin/losetup", "--list", "--output", "BACK-FILE"]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def test_abandoned_volume_is_reaped(provider: DockerProvider, tmp_path: Path) -> None:
    """What a dead run left goes with the next look: volume, loop device and file."""
    labels = of_process("sandbox", 600)
    host = labels[OWNER].partition(":")[0]
    try:
        made = make_volume(provider.engine, tmp_path, SIZE, labels | {OWNER: f"{host}:4194303:1"})
    except SandboxError as error:
        if os.geteuid() == 0 and "needs" not in str(error):
            raise
        pytest.skip(str(error))
    assert made.image.is_file()
    reap_abandoned(provider.engine)
    assert not made.image.exists()
    assert made.name not in provider.engine.volumes({DISK: ""})
    assert made.image.name not in _loop_devices()
