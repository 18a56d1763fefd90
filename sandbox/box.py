"""What all sandboxes with an executor share: calls go to a live one, and a lost one is replaced at the next call."""

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Protocol, TypeVar

from sandbox.client import Channel, ExecutorClient
from sandbox.contract import Command, CommandResult, File, FileStat, OnOutput, credible
from sandbox.errors import SandboxDiedError

T = TypeVar("T")

_NOT_STARTED = "the sandbox has not been started"


class Client(Protocol):
    """What speaks for a living sandbox: the client of an executor, or of the slow path without one."""

    @property
    def alive(self) -> bool:
        """Whether calls may still succeed."""
        ...

    def run(self, command: Command, on_stdout: OnOutput | None = None) -> CommandResult:
        """As in Sandbox."""
        ...

    def read(self, path: str, max_bytes: int) -> bytes:
        """As in Sandbox."""
        ...

    def write(self, file: File) -> None:
        """As in Sandbox."""
        ...

    def stat(self, path: str) -> FileStat:
        """As in Sandbox."""
        ...

    def list(self, path: str) -> tuple[FileStat, ...]:
        """As in Sandbox."""
        ...

    def close(self, why: str) -> None:
        """Wake everybody who waits, with SandboxDiedError(why); idempotent."""
        ...


class ExecutorBox(ABC):
    """Commands and files of a sandbox through its executor.

    A command may kill the executor, which runs as the same user: the calls in flight raise SandboxDiedError, and the
    next one gets a fresh executor, as long as the sandbox itself lives. `restarts` counts them. What was lost from
    outside raises SandboxLostError instead.
    """

    def __init__(self) -> None:
        self._connecting = threading.Lock()
        self._client: Client | None = None
        self._over: str | None = _NOT_STARTED
        self._over_as: type[SandboxDiedError] = SandboxDiedError
        self.restarts = 0

    @abstractmethod
    def _connect(self) -> Channel:
        """Start an executor and return the channel to it. Raises SandboxError."""

    @abstractmethod
    def _post_mortem(self, error: SandboxDiedError) -> SandboxDiedError:
        """What to say of a lost executor: `error`, or better, why the whole sandbox is gone, and by whose fault."""

    @property
    @abstractmethod
    def workspace(self) -> str:
        """Absolute path of the workspace inside."""

    @property
    @abstractmethod
    def _owns_cgroup(self) -> bool:
        """Whether the cgroup and the processes that the executor sees are the sandbox's alone."""

    @property
    @abstractmethod
    def _cpus(self) -> float:
        """How many cores the sandbox's processes can use at most."""

    def run(self, command: Command, on_stdout: OnOutput | None = None) -> CommandResult:
        """Run one command to its end or deadline. A non-zero exit is a result, not an error."""
        began_ns = time.monotonic_ns()
        result = self._call(lambda client: client.run(command, on_stdout))
        return credible(result, time.monotonic_ns() - began_ns, self._cpus)

    def read(self, path: str, max_bytes: int) -> bytes:
        """The first `max_bytes` of a regular file. Raises FileAccessError."""
        return self._call(lambda client: client.read(path, max_bytes))

    def write(self, file: File) -> None:
        """Create or replace a regular file, with its parent folders. Raises FileAccessError."""
        self._call(lambda client: client.write(file))

    def stat(self, path: str) -> FileStat:
        """What stands at `path`, links followed. Raises FileAccessError."""
        return self._call(lambda client: client.stat(path))

    def list(self, path: str) -> tuple[FileStat, ...]:
        """The entries of a folder by name, at most 10,000. Raises FileAccessError."""
        return self._call(lambda client: client.list(path))

    def _call(self, work: Callable[[Client], T]) -> T:
        try:
            result = work(self._live_client())
        except SandboxDiedError as error:
            raise self._ended() or self._post_mortem(error) from None
        if (ended := self._ended()) is not None:  # meanwhile: a command that ended by that has no result of its own
            raise ended
        return result

    def _ended(self) -> SandboxDiedError | None:
        """A fresh error that says why no call is served, if that is so."""
        return None if self._over is None else self._over_as(self._over)

    def _live_client(self) -> Client:
        client = self._client
        if client is not None and client.alive and self._over is None:
            return client
        with self._connecting:
            if self._over is not None:
                raise self._over_as(self._over)
            if self._client is None or not self._client.alive:
                self._replace_client()
            if self._client is None:
                raise SandboxDiedError("the sandbox was closed while its executor started")
            return self._client

    def _replace_client(self) -> None:
        lost = self._client is not None
        self._client = client = self._open_client()
        self.restarts += lost
        if self._over is not None:  # closed meanwhile by another thread, which could not see this client yet
            client.close(self._over)

    def _open_client(self) -> Client:
        """A client of a fresh executor that has answered. Raises SandboxError."""
        client = ExecutorClient(self._connect())
        try:
            client.hello(self.workspace, own_cgroup=self._owns_cgroup)
        except BaseException:
            client.close()
            raise
        return client

    def _begin(self) -> None:
        """From now on calls are served, unless another thread has killed or closed the sandbox already."""
        if self._over not in {None, _NOT_STARTED}:
            raise self._over_as(self._over)
        self._over = None

    def _end(self, why: str, kind: type[SandboxDiedError] = SandboxDiedError) -> None:
        """From now on every call raises an error of this kind; the first reason stays."""
        if self._over in {None, _NOT_STARTED}:
            self._over_as, self._over = kind, why

    def _hang_up(self, why: str, kind: type[SandboxDiedError] = SandboxDiedError) -> None:
        """Every call raises such an error from now on, those in flight at once."""
        self._end(why, kind)
        if self._client is not None:
            self._client.close(why)
