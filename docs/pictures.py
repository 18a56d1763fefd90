#!/usr/bin/env python3
"""Draw the pictures of the documentation from a run folder: `python docs/pictures.py RUN [FOLDER]`.

`make pictures` runs the demo first. Every figure in a picture is one that the run measured.
"""

import argparse
import io
import re
from pathlib import Path

from rich.console import Console

from harness.journal import read_records
from scoreboards.board import build_board
from scoreboards.report.terminal import board_view

COLUMNS = 104
"""Width of the pictured terminal, in characters."""

FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, DejaVu Sans Mono, Liberation Mono"
"""Fonts that readers have: a picture must not fetch one from elsewhere."""


def board_svg(run: Path) -> str:
    """The board of a run as an SVG image of a terminal. Raises ConfigError for a folder that holds no run."""
    console = Console(width=COLUMNS, record=True, file=io.StringIO(), force_terminal=True, color_system="256")
    console.print(board_view(build_board(read_records(run)), COLUMNS))
    return _own_fonts(console.export_svg(title="splitclock demo", unique_id="board"))


def _own_fonts(svg: str) -> str:
    """The image without the fonts that it would load from the network."""
    return re.sub(r"\s*@font-face\s*\{.*?\}", "", svg, flags=re.DOTALL).replace("Fira Code", FONT)


def main() -> None:
    """Write board.svg."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="a finished run folder")
    parser.add_argument("folder", type=Path, nargs="?", default=Path(__file__).parent / "images")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    (options.folder / "board.svg").write_text(board_svg(options.run), encoding="utf-8")


if __name__ == "__main__":
    main()
