"""`splitclock history`: past runs kept in one folder, to follow models over weeks and to ask in SQL."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.clock import Phase
from harness.commands import options
from harness.commands.session import output, say
from harness.commands.telling import Telling
from harness.config import settings
from harness.errors import ConfigError
from harness.head_reader import read_newest
from harness.journal import read_meta
from harness.run_folders import moment
from harness.untrusted import one_line
from scoreboards.history.store import Source, Store

if TYPE_CHECKING:
    from scoreboards.history.query import Answer

app = typer.Typer(help="Past runs kept in one folder: add some, follow models over time, ask in SQL.")

To = Annotated[
    Path | None,
    typer.Option("--to", metavar="DIR", help="The history's folder, instead of SPLITCLOCK_HISTORY."),
]


@app.command("add")
def add(runs: options.RunFolders, *, to: To = None) -> None:
    """Put runs into the history: each once, anew when it went on or was regraded since, whole or not at all.

    Example: splitclock history add runs/ --to ~/splitclock-history
    """
    store = Store(root=_folder(to))
    for run in runs:
        meta = read_meta(run)
        source = Source(
            run=meta["run"], created_utc=meta["created_utc"], id=meta.get("id", ""), last_row=read_newest(run)
        )
        telling = Telling()
        say(f"{run}: {store.add(source, telling.of([run]))}")
        telling.say_gone()


@app.command("trend")
def trend(
    *,
    to: To = None,
    model: Annotated[list[str] | None, typer.Option("--model", metavar="NAME", help="Only this model.")] = None,
    feature: Annotated[list[str] | None, typer.Option("--feature", metavar="NAME", help="Only this feature.")] = None,
    phase: Annotated[Phase | None, typer.Option("--phase", help="Show this phase, instead of the agent wall.")] = None,
    since: options.Since = None,
    as_json: options.Json = False,
) -> None:
    """Pass rate, agent wall and phases of each model on each feature, over time; run by run with --model or --feature.

    Example: splitclock history trend --model fast --phase tool --since 30d
    """
    from scoreboards.history.trend import WALL, Asked
    from scoreboards.history.trend import trend as found_trend

    wanted = Asked(
        since=None if since is None else moment(since), models=tuple(model or ()), features=tuple(feature or ())
    )
    found = found_trend(Store(root=_folder(to)), wanted)
    if as_json:
        from scoreboards.report.trend_machine import trend_json

        typer.echo(trend_json(found))
        return
    from scoreboards.report.trend_view import trend_view

    console = output()
    figure = WALL if phase is None else str(phase)
    console.print(trend_view(found, figure, console.width, run_by_run=bool(model or feature)))


@app.command("sql")
def sql(
    query: Annotated[str, typer.Argument(help="One SELECT, in DuckDB's SQL.", show_default=False)],
    *,
    to: To = None,
    as_json: options.Json = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    timeout: Annotated[float, typer.Option("--timeout", metavar="S", min=0.1, help="Seconds it may take.")] = 60.0,
) -> None:
    """One SELECT over views runs, trials, calls, tools and spans. It reads the history and nothing else.

    Example: splitclock history sql "select model, sum(cost_usd) from trials group by model"
    """
    if as_json and as_csv:
        raise ConfigError("--json and --csv: choose one")
    from scoreboards.history.query import Bounds, asked

    store = Store(root=_folder(to))
    with asked(store, store.runs(), query, Bounds(seconds=timeout)) as answer:
        _print(answer, as_json=as_json, as_csv=as_csv)


def _print(answer: "Answer", *, as_json: bool, as_csv: bool) -> None:
    from scoreboards.report.answers import MOST_ROWS, answer_table, write_answer_csv, write_answer_json

    if as_json:
        write_answer_json(answer, sys.stdout)
    elif as_csv:
        write_answer_csv(answer, sys.stdout)
    else:
        table, more = answer_table(answer)
        output().print(table)
        if more:
            say(f"the first {MOST_ROWS} rows; --json or --csv gives all")


def _folder(to: Path | None) -> Path:
    found = to or settings().history
    if found is None:
        raise ConfigError("which history? Give its folder with --to, or set SPLITCLOCK_HISTORY")
    if found.exists() and not found.is_dir():
        raise ConfigError(f"{one_line(str(found), 200)}: is no folder")
    return found
