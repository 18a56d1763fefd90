"""A workspace with a hard bound: full is full, told by the file system, and nothing of it is left afterwards."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.container import DockerSandbox
from sandbox.contract import DiskQuota, File, Limits
from sandbox.errors import SandboxError
from sandbox.images import DockerProvider
from sandbox.labels import DISK, OWNER, of_process
from sandbox.reaper import reap_abandoned
from sandbox.volume import make_volume
from tests.sandbox.places import Place, Room, run, sh, text

KINDS = ("docker",)
pytestmark = pytest.mark.slow

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
    listed = subprocess.run(["/usr/sbin/losetup", "--list"], capture_output=True, text=True, check=True).stdout
    assert made.image.name not in listed
