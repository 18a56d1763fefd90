"""The board's own three tables as grids: models, where the wall-clock went, features. Pure."""

from harness.clock import Phase
from scoreboards import words
from scoreboards.board import Board, Figures
from scoreboards.inside import AGENT_PHASES
from scoreboards.report.grid import Cell, Grid, Name

_MODELS = (
    "model",
    "solved",
    "pass rate",
    "95 % interval",
    "pass@1",
    "features",
    "errors",
    "agent wall, median",
    "total",
    "decode tok/s",
    "first token",
    "turns",
    "tokens out",
    "cost",
)
_FEATURES = (
    "feature",
    "model",
    "solved",
    "errors",
    "agent wall, median",
    "model",
    "tool",
    "turns",
    "tokens out",
    "cost",
)


_SHORT_FEATURES = ("feature", "", "solved", "errors", "agent wall", "model", "tool", "turns", "tokens", "cost")


def models_grid(board: Board) -> Grid:
    """One model a row: how much it solved, how long it took, how fast it spoke, what it used."""
    return Grid(title="Models", heads=_MODELS, rows=tuple(map(_model, board.models)))


def clock_grid(board: Board) -> Grid:
    """Where the agent's wall-clock went, in percent; what is no part of it stands beside."""
    return Grid(
        title="Where the agent's wall-clock went",
        heads=("model", *map(str, AGENT_PHASES), "set-up, median", "grading, median", "own queue, median"),
        rows=tuple(map(_clock, board.models)),
    )


def features_grid(board: Board) -> Grid:
    """One model on one feature a row."""
    rows = (_feature(row.feature, own) for row in board.features for own in row.models)
    return Grid(title="Features", heads=_FEATURES, short_heads=_SHORT_FEATURES, rows=tuple(rows), names=2)


def model_name(row: Figures) -> Name:
    """The model of a row."""
    return Name(text=row.model, simulated=row.simulated)


def tokens_out(row: Figures) -> str:
    """Output tokens, with the mark of a lower bound."""
    return words.count(row.work.output_tokens.value, at_least=row.work.output_tokens.is_lower_bound)


def cost(row: Figures) -> str:
    """Dollars, with the mark of a lower bound."""
    return words.usd(row.work.cost_usd.value, at_least=row.work.cost_usd.is_lower_bound)


def _solved(row: Figures) -> str:
    return f"{row.outcomes.passed} of {row.outcomes.scored}"


def _model(row: Figures) -> tuple[Cell, ...]:
    interval = row.outcomes.pass_interval
    return (
        model_name(row),
        _solved(row),
        words.percent(row.outcomes.pass_rate),
        words.UNKNOWN if interval is None else f"{words.percent(interval.low)} to {words.percent(interval.high)}",
        words.percent(row.outcomes.pass_at_1),
        str(row.features),
        str(row.outcomes.errors),
        words.duration(row.times.agent_wall_median_ns),
        words.duration(row.times.agent_wall_total_ns),
        words.speed(row.speeds.decode_tokens_per_s),
        words.duration(row.speeds.first_token_median_ns),
        words.count(row.work.turns),
        tokens_out(row),
        cost(row),
    )


def _clock(row: Figures) -> tuple[Cell, ...]:
    return (
        model_name(row),
        *(_share(row, phase) for phase in AGENT_PHASES),
        words.duration(row.times.setup_median_ns),
        words.duration(row.times.grade_median_ns),
        words.duration(row.times.queue_median_ns),
    )


def _feature(feature: str, row: Figures) -> tuple[Cell, ...]:
    return (
        Name(text=feature),
        model_name(row),
        _solved(row),
        str(row.outcomes.errors),
        words.duration(row.times.agent_wall_median_ns),
        _share(row, Phase.MODEL),
        _share(row, Phase.TOOL),
        words.count(row.work.turns),
        tokens_out(row),
        cost(row),
    )


def _share(row: Figures, phase: Phase) -> str:
    return words.percent(None if row.times.shares is None else row.times.shares[phase])
