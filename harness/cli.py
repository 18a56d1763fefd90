"""The command line: commands, logging, exit codes. The only place that ends the process."""

import io
import logging
import os
import sys
from collections.abc import MutableMapping, Sequence
from importlib import import_module
from typing import Annotated, Any, TextIO

import structlog
import typer

from harness.errors import HarnessError
from harness.untrusted import plain
from sandbox.errors import SandboxError

USAGE = 2
INTERRUPTED = 130
INFRASTRUCTURE = 4

VERBS = (
    *("demo", "run", "resume", "plan", "status", "validate"),
    *("board", "report", "compare", "whatif", "gate", "timeline", "show"),
    *("export", "regrade", "merge", "doctor", "clean", "history", "baseline"),
)
"""The commands, as `--help` lists them; each is a module of `harness.commands`."""


def command_line(verbs: Sequence[str] = VERBS) -> typer.Typer:
    """The command line with these commands: what the others need is not loaded."""
    app = typer.Typer(
        name="splitclock",
        help="Evaluate coding agents on real repositories, with every nanosecond of the wall-clock accounted for.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(options)
    for verb in verbs:
        module = import_module(f"harness.commands.{verb}")
        if hasattr(module, "app"):
            app.add_typer(module.app, name=verb)
        else:
            app.command(verb)(module.command)
    return app


def _asked_for(arguments: Sequence[str]) -> Sequence[str]:
    """The command that is named, all of them where none is: help lists them, and so does a mistake."""
    verb = next((one for one in arguments if not one.startswith("-")), "")
    return (verb,) if verb in VERBS else VERBS


def _version(*, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"splitclock {version('splitclock')}")
        raise typer.Exit


def options(
    *,
    debug: Annotated[bool, typer.Option("--debug", help="Log everything, and show tracebacks.")] = False,
    _version_wanted: Annotated[
        bool, typer.Option("--version", callback=lambda value: _version(wanted=value), is_eager=True)
    ] = False,
) -> None:
    """Options of every command."""
    configure_logging(logging.DEBUG if debug else logging.CRITICAL)


def configure_logging(level: int) -> None:
    """Events as lines on standard error, from `level` on.

    The SDKs' own loggers stay silent, whatever their variables ask for: they print headers and bodies.
    """
    logging.disable(logging.CRITICAL)
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(level),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _safe_to_print,
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _safe_to_print(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Errors quote what servers and sandboxes said."""
    return {name: plain(value) if isinstance(value, str) else value for name, value in event.items()}


def main(arguments: list[str] | None = None) -> None:
    """Run one command and end the process with its exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that knows no bars gets question marks, not a crash
    try:
        code: Any = command_line(_asked_for(arguments))(arguments, standalone_mode=False)
    except typer.Exit as leave:
        code = leave.exit_code
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:  # noqa: BLE001 - the outermost place: one line for the user, whatever it was
        code = _explain(error, debug="--debug" in arguments)
    for stream in (sys.stdout, sys.stderr):
        _let_go(stream)
    sys.exit(code if isinstance(code, int) else 0)


def _let_go(stream: TextIO) -> None:
    """Write what is left; where nobody reads it, that makes no failure of a command that has ended."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _explain(error: Exception, *, debug: bool) -> int:
    """Print an error, a line for each thing that is wrong; returns the exit code. Tracebacks only with --debug."""
    if debug:
        structlog.get_logger().error("failed", exc_info=error)
    if isinstance(error, typer.TyperException):
        typer.echo(f"splitclock: {' '.join(plain(error.format_message()).split())}", err=True)
        return USAGE
    if isinstance(error, (HarnessError, SandboxError)):
        for line in str(error).splitlines() or [type(error).__name__]:
            typer.echo(f"splitclock: {_no_command(line)}", err=True)
        return error.exit_code if isinstance(error, HarnessError) else INFRASTRUCTURE
    what = f"{type(error).__name__}: {error}" if not isinstance(error, OSError) else str(error)
    typer.echo(f"splitclock: {_no_command(what)}; `splitclock --debug ...` shows where", err=True)
    return INFRASTRUCTURE


def _no_command(text: str) -> str:
    """The plain text; a CI runner reads `##[...]` as a command wherever in a line it stands, and names may hold it."""
    return plain(text).replace("##[", "## [")
