"""One writer a run: a lock file that names its owner, and that a dead owner does not keep."""

import fcntl
import json
import os
import socket
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from harness.errors import ConfigError
from harness.files import disk_errors


class RunLockedError(ConfigError):
    """Another process writes this run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Who writes a run. `start` is the process's start mark and `boot` the machine's, so that no reused pid passes."""

    host: str
    pid: int
    start: str
    boot: str

    @classmethod
    def this(cls) -> Self:
        """The running process."""
        return cls(host=socket.gethostname(), pid=os.getpid(), start=process_start(os.getpid()), boot=boot_id())

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The owner that a lock file names; None when it names none."""
        try:
            known = json.loads(text)
            return cls(
                host=str(known["host"]), pid=int(known["pid"]), start=str(known["start"]), boot=str(known["boot"])
            )
        except (ValueError, KeyError, TypeError):
            return None

    def may_live(self) -> bool:
        """False when it is certain that the owner is gone: always so for another process of this machine that ended."""
        if self.host != socket.gethostname():
            return True
        return self.boot == boot_id() and self.start != "" and self.start == process_start(self.pid)


class RunLock:
    """Holds a run folder for this process.

    The kernel's lock on the file decides on one machine and ends with the process; the owner written into the file
    decides where file systems keep no such locks, and across machines.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with disk_errors(path, "locked"):
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            self._take()
        except BaseException:
            os.close(self._handle)
            raise

    def _take(self) -> None:
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _locked(self._path, self._owner()) from None
        except OSError:
            pass  # a file system without locks: the owner in the file decides alone
        owner = self._owner()
        if owner is not None and owner.may_live():
            raise _locked(self._path, owner)
        self._write(json.dumps(asdict(Owner.this())))

    def _owner(self) -> Owner | None:
        return Owner.parse(os.pread(self._handle, 4096, 0).decode("utf-8", "replace"))

    def _write(self, text: str) -> None:
        with disk_errors(self._path):
            os.ftruncate(self._handle, 0)
            os.pwrite(self._handle, text.encode(), 0)
            os.fsync(self._handle)

    def release(self) -> None:
        """Let the run go; the file stays, empty, so that nobody locks a file that is about to vanish."""
        if self._handle >= 0:
            os.ftruncate(self._handle, 0)
            os.close(self._handle)
            self._handle = -1


def is_written(path: Path) -> bool:
    """Whether the process that writes the run of this lock may still live."""
    try:
        owner = Owner.parse(path.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return False
    return owner is not None and owner.may_live()


def _locked(path: Path, owner: Owner | None) -> RunLockedError:
    if owner is None:
        return RunLockedError(f"{path.parent}: another process is about to write this run; try again in a moment")
    who = f"process {owner.pid} on {owner.host}"
    if owner.host == socket.gethostname():
        return RunLockedError(f"{path.parent}: {who} writes this run; wait for it, or end it first")
    return RunLockedError(f"{path.parent}: {who} writes this run; if it is gone, remove {path}")


def process_start(pid: int) -> str:
    """A mark that changes when a pid is used again; "" when no such process lives."""
    if Path("/proc/self/stat").exists():
        try:
            fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            return ""
        return "" if fields[0] in {"Z", "X"} else fields[19]
    return _said(["ps", "-o", "lstart=", "-p", str(pid)])


def boot_id() -> str:
    """A mark that changes when the machine starts again."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return _said(["sysctl", "-n", "kern.boottime"])


def _said(argv: list[str]) -> str:
    try:
        return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
