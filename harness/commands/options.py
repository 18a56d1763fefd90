"""Options that several commands share, and what they are turned into."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from harness.config import Slice
from harness.fixtures import parse_overrides
from harness.inputs import Options
from harness.past import How
from harness.run_folders import runs_in
from harness.untrusted import plain


class SandboxKind(StrEnum):
    """Where strangers' code runs."""

    DOCKER = "docker"
    LOCAL = "local"


def expanded(folders: list[Path] | None) -> list[Path]:
    """The runs that are meant: a folder that holds some stands for them. Raises ConfigError, InfraError."""
    return runs_in(folders or (), lambda line: typer.echo(plain(line), err=True))


MatrixFile = Annotated[Path, typer.Argument(help="The matrix file (TOML).", show_default=False)]
RunFolders = Annotated[
    list[Path],
    typer.Argument(help="Run folders, or folders that hold some.", show_default=False, callback=expanded),
]
ShardFolders = Annotated[list[Path], typer.Argument(help="The run folders of the shards.", show_default=False)]
Since = Annotated[
    str | None,
    typer.Option("--since", metavar="DATE", help="Only runs since then: 2026-11-01, or 30d (12h, 2w) ago."),
]
RunFolderArgument = Annotated[Path, typer.Argument(help="A run folder.", show_default=False)]
Sandbox = Annotated[
    SandboxKind,
    typer.Option("--sandbox", help="`local` runs the code on this machine itself: only for code you trust."),
]
Sources = Annotated[
    list[str] | None,
    typer.Option("--source", metavar="NAME=PATH", help="Take target NAME from a local clone instead of its URL."),
]
WorkingTrees = Annotated[
    list[str] | None,
    typer.Option("--working-tree", metavar="NAME=PATH", help="Take target NAME from a folder as it is now."),
]
Fixtures = Annotated[
    list[Path] | None, typer.Option("--fixtures", metavar="DIR", help="A further folder of targets; goes first.")
]
Weakened = Annotated[
    list[str] | None,
    typer.Option("--allow-weakened", metavar="CHECK", help="Go on although the engine fails this check of `doctor`."),
]
OnlyModels = Annotated[list[str] | None, typer.Option("--model", metavar="NAME", help="Only this model of the matrix.")]
OnlyFeatures = Annotated[
    list[str] | None, typer.Option("--feature", metavar="NAME", help="Only this feature of the matrix.")
]
MaxCost = Annotated[
    float | None,
    typer.Option("--max-cost", metavar="USD", help="Begin nothing that may cost more in all; over [budget] cost_usd."),
]
Repeats = Annotated[int | None, typer.Option("--repeats", metavar="N", help="Repeats, instead of the matrix's.")]
HowToGoOn = Annotated[
    How,
    typer.Option(
        "--how",
        help="Unfinished attempts go on where they were, or start over; or no model is asked, and only those are "
        "graded whose agent was done.",
    ),
]
ShardOf = Annotated[
    str | None,
    typer.Option("--shard", metavar="I/N", help="Only the I-th of N parts; `merge` puts the parts together."),
]
Store = Annotated[
    str | None,
    typer.Option(
        "--store", metavar="DIR", help="Of baselines: a folder, or git:BRANCH[@REPOSITORY]; else SPLITCLOCK_BASELINES."
    ),
]
TrialArgument = Annotated[
    str | None, typer.Argument(help="Its id, the beginning of it, or MODEL/FEATURE/REPEAT.", show_default=False)
]
Attempt = Annotated[int | None, typer.Option("--attempt", metavar="N", help="Not the latest attempt.")]
Jobs = Annotated[int, typer.Option("-j", "--jobs", metavar="N", min=1, help="So many at once.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines on standard output.")]
JsonLines = Annotated[
    bool, typer.Option("--json-lines", help="Print events for machines on standard output, one JSON object a line.")
]
WithBoard = Annotated[bool, typer.Option("--board", help="Print the board too when the run has ended.")]
OnFinish = Annotated[
    str | None,
    typer.Option("--on-finish", metavar="CMD", help="Run this command when the run has ended, however it ended."),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """How a run's end is to be shown, as the command line says."""

    as_json: bool = False
    json_lines: bool = False
    board: bool = False
    on_finish: str | None = None


def sliced(models: list[str] | None, features: list[str] | None, repeats: int | None) -> Slice:
    """The part of a matrix that --model, --feature and --repeats ask for."""
    return Slice(models=tuple(models or ()), features=tuple(features or ()), repeats=repeats)


def given(
    part: Slice, fixtures: list[Path] | None, source: list[str] | None, working_tree: list[str] | None
) -> Options:
    """What a command line says beside the matrix file. Raises ConfigError."""
    sources = parse_overrides(source or (), working_tree or ())
    return Options(part=part, fixtures=tuple(fixtures or ()), sources=sources)
