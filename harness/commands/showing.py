"""What commands print about runs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.commands.session import output
from harness.commands.summing_up import document, sum_up
from harness.current import each_current_in_turn
from harness.record import Record, slim
from harness.run_folders import names_apart
from scoreboards.board import Board, BoardPool
from scoreboards.report.terminal import print_board


def load_board(folders: Iterable[Path]) -> Board:
    """The board of runs, its trials with their calls, as ledgers need them. Raises ConfigError, InfraError."""
    return _pooled(folders, {"tool_calls": (), "summed": {}, "provenance": {}})


def attempts(folders: Iterable[Path]) -> Iterator[tuple[Record, bool]]:
    """Every attempt of one or more runs, read one by one, and whether it is the one at its trial that counts."""
    runs = list(folders)
    names = names_apart(runs)
    for run in runs:
        for record, final in each_current_in_turn(run):
            yield named(record, names.get(run)), final


_UNTOLD: dict[str, object] = {"calls": (), "tool_calls": (), "summed": {}, "provenance": {}}


def board_of(folders: Iterable[Path]) -> Board:
    """The board with no more of its trials than tables and notes tell: their calls and tool calls are not held."""
    return _pooled(folders, _UNTOLD)


def _pooled(folders: Iterable[Path], untold: Mapping[str, object]) -> Board:
    pool = BoardPool()
    trials: list[Record] = []
    for record, final in attempts(folders):
        pool.add(record, final=final)
        if final:
            trials.append(slim(record.model_copy(update=untold)))
    return pool.board(tuple(trials))


def show_board(folders: Sequence[Path]) -> None:
    """The tables of a board and, under them, the sentence that it comes to."""
    print_board(board_of(folders), output())


def named(record: Record, name: str | None) -> Record:
    """The record under another name of its run, where there is one (`names_apart`)."""
    return record if name is None else record.model_copy(update={"run": name})


def summary(folder: Path, planned: int) -> dict[str, Any]:
    """What `run --json` and `status --json` end with; an unknown cost is null, and earlier attempts cost too."""
    return document(sum_up(folder, planned))
