#!/usr/bin/env python3
"""Draw the documentation's picture, and the README's output, from a run folder: `python docs/pictures.py RUN`.

`make pictures` runs the demo first. Every figure that is shown is one that the run measured.
"""

import argparse
import io
import re
from pathlib import Path

from rich.console import Console

from harness.journal import read_records
from scoreboards.board import Board, build_board
from scoreboards.report.terminal import print_board

COLUMNS = 100
"""Width of the pictured terminal, in characters."""

FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, DejaVu Sans Mono, Liberation Mono"
"""Fonts that readers have: a picture must not fetch one from elsewhere."""

BLOCK = re.compile(r"(?<=<!-- demo -->\n).*?(?=<!-- /demo -->)", re.DOTALL)
"""Where the README shows what the demo prints."""


def board_text(board: Board) -> str:
    """The board as a terminal without colour shows it, no blanks at the ends of lines."""
    console = Console(width=COLUMNS, file=io.StringIO(), color_system=None, record=True)
    print_board(board, console)
    return "".join(line.rstrip() + "\n" for line in console.export_text().splitlines())


def board_svg(board: Board) -> str:
    """The board as an SVG image of a terminal, which loads nothing from the network."""
    console = Console(width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="256", record=True)
    print_board(board, console)
    svg = console.export_svg(title="splitclock demo", unique_id="board")
    svg = re.sub(r"\s*@font-face\s*\{.*?\}", "", svg, flags=re.DOTALL).replace("Fira Code", FONT)
    return "".join(line.rstrip() + "\n" for line in svg.splitlines())


def main() -> None:
    """Write docs/images/board.svg and the block in README.md. Raises ConfigError for a folder that holds no run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="a finished run folder of the demo")
    board = build_board(read_records(parser.parse_args().run))
    docs = Path(__file__).resolve().parent
    (docs / "images").mkdir(exist_ok=True)
    (docs / "images" / "board.svg").write_text(board_svg(board), encoding="utf-8")
    readme = docs.parent / "README.md"
    block = f"```text\n{board_text(board)}```\n"
    readme.write_text(BLOCK.sub(lambda _: block, readme.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
