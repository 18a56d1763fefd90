"""What a command works with: the real clock, the cache, and a provider of sandboxes."""

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from harness.clock import SystemClock
from harness.commands.options import SandboxKind
from harness.config import Settings, settings
from harness.fixtures import bundled_roots
from sandbox.checkout import Checkouts
from sandbox.contract import SandboxProvider

UNISOLATED = (
    "WARNING: no isolation. Commands of the model and code of the target run on this machine itself, as this user, with "
    "its network and its files. Use this only for code and scripted models that you trust."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """The composition of one command."""

    settings: Settings
    clock: SystemClock
    provider: SandboxProvider
    checkouts: Checkouts


def open_session(kind: SandboxKind) -> Session:
    """Connect to the engine, or warn and use this machine. Raises EngineUnavailableError with the next step."""
    found = settings()
    return Session(
        settings=found, clock=SystemClock(), provider=_provider(kind, found), checkouts=Checkouts(found.cache)
    )


def _provider(kind: SandboxKind, found: Settings) -> SandboxProvider:
    if kind is SandboxKind.LOCAL:
        from sandbox.local import LocalProvider

        errors().print(UNISOLATED, style="bold red")
        return LocalProvider(found.cache)
    from sandbox.engine import Engine
    from sandbox.images import DockerProvider

    return DockerProvider(Engine.connect(found.host_environment), found.cache, found.host_environment)


def roots(fixtures: Iterable[Path] | None) -> tuple[Path, ...]:
    """Folders in which targets are looked for: the user's first, then the bundled ones."""
    return (*(fixtures or ()), *bundled_roots())


def output() -> Console:
    """Standard output, for people."""
    return Console(highlight=False, markup=False, emoji=False)


def errors() -> Console:
    """Standard error, for what is not the result."""
    return Console(stderr=True, highlight=False, markup=False, emoji=False)


def print_json(value: Any) -> None:
    """One JSON document on standard output, with a line end."""
    json.dump(value, sys.stdout, ensure_ascii=False, allow_nan=False)
    sys.stdout.write("\n")
