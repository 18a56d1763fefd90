"""An engine that writes down how long each of its calls took."""

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any

from sandbox.channel import ExecChannel
from sandbox.connection import APIClient
from sandbox.engine import Engine
from sandbox.hardening import ContainerSpec


class TimedEngine(Engine):
    """The real engine; `spent` holds (call, nanoseconds) of the calls that a sandbox's life is made of."""

    def __init__(self, client: APIClient, slow: APIClient) -> None:
        super().__init__(client, slow)
        self.spent: list[tuple[str, int]] = []
        self._own_lock = threading.Lock()

    def taken(self) -> list[tuple[str, int]]:
        """What was written down since it was last taken."""
        with self._own_lock:
            spent, self.spent = self.spent, []
        return spent

    @contextmanager
    def _noted(self, call: str) -> Iterator[None]:
        began = time.monotonic_ns()
        try:
            yield
        finally:
            with self._own_lock:
                self.spent.append((call, time.monotonic_ns() - began))

    def image(self, ref: str) -> Mapping[str, Any] | None:
        """As the engine's."""
        with self._noted("look the image up"):
            return super().image(ref)

    def create_from(self, config: Mapping[str, Any], host: Mapping[str, Any]) -> str:
        """As the engine's."""
        with self._noted("create"):
            return super().create_from(config, host)

    def put(self, container: str, path: str, tar: bytes | IO[bytes] | Iterable[bytes]) -> None:
        """As the engine's."""
        with self._noted("fill our own folder" if path == "/" else "fill the workspace"):
            super().put(container, path, tar)

    def start(self, container: str) -> None:
        """As the engine's."""
        with self._noted("start"):
            super().start(container)

    def attach(
        self, container: str, argv: Iterable[str], user: str, env: Mapping[str, str], *, workdir: str | None = None
    ) -> ExecChannel:
        """As the engine's."""
        with self._noted("attach the executor"):
            return super().attach(container, argv, user, env, workdir=workdir)

    @contextmanager
    def archive(self, container: str, path: str) -> Iterator[Iterator[bytes]]:
        """As the engine's; with what the reader does meanwhile."""
        with self._noted("read the workspace"), super().archive(container, path) as pieces:
            yield pieces

    def processes(self, container: str) -> tuple[str, ...]:
        """As the engine's."""
        with self._noted("list processes"):
            return super().processes(container)

    def kill(self, container: str) -> None:
        """As the engine's."""
        with self._noted("kill"):
            super().kill(container)

    def remove(self, container: str) -> None:
        """As the engine's."""
        with self._noted("remove"):
            super().remove(container)

    def bare(self, spec: ContainerSpec) -> str:
        """Create a container of the same image and command, without network, nothing else asked for; returns its id."""
        config = {"image": spec.image, "entrypoint": list(spec.command[:1]), "command": list(spec.command[1:])}
        return self.create_from(config, {"network_mode": "none"})
