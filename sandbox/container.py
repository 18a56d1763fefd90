"""DockerSandbox: one hardened container with an executor inside, as a context manager."""

import contextlib
import json
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO, Any, Self

from sandbox import executor
from sandbox.box import Client, ExecutorBox
from sandbox.client import Channel, ExecutorClient
from sandbox.contract import BoxSpec, DiskQuota, Export, ExportCaps, File, Snapshot, sha256
from sandbox.disk import DiskWatch, Watched
from sandbox.engine import Engine
from sandbox.errors import NoNetworkError, SandboxDiedError, SandboxError, SandboxLostError
from sandbox.export import Collector, export_archive, export_with
from sandbox.hardening import AGENT, PLAIN_RUNTIMES, ROOT, ContainerSpec, deadman, seccomp_profile
from sandbox.history import write_repository
from sandbox.labels import CLAIM, MADE, of_sandbox
from sandbox.plain import PlainClient
from sandbox.tars import AGENT_UID, Load, pack_loads
from sandbox.trees import Entry, Link, check_path, displaced, entries_of
from sandbox.volume import HardVolume, drop_volume, make_volume

NO_PYTHON = "none"
"""Stands for the Python of an image that has none: the slow path of `sandbox.plain` serves it."""

HOME = "/home/agent"
_OWN = "opt/splitclock"
EXECUTOR = f"/{_OWN}/executor.py"
TOOLS = f"/{_OWN}/tools"
_STATE_PATIENCE_S = 0.5
_ROUNDING_BYTES = 64 * 1024**2
_HUNG_UP = frozenset({0, 126})  # the executor's own end of input, and the engine's word for a stream that it lost


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxImage:
    """What a container starts from: an image id, its Python (or NO_PYTHON), and whether it is a staged checkout.

    A staged checkout holds the snapshot and this version's executor.
    """

    image: str
    python: str
    has_snapshot: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxOptions:
    """Settings of all containers of one run: the OCI runtime (None: the engine's default), who watches their disk.

    `disks` is the folder for volumes with hard bounds, `claims` that of the files by which a later process takes over.
    """

    runtime: str | None = None
    watch: DiskWatch | None = None
    disks: Path | None = None
    claims: Path | None = None
    network: str = "none"
    extra_env: Mapping[str, str] = field(default_factory=dict)


class DockerSandbox(ExecutorBox):
    """A container that is created, filled, started, and removed when the context is left.

    PID 1 is the engine's init over a `sleep` of the limits' lifetime, so that a container outlives a dead harness by
    no more than that. Both are root's, without capabilities; all that the harness starts inside is the agent's.
    """

    def __init__(self, engine: Engine, spec: BoxSpec, image: BoxImage, options: BoxOptions | None = None) -> None:
        super().__init__()
        self._engine = engine
        self._spec = spec
        self._image = image
        self._options = options or BoxOptions()
        self._container: str | None = None
        self._trying: str | None = None
        self._exec_id: str | None = None
        self._watched: Watched | None = None
        self._volume: HardVolume | None = None
        self._survivors: tuple[str, ...] | None = None
        self._claim = None if self._options.claims is None else self._options.claims / uuid.uuid4().hex

    @property
    def kind(self) -> str:
        """The word "docker"."""
        return "docker"

    @property
    def workspace(self) -> str:
        """Absolute path of the workspace inside."""
        return self._spec.environment.workdir

    @property
    def tools(self) -> str:
        """Absolute path, inside, of the read-only folder that holds the spec's `tools`."""
        return TOOLS

    @property
    def network(self) -> str:
        """Its network namespace, for another spec's `joins`. Raises NoNetworkError where the runtime shares none."""
        if self._options.runtime not in PLAIN_RUNTIMES:
            raise NoNetworkError(f"the runtime `{self._options.runtime}` lets no other sandbox join its network")
        return f"container:{self.container}"

    @property
    def container(self) -> str:
        """The container's id. Raises SandboxDiedError before it is entered and after it is left."""
        if self._container is None:
            raise SandboxDiedError("the sandbox has no container: it has not been entered, or was left")
        return self._container

    @property
    def _owns_cgroup(self) -> bool:
        return True

    @property
    def _cpus(self) -> float:
        return self._spec.limits.cpus

    # -- life and death ------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        """Create, fill and start; returns when the executor has answered. Raises SandboxError."""
        try:
            if self._options.watch is not None:
                self._options.watch.admit()
            self._make_volume()
            self._container = self._engine.create(self._container_spec())
            self._spec.on_stage("image")
            self._fill()
            self._spec.on_stage("checkout")
            self._engine.start(self.container)
            self._watch()
            self._begin()
            self._live_client()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Hang up and remove the container; idempotent."""
        self._unwatch()
        self._hang_up("the sandbox was closed")  # first: an undrained exec stream would make the removal wait
        container, self._container = self._container, None
        if container is not None:
            self._engine.remove(container)
        volume, self._volume = self._volume, None
        if volume is not None:
            drop_volume(self._engine, volume)

    def _make_volume(self) -> None:
        limits = self._spec.limits
        if limits.disk_quota is DiskQuota.HARD:
            if self._options.disks is None:
                raise SandboxError('disk_quota = "hard": nobody said where volumes may lie')
            self._volume = make_volume(self._engine, self._options.disks, limits.disk_bytes, self._marks())

    def _watch(self) -> None:
        if self._options.watch is not None:
            self._watched = Watched(
                container=self.container, most_bytes=self._spec.limits.disk_bytes, end=self._end_by_watch
            )
            self._options.watch.add(self._watched)

    def _unwatch(self) -> None:
        if self._options.watch is not None and self._watched is not None:
            self._options.watch.discard(self._watched)

    def _end_by_watch(self, why: str, kind: type[SandboxDiedError]) -> None:
        """From the watch's thread: the container dies, and whoever waits for it learns why."""
        self._unwatch()
        container = self._container
        self._hang_up(why, kind)
        if container is not None:
            self._engine.kill(container)

    def _marks(self) -> dict[str, str]:
        marks = of_sandbox(self._spec.identity, self._spec.limits.lifetime_s)
        if self._claim is not None:
            marks |= {CLAIM: str(self._claim), MADE: self._made()}
        return marks

    def _made(self) -> str:
        """Digest of all that was asked for, so that who comes back to the container knows it for what it is."""
        snapshot = None if self._spec.snapshot is None else self._spec.snapshot.digest
        asked = (asdict(self._asked()), snapshot, self.workspace, self._spec.limits.disk_quota, seccomp_profile())
        return sha256(json.dumps(asked, sort_keys=True).encode())

    def _container_spec(self) -> ContainerSpec:
        volume = None if self._volume is None else (self._volume.name, self.workspace)
        return replace(self._asked(), labels=self._marks(), volume=volume)

    def _asked(self) -> ContainerSpec:
        """The container without what differs between two of the same kind."""
        limits = self._spec.limits
        return ContainerSpec(
            image=self._image.image,
            user=ROOT,
            workdir="/",
            command=deadman(limits.lifetime_s),
            env={"HOME": HOME, "LANG": "C.UTF-8", "TERM": "dumb", **self._options.extra_env, **self._spec.env},
            limits=limits,
            network=self._spec.joins or self._options.network,
            runtime=self._options.runtime,
        )

    def _fill(self) -> None:
        """Before the start: our own folder, owned by root, and whatever of the workspace the image does not hold."""
        tools = (replace(tool, path=f"{_OWN}/tools/{tool.path}") for tool in self._spec.tools)
        own: list[Entry] = [*(() if self._image.has_snapshot else (program(),)), *_checked(tools)]
        links = (Link(path=path, target=target) for path, target in self._spec.links.items())
        over: list[Entry] = [*_checked(self._spec.files), *_checked(links)]
        if self._spec.snapshot is not None and not self._image.has_snapshot:
            with _repository(self._spec.snapshot) as git_dir:
                self._put(own, [*_kept(self._spec.snapshot, over), *over], git_dir)
        elif own or over:
            self._put(own, over)

    def _put(self, own: Iterable[Entry], work: Iterable[Entry], git_dir: Path | None = None) -> None:
        loads = (
            Load(entries=own),
            Load(entries=work, below=self.workspace, owner=AGENT_UID, git_dir=git_dir),
        )
        with pack_loads(loads) as tar:
            self._engine.put(self.container, "/", _pieces(tar))

    def kill(self) -> tuple[str, ...]:
        """Kill every process at once; returns the command lines of those that were still running. Idempotent."""
        if self._container is None:  # not entered yet: then it never will be
            self._end("the sandbox was killed")
        elif self._survivors is None:
            found = self._strangers()
            self._hang_up("the sandbox was killed")
            self._engine.kill(self.container)
            self._survivors = found  # last: a kill that failed may be tried again
        return self._survivors or ()

    def _strangers(self) -> tuple[str, ...]:
        """Processes that are neither init, nor its sleep, nor an executor."""
        program = self._executor_argv()
        ours = {
            " ".join(words) for words in (deadman(self._spec.limits.lifetime_s), program, (*program, executor.DRAIN))
        }
        processes = self._engine.processes(self.container)
        return tuple(line for line in processes if line not in ours and not _is_init(line))[: executor.MAX_SURVIVORS]

    def export(self, known: Mapping[str, str], caps: ExportCaps | None = None) -> Export:
        """The workspace's content after `kill`, through the daemon. Raises ExportError.

        Without `caps`, files that are new may hold as much as the box may write, holes counted, and a little more.
        """
        self.kill()
        caps = caps or ExportCaps(new_bytes=self._spec.limits.disk_bytes + _ROUNDING_BYTES)

        def read_archive(collector: Collector) -> None:
            with self._engine.archive(self.container, self.workspace) as pieces:
                export_archive(pieces, collector)

        return export_with(read_archive, known, caps)

    # -- the executor --------------------------------------------------------------------------------------------

    def _executor_argv(self) -> tuple[str, ...]:
        return (self._image.python, "-I", "-S", EXECUTOR)

    def _connect(self) -> Channel:
        channel = self._engine.attach(self.container, self._executor_argv(), AGENT, {}, workdir="/")
        self._trying = channel.exec_id
        return channel

    def _open_client(self) -> Client:
        if self._image.python == NO_PYTHON:
            return PlainClient(self._engine, self.container, self.workspace, AGENT)
        self._exec_id = None
        client = super()._open_client()
        self._exec_id = self._trying
        return client

    def _post_mortem(self, error: SandboxDiedError) -> SandboxDiedError:
        """Why a call was not served: the agent's commands can kill the executor, and nothing else.

        A dying container takes its executor with it a moment before the engine says so.
        """
        if isinstance(error, SandboxLostError):
            return error
        until = time.monotonic() + _STATE_PATIENCE_S
        try:
            while True:
                state = dict(self._engine.inspect(self.container).get("State") or {})
                if not state.get("Running"):
                    return self._obituary(state, error)
                if self._was_cut():
                    return SandboxLostError(f"the connection to the executor was cut: {error}")
                if time.monotonic() > until:
                    return error
                time.sleep(0.05)
        except SandboxError as gone:
            return SandboxLostError(f"the container is gone: {gone}")

    def _was_cut(self) -> bool:
        """Whether a connection that worked ended by itself: its executor lives on, or ended for lack of it.

        An executor that was killed, or crashed, has an exit code of its own.
        """
        if self._exec_id is None or not isinstance(self._client, ExecutorClient) or not self._client.cut:
            return False
        return self._engine.exit_code(self._exec_id) in _HUNG_UP

    def _obituary(self, state: Mapping[str, Any], error: SandboxDiedError) -> SandboxDiedError:
        """PID 1 is out of the agent's reach, but for memory: the kernel may choose it when nothing else is left."""
        by_memory = bool(state.get("OOMKilled")) and not self._engine.was_told_to_kill(self.container)
        cause = "out of memory" if by_memory else str(state.get("Error") or "ended from outside")
        kind = SandboxDiedError if by_memory else SandboxLostError
        return kind(f"the container is dead (exit code {state.get('ExitCode')}, {cause}): {error}")


def program() -> File:
    """The executor as it lies in every box, owned by root."""
    return File(path=EXECUTOR.lstrip("/"), data=Path(executor.__file__).read_bytes())


def _is_init(line: str) -> bool:
    return line.startswith(("/sbin/docker-init", "/dev/init", "/run/podman-init", "/catatonit"))


@contextlib.contextmanager
def _repository(snapshot: Snapshot) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="splitclock-git-") as folder:
        git_dir = Path(folder) / "repository"
        write_repository(snapshot, git_dir)
        yield git_dir


def _checked(entries: Iterable[Entry]) -> Iterator[Entry]:
    for entry in entries:
        check_path(entry.path)
        yield entry


def _kept(snapshot: Snapshot, over: Iterable[Entry]) -> Iterator[Entry]:
    gone = displaced(snapshot, [entry.path for entry in over])
    return (entry for entry in entries_of(snapshot) if entry.path not in gone)


def _pieces(tar: IO[bytes]) -> Iterator[bytes]:
    return iter(lambda: tar.read(1024 * 1024), b"")
