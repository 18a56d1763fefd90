"""What a command works with: the real clock, the cache, and a provider of sandboxes."""

import json
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from harness.clock import SystemClock
from harness.commands.options import SandboxKind
from harness.config import Settings, settings
from harness.fixtures import bundled_roots
from harness.interrupt import endings, unwind
from harness.untrusted import rich_text
from sandbox.checkout import Checkouts
from sandbox.contract import SandboxProvider

if TYPE_CHECKING:  # whoever opens no session has no engine to load
    from sandbox.engine import Engine
    from sandbox.images import DockerProvider

UNISOLATED = (
    "WARNING: no isolation. The model's commands and the target's code run on this machine itself, as this user, with "
    "its network and its files. Use this only for code and scripted models that you trust."
)


STILL_MAKING_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """The composition of one command; `engine` is None where this machine itself is the sandbox."""

    settings: Settings
    clock: SystemClock
    provider: SandboxProvider
    checkouts: Checkouts
    engine: "Engine | None" = None

    def remove_containers(self) -> None:
        """Remove what this process started, at once."""
        if self.engine is not None:
            from sandbox.reaper import reap_own

            reap_own(self.engine)

    def reap_rest(self) -> None:
        """Remove what dead processes left and nobody went on with: the last thing that a resuming command does."""
        if self.engine is not None:
            from sandbox.reaper import reap_abandoned

            reap_abandoned(self.engine, disks=disks(self.settings))

    @contextmanager
    def clearing(self) -> Iterator[None]:
        """When Ctrl-C ends the body, no container of this process stays.

        The signal may fall between the engine's making one and our learning its name, so the engine is asked, and once
        more a moment later for what it was still making.
        """
        try:
            yield
        except KeyboardInterrupt:
            self.remove_containers()
            self.clock.sleep(STILL_MAKING_S)
            self.remove_containers()
            raise


def open_session(kind: SandboxKind, *, resuming: str = "") -> Session:
    """Connect to the engine and clear away what dead runs left, or warn and use this machine itself.

    What the run `resuming` left stays: its sandboxes may be reopened, and `reap_rest` removes those that were not. From
    here on SIGTERM and SIGHUP unwind the command as Ctrl-C does, so that containers are removed. Raises
    EngineUnavailableError with the next step.
    """
    for number in endings()[1:]:
        signal.signal(number, unwind)
    found = settings()
    checkouts = Checkouts(found.cache, found.host_environment)
    if kind is SandboxKind.LOCAL:
        from sandbox.local import LocalProvider

        errors().print(UNISOLATED, style="bold red")
        local = LocalProvider(found.cache, found.host_environment)
        return Session(settings=found, clock=SystemClock(), provider=local, checkouts=checkouts)
    from sandbox.engine import Engine
    from sandbox.reaper import reap_abandoned

    engine = Engine.connect(found.host_environment)
    reap_abandoned(engine, keep_run=resuming, disks=disks(found))
    provider = docker_provider(engine, found)
    return Session(settings=found, clock=SystemClock(), provider=provider, checkouts=checkouts, engine=engine)


def disks(found: Settings) -> Path:
    """The folder for volumes with hard bounds, as the provider has it."""
    return found.cache.absolute() / "disks"


def docker_provider(engine: "Engine", found: Settings) -> "DockerProvider":
    """The provider over an engine, with the cache and host settings of this machine."""
    from sandbox.images import DockerProvider, DockerSettings

    given = DockerSettings(
        cache=found.cache,
        host_environment=found.host_environment,
        registry=found.registry,
        runtime=found.runtime,
        disk_floor=found.disk_floor,
    )
    return DockerProvider(engine, given)


def roots(fixtures: Iterable[Path] | None) -> tuple[Path, ...]:
    """Folders in which targets are looked for: the user's first, then the bundled ones."""
    return (*(fixtures or ()), *bundled_roots())


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to the composition root that nobody reads on; rich would end the process with a failure."""
        raise BrokenPipeError


def output() -> Console:
    """Standard output, for people."""
    return _Console(highlight=False, markup=False, emoji=False)


def errors() -> Console:
    """Standard error, for what is not the result."""
    return _Console(stderr=True, highlight=False, markup=False, emoji=False)


def say(line: str) -> None:
    """One line on standard error, made safe to print: may hold untrusted text. Nobody need read it."""
    with suppress(OSError):
        errors().print(rich_text(line), soft_wrap=True)


def print_json(value: Any) -> None:
    """One JSON document on standard output, with a line end; escaped to ASCII, so that no terminal is steered by it."""
    json.dump(value, sys.stdout, allow_nan=False)
    sys.stdout.write("\n")
