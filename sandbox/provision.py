"""Getting a Docker engine where there is none: installed and started where we may, one line where we may not."""

import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.base_image import PATH
from sandbox.contract import OnLine
from sandbox.engine import Engine
from sandbox.errors import EngineUnavailableError
from sandbox.system import is_debian, run_lines

PACKAGES = ("docker.io", "iptables")
"""Debian packages that make an engine."""

_POLL_S = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The machine to provision: its places and the rights we have on it.

    `patience_s` are the seconds that an engine may take to come up.
    With `host` the engine is to answer at that address only, and `daemon` is the whole command line that starts it.
    """

    environment: Mapping[str, str] = field(default_factory=dict)
    is_root: bool = field(default_factory=lambda: os.getuid() == 0)
    log: Path = Path("/var/log/dockerd.log")
    pid_file: Path = Path("/var/run/docker.pid")
    daemon: tuple[str, ...] = ("dockerd",)
    host: str | None = None
    patience_s: float = 60.0


def ensure_engine(on_line: OnLine, machine: Machine | None = None) -> None:
    """Return when an engine answers; install and start one where we are root on Debian or Ubuntu. Idempotent.

    Raises EngineUnavailableError with the one next step where we may not, or when it does not come up.
    """
    here = machine or Machine()
    problem = _unavailable(here)
    if problem is None:
        return
    if here.environment.get("DOCKER_HOST") or not here.is_root:
        raise problem  # with DOCKER_HOST the operator points at an engine: one of ours would not be that
    if shutil.which(here.daemon[0], path=PATH) is None:
        _install(here, on_line)
    _start(here, on_line)


def _unavailable(machine: Machine) -> EngineUnavailableError | None:
    try:
        Engine.connect({"DOCKER_HOST": machine.host} if machine.host else machine.environment).close()
    except EngineUnavailableError as error:
        return error
    return None


def _install(machine: Machine, on_line: OnLine) -> None:
    if not is_debian():
        raise EngineUnavailableError("Docker is not installed; install Docker Engine or Docker Desktop")
    environment = {**machine.environment, "PATH": PATH, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    on_line(f"installing {' and '.join(PACKAGES)} with apt-get")
    run_lines(["apt-get", "update"], environment, on_line)
    code, last = run_lines(["apt-get", "install", "-y", "--no-install-recommends", *PACKAGES], environment, on_line)
    if code != 0 or shutil.which(machine.daemon[0], path=PATH) is None:
        raise EngineUnavailableError(
            f"apt-get could not install Docker: {last}; install docker.io by hand and try again"
        )


def _start(machine: Machine, on_line: OnLine) -> None:
    """By the system's service manager if it has one that works, or else on our own."""
    for attempt in (_by_systemd, _by_service, _detached):
        if attempt(machine, on_line) and _answers(machine):
            on_line("the Docker engine answers")
            return
    raise EngineUnavailableError(
        f"the Docker engine does not come up; {machine.log} says why: {_last_word(machine.log)}"
    )


def _by_systemd(machine: Machine, on_line: OnLine) -> bool:
    if machine.host or not Path("/run/systemd/system").is_dir():
        return False
    on_line("starting Docker with systemctl")
    return run_lines(["systemctl", "start", "docker"], {**machine.environment, "PATH": PATH}, on_line)[0] == 0


def _by_service(machine: Machine, on_line: OnLine) -> bool:
    if machine.host or not Path("/etc/init.d/docker").is_file():
        return False
    on_line("starting Docker with service")
    _clear_stale_pid(machine, on_line)
    return run_lines(["service", "docker", "start"], {**machine.environment, "PATH": PATH}, on_line)[0] == 0


def _detached(machine: Machine, on_line: OnLine) -> bool:
    """In a session of its own, so that it outlives us and our terminal."""
    on_line(f"starting {machine.daemon[0]} detached, its log in {machine.log}")
    _clear_stale_pid(machine, on_line)
    with machine.log.open("ab") as log:
        subprocess.run(  # the shell ends at once, so that the daemon is nobody's child
            ["sh", "-c", '"$@" &', "sh", *machine.daemon],
            env={**machine.environment, "PATH": PATH},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd="/",
            check=True,
        )
    return True


def _clear_stale_pid(machine: Machine, on_line: OnLine) -> None:
    """A pid file whose process is gone, or is something else by now, keeps a daemon from starting."""
    try:
        pid = machine.pid_file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return
    name = Path(f"/proc/{pid}/comm")
    if not (pid.isdigit() and name.is_file() and name.read_text(encoding="utf-8").startswith("dockerd")):
        on_line(f"removing {machine.pid_file}, left behind by a daemon that is gone")
        machine.pid_file.unlink(missing_ok=True)


def _answers(machine: Machine) -> bool:
    end = time.monotonic() + machine.patience_s
    while _unavailable(machine) is not None:
        if time.monotonic() > end:
            return False
        time.sleep(_POLL_S)
    return True


def _last_word(log: Path) -> str:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "there is no log"
    return lines[-1][-300:] if lines else "it is empty"
