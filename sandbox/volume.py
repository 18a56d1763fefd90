"""A workspace with a hard bound: a file system of its own in a file, where this process is root beside the engine."""

import contextlib
import os
import shutil
import subprocess
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from sandbox.claims import ownerless
from sandbox.engine import Engine
from sandbox.errors import SandboxError
from sandbox.labels import DISK, OWNER, RUN, is_orphaned, owner
from sandbox.tars import AGENT_UID

BYTES_AN_INODE = 8192
"""A volume has one inode for so many of its bytes."""

_SUFFIX = ".ext4"
_NEEDED = ("mkfs.ext4", "debugfs", "losetup")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PATIENCE_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class HardVolume:
    """A volume of the engine's, over a loop device, over a sparse file; `name` is the engine's name for it."""

    name: str
    image: Path


def make_volume(engine: Engine, folder: Path, size: int, labels: Mapping[str, str]) -> HardVolume:
    """An empty ext4 volume of `size` bytes that belongs to the agent, its file below `folder`.

    Raises SandboxError, with nothing left behind, where it cannot be had: without root, tools or loop devices.
    """
    if why := why_no_hard_bound(engine):
        raise SandboxError(why)
    volume = HardVolume(name=f"splitclock-{uuid.uuid4().hex}", image=folder / _image_name())
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with volume.image.open("xb") as file:
            file.truncate(size)
        owner = f"root_owner={AGENT_UID}:{AGENT_UID},lazy_itable_init=1,nodiscard"
        inodes = str(max(64, size // BYTES_AN_INODE))
        _run("mkfs.ext4", "-q", "-F", "-m", "0", "-O", "^has_journal", "-N", inodes, "-E", owner, str(volume.image))
        _run("debugfs", "-w", "-R", "rmdir lost+found", str(volume.image))  # the engine fills only what is empty
        device = _run("losetup", "--find", "--show", str(volume.image))
        engine.create_volume(volume.name, device, {**labels, DISK: str(volume.image)})
    except BaseException:
        drop_volume(engine, volume)
        raise
    return volume


def drop_volume(engine: Engine, volume: HardVolume) -> None:
    """Remove a volume with its loop device and its file; idempotent. Raises SandboxError while a container uses it."""
    engine.remove_volume(volume.name)
    _drop_image(volume.image)


def _drop_image(image: Path) -> None:
    """Remove a file and whatever loop device it is behind; the file last, for by it the device is found."""
    if image.exists():
        for line in _run("losetup", "--associated", str(image)).splitlines():
            _run("losetup", "--detach", line.partition(":")[0])
    image.unlink(missing_ok=True)


def _image_name() -> str:
    """A file's name that tells whose it is: it is there before any label."""
    return f"{quote(owner(), safe='')}.{uuid.uuid4().hex}{_SUFFIX}"


def reap_volumes(engine: Engine, *, keep_run: str = "") -> tuple[str, ...]:
    """Remove the volumes whose owner is dead, or whose deadline has passed; returns their names.

    Those of `keep_run` stay, and those that a living process goes on with.
    """
    gone = []
    for name, labels in engine.volumes({DISK: "", OWNER: ""}).items():
        if keep_run and labels.get(RUN) == keep_run:
            continue
        with ownerless(labels) as free:
            if free:
                drop_volume(engine, HardVolume(name=name, image=Path(labels[DISK])))
                gone.append(name)
    return tuple(gone)


def reap_images_of_volumes(engine: Engine, folder: Path) -> tuple[Path, ...]:
    """Remove the files below `folder`, with their loop devices, that dead processes made and no volume stands on.

    So ends what a process left that was killed before its volume was there, or after the volume was gone.
    """
    found = [each for each in folder.glob(f"*{_SUFFIX}") if is_orphaned({OWNER: _owner_of(each)})]
    used = {labels[DISK] for labels in engine.volumes({DISK: ""}).values()} if found else set()
    gone = []
    for image in found:
        with contextlib.suppress(SandboxError, OSError):  # another user's, perhaps
            if str(image) not in used:
                _drop_image(image)
                gone.append(image)
    return tuple(gone)


def _owner_of(image: Path) -> str:
    return unquote(image.name.removesuffix(_SUFFIX).rpartition(".")[0])


def why_no_hard_bound(engine: Engine) -> str:
    """Why volumes with hard bounds cannot be had here, and what to do, in one line; empty when they can."""
    lacking = [tool for tool in _NEEDED if shutil.which(tool, path=_PATH) is None]
    why = ""
    if os.geteuid() != 0:
        why = "root, and this user is not"
    elif lacking:
        why = f"{', '.join(lacking)}; install e2fsprogs and util-linux"
    elif not Path(str(engine.info().get("DockerRootDir") or "/nonexistent")).is_dir():
        why = "the engine on this machine, and it is elsewhere"
    return why and f'disk_quota = "hard" needs {why}; or write disk_quota = "watch" in the target\'s [limits]'


def _run(*argv: str) -> str:
    """What a tool printed. Raises SandboxError with its last words."""
    environment = {"PATH": _PATH, "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=_PATIENCE_S, check=False, env=environment)
    except (OSError, subprocess.SubprocessError) as error:
        raise SandboxError(f"cannot make a volume with a hard bound: {error}") from error
    if done.returncode != 0:
        said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise SandboxError(f"cannot make a volume with a hard bound: {argv[0]}: {said}")
    return done.stdout.strip()
