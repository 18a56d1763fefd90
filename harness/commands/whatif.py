"""`splitclock whatif`: what recorded trials would have taken at other speeds."""

import re
from typing import Annotated

import typer

from harness.commands import options
from harness.commands.session import output
from harness.commands.showing import load_board
from harness.errors import ConfigError
from harness.untrusted import one_line
from scoreboards.report.compare_machine import what_if_json
from scoreboards.report.whatif_view import what_if_view
from scoreboards.whatif import Changes, what_if

_NUMBER = re.compile(r"(\d+(?:\.\d+)?)(x?)")


def command(
    runs: options.RunFolders,
    *,
    model: options.OnlyModels = None,
    decode: Annotated[
        str | None, typer.Option("--decode", metavar="N", help="Tokens a second, or a factor such as 15x.")
    ] = None,
    first_token: Annotated[
        str | None, typer.Option("--first-token", metavar="S", help="Seconds to the first token, or a factor of speed.")
    ] = None,
    tools: Annotated[str | None, typer.Option("--tools", metavar="Nx", help="So many times as fast.")] = None,
    turns: Annotated[str | None, typer.Option("--turns", metavar="Nx", help="So many times the turns.")] = None,
    as_json: options.Json = False,
) -> None:
    """Agent wall of every scored trial under other speeds, computed from what was recorded.

    Example: splitclock whatif runs/demo-20260101T120000Z --model frontier --decode 15x --tools 2x
    """
    changes = _changes(decode, first_token, tools, turns)
    trials = [record for record in load_board(runs).trials if record.verdict.scored]
    known = sorted({record.trial.model for record in trials})
    for name in model or ():
        if name not in known:
            listed = ", ".join(one_line(one, 40) for one in known) or "none"
            raise ConfigError(f"no scored trial of `{one_line(name, 40)}` in these runs; known: {listed}")
    outcomes = what_if((record for record in trials if not model or record.trial.model in model), changes)
    if as_json:
        typer.echo(what_if_json(outcomes, changes))
        return
    console = output()
    console.print(what_if_view(outcomes, changes, console.width))


def _changes(decode: str | None, first_token: str | None, tools: str | None, turns: str | None) -> Changes:
    speed, speed_is_factor = _number("--decode", decode)
    first, first_is_factor = _number("--first-token", first_token)
    return Changes(
        decode=speed if speed_is_factor else 1.0,
        decode_tokens_per_s=None if speed_is_factor else speed,
        first_token=first if first_is_factor else 1.0,
        first_token_ns=None if first_is_factor else round(first * 1e9),
        tools=_factor("--tools", tools),
        turns=_factor("--turns", turns),
    )


def _number(option: str, text: str | None) -> tuple[float, bool]:
    """A value, and whether it is a factor; nothing given is the factor 1. Raises ConfigError."""
    if text is None:
        return 1.0, True
    found = _NUMBER.fullmatch(text)
    value = float(found[1]) if found else 0.0
    if found is None or not 0 < value < float("inf"):
        raise ConfigError(f"{option} {one_line(text, 20)}: give a positive number, or a factor such as 2x")
    return value, found[2] == "x"


def _factor(option: str, text: str | None) -> float:
    value, is_factor = _number(option, text)
    if not is_factor:
        raise ConfigError(f"{option} {one_line(str(text), 20)}: give a factor such as 2x")
    return value
