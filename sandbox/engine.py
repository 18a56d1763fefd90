"""The Docker engine behind one door: every call that the sandboxes need, with its failures told apart."""

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

from sandbox.channel import ExecChannel
from sandbox.connection import (
    APIClient,
    candidates,
    check_event,
    dial,
    done_already,
    not_found_is_fine,
    raise_for_status,
    told,
)
from sandbox.errors import EngineUnavailableError, ImageError
from sandbox.hardening import ContainerSpec, host_config

CONTROL_TIMEOUT_S = 60
"""Seconds that the engine may take for a control call."""

BUILD_TIMEOUT_S = 1800
"""Seconds of silence that pulling, importing, building or committing an image may take."""

_ARCHIVE_CHUNK = 1024**2


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """A container or image found by its labels; `names` are an image's tags, `running` is a container's state."""

    id: str
    labels: Mapping[str, str]
    names: tuple[str, ...] = ()
    running: bool = False


class Engine:
    """A connection to one Docker engine (or one that speaks its API). Safe to use from several threads.

    Every method raises SandboxError when the engine refuses or does not answer in time, and SandboxDiedError when the
    container named is gone.
    """

    def __init__(self, client: APIClient, slow: APIClient) -> None:
        self._client: Any = client  # the stubs leave half of its methods untyped
        self._slow: Any = slow  # the same engine with the patience that images need

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

    # Containers

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
            rows = self._client.containers(all=True, filters={"label": _label_filter(labels)})
        return tuple(
            Labelled(id=row["Id"], labels=row.get("Labels") or {}, running=row.get("State") == "running")
            for row in rows
        )

    # Images

    def image_id(self, ref: str) -> str | None:
        """The id (digest) of a local image; None when there is none of that name."""
        image = self.image(ref)
        return None if image is None else str(image["Id"])

    def image(self, ref: str) -> Mapping[str, Any] | None:
        """All that the engine knows of a local image; None when there is none of that name."""
        found: list[Mapping[str, Any]] = []
        with told(f"inspect image {ref}"), not_found_is_fine():
            found.append(dict(self._client.inspect_image(ref)))
        return found[0] if found else None

    def image_history(self, ref: str) -> str:
        """The text of an image's build history: what a reader of the image may learn of its making."""
        with told(f"read the history of image {ref}"):
            return "\n".join(f"{row.get('CreatedBy')} {row.get('Comment')}" for row in self._client.history(ref))

    def pull(self, ref: str) -> str:
        """Pull an image; returns its id. Raises ImageError."""
        repository, tag = _split(ref)
        with told(f"pull {ref}", error=ImageError):
            for event in self._slow.pull(repository, tag=tag, stream=True, decode=True):
                check_event(event, f"pull {ref}")
        return self._made(ref)

    def import_tar(self, path: Path, tag: str, changes: Iterable[str] = ()) -> str:
        """Make an image from a root file system in a tar file; returns its id. Raises ImageError."""
        repository, name = _split(tag)
        with told(f"import {tag}", error=ImageError), path.open("rb") as file:
            answer = self._slow.import_image(src=file, repository=repository, tag=name, changes=list(changes))
        for line in str(answer).splitlines():
            check_event(json.loads(line), f"import {tag}")
        return self._made(tag)

    def build(
        self, context: IO[bytes], tag: str, *, labels: Mapping[str, str], arguments: Mapping[str, str]
    ) -> Iterator[str]:
        """Build a tar of a Dockerfile and its context; yields the builder's lines. Raises ImageError."""
        with told(f"build {tag}", error=ImageError):
            events = self._slow.build(
                fileobj=context,
                custom_context=True,
                tag=tag,
                rm=True,
                forcerm=True,
                network_mode="host",
                labels=dict(labels),
                buildargs=dict(arguments),
                use_config_proxy=False,
                decode=True,
            )
            for event in events:
                check_event(event, f"build {tag}")
                yield from str(event.get("stream", "")).splitlines()

    def commit(self, container: str, tag: str, labels: Mapping[str, str], changes: Iterable[str] = ()) -> str:
        """Make an image of a stopped container; returns its id."""
        repository, name = _split(tag)
        lines = [f"LABEL {_quoted(key)}={_quoted(value)}" for key, value in labels.items()]
        with told(f"commit {tag} from", container, error=ImageError):
            made = self._slow.commit(container, repository=repository, tag=name, changes=[*lines, *changes])
        return str(made["Id"])

    def tag(self, image: str, ref: str) -> None:
        """Give a local image another name."""
        repository, name = _split(ref)
        with told(f"name an image {ref}"):
            self._client.tag(image, repository, tag=name)

    def images(self, labels: Mapping[str, str]) -> tuple[Labelled, ...]:
        """All local images that carry these labels (an empty value matches any)."""
        with told("list images"):
            rows = self._client.images(filters={"label": _label_filter(labels)})
        return tuple(
            Labelled(id=row["Id"], labels=row.get("Labels") or {}, names=tuple(row.get("RepoTags") or ()))
            for row in rows
        )

    def remove_image(self, ref: str) -> None:
        """Remove an image by tag or id; one that is gone, or still in use, is left alone."""
        with told(f"remove image {ref}"), done_already():
            self._client.remove_image(ref)

    def _made(self, ref: str) -> str:
        made = self.image_id(ref)
        if made is None:
            raise ImageError(f"the engine says it made image {ref}, but has none of that name")
        return made

    # The engine itself

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


def _label_filter(labels: Mapping[str, str]) -> list[str]:
    return [f"{key}={value}" if value else key for key, value in labels.items()]


def _split(ref: str) -> tuple[str, str]:
    """Repository and tag of a reference; a digest counts as a tag, as the engine's API wants it."""
    if "@" in ref:
        repository, _, digest = ref.partition("@")
        return repository.partition(":")[0] if "/" not in repository.rpartition(":")[2] else repository, digest
    repository, colon, tag = ref.rpartition(":")
    return (repository, tag) if colon and "/" not in tag else (ref, "latest")


def _quoted(text: str) -> str:
    """A value as a Dockerfile instruction reads it: nothing in it expands or ends the quotation."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    return f'"{escaped}"'
