"""Claimed against real: how much of a model's token speed reaches the clock on the wall. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from harness.clock import Phase
from harness.record import Record, Verdict
from harness.untrusted import one_line
from scoreboards.board import Board, Figures, agent_shares
from scoreboards.statistics import geometric_mean
from scoreboards.words import percent, times


@dataclass(frozen=True, slots=True, kw_only=True)
class Speedup:
    """A slow model A and a fast model B on the same features; ratios are A's time over B's, None where unknown.

    `decode` is the ratio of measured decode speeds, `claimed` that of the vendors' figures. `real` is the geometric
    mean, over the features in `pairs`, of A's agent wall over B's, each the geometric mean of its repeats.
    With `solved_only` the pairs hold only trials that passed; otherwise no feature was solved by both, and all
    scored trials stand in. `ratios` are those of the pairs. `shares` split B's agent wall in the pairs. `simulated`
    names the simulated ones.
    """

    slow: str
    fast: str
    simulated: tuple[str, ...]
    decode: float | None
    claimed: float | None
    real: float | None
    pairs: tuple[str, ...]
    ratios: Mapping[str, float]
    solved_only: bool
    shares: Mapping[Phase, float] | None

    @property
    def realisation(self) -> float | None:
        """How much of the promise came true: real over claimed, or over measured decode where nothing is claimed.

        None where a figure is missing, or where no speed-up was promised.
        """
        promised = self.claimed if self.claimed is not None else self.decode
        if self.real is None or promised is None or promised <= 1:
            return None
        return self.real / promised


def pick_pair(board: Board) -> tuple[str, str] | None:
    """The slowest and the fastest model by measured decode speed, else by claimed; None when two cannot be told."""
    for speed in (_decode, _claimed):
        known = [(value, _claimed(row) or 0.0, row.model) for row in board.models if (value := speed(row)) is not None]
        if len(known) > 1:
            return (min(known)[-1], max(known)[-1])
    return None


def speedup(board: Board, slow: str, fast: str, *, solved_only: bool = True) -> Speedup:
    """Compare two models of a board; all scored trials count where none was solved by both, or where that is asked.

    Raises KeyError for a model that is not on it.
    """
    a, b = board.figures(slow), board.figures(fast)
    solved = _walls(board.trials, slow, solved=True).keys() & _walls(board.trials, fast, solved=True).keys()
    solved_only = solved_only and bool(solved)
    walls_a, walls_b = (_walls(board.trials, model, solved=solved_only) for model in (slow, fast))
    pairs = tuple(sorted(walls_a.keys() & walls_b.keys()))
    ratios = {feature: walls_a[feature] / walls_b[feature] for feature in pairs}
    return Speedup(
        slow=slow,
        fast=fast,
        simulated=tuple(row.model for row in (b, a) if row.simulated),
        decode=_ratio(_decode(b), _decode(a)),
        claimed=_ratio(_claimed(b), _claimed(a)),
        real=geometric_mean(ratios.values()),
        pairs=pairs,
        ratios=ratios,
        solved_only=solved_only,
        shares=agent_shares(
            record
            for record in board.trials
            if record.trial.feature in pairs and counted(record, fast, solved=solved_only)
        ),
    )


def sentence(found: Speedup) -> str:
    """What the comparison says, in words, with names made safe to print; missing figures are said to be missing."""
    parts = [f"{_decode_words(found)}; {_real_words(found)}."]
    if found.shares is not None:
        parts.append(f"Tools took {percent(found.shares[Phase.TOOL])} of its wall-clock there.")
    if found.simulated:
        names = " and ".join(_name(model) for model in found.simulated)
        parts.append(f"({names} {'are' if len(found.simulated) > 1 else 'is'} simulated.)")
    return " ".join(parts)


def _walls(trials: tuple[Record, ...], model: str, *, solved: bool) -> dict[str, float]:
    """Agent wall in nanoseconds by feature: the geometric mean over the trials that count."""
    walls: dict[str, list[float]] = {}
    for record in trials:
        if counted(record, model, solved=solved):
            walls.setdefault(record.trial.feature, []).append(record.agent_wall_ns)
    means = {feature: geometric_mean(known) for feature, known in walls.items()}
    return {feature: value for feature, value in means.items() if value is not None}


def counted(record: Record, model: str, *, solved: bool) -> bool:
    """Whether a trial is one of the model's that a comparison rests on."""
    verdict_counts = record.verdict is Verdict.PASS if solved else record.verdict.scored
    return record.trial.model == model and verdict_counts and record.agent_wall_ns > 0


def _decode(row: Figures) -> float | None:
    return row.speeds.decode_tokens_per_s


def _claimed(row: Figures) -> float | None:
    return row.speeds.claimed_tokens_per_s


def _ratio(over: float | None, under: float | None) -> float | None:
    return over / under if over and under else None


def _name(text: str) -> str:
    return "`" + one_line(text, 80).replace("`", "'") + "`"


def _is_tie(ratio: float) -> bool:
    return times(max(ratio, 1 / ratio)) == "1.0x"


def _decode_words(found: Speedup) -> str:
    fast, slow = _name(found.fast), _name(found.slow)
    claimed = "nothing claimed" if found.claimed is None else f"claimed {times(found.claimed)}"
    if found.decode is None:
        return f"No decode speed was measured to compare {fast} with {slow} ({claimed})"
    if _is_tie(found.decode):
        return f"{fast} decodes about as fast as {slow} ({claimed})"
    if found.decode < 1:
        return f"{fast} decodes {times(1 / found.decode)} slower than {slow} ({claimed})"
    return f"{fast} decodes {times(found.decode)} faster than {slow} ({claimed})"


def _real_words(found: Speedup) -> str:
    if found.real is None:
        return "no feature was finished by both, so there is no end-to-end figure"
    it = "it" if found.decode is not None else _name(found.fast)
    if _is_tie(found.real):
        outcome = "about as fast"
    else:
        outcome = f"{times(found.real)} faster" if found.real > 1 else f"{times(1 / found.real)} slower"
    return f"{_pairs_words(found)} {it} was {outcome} end to end{_realisation_words(found)}"


def _pairs_words(found: Speedup) -> str:
    how, comma = ("both solved", "") if found.solved_only else ("both tried, solved or not", ",")
    if len(found.pairs) == 1:
        return f"on the one feature {how} ({_name(found.pairs[0])}){comma}"
    return f"on the {len(found.pairs)} features {how}{comma}"


def _realisation_words(found: Speedup) -> str:
    if found.realisation is None:
        return ""
    of = "" if found.claimed is not None else " of the measured decode speed-up"
    return f" (realisation {percent(found.realisation)}{of})"
