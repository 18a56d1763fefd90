"""The Docker engine behind one door: every call that the sandboxes need, with its failures told apart."""

import contextlib
import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Any, Self

from sandbox.channel import ExecChannel
from sandbox.connection import (
    candidates,
    dial,
    done_already,
    not_found_is_fine,
    raise_for_status,
    told,
)
from sandbox.errors import EngineUnavailableError
from sandbox.hardening import ContainerSpec, host_config
from sandbox.image_calls import ImageCalls, Labelled, label_filter

CONTROL_TIMEOUT_S = 60
"""Seconds that the engine may take for a control call."""

BUILD_TIMEOUT_S = 1800
"""Seconds of silence that pulling, importing, building or committing an image may take."""

_ARCHIVE_CHUNK = 1024**2


class Engine(ImageCalls):
    """A connection to one Docker engine (or one that speaks its API). Safe to use from several threads.

    Every method raises SandboxError when the engine refuses or does not answer in time, and SandboxDiedError when the
    container named is gone.
    """

    @classmethod
    def connect(cls, environment: Mapping[str, str] | None = None) -> Self:
        """The engine that DOCKER_HOST, the docker context or the usual sockets lead to.

        `environment` are the caller's environment variables. Raises EngineUnavailableError with the next step.
        """
        problem: EngineUnavailableError | None = None
        for settings in candidates(environment or {}):
            try:
                return cls(dial(settings, CONTROL_TIMEOUT_S), dial(settings, BUILD_TIMEOUT_S))
            except EngineUnavailableError as error:
                problem = problem or error
        raise problem or EngineUnavailableError(
            "no Docker engine is installed here; install docker.io or Docker Desktop"
        )

    def create(self, spec: ContainerSpec) -> str:
        """Create a hardened container, not started; returns its id."""
        return self.create_from(_config(spec), host_config(spec))

    def create_from(self, config: Mapping[str, Any], host: Mapping[str, Any]) -> str:
        """Create a container in the engine's own vocabulary (build steps need a network); returns its id."""
        with told(f"create a container from {config['image']}"):
            made = self._client.create_container(
                **config, use_config_proxy=False, host_config=self._client.create_host_config(**host)
            )
        return str(made["Id"])

    def put(self, container: str, path: str, tar: bytes | IO[bytes] | Iterable[bytes]) -> None:
        """Unpack an uncompressed tar into an existing folder of a container, running or not."""
        with told(f"fill {path}", container):
            self._slow.put_archive(container, path, tar)

    def start(self, container: str) -> None:
        """Start a created container; one that runs already is fine."""
        with told("start", container):
            self._client.start(container)

    def attach(
        self, container: str, argv: Iterable[str], user: str, env: Mapping[str, str], *, workdir: str | None = None
    ) -> ExecChannel:
        """Start a command in a running container, with its three streams attached."""
        with told("start a command in", container):
            made = self._client.exec_create(
                container, list(argv), stdin=True, user=user, environment=dict(env), workdir=workdir
            )
            return self._attached(str(made["Id"]))

    def _attached(self, exec_id: str) -> ExecChannel:
        """Upgrade to the raw stream, keeping the buffered reader: its buffer may hold the first bytes of output."""
        response = self._client.post(
            self._path(f"exec/{exec_id}/start"),
            headers={"Connection": "Upgrade", "Upgrade": "tcp"},
            json={"Tty": False, "Detach": False},
            stream=True,
            timeout=CONTROL_TIMEOUT_S,
        )
        raise_for_status(response)
        raw: Any = response.raw
        reader = raw._fp.fp  # noqa: SLF001 - where urllib3 keeps the connection's buffered reader
        return ExecChannel(exec_id, reader.raw._sock, reader, response)  # noqa: SLF001 - the same

    def exit_code(self, exec_id: str) -> int | None:
        """Exit code of an ended exec; None while it runs, or when the engine lost track of it."""
        with told("look at a command"):
            state = self._client.exec_inspect(exec_id)
        code = state.get("ExitCode")
        return None if state.get("Running") or code is None else int(code)

    @contextlib.contextmanager
    def archive(self, container: str, path: str) -> Iterator[Iterator[bytes]]:
        """A path of a container as a tar stream. Always closed: an open one blocks the engine's other calls."""
        doing = f"read {path}"
        with told(doing, container):
            response = self._client.get(  # get_archive of the library hides the response, which must be closed
                self._path(f"containers/{container}/archive"),
                params={"path": path},
                headers={"Accept-Encoding": "identity"},  # or the engine packs it, at a quarter of the speed
                stream=True,
                timeout=CONTROL_TIMEOUT_S,
            )
            raise_for_status(response)
        with contextlib.closing(response):
            yield _chunks(response.iter_content(_ARCHIVE_CHUNK), doing, container)

    def _path(self, what: str) -> str:
        return f"{self._client.base_url}/v{self._client.api_version}/{what}"

    def kill(self, container: str) -> None:
        """Kill all processes of a container at once; one that is gone or dead already is fine."""
        with told("kill", container), done_already():
            self._client.kill(container)

    def remove(self, container: str) -> None:
        """Remove a container with its anonymous volumes, running or not; one that is gone already is fine."""
        with told("remove", container), done_already():
            self._client.remove_container(container, v=True, force=True)

    def inspect(self, container: str) -> Mapping[str, Any]:
        """All that the engine knows of a container."""
        with told("inspect", container):
            return dict(self._client.inspect_container(container))

    def was_told_to_kill(self, container: str) -> bool:
        """Whether somebody asked the engine to kill or stop this container, as far back as it remembers."""
        with told("look back at", container):
            now = self._client.info().get("SystemTime")
            filters = {"container": [container], "event": ["kill", "stop"]}
            return any(True for _ in self._client.events(since="1", until=_second(now), filters=filters, decode=True))

    def written(self, container: str) -> int:
        """Bytes in a container's own layer, by apparent size; the engine walks through all of it."""
        with told("measure", container):
            response = self._client.get(
                self._path(f"containers/{container}/json"), params={"size": "1"}, timeout=CONTROL_TIMEOUT_S
            )
            raise_for_status(response)
            return int(response.json().get("SizeRw") or 0)

    def pids(self, container: str) -> tuple[int, ...]:
        """The ids, on the engine's host, of a container's processes; empty when it does not run."""
        with told("list the processes of", container):
            table: Mapping[str, Any] = {}
            with done_already():
                table = dict(self._client.top(container, ps_args="-eo pid"))
        return tuple(int(row[0]) for row in table.get("Processes") or ())

    def processes(self, container: str) -> tuple[str, ...]:
        """Command lines of a container's processes; empty when it does not run."""
        with told("list the processes of", container):
            table: Mapping[str, Any] = {}
            with done_already():
                table = dict(self._client.top(container))
        return tuple(str(row[-1]) for row in table.get("Processes") or ())

    def containers(self, labels: Mapping[str, str]) -> tuple[Labelled, ...]:
        """All containers, running or not, that carry these labels (an empty value matches any)."""
        with told("list containers"):
            rows = self._client.containers(all=True, filters={"label": label_filter(labels)})
        return tuple(
            Labelled(id=row["Id"], labels=row.get("Labels") or {}, running=row.get("State") == "running")
            for row in rows
        )

    def create_volume(self, name: str, device: str, labels: Mapping[str, str]) -> None:
        """A volume that is the ext4 file system on a block device of the engine's host."""
        options = {"type": "ext4", "device": device, "o": "nosuid,nodev,noatime"}
        with told(f"create volume {name}"):
            self._client.create_volume(name, driver="local", driver_opts=options, labels=dict(labels))

    def remove_volume(self, name: str) -> None:
        """Remove a volume that no container uses; one that is gone already is fine."""
        with told(f"remove volume {name}"), not_found_is_fine():
            self._client.remove_volume(name, force=True)

    def volumes(self, labels: Mapping[str, str]) -> Mapping[str, Mapping[str, str]]:
        """Labels of all volumes that carry these (an empty value matches any), by name."""
        with told("list volumes"):
            rows = self._client.volumes(filters={"label": label_filter(labels)}).get("Volumes") or ()
        return {str(row["Name"]): row.get("Labels") or {} for row in rows}

    def info(self) -> Mapping[str, Any]:
        """What the engine says of itself and its host."""
        with told("ask the engine for its settings"):
            return dict(self._client.info())

    def version(self) -> Mapping[str, Any]:
        """Versions of the engine and its components."""
        with told("ask the engine for its version"):
            return dict(self._client.version())

    def provenance(self) -> Mapping[str, str]:
        """Versions and settings of the engine that may change what is measured."""
        info, version = self.info(), self.version()
        parts = {part["Name"].lower(): str(part["Version"]) for part in version.get("Components") or ()}
        return {
            "engine": str(version.get("Version", "")),
            "api": str(version.get("ApiVersion", "")),
            "containerd": parts.get("containerd", ""),
            "runc": parts.get("runc", ""),
            "kernel": str(info.get("KernelVersion", "")),
            "os": str(info.get("OperatingSystem", "")),
            "architecture": str(info.get("Architecture", "")),
            "cgroup_version": str(info.get("CgroupVersion", "1")),
            "storage_driver": str(info.get("Driver", "")),
            "security": ",".join(sorted(str(option) for option in info.get("SecurityOptions") or ())),
            "cpus": str(info.get("NCPU", "")),
            "memory_bytes": str(info.get("MemTotal", "")),
        }

    def close(self) -> None:
        """Close the idle connections; idempotent."""
        self._client.close()
        self._slow.close()


def _second(moment: str) -> str:
    """A moment of the engine's own clock without its fraction; at it, a stream of events ends."""
    return str(int(dt.datetime.fromisoformat(re.sub(r"\.\d+", "", moment)).timestamp()) + 1)


def _chunks(pieces: Iterator[bytes], doing: str, container: str) -> Iterator[bytes]:
    """Only reading may fail as the engine's fault, not what the reader does between two pieces."""
    while True:
        with told(doing, container):
            piece = next(pieces, b"")
        if not piece:
            return
        yield piece


def _config(spec: ContainerSpec) -> dict[str, Any]:
    joined = spec.network.startswith("container:")
    return {
        "image": spec.image,
        "entrypoint": list(spec.command[:1]),
        "command": list(spec.command[1:]),
        "hostname": None if joined else spec.hostname,
        "user": spec.user,
        "working_dir": spec.workdir,
        "environment": dict(spec.env),
        "labels": dict(spec.labels),
        "healthcheck": {"test": ["NONE"]},
    }
