"""The engine's disk under watch: nothing starts on a full one, and a box that fills it is ended, with blame."""

import contextlib
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.contract import FLOOR_BYTES
from sandbox.engine import Engine
from sandbox.errors import SandboxDiedError, SandboxError, SandboxLostError

BYTES_A_FILE = 4096
"""What any file counts at least, however empty: inodes run out as well."""

LOOK_S = 0.2
"""Seconds between two looks at the free space, which are one system call each."""

STEP_BYTES = 64 * 1024**2
"""So much less free space than at the last measurement is reason for the next one."""

STEP_FILES = 16_384
"""The same in files."""

GAP_S = 1.0
"""Seconds between two measurements at least: each walks through what the boxes wrote."""

BLIND_GAP_S = 5.0
"""The same where the engine's disk cannot be seen from here, and measuring is the only way."""

_DU_S = 60.0
_FLEETING = ("/memfd:", "/dev/", "/SYSV")


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """What is free of a disk."""

    bytes: int
    files: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Watched:
    """A running box: its container, the bytes that it may write, and how to end it with an error for its callers."""

    container: str
    most_bytes: int
    end: Callable[[str, type[SandboxDiedError]], None]


@dataclass(slots=True)
class _Known:
    """What the watch remembers between looks."""

    measured: Space | None = None
    measured_s: float = field(default=float("-inf"))


class DiskWatch:
    """Watches the boxes of one provider from a thread that lives while there are any. Safe to use from several threads.

    A look is one `statvfs`. Only when the disk has lost STEP_BYTES or STEP_FILES are the boxes measured: what each
    wrote to its own layer, deleted files that it holds open included where this process may see them. One over its
    bound is ended as its own doing. Under `floor_bytes` of free space, with none over its bound, the largest is ended
    as nobody's fault, and nothing new starts.
    """

    def __init__(self, engine: Engine, floor_bytes: int = FLOOR_BYTES) -> None:
        self._engine = engine
        self._floor = floor_bytes
        self._lock = threading.Lock()
        self._boxes: set[Watched] = set()
        self._thread: threading.Thread | None = None
        self._root: Path | None = None
        self._upper: dict[str, Path | None] = {}

    def shortage(self) -> str:
        """Why nothing should start, in one line; empty when there is room, or when nobody can tell from here."""
        space, root = self._space(), self._disk()
        if space is None or space.bytes >= self._floor:
            return ""
        have, need = gib(space.bytes), gib(self._floor)
        return f"{have} are free in {root}, the engine's disk, and {need} should be; free some with `docker system df`"

    def admit(self) -> None:
        """Return when there is room for another box. Raises SandboxLostError, which is nobody's fault in there."""
        if why := self.shortage():
            raise SandboxLostError(why)

    def add(self, box: Watched) -> None:
        """Watch a box from now on."""
        with self._lock:
            self._boxes.add(box)
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="splitclock-disk", daemon=True)
                self._thread.start()

    def discard(self, box: Watched) -> None:
        """Leave a box alone; idempotent."""
        with self._lock:
            self._boxes.discard(box)
            self._upper.pop(box.container, None)

    # -- the watching thread -------------------------------------------------------------------------------------

    def _watch(self) -> None:
        known = _Known(measured=self._space())
        while True:
            time.sleep(LOOK_S)
            with self._lock:
                boxes = tuple(self._boxes)
                if not boxes:
                    self._thread = None
                    return
            with contextlib.suppress(SandboxError, OSError, subprocess.SubprocessError):  # the next look is soon
                self._look(known, boxes)

    def _look(self, known: _Known, boxes: tuple[Watched, ...]) -> None:
        space, now = self._space(), time.monotonic()
        if not self._wants_measuring(known, space, now):
            return
        known.measured, known.measured_s = space, now
        sizes = self._sizes(boxes)
        over = [box for box, size in sizes.items() if size > box.most_bytes]
        for box in over:
            allowed = f"{gib(box.most_bytes)} are allowed (`disk` in the target's [limits])"
            box.end(f"the sandbox was ended: it wrote {gib(sizes[box])} to disk, and {allowed}", SandboxDiedError)
        if sizes and not over and space is not None and space.bytes < self._floor:
            largest = max(sizes, key=lambda box: sizes[box])
            largest.end(f"the sandbox was ended, within its own bounds: {self.shortage()}", SandboxLostError)
        known.measured = self._space() if over else space

    def _sizes(self, boxes: tuple[Watched, ...]) -> dict[Watched, int]:
        """What each box holds of the disk; one that is going away meanwhile hides no other."""
        sizes = {}
        for box in boxes:
            try:
                sizes[box] = self.size(box.container)
            except SandboxLostError:  # the engine itself, for all of them
                raise
            except (SandboxError, OSError, subprocess.SubprocessError):
                continue
        return sizes

    def _wants_measuring(self, known: _Known, space: Space | None, now: float) -> bool:
        """Whether so much was written since the last measurement that somebody may be over a bound."""
        if space is None or known.measured is None:
            return now - known.measured_s >= BLIND_GAP_S
        if space.bytes > known.measured.bytes or space.files > known.measured.files:  # somebody made room: count anew
            known.measured = Space(
                bytes=max(space.bytes, known.measured.bytes), files=max(space.files, known.measured.files)
            )
        if now - known.measured_s < GAP_S:
            return False
        lost = (known.measured.bytes - space.bytes, known.measured.files - space.files)
        return space.bytes < self._floor or lost[0] >= STEP_BYTES or lost[1] >= STEP_FILES

    def size(self, container: str) -> int:
        """Bytes that a container holds of the disk beyond its image. Raises SandboxError."""
        upper = self._upper_folder(container)
        if upper is None:
            return self._engine.written(container)
        try:
            pids = self._engine.pids(container)
        except SandboxDiedError:  # it holds nothing any more but its files
            pids = ()
        return _used(upper) + sum(map(_unlinked, pids))

    def _upper_folder(self, container: str) -> Path | None:
        """The folder of a container's own layer; None where this process cannot look into it."""
        if container not in self._upper:
            data = (self._engine.inspect(container).get("GraphDriver") or {}).get("Data") or {}
            folder = Path(str(data.get("UpperDir") or "/nonexistent"))
            self._upper[container] = folder if os.access(folder, os.R_OK | os.X_OK) and shutil.which("du") else None
        return self._upper[container]

    def _space(self) -> Space | None:
        root = self._disk()
        if not root.is_dir():
            return None
        state = os.statvfs(root)
        return Space(bytes=state.f_bavail * state.f_frsize, files=state.f_favail)

    def _disk(self) -> Path:
        if self._root is None:
            self._root = Path(str(self._engine.info().get("DockerRootDir") or "/nonexistent"))
        return self._root


def gib(count: int) -> str:
    """A number of bytes for people."""
    return f"{count / 1024**3:.1f} GiB"


def _used(folder: Path) -> int:
    """Bytes of disk below a folder, each file counted as some; counted by a process of its own, not under our lock."""
    found = []
    for what in (["--block-size=1"], ["--inodes"]):
        done = subprocess.run(["du", "-sx", *what, str(folder)], capture_output=True, timeout=_DU_S, check=False)
        found.append(int(done.stdout.split()[0]) if done.stdout else 0)  # files that vanish meanwhile: a complaint only
    return max(found[0], found[1] * BYTES_A_FILE)


def _unlinked(pid: int) -> int:
    """Bytes of files that a process holds open although their names are gone; those that memory holds count there."""
    seen = {}
    with contextlib.suppress(OSError):
        for entry in os.scandir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                state = os.stat(entry.path)  # noqa: PTH116 (through the link, whose text is no path)
                if state.st_nlink == 0 and not os.readlink(entry.path).startswith(_FLEETING):  # noqa: PTH115 (likewise)
                    seen[(state.st_dev, state.st_ino)] = state.st_blocks * 512
    return sum(seen.values())
