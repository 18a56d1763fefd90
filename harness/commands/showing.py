"""What commands print about runs."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from harness.commands.session import output
from harness.current import current_attempts, planned_only
from harness.journal import read_attempts
from harness.record import Record, Verdict, latest
from scoreboards.board import Board, build_board
from scoreboards.report.terminal import print_board


def load_board(folders: Iterable[Path]) -> Board:
    """The board of one or more runs. Raises ConfigError for a folder that holds no run."""
    return build_board([record for folder in folders for record in current_attempts(folder)])


def show_board(folders: Sequence[Path]) -> None:
    """The tables of a board and, under them, the sentence that it comes to."""
    print_board(load_board(folders), output())


def summary(folder: Path, planned: int) -> dict[str, Any]:
    """What `run --json` and `status --json` end with; an unknown cost is null, and earlier attempts cost too."""
    attempts = planned_only(folder, read_attempts(folder))
    records = latest(attempts)
    verdicts = Counter(record.verdict.value for record in records)
    verdicts[Verdict.NOT_RUN.value] += planned - len(records)
    costs = [record.cost_usd for record in attempts if record.cost_usd is not None]
    return {
        "schema": 1,
        "run": str(folder),
        "finished": len(records) == planned and not verdicts[Verdict.NOT_RUN.value],
        "trials": {"total": planned, **{verdict.value: verdicts[verdict.value] for verdict in Verdict}},
        "unscored": _unscored(records),
        "cost_usd": sum(costs) if costs else None,
        "cost_is_lower_bound": bool(costs) and _is_partial(attempts),
    }


def _unscored(records: Iterable[Record]) -> list[dict[str, Any]]:
    """Why trials have no grade: each reason once, with the number of its trials."""
    reasons = Counter(
        (record.trial.model, record.verdict.value, record.stop, record.error)
        for record in records
        if not record.verdict.scored
    )
    return [
        {"model": model, "verdict": verdict, "stop": stop, "error": error, "trials": trials}
        for (model, verdict, stop, error), trials in reasons.items()
    ]


def _is_partial(records: Sequence[Record]) -> bool:
    """Whether some of what was spent is not known."""
    return any(record.cost_is_lower_bound or (record.calls and record.cost_usd is None) for record in records)
