"""`splitclock baseline`: named runs that gates compare with, kept in a folder or a git branch of the user's."""

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from harness.baselines.contract import Store, Version
from harness.baselines.essentials import Fit, fit_run, write_essentials
from harness.baselines.note import Note, baseline_name
from harness.baselines.stores import open_store, version_of
from harness.commands import options
from harness.commands.baseline_view import document, facts, headline, past_row, read, table
from harness.commands.session import output, print_json, say
from harness.errors import ConfigError
from harness.gate_file import read_policy
from harness.untrusted import one_line, plain
from scoreboards.gate.policy import Difference

app = typer.Typer(help="Named runs that gates compare with: set one, show it, promote a newer run, list them.")

MOST_SHOWN = 20
"""Versions that `show` lists; --json tells as many."""

MOST_SIGNS = 500
RunArgument = Annotated[Path, typer.Argument(help="A finished run folder.", show_default=False)]
As = Annotated[str, typer.Option("--as", metavar="NAME", help="The baseline's name.")]
NameArgument = Annotated[str, typer.Argument(help="Its name, or NAME@VERSION.", show_default=False)]
WithBodies = Annotated[
    bool, typer.Option("--with-bodies", help="Keep transcripts and patches too: they hold the target's source.")
]
PolicyFile = Annotated[
    Path | None, typer.Option("--policy", metavar="FILE", help="The gate's policy: its caps and allowed differences.")
]
Push = Annotated[str, typer.Option("--push", metavar="REMOTE", help="Push the branch there; undone where that fails.")]

Remark = Annotated[
    str, typer.Option("--remark", metavar="TEXT", help="A line kept with it and shown: the commit it was made of.")
]


@app.command("set")
def set_(
    run: RunArgument,
    *,
    name: As,
    store: options.Store = None,
    policy: PolicyFile = None,
    with_bodies: WithBodies = False,
    remark: Remark = "",
    push: Push = "",
    as_json: options.Json = False,
) -> None:
    """Keep a finished run as the first version of a baseline; never over one that is there.

    Example: splitclock baseline set runs/nightly --as main --store git:splitclock-baselines
    """
    opened, kept = open_store(store, push=push), baseline_name(name)
    if opened.versions(kept):
        raise ConfigError(
            f"{kept}: is there already in {opened.where}; `splitclock baseline promote RUN --as {kept}` replaces it"
        )
    fit = fit_run(run, read_policy(policy).caps.errors)
    write = partial(_write, fit, kept, {"remark": one_line(remark)}, with_bodies=with_bodies)
    _tell(opened, opened.put(kept, write, None), as_json=as_json)


@app.command("promote")
def promote(
    run: RunArgument,
    *,
    name: As,
    store: options.Store = None,
    policy: PolicyFile = None,
    allow: Annotated[
        list[Difference] | None,
        typer.Option("--allow", metavar="KIND", help="Take this kind of difference to the old one; may be repeated."),
    ] = None,
    with_bodies: WithBodies = False,
    remark: Remark = "",
    push: Push = "",
    as_json: options.Json = False,
) -> None:
    """Put a newer run in a baseline's place, if both were measured alike; the old version stays and can be named.

    Example: splitclock baseline promote runs/merged --as main --allow harness
    """
    opened = open_store(store, push=push)
    before = version_of(baseline_name(name), opened)
    rules = read_policy(policy, allow or ())
    fit = fit_run(run, rules.caps.errors)
    if fit.is_in(opened.note(before)):
        say(f"{name}: is this run already; nothing to do")
        _tell(opened, before, as_json=as_json)
        return
    words = _compared(opened.folder(before), fit, before.name, rules.comparable.allow)
    said = {"differences": words, "remark": one_line(remark)}
    write = partial(_write, fit, before.name, said, with_bodies=with_bodies)
    _tell(opened, opened.put(before.name, write, before), as_json=as_json)


@app.command("show")
def show(name: NameArgument, *, store: options.Store = None, as_json: options.Json = False) -> None:
    """Which run a baseline is, when and by what version it was made, what it came to, and its earlier versions.

    Example: splitclock baseline show main
    """
    opened = open_store(store)
    version = version_of(name, opened)
    opened.folder(version)  # where it is damaged, this says so
    note, past = opened.note(version), [read(opened, one) for one in opened.versions(version.name)[:MOST_SHOWN]]
    if as_json:
        print_json({**document(opened, version, note), "versions": [past_row(one) for one in past]})
        return
    console = output()
    for label, value in facts(opened, version, note):
        console.print(Text.assemble((f"{label:<10} ", "bold"), one_line(value, MOST_SIGNS)), soft_wrap=True)
    if len(past) > 1:
        console.print(table([(one.version.mark, one) for one in past], "version"))


@app.command("list")
def list_(*, store: options.Store = None, as_json: options.Json = False) -> None:
    """The baselines of a store, each with its newest version.

    Example: splitclock baseline list --store ~/splitclock-baselines
    """
    opened = open_store(store)
    newest = [(name, read(opened, opened.versions(name)[0])) for name in opened.names()]
    if as_json:
        rows = [{"name": name, **past_row(one)} for name, one in newest]
        print_json({"schema": 1, "store": opened.where, "baselines": rows})
    elif newest:
        output().print(table(newest, "baseline"))
    else:
        typer.echo(f"{plain(opened.where)}: no baseline yet; `splitclock baseline set RUN --as NAME` makes one")


def _write(fit: Fit, name: str, said: Mapping[str, object], folder: Path, *, with_bodies: bool) -> Note:
    """Write a version's files; returns its note with what is `said` beside."""
    return write_essentials(fit, name, folder, with_bodies=with_bodies).model_copy(update=dict(said))


def _compared(before: Path, fit: Fit, name: str, allow: Iterable[Difference]) -> tuple[str, ...]:
    """The differences that were allowed, in words, also said. Raises ConfigError for others."""
    from harness.commands.promoting import drift, refuse_drift

    found = drift(before, fit.run, tuple(allow))
    refuse_drift(name, found)
    words = tuple(f"{one.kind}: {one.words}" for one in found)
    for line in words:
        say(f"{name}: allowed: {line}")
    return words


def _tell(store: Store, version: Version, *, as_json: bool) -> None:
    note = store.note(version)
    if as_json:
        print_json(document(store, version, note))
    else:
        typer.echo(headline(store, version, note))
