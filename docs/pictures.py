#!/usr/bin/env python3
"""Draw the documentation's pictures, and the README's output, from a run folder: `python docs/pictures.py RUN`.

`make pictures` runs the demo first. Every figure that is shown is one that the run measured.
"""

import argparse
import io
import re
from collections.abc import Sequence
from pathlib import Path

from page_pictures import page_pictures  # beside this file
from rich.console import Console, RenderableType

from harness.artefacts import read_spans
from harness.errors import ConfigError
from harness.journal import read_records
from harness.record import Record, Verdict
from harness.run_folder import RunFolder
from scoreboards.board import build_board
from scoreboards.bounds import bound, pieces
from scoreboards.report.terminal import board_view
from scoreboards.report.waterfall import Waterfall, waterfall_view
from scoreboards.timeline import timeline_rows

COLUMNS = 100
"""Width of the pictured terminal, in characters."""

FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, DejaVu Sans Mono, Liberation Mono"
"""Fonts that readers have: a picture must not fetch one from elsewhere."""

BLOCK = re.compile(r"(?<=<!-- demo -->\n).*?(?=<!-- /demo -->)", re.DOTALL)
"""Where the README shows what the demo prints."""


def pictured(records: Sequence[Record]) -> Record:
    """The trial whose timeline is shown: the first that passed, by model, feature and repeat. Raises ConfigError."""
    passed = [record for record in records if record.verdict is Verdict.PASS]
    if not passed:
        raise ConfigError("no trial of this run passed; take a run of the demo in which one did")
    return min(passed, key=lambda record: (record.trial.model, record.trial.feature, record.trial.repeat))


def timeline(run: Path, record: Record) -> RenderableType:
    """What `splitclock timeline` shows of a trial."""
    rows = timeline_rows(record, read_spans(RunFolder(root=run), record.trial.id, record.attempt))
    view = Waterfall(record=record, rows=rows, pieces=pieces(record, rows), bound=bound(record, rows))
    return waterfall_view(view, COLUMNS)


def text(view: RenderableType) -> str:
    """A view as a terminal without colour shows it, no blanks at the ends of lines."""
    console = Console(width=COLUMNS, file=io.StringIO(), color_system=None, record=True)
    console.print(view)
    return "".join(line.rstrip() + "\n" for line in console.export_text().splitlines())


def svg(view: RenderableType, name: str, title: str) -> str:
    """A view as an SVG image of a terminal, which loads nothing from the network; `name` is unique in a page."""
    console = Console(width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="256", record=True)
    console.print(view)
    image = console.export_svg(title=title, unique_id=name)
    image = re.sub(r"\s*@font-face\s*\{.*?\}", "", image, flags=re.DOTALL).replace("Fira Code", FONT)
    return "".join(line.rstrip() + "\n" for line in image.splitlines())


def main() -> None:
    """Write the images and the block in README.md. Raises ConfigError for a folder that holds no finished demo."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="a finished run folder of the demo")
    run = parser.parse_args().run
    records = read_records(run)
    board, record = board_view(build_board(records), COLUMNS), pictured(records)
    label = f"{record.trial.model}/{record.trial.feature}/{record.trial.repeat}"
    views = {
        "board": svg(board, "board", "splitclock demo"),
        "timeline": svg(timeline(run, record), "timeline", f"splitclock timeline RUN {label}"),
    }
    docs = Path(__file__).resolve().parent
    (docs / "images").mkdir(exist_ok=True)
    for name, image in views.items():
        (docs / "images" / f"{name}.svg").write_text(image, encoding="utf-8")
    page_pictures(run, docs / "images")
    readme = docs.parent / "README.md"
    block = f"```text\n{text(board)}```\n"
    readme.write_text(BLOCK.sub(lambda _: block, readme.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
