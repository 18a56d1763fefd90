"""`splitclock demo`: two simulated models, one fast and one slow, implement features in a live application."""

from pathlib import Path
from typing import Annotated

import typer

from harness.bundle import example
from harness.commands import options
from harness.commands.finishing import Ending, carry_out
from harness.commands.options import SandboxKind
from harness.commands.run import exit_code
from harness.commands.running import load_job
from harness.commands.session import open_session, say
from harness.config import settings
from harness.inputs import Options
from sandbox.engine import Engine
from sandbox.errors import EngineUnavailableError
from sandbox.provision import Machine, ensure_engine


def command(
    *,
    install_engine: Annotated[
        bool, typer.Option("--install-engine", help="As root on Debian or Ubuntu, install and start Docker if needed.")
    ] = False,
    out: Annotated[Path | None, typer.Option("--out", help="Run folder, instead of runs/demo-<time>.")] = None,
    sandbox: options.Sandbox = SandboxKind.DOCKER,
    as_json: options.Json = False,
) -> int:
    """Run the bundled demonstration: no key, no network for the models, about two minutes.

    Example: splitclock demo
    """
    job = load_job(example("demo.toml"), Options(), out)
    kind = sandbox if sandbox is SandboxKind.LOCAL else _best_kind(install=install_engine)
    return carry_out(job, open_session(kind), Ending(as_json=as_json, board=not as_json), exit_code)


def _best_kind(*, install: bool) -> SandboxKind:
    """Docker if an engine answers or can be had, else this machine itself, with the reason said."""
    environment = settings().host_environment
    try:
        if install:
            ensure_engine(say, Machine(environment=environment))
        Engine.connect(environment).close()
    except EngineUnavailableError as error:
        say(str(error))
        return SandboxKind.LOCAL
    return SandboxKind.DOCKER
