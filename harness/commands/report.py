"""`splitclock report`: one HTML page about one or more runs."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from harness.artefacts import read_spans
from harness.commands import options
from harness.commands.session import say
from harness.commands.showing import named
from harness.commands.stories import Stories
from harness.current import current_attempts
from harness.errors import ConfigError
from harness.files import disk_errors, write_atomic
from harness.record import Record
from harness.run_folder import RunFolder
from harness.run_folders import names_apart
from harness.untrusted import one_line
from scoreboards.board import build_board
from scoreboards.report.page.page import Options, Page, make_page
from scoreboards.words import size

_DATA_FILE = re.compile(r"trials-\d{3,}\.js")


def command(
    runs: options.RunFolders,
    *,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="Where to; without .html a folder.")] = Path(
        "report.html"
    ),
    title: Annotated[str | None, typer.Option("--title", help="The page's title, instead of the run's name.")] = None,
    no_bodies: Annotated[
        bool, typer.Option("--no-bodies", help="Leave out prompts, outputs, differences and what quotes them.")
    ] = False,
) -> None:
    """Where the wall-clock went, as one page that opens from disk without network, to mail or to keep.

    A page of more than 8 MB becomes a folder of the same name, with the trials in data files beside its index.html.

    Example: splitclock report runs/demo-20260101T120000Z -o report.html
    """
    names = names_apart(runs)
    told = {run: tuple(named(record, names.get(run)) for record in current_attempts(run)) for run in runs}
    board = build_board([record for records in told.values() for record in records])
    if not board.trials:
        raise ConfigError(f"{runs[0]}: no trial has a record yet, so there is nothing to report")
    wanted = Options(
        title=one_line(title or _named(runs), 120), with_texts=not no_bodies, folder=out.suffix.lower() not in _PAGES
    )
    page = make_page(board, _bodies(board.trials, told, with_texts=not no_bodies), wanted)
    where, written = _write(page, out)
    say(f"{where}: {len(board.trials)} trials, {size(written)}{' in all' if page.files else ''}")


_PAGES = (".html", ".htm")


def _named(runs: list[Path]) -> str:
    first = runs[0].resolve().name
    return f"Splitclock: {first}" if len(runs) == 1 else f"Splitclock: {first} and {len(runs) - 1} more"


def _bodies(trials: Sequence[Record], told: dict[Path, tuple[Record, ...]], *, with_texts: bool) -> Iterator[str]:
    """Each trial's body as JSON, read one by one from the run that it is of."""
    from scoreboards.report.page.bodies import body_value

    home = {id(record): run for run, records in told.items() for record in records}
    stories: dict[Path, Stories] = {}
    for record in trials:
        run = home[id(record)]
        if run not in stories:
            stories[run] = Stories(run, told[run])
        story = stories[run].story(record)
        is_kept = "spans.json" in story.files  # a trial that never began has none, nor has one that was cleared away
        spans = read_spans(RunFolder(root=run), record.trial.id, record.attempt) if is_kept else ()
        value = body_value(story, spans, with_texts=with_texts)
        yield json.dumps(value, allow_nan=False, separators=(",", ":"))


def _write(page: Page, out: Path) -> tuple[Path, int]:
    """Where the page is now, and how many bytes it takes; a folder's data files of an earlier report go."""
    if not page.files:
        return out, _put(out, page.html)
    folder = out.with_suffix("") if out.suffix.lower() in _PAGES else out
    with disk_errors(folder, "written"):
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            if _DATA_FILE.fullmatch(old.name) and old.name not in page.files:
                old.unlink()
    written = sum(_put(folder / name, text) for name, text in page.files.items())
    return folder / "index.html", written + _put(folder / "index.html", page.html)


def _put(path: Path, text: str) -> int:
    data = text.encode("utf-8", "replace")
    with disk_errors(path, "written"):
        write_atomic(path, data)
    return len(data)
