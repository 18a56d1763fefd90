"""Inside the phases as a grid: sums and medians of every sub-phase that took any time. Pure."""

from collections.abc import Iterator, Mapping

from harness.clock import Phase
from harness.untrusted import one_line
from scoreboards import words
from scoreboards.board import Board, Figures
from scoreboards.inside import WORKED, Inside
from scoreboards.report.grid import Cell, Grid
from scoreboards.report.tables import model_name

_ORDER = (Phase.MODEL, Phase.TOOL, Phase.WAIT, Phase.SETUP, Phase.GRADE)
_CALLED: Mapping[str, str] = {
    "setup": "set-up",
    "grade": "grading",
    "wait.failed_call": "failed call",
    "wait.backoff": "back-off",
    "wait.rate_limit": "rate limit",
    "wait.model_slot": "model queue",
    "wait.tool_slot": "tool queue",
    "model.first_token": "first token",
    "grade.slot": "queue",
}
_READ = (
    "Sums over the scored trials, and the median trial: long calls weigh in sums, not in medians. Shares are of the"
    " agent wall. Sub-phases that took no time are left out; wait counts the harness's own queues here."
)


def inside_grid(board: Board, *, shares: bool = False) -> Grid:
    """Rows for each model, of sums and of medians per trial: each phase, and under it what it was.

    With `shares` there is a third, of the sums in the agent wall; set-up, grading and own queues have no part in that.
    """
    columns = [(phase, key) for phase in _ORDER for key in ("", *_shown_keys(board, phase))]
    return Grid(
        title="Inside the phases",
        heads=("model", "", *(_full(phase, key) for phase, key in columns)),
        short_heads=("model", "", *(f"  {_called(key)}" if key else _called(phase) for phase, key in columns)),
        rows=tuple(row for own in board.models for row in _rows(own, columns, shares=shares)),
        names=2,
        lines=(_READ, *(line for own in board.models for line in _parallel(own))),
    )


def _shown_keys(board: Board, phase: Phase) -> list[str]:
    """The phase's sub-phases that took time on some row, in the order of its clock."""
    known = [own.times.inside for own in board.models if own.times.inside is not None]
    keys = dict.fromkeys(key for found in known for key in found.sums if key.split(".")[0] == phase)
    timed = [key for key in keys if any(found.sums.get(key) for found in known)]
    return timed[::-1] if phase is Phase.MODEL else timed  # the clock ranks the end of a call before its beginning


def _called(key: str) -> str:
    return _CALLED.get(key, one_line(key.rpartition(".")[2], 12))


def _full(phase: Phase, key: str) -> str:
    return f"{_called(phase)}: {_called(key)}" if key else _called(phase)


def _rows(row: Figures, columns: list[tuple[Phase, str]], *, shares: bool) -> Iterator[tuple[Cell, ...]]:
    found = row.times.inside
    yield (model_name(row), "sum", *(words.duration(_sum(row, phase, key)) for phase, key in columns))
    yield (model_name(row), "median", *(words.duration(_median(found, phase, key)) for phase, key in columns))
    if shares:
        yield (model_name(row), "share", *(_share(row, phase, key) for phase, key in columns))


def _sum(row: Figures, phase: Phase, key: str) -> int | None:
    if row.times.inside is None or row.times.phases is None:
        return None
    return row.times.inside.sums.get(key, 0) if key else row.times.phases[phase]


def _median(found: Inside | None, phase: Phase, key: str) -> int | None:
    if found is None:
        return None
    return found.medians.get(key, 0) if key else found.phase_medians[phase]


def _share(row: Figures, phase: Phase, key: str) -> str:
    """The part of the agent wall; nothing for what is no part of it."""
    found, shares = row.times.inside, row.times.shares
    if found is None or shares is None:
        return words.UNKNOWN
    if key:
        return words.percent(found.shares[key]) if key in found.shares else ""
    return words.percent(shares[phase]) if phase in shares else ""


def _parallel(row: Figures) -> Iterator[str]:
    """Where work ran at once, so that it adds up to something else than its part of the wall."""
    found, phases = row.times.inside, row.times.phases
    if found is None or phases is None:
        return
    name = one_line(row.model, 60)
    for phase in WORKED:
        summed, wall = words.duration(found.summed[phase]), words.duration(phases[phase])
        if found.summed[phase] is not None and summed != wall:
            yield f"{name}: {_called(phase)} work adds up to {summed} in a phase of {wall}: some of it ran at once."
    unsplit = {phase: ns for phase, ns in found.unsplit.items() if ns}
    if unsplit:
        said = ", ".join(f"{words.duration(ns)} of {_called(phase)}" for phase, ns in unsplit.items())
        yield f"{name}: not split by its records: {said}."
