"""LocalSandbox: the same executor as a plain subprocess in a temporary folder. No isolation: trusted code only."""

import contextlib
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from sandbox import executor
from sandbox.box import ExecutorBox
from sandbox.client import Channel, ExecutorClient
from sandbox.contract import BoxSpec, Export, ExportCaps, File
from sandbox.errors import NoNetworkError, SandboxDiedError, SandboxError
from sandbox.export import export_folder, export_with
from sandbox.history import write_repository
from sandbox.trees import check_path

EXECUTOR = Path(executor.__file__)
_STRAY_PASSES = 20


class SocketChannel:
    """One end of a socket pair; unlike a pipe it can be shut from another thread."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end

    def send(self, data: bytes) -> None:
        """Write all of `data`. Raises OSError."""
        self._socket.sendall(data)

    def receive(self) -> tuple[str, bytes]:
        """The next bytes of standard output; empty at the end. Raises OSError."""
        return ("stdout", self._socket.recv(256 * 1024))

    def close(self) -> None:
        """End the connection in both directions."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


class LocalSandbox(ExecutorBox):
    """A temporary folder and an executor with this process's own rights.

    `generated` is a folder whose content every workspace starts with; `env` is the whole environment of commands.
    """

    def __init__(self, spec: BoxSpec, *, generated: Path | None = None, env: Mapping[str, str]) -> None:
        super().__init__()
        self._spec = spec
        self._generated = generated
        self._env = env
        self._root: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._survivors: tuple[str, ...] | None = None

    @property
    def kind(self) -> str:
        """The word "local"."""
        return "local"

    @property
    def workspace(self) -> str:
        """Absolute path of the workspace; another one for each sandbox."""
        return str(self._place / "workspace")

    @property
    def network(self) -> str:
        """Raises NoNetworkError: commands here use the machine's own network, and there is nothing to join."""
        raise NoNetworkError("a local sandbox has no network of its own that another could join; use Docker")

    @property
    def tools(self) -> str:
        """Absolute path of the read-only folder that holds the spec's `tools`."""
        return str(self._place / "tools")

    @property
    def _owns_cgroup(self) -> bool:
        return False  # it is shared with the rest of the machine

    @property
    def _cpus(self) -> float:
        return float(os.cpu_count() or 1)

    @property
    def _place(self) -> Path:
        if self._root is None:
            raise SandboxDiedError("the sandbox has no folder: it has not been entered, or was left")
        return self._root

    def __enter__(self) -> Self:
        """Make the folder, fill it, start the executor. Raises SandboxError."""
        try:
            self._root = Path(tempfile.mkdtemp(prefix="splitclock-box-")).resolve()
            self._spec.on_stage("image")
            self._fill()
            self._spec.on_stage("checkout")
            self._begin()
            self._live_client()
        except OSError as error:
            self.__exit__()
            raise SandboxError(f"cannot make a local sandbox: {error}") from error
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Kill what runs and delete the folder; idempotent."""
        if self._root is not None:
            self.kill()
            remove_tree(self._root)
            self._root = None

    def _fill(self) -> None:
        """Lay the workspace in the order of the contract: what set-up generated, the snapshot, the files over it."""
        workspace = self._place / "workspace"
        for name in ("home", "tmp"):
            (self._place / name).mkdir()
        if self._generated is not None and self._generated.is_dir():
            shutil.copytree(self._generated, workspace, symlinks=True)
        else:
            workspace.mkdir()
        if self._spec.snapshot is not None:
            lay_over(workspace, self._spec.snapshot.files(), self._spec.snapshot.links)
            write_repository(self._spec.snapshot, workspace / ".git")
        lay_over(workspace, self._spec.files, self._spec.links)
        (self._place / "tools").mkdir()
        lay_over(self._place / "tools", self._spec.tools, {})
        _make_read_only(self._place / "tools")

    def _connect(self) -> Channel:
        self._bury()
        ours, theirs = socket.socketpair()
        with theirs, (self._place / "executor.log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(EXECUTOR)],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=log,
                cwd=self._place,
                env=self._environment(),
                start_new_session=True,
            )
        return SocketChannel(ours)

    def _environment(self) -> dict[str, str]:
        own = {"HOME": str(self._place / "home"), "TMPDIR": str(self._place / "tmp")}
        return {**self._env, **own, **self._spec.env}

    def _post_mortem(self, error: SandboxDiedError) -> SandboxDiedError:
        with contextlib.suppress(OSError, SandboxDiedError):
            lines = (self._place / "executor.log").read_text("utf-8", "replace").strip().splitlines()
            return SandboxDiedError(f"{error} (it said: {lines[-1][:300]!r})") if lines else error
        return error

    def _bury(self) -> None:
        """End the executor's process and collect it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def kill(self) -> tuple[str, ...]:
        """Kill every process at once; returns the command lines of those that were still running. Idempotent."""
        if self._survivors is None:
            self._end("the sandbox was killed")
            self._survivors = self._kill_below()
            self._hang_up("the sandbox was killed")
            self._bury()
            self._survivors += self._kill_strays()
        return self._survivors

    def _kill_below(self) -> tuple[str, ...]:
        client = self._client
        if not isinstance(client, ExecutorClient) or not client.alive:
            return ()
        try:
            return client.kill_all()
        except SandboxError:
            return ()

    def _kill_strays(self) -> tuple[str, ...]:
        """What fell to this machine's init when a command killed the executor; known by its home folder."""
        if self._root is None:
            return ()
        mark = f"HOME={self._root / 'home'}".encode()
        killed: dict[str, str] = {}
        for _ in range(_STRAY_PASSES):
            found = {place.name: line for place in Path("/proc").glob("[0-9]*") if (line := _kill_marked(place, mark))}
            if not found:
                break
            killed |= found  # and once more, for what was started while we looked
            time.sleep(0.01)
        return tuple(killed.values())

    def export(self, known: Mapping[str, str], caps: ExportCaps | None = None) -> Export:
        """The workspace's content after `kill`, against `known`. Raises ExportError."""
        self.kill()
        workspace = Path(self.workspace)
        return export_with(lambda collector: export_folder(workspace, collector), known, caps)


def _kill_marked(process: Path, mark: bytes) -> str:
    """Kill a process whose environment holds `mark`; its command line if it was one."""
    with contextlib.suppress(OSError):
        if mark in (process / "environ").read_bytes().split(b"\0"):
            line = (process / "cmdline").read_bytes().rstrip(b"\0").replace(b"\0", b" ").decode("utf-8", "replace")
            os.kill(int(process.name), signal.SIGKILL)
            return line[:200]
    return ""


def lay_over(root: Path, files: Iterable[File], links: Mapping[str, str]) -> None:
    """Write files, then links, under `root`; whatever stands in their way gives way, and no link is followed."""
    for file in files:
        place = _cleared(root, file.path)
        place.write_bytes(file.data)
        place.chmod(0o755 if file.executable else 0o644)
    for path, target in links.items():
        _cleared(root, path).symlink_to(target)


def _cleared(root: Path, path: str) -> Path:
    """The place of a path whose parents are real folders and where nothing stands."""
    check_path(path)
    parts = path.split("/")
    here = root
    for part in parts[:-1]:
        here /= part
        if here.is_symlink() or (here.exists() and not here.is_dir()):
            here.unlink()
        here.mkdir(exist_ok=True)
    place = here / parts[-1]
    if place.is_symlink() or place.is_file():
        place.unlink()
    elif place.exists():
        remove_tree(place)
    return place


def _make_read_only(root: Path) -> None:
    for place in [root, *root.rglob("*")]:
        if not place.is_symlink():
            place.chmod(place.stat().st_mode & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))


def remove_tree(root: Path) -> None:
    """Delete a folder with everything in it, folders without permissions too; what cannot go is left behind."""

    def open_up(_function: Callable[..., Any], path: str, _problem: object) -> None:
        with contextlib.suppress(OSError):
            for place in (Path(path).parent, Path(path)):
                if not place.is_symlink():
                    place.chmod(0o700)

    for _ in range(3):  # each pass opens what stopped the one before
        shutil.rmtree(root, onerror=open_up)
        if not root.exists():
            return
