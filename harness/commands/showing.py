"""What commands print about runs."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from harness.commands.session import output
from harness.commands.summing_up import document, sum_up
from harness.regrade import graded_attempts
from scoreboards.board import Board, build_board
from scoreboards.report.terminal import print_board


def load_board(folders: Iterable[Path]) -> Board:
    """The board of one or more runs. Raises ConfigError for a folder that holds no run."""
    return build_board([record for folder in folders for record in graded_attempts(folder)])


def show_board(folders: Sequence[Path]) -> None:
    """The tables of a board and, under them, the sentence that it comes to."""
    print_board(load_board(folders), output())


def summary(folder: Path, planned: int) -> dict[str, Any]:
    """What `run --json` and `status --json` end with; an unknown cost is null, and earlier attempts cost too."""
    return document(sum_up(folder, planned))
