"""The wire to the Docker engine: where it is, what its refusals mean. Only importer of `docker`."""

import contextlib
import os
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import docker
import docker.errors
import requests
from docker import APIClient
from docker.context import ContextAPI
from docker.utils import kwargs_from_env
from urllib3.exceptions import HTTPError

from sandbox.errors import EngineUnavailableError, ImageError, SandboxDiedError, SandboxError, SandboxLostError

__all__ = [
    "APIClient",
    "candidates",
    "check_event",
    "dial",
    "done_already",
    "not_found_is_fine",
    "raise_for_status",
    "told",
]

_MIN_API = (1, 41)
_DEFAULT = "unix:///var/run/docker.sock"
_KNOCK_S = 10.0
_DONE = frozenset({304, 404, 409})
_NOT_RUNNING = frozenset({404, 409})


# Connecting


def candidates(environment: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Settings to try, best first: what the operator says, or else the context and the sockets that exist."""
    if environment.get("DOCKER_HOST"):
        yield dict(kwargs_from_env(dict(environment)))
        return
    if host := _context_host():
        yield {"base_url": host}
        return
    runtime = environment.get("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}")
    home = environment.get("HOME", "/nonexistent")
    places = (
        "/var/run/docker.sock",
        f"{runtime}/docker.sock",
        f"{home}/.docker/run/docker.sock",
        f"{runtime}/podman/podman.sock",
        "/run/podman/podman.sock",
    )
    yield from ({"base_url": f"unix://{place}"} for place in places if Path(place).exists())


def _context_host() -> str | None:
    """The engine of the docker context that the operator chose with `docker context use`, if any."""
    with contextlib.suppress(docker.errors.DockerException, OSError, ValueError, KeyError):
        context = ContextAPI.get_current_context()
        if context is not None and context.name != "default":
            return str(context.Host)
    return None


def dial(settings: Mapping[str, Any], timeout_s: int) -> APIClient:
    """A client of the engine at these settings. Raises EngineUnavailableError with the next step."""
    where = str(settings.get("base_url", ""))
    if where.startswith("ssh://"):
        raise EngineUnavailableError(f"DOCKER_HOST={where}: engines over ssh are not supported; use unix:// or tcp://")
    try:
        _knock(where or _DEFAULT)
        client = APIClient(**settings, version="auto", timeout=timeout_s)
    except (docker.errors.DockerException, requests.RequestException, OSError) as error:
        raise EngineUnavailableError(_next_step(where, str(error))) from error
    client.trust_env = False  # a proxy of the environment must not stand between us and a local engine
    _refuse_old(client)
    return client


def _knock(where: str) -> None:
    """Try a socket before the library does: it tells why with an error of its own, and leaks the socket."""
    if where.startswith("unix://"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(_KNOCK_S)
            probe.connect(where.removeprefix("unix://"))


def _refuse_old(client: APIClient) -> None:
    if tuple(int(part) for part in str(client.api_version).split(".")) < _MIN_API:
        raise EngineUnavailableError(
            f"this Docker engine speaks API {client.api_version}; install 20.10 (API 1.41) or newer"
        )


def _next_step(where: str, problem: str) -> str:
    if "Permission denied" in problem or "PermissionError" in problem:
        return f"no permission to use Docker at {where}; run `sudo usermod -aG docker $USER`, then log in again"
    if "No such file" in problem or "FileNotFoundError" in problem:
        return f"no Docker engine at {where}; install docker.io or Docker Desktop, or correct DOCKER_HOST"
    if "Connection refused" in problem:
        return f"the Docker engine at {where} is not running; start it: `sudo systemctl start docker`"
    return f"no Docker engine answers at {where}: {_last_cause(problem)}"


def _last_cause(problem: str) -> str:
    return problem.splitlines()[-1][-300:] if problem else "no reason given"


# Telling failures apart


@contextlib.contextmanager
def told(doing: str, container: str = "", error: type[SandboxError] = SandboxError) -> Iterator[None]:
    """Turn the library's many errors into ours: what was being done, to which container, and what the engine said."""
    what = f"{doing} container {container[:12]}" if container else doing
    try:
        yield
    except docker.errors.APIError as problem:
        dying = problem.status_code in _NOT_RUNNING or "ttrpc: closed" in str(problem.explanation)
        kind = SandboxDiedError if container and dying else error
        raise kind(f"Docker cannot {what}: {problem.explanation or problem}") from problem
    except requests.Timeout as problem:
        raise SandboxLostError(f"the Docker engine did not answer in time to {what}; is it overloaded?") from problem
    except (docker.errors.DockerException, requests.RequestException, HTTPError, OSError) as problem:
        raise SandboxLostError(
            f"lost the Docker engine while asked to {what}: {_last_cause(str(problem))}"
        ) from problem


@contextlib.contextmanager
def done_already() -> Iterator[None]:
    """Control calls are idempotent: gone, stopped already, being removed already are success."""
    try:
        yield
    except docker.errors.APIError as problem:
        if problem.status_code not in _DONE:
            raise


def raise_for_status(response: requests.Response) -> None:
    """Close a refused response and raise the library's error for it, which `told` translates."""
    try:
        response.raise_for_status()
    except requests.HTTPError as error:
        with contextlib.closing(response):
            docker.errors.create_api_error_from_http_exception(error)


def check_event(event: Mapping[str, Any], doing: str) -> None:
    """Long calls answer 200 first and tell of their failure in the stream."""
    if "error" in event:
        raise ImageError(f"Docker cannot {doing}: {str(event['error']).strip()}")


@contextlib.contextmanager
def not_found_is_fine() -> Iterator[None]:
    """Asking for something that is not there is an answer, not a failure."""
    with contextlib.suppress(docker.errors.NotFound):
        yield
