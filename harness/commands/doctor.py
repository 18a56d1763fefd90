"""`splitclock doctor`: what is missing on this machine, and how to get it."""

import os
import platform
import shutil
import time
from collections.abc import Iterator
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from harness.commands import options
from harness.commands.session import docker_provider, output, print_json, say
from harness.config import Settings, is_set, settings
from harness.models.presets import PRESETS
from harness.provenance import splitclock_version
from harness.untrusted import rich_text
from sandbox.engine import Engine
from sandbox.errors import EngineUnavailableError, SandboxError
from sandbox.inspection import Finding, inspect_host
from sandbox.provision import Machine, ensure_engine

FREE_DISK_BYTES = 5 * 1024**3


def command(
    *,
    fix: Annotated[
        bool, typer.Option("--fix", help="As root on Debian or Ubuntu, install and start Docker; build the base image.")
    ] = False,
    brief: Annotated[bool, typer.Option("--brief", help="Print only what is wrong.")] = False,
    as_json: options.Json = False,
) -> int:
    """Check Docker, the base image, the hardening of a real container, disk, clock and keys.

    Example: splitclock doctor --fix
    """
    found = settings()
    findings = [*_host(found), *_engine(found, fix=fix), *_keys()]
    if as_json:
        rows = [{"name": one.name, "ok": one.ok, "detail": one.detail, "fix": one.fix} for one in findings]
        print_json({"schema": 1, "ok": all(one.ok for one in findings), "findings": rows})
    else:
        shown = [one for one in findings if not (brief and one.ok)]
        if shown:
            output().print(_table(shown))
    if all(one.ok for one in findings):
        return 0
    return 4


def _host(found: Settings) -> Iterator[Finding]:
    yield Finding(name="splitclock", ok=True, detail=f"{splitclock_version()}, Python {platform.python_version()}")
    git = shutil.which("git")
    yield Finding(name="git", ok=git is not None, detail=git or "not found", fix="install git")
    resolution = time.get_clock_info("monotonic").resolution
    yield Finding(
        name="clock",
        ok=resolution <= 1e-6,  # noqa: PLR2004 - a microsecond
        detail=f"monotonic, resolution {resolution * 1e9:.0f} ns",
        fix="durations below the resolution cannot be told apart; use another machine for timing",
    )
    folder = found.cache
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    yield Finding(
        name="disk",
        ok=free >= FREE_DISK_BYTES,
        detail=f"{free / 1024**3:.1f} GiB free for the cache in {found.cache}",
        fix="free some disk, or point SPLITCLOCK_CACHE to another one",
    )
    yield Finding(name="cores", ok=True, detail=f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.2f}")


def _engine(found: Settings, *, fix: bool) -> Iterator[Finding]:
    """The engine, the base image, and what a hardened container looks like from inside."""
    try:
        if fix:
            ensure_engine(say, Machine(environment=found.host_environment))
        engine = Engine.connect(found.host_environment)
    except EngineUnavailableError as error:
        yield Finding(name="engine", ok=False, detail=str(error), fix="splitclock doctor --fix, or install Docker")
        return
    provider = docker_provider(engine, found)
    try:
        if fix:
            provider.prepare_base(say)
        yield from inspect_host(provider)
    except SandboxError as error:
        yield Finding(name="sandbox", ok=False, detail=str(error), fix="splitclock doctor --fix")


def _keys() -> Iterator[Finding]:
    """Which providers have a key; having none is fine for simulated and local models."""
    for name, preset in PRESETS.items():
        if preset.key_env is not None:
            there = "set" if is_set(preset.key_env) else "not set"
            yield Finding(name=f"key {name}", ok=True, detail=f"{preset.key_env} {there}")


def _table(findings: list[Finding]) -> Table:
    table = Table(box=None, show_header=False)
    table.add_column("ok")
    table.add_column("name", no_wrap=True)
    table.add_column("detail", overflow="fold")
    for one in findings:
        mark = Text("ok", style="green") if one.ok else Text("no", style="bold red")
        detail = one.detail if one.ok or not one.fix else f"{one.detail}; {one.fix}"
        table.add_row(mark, Text(one.name), rich_text(detail))
    return table
