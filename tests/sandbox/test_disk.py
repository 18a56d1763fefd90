"""The disk: bounds on what a box writes, the watch that keeps them, and the floor under which nothing starts."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.container import DockerSandbox
from sandbox.contract import Limits, Sandbox
from sandbox.disk import DiskWatch
from sandbox.engine import Engine
from sandbox.errors import SandboxDiedError, SandboxLostError
from sandbox.images import DockerProvider, DockerSettings
from sandbox.labels import KIND, OWNER, owner
from tests.sandbox.places import Place, Room, run, sh

KINDS = ("docker",)
pytestmark = [pytest.mark.slow, pytest.mark.alone]  # the whole disk is what is watched

MOST = 256 * 1024**2
SLACK = 512 * 1024**2
"""What may be written between two looks, on a fast disk."""

LIMITS = Limits(memory_bytes=512 * 1024**2, pids=64, disk_bytes=MOST, lifetime_s=600)
FILLS = {
    "files": "i=0; while :; do i=$((i+1)); head -c 20000000 /dev/zero > /tmp/$i || exit; sleep 0.3; done",
    "home": "i=0; while :; do i=$((i+1)); head -c 20000000 /dev/zero > ~/$i || exit; sleep 0.3; done",
    "deleted": (
        'python3 -c "import time\nheld = []\nwhile True:\n'
        " held.append(open('/tmp/gone', 'wb')); held[-1].write(bytes(20_000_000)); held[-1].flush()\n"
        " __import__('os').unlink('/tmp/gone'); time.sleep(0.3)\""
    ),
    "empty files": "python3 -c \"i = 0\nwhile True:\n i += 1; open(f'/tmp/{i}', 'x').close()\"",
}


@pytest.fixture
def engine(place: Place) -> Engine:
    """The engine behind the boxes."""
    assert isinstance(place.provider, DockerProvider)
    return place.provider.engine


@pytest.fixture
def small(place: Place) -> Iterator[DockerSandbox]:
    """A box that may write little."""
    with place.open(Room(limits=LIMITS)) as box:
        assert isinstance(box, DockerSandbox)
        yield box


@pytest.mark.parametrize("how", FILLS)
def test_filler_is_ended_as_its_own_doing(small: DockerSandbox, how: str) -> None:
    """However it fills: about 60 MB a second, one file or many, deleted ones too, or inodes alone."""
    watch = DiskWatch(small._engine)  # noqa: SLF001 (a second pair of eyes)
    with pytest.raises(SandboxDiedError, match=r"it wrote 0\.\d GiB to disk, and 0\.2 GiB are allowed") as caught:
        sh(small, FILLS[how], deadline_s=120.0)
    assert not isinstance(caught.value, SandboxLostError)
    assert watch.size(small.container) < MOST + SLACK
    with pytest.raises(SandboxDiedError, match="it wrote"):
        sh(small, "true")


def test_one_file_has_the_same_bound(small: DockerSandbox) -> None:
    """A sparse file of 50 GB cannot even be named so; the command that tries is told."""
    assert sh(small, "truncate -s 50G big").exit_code != 0
    assert sh(small, "dd if=/dev/zero of=big bs=1 count=1 seek=50G").exit_code != 0
    assert sh(small, "truncate -s 200M fine").exit_code == 0


def test_modest_writer_is_left_alone(small: DockerSandbox) -> None:
    """Half of what is allowed, written, deleted and written anew, is nobody's business."""
    script = "for i in 1 2 3 4 5; do head -c 120000000 /dev/zero > /tmp/file; sleep 0.5; rm /tmp/file; done; echo fine"
    assert sh(small, script).exit_code == 0


def test_neighbour_of_a_filler_is_left_alone(place: Place, small: DockerSandbox) -> None:
    """Blame goes by what each box wrote, not by who happens to run."""
    with place.open(Room(limits=LIMITS)) as neighbour:
        with pytest.raises(SandboxDiedError, match="it wrote"):
            sh(small, FILLS["files"], deadline_s=120.0)
        assert run(neighbour, "true").exit_code == 0


def test_engine_s_own_measure_agrees(small: DockerSandbox, engine: Engine) -> None:
    """Where the layers cannot be looked into, the engine is asked, which counts the same files."""
    assert sh(small, "head -c 50000000 /dev/urandom > file").exit_code == 0
    own = DiskWatch(engine).size(small.container)
    assert 50_000_000 <= engine.written(small.container) < 55_000_000
    assert 50_000_000 <= own < 55_000_000


def _strict(engine: Engine, cache: Path) -> DockerProvider:
    """A provider for which every disk is too full."""
    return DockerProvider(engine, DockerSettings(cache=cache, disk_floor=1 << 60))


def test_nothing_starts_under_the_floor(place: Place, engine: Engine, tmp_path: Path) -> None:
    """A full disk is nobody's fault inside, is told in one line, and leaves no container."""
    full = replace(place, provider=_strict(engine, tmp_path))
    mine = {KIND: "sandbox", OWNER: owner()}
    before = len(engine.containers(mine))
    with pytest.raises(SandboxLostError, match=r"are free in .* should be") as caught, full.open():
        pytest.fail("it was started")
    assert "\n" not in str(caught.value)
    assert len(engine.containers(mine)) <= before


def test_box_within_its_bounds_is_ended_without_blame(place: Place, engine: Engine) -> None:
    """When others fill the disk, the largest box makes room, and its trial is nobody's fault."""
    assert isinstance(place.provider, DockerProvider)
    watch = DiskWatch(engine)
    place.provider.watch, kept = watch, place.provider.watch
    try:
        with place.open(Room(limits=LIMITS)) as small, place.open(Room(limits=LIMITS)) as large:
            assert sh(large, "head -c 20000000 /dev/urandom > file").exit_code == 0
            seen: list[SandboxDiedError] = []
            thread = threading.Thread(target=_wait_for_the_end, args=(large, seen))
            thread.start()
            time.sleep(0.5)
            watch._floor = 1 << 60  # noqa: SLF001 (no disk of ours shall really be filled)
            thread.join(30)
            watch._floor = 0  # noqa: SLF001 (likewise)
            assert isinstance(seen[0], SandboxLostError)
            assert "within its own bounds" in str(seen[0])
            assert isinstance(small, DockerSandbox)
    finally:
        place.provider.watch = kept


def _wait_for_the_end(box: Sandbox, seen: list[SandboxDiedError]) -> None:
    try:
        sh(box, "sleep 100", deadline_s=100.0)
    except SandboxDiedError as error:
        seen.append(error)
