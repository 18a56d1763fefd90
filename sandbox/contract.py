"""What a sandbox is: commands in, results out; files in, files out. Knows nothing of models or grades."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Protocol, Self

KEEP_BYTES = 64 * 1024
"""Bytes of output kept at each end of a flood: the head and the tail."""

FLOOR_BYTES = 5 * 1024**3
"""Free bytes of the engine's disk under which nothing starts, where nobody says otherwise."""

CACHES = frozenset({"__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis", ".tox", ".nox"})
"""Folders that tools leave in a tree: nobody's work, and no part of a source."""

OnOutput = Callable[[bytes], None]
"""Called with each piece of raw standard output as it arrives, in order, from one thread, not the caller's.

It must not call the sandbox. What it raises reaches the caller of `run`, and the command is killed.
"""


class DiskQuota(StrEnum):
    """Who keeps a sandbox within its disk: whoever watches it, or a file system that ends there."""

    WATCH = "watch"
    HARD = "hard"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one sandbox may use: cores, bytes, processes, seconds.

    `disk_bytes` bounds each file and the sum of all that it writes. With a hard `disk_quota` the workspace is a file
    system of that size, which can be had only as root; what is written elsewhere is watched in any case.
    """

    cpus: float = 1.0
    memory_bytes: int = 2 * 1024**3
    pids: int = 512
    disk_bytes: int = 2 * 1024**3
    disk_quota: DiskQuota = DiskQuota.WATCH
    lifetime_s: int = 4 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One program to run: an argv, never a string for somebody else's shell.

    `cwd` is relative to the workspace ("" is its root). `env` is laid over the sandbox's own environment;
    with `clean_env` it is the whole environment. Past `deadline_s` the command and all it started is killed.
    Output beyond `keep_bytes` at each end is counted, not kept. `merge_stderr` sends both streams, in order,
    to standard output.
    """

    argv: tuple[str, ...]
    deadline_s: float
    cwd: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    clean_env: bool = False
    stdin: bytes = b""
    keep_bytes: int = KEEP_BYTES
    merge_stderr: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What a stream carried: `head` and `tail` as raw bytes, and the `total` bytes produced."""

    head: bytes = b""
    tail: bytes = b""
    total: int = 0

    @property
    def cut(self) -> int:
        """Bytes produced but not kept."""
        return self.total - len(self.head) - len(self.tail)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandResult:
    """How a command ended, as seen by the executor.

    `exit_code` is None when a signal ended it; then `signal` is its number. As in a shell it is 127 when the program or
    the working folder is not there and 126 when the program cannot be started; standard error then says why. `exec_ns`
    is process start to exit on the sandbox's own monotonic clock.

    What was used is None where it cannot be told. `user_cpu_s` and `system_cpu_s` are the CPU seconds of the command's
    own reaped processes, `container_cpu_s` those of everything in the sandbox's cgroup meanwhile: daemons that earlier
    commands left, processes that were not waited for, and the executor's own work (about a millisecond).
    `peak_memory_bytes` is the largest resident set among the command's reaped processes (the kernel counts the few
    megabytes of the executor that started them too). All this is the sandbox's word: see `credible`.

    `oom_killed` says that a command which did not succeed, or one of its processes, was killed for memory.
    `survivors` are the command lines of processes it left behind; `output_held` says that one of them still holds the
    output stream.
    """

    exit_code: int | None
    signal: int | None = None
    stdout: Output = field(default_factory=Output)
    stderr: Output = field(default_factory=Output)
    timed_out: bool = False
    oom_killed: bool = False
    output_held: bool = False
    survivors: tuple[str, ...] = ()
    exec_ns: int = 0
    user_cpu_s: float | None = None
    system_cpu_s: float | None = None
    container_cpu_s: float | None = None
    peak_memory_bytes: int | None = None


QUOTA_SLACK_S = 0.2
"""Seconds that a CPU quota may be overdrawn by in any stretch of time: two of the kernel's accounting periods."""


def credible(result: CommandResult, waited_ns: int, cpus: float) -> CommandResult:
    """The result without CPU seconds that `cpus` cores cannot have given in the `waited_ns` that the caller waited."""
    most_s = (waited_ns / 1e9 + QUOTA_SLACK_S) * cpus
    own = None if result.user_cpu_s is None or result.system_cpu_s is None else result.user_cpu_s + result.system_cpu_s
    if own is not None and own > most_s:
        result = replace(result, user_cpu_s=None, system_cpu_s=None)
    if result.container_cpu_s is not None and result.container_cpu_s > most_s:
        result = replace(result, container_cpu_s=None)
    return result


@dataclass(frozen=True, slots=True, kw_only=True)
class FileStat:
    """One entry of the workspace: `kind` is "file", "directory", "link" or "other"; `size` in bytes."""

    path: str
    kind: str
    size: int
    executable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A regular file by content: `path` relative to the workspace with "/" between parts."""

    path: str
    data: bytes
    executable: bool = False


def fingerprint(file: File) -> str:
    """SHA-256 (hex) of a file's content and executable bit: equal exactly when git would see no change."""
    return sha256(b"x" if file.executable else b"-", file.data)


def sha256(*parts: bytes) -> str:
    """SHA-256 (hex) over the parts in order."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """The workspace as it stood when the sandbox was killed, seen against a known tree.

    `files` are the regular files whose fingerprint differs from the known one (new files too); `paths` are all regular
    files seen; `links` maps a link's path to its target as written; `skipped` maps the path of everything left
    out (devices, sockets, files past a cap) to the reason. Nothing under a `.git` folder is looked at.
    """

    files: tuple[File, ...]
    paths: frozenset[str]
    links: Mapping[str, str] = field(default_factory=dict)
    skipped: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A clean source tree held on the host, in a folder that the harness owns.

    `digest` names its content; `index` maps each regular file's path to its fingerprint, `links` each symbolic link
    to its target; `commit` is the source commit it was taken from, if it has one.
    """

    root: Path
    digest: str
    index: Mapping[str, str]
    links: Mapping[str, str] = field(default_factory=dict)
    commit: str | None = None

    def file(self, path: str) -> File:
        """One file of the tree. Raises KeyError when the tree has none of that path."""
        if path not in self.index:
            raise KeyError(path)
        place = self.root / path
        return File(path=path, data=place.read_bytes(), executable=bool(place.stat().st_mode & 0o100))

    def files(self) -> Iterator[File]:
        """All regular files, in path order, read one at a time."""
        return (self.file(path) for path in sorted(self.index))


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportCaps:
    """Bounds of one export: bytes a file, bytes of kept files, kept files, members looked at, and bytes read at all.

    Symbolic links count as files, the bytes of their targets as content; no target is longer than `target_bytes`.
    `path_bytes` is what the paths of all members may have together, kept or not: they are all held in memory.
    `total_bytes` and `new_bytes` count sparse files by what they claim to hold, for so they are read; the latter, None
    for as much as there is, those files alone that are looked at and are not as they were known.
    """

    file_bytes: int = 5 * 1024**2
    kept_bytes: int = 50 * 1024**2
    kept_files: int = 5_000
    members: int = 200_000
    target_bytes: int = 1_024
    path_bytes: int = 64 * 1024**2
    total_bytes: int = 4 * 1024**3
    new_bytes: int | None = None


class Sandbox(Protocol):
    """One place where a stranger's code runs. A context manager: entering starts it, leaving removes it.

    Every method but `kill` and `export` needs the sandbox alive and raises SandboxDiedError when it is not.
    Methods may be called from several threads at once.
    """

    @property
    def kind(self) -> str:
        """The word "docker", or "local" for the unisolated one."""
        ...

    @property
    def workspace(self) -> str:
        """Absolute path of the workspace as commands inside see it."""
        ...

    def __enter__(self) -> Self:
        """Create, fill and start; returns when the executor has answered. Raises SandboxError."""
        ...

    def __exit__(self, *exc_info: object) -> None:
        """Remove everything that this sandbox made; idempotent."""
        ...

    @property
    def tools(self) -> str:
        """Absolute path, inside, of the read-only folder that holds the spec's `tools`."""
        ...

    @property
    def network(self) -> str:
        """What another spec's `joins` takes to share this sandbox's loopback, while it is entered.

        Raises NoNetworkError where sandboxes have no network of their own.
        """
        ...

    def run(self, command: Command, on_stdout: OnOutput | None = None) -> CommandResult:
        """Run one command to its end or deadline. A non-zero exit is a result, not an error."""
        ...

    def read(self, path: str, max_bytes: int) -> bytes:
        """The first `max_bytes` of a regular file. Raises FileAccessError."""
        ...

    def write(self, file: File) -> None:
        """Create or replace a regular file, with its parent folders. Raises FileAccessError."""
        ...

    def stat(self, path: str) -> FileStat:
        """What stands at `path`, links followed. Raises FileAccessError."""
        ...

    def list(self, path: str) -> tuple[FileStat, ...]:
        """The entries of a folder by name, at most 10,000. Raises FileAccessError."""
        ...

    def kill(self) -> tuple[str, ...]:
        """Kill every process at once; returns the command lines of those that were still running. Idempotent."""
        ...

    def export(self, known: Mapping[str, str], caps: ExportCaps | None = None) -> Export:
        """The workspace's content after `kill`, through the daemon; `known` maps paths to fingerprints.

        Raises ExportError when it cannot be read, WorkspaceError when what ran inside has seen to that.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who a sandbox belongs to; becomes its labels, by which the reaper finds what a dead owner left."""

    run: str = ""
    trial: str = ""
    attempt: int = 1
    role: str = "agent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How an environment is made; its content decides its key, so equal recipes are built once.

    Either `image` (a reference, or "splitclock/base") or `dockerfile` (its text). `setup` are shell lines, run once in
    the workspace, with network, where only `inputs` lie; the inputs are removed afterwards, what set-up generated
    stays. They may use $SPLITCLOCK_PREFIX, a folder outside the workspace for what they install, and so may `path`,
    the folders put before PATH.
    """

    name: str
    image: str | None = None
    dockerfile: str | None = None
    setup: tuple[str, ...] = ()
    inputs: tuple[File, ...] = ()
    path: tuple[str, ...] = ()
    workdir: str = "/workspace"


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """A prepared environment: content `key`, what it was built as (`digest`: an image id or cache key), workspace.

    `generated` are the files that its set-up left in the workspace, path to fingerprint, and `generated_links` its
    links: they stand in every box, and are nobody's work.
    """

    key: str
    digest: str
    workdir: str
    generated: Mapping[str, str] = field(default_factory=dict)
    generated_links: Mapping[str, str] = field(default_factory=dict)


def _untold(_stage: str) -> None:
    """Where nobody asks how far the opening has come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxSpec:
    """How to open one sandbox.

    With `snapshot` the workspace starts as that tree, as a repository of one commit. `files` and `links` are laid
    over it before anything starts, `tools` into a read-only folder outside it. `on_stage` is told when a stage of the
    opening is over: "image" (looked up, the box made from it), then "checkout" (filled). `joins` is the `network` of
    a living sandbox, to share its loopback and nothing else of it; neither has any other network.
    """

    environment: Environment
    snapshot: Snapshot | None = None
    files: Iterable[File] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    tools: Iterable[File] = ()
    limits: Limits = field(default_factory=Limits)
    env: Mapping[str, str] = field(default_factory=dict)
    joins: str = ""
    identity: Identity = field(default_factory=Identity)
    on_stage: Callable[[str], None] = _untold


OnLine = Callable[[str], None]
"""Called with one line of progress text (untrusted where a build prints it)."""


class SandboxProvider(Protocol):
    """Where sandboxes come from: a Docker engine, or this machine itself (trusted code only)."""

    @property
    def kind(self) -> str:
        """The word "docker" or "local"."""
        ...

    def prepare(self, recipe: Recipe, on_line: OnLine) -> Environment:
        """The recipe's environment, built if it is not there yet. Raises ImageError. Safe to call from threads."""
        ...

    def stage(self, environment: Environment, snapshot: Snapshot) -> None:
        """Make the layer that boxes of this snapshot start from, once; boxes without it are slower, not different."""
        ...

    def open(self, spec: BoxSpec) -> Sandbox:
        """A sandbox, not yet entered; costs nothing until it is."""
        ...

    def reopen(self, spec: BoxSpec) -> AbstractContextManager[Sandbox]:
        """The sandbox that an earlier process, now dead, opened for the same spec and identity, as it was left.

        Entering it raises NothingToReopenError when there is none, when it does not run, when it is not what `spec`
        asks for, or when less than half of its lifetime is left; it is removed then. What commands had left behind in
        it runs on; a command that was under way was killed. Leaving it removes it, as with `open`.
        """
        ...

    def provenance(self) -> Mapping[str, str]:
        """Versions and settings that may change what is measured (engine, runc, kernel, cgroup version, ...)."""
        ...
