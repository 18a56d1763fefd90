"""A board as GitHub-flavoured Markdown, for pull requests and job summaries."""

from collections.abc import Iterable, Sequence

from harness.clock import Phase
from harness.untrusted import one_line
from scoreboards import words
from scoreboards.board import Board, Figures
from scoreboards.inside import AGENT_PHASES
from scoreboards.report.notes import notes

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


def board_markdown(board: Board) -> str:
    """Three tables, of models, of where the wall-clock went, and of features, and the notes below them."""
    if not board.models:
        return "No trial has finished yet.\n"
    clock_heads = ("model", *map(str, AGENT_PHASES), "set-up, median", "grading, median", "own queue, median")
    return "\n".join(
        (
            "### Models\n",
            _table(_MODELS, map(_model, board.models)),
            "### Where the agent's wall-clock went\n",
            _table(clock_heads, map(_clock, board.models)),
            "### Features\n",
            _table(_FEATURES, (_feature(row.feature, own) for row in board.features for own in row.models)),
            *(f"- {_escaped(line)}" for line in notes(board)),
            "",
        )
    )


def code(text: str) -> str:
    """Text from outside as a code span inside a table cell: no markup, no mention, no new column."""
    return "`" + (one_line(text).replace("`", "'").replace("|", "\\|") or " ") + "`"


def _escaped(text: str) -> str:
    marked = "".join("\\" + letter if letter in "\\`*_[]<>|#~&" else letter for letter in text)
    return marked.replace("@", "@\u200b")  # so that no name becomes a mention


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    rule = ["---", *("---:" for _ in heads[1:])]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (heads, rule, *rows))


def _name(row: Figures) -> str:
    return code(row.model) + (" (simulated)" if row.simulated else "")


def _solved(row: Figures) -> str:
    return f"{row.outcomes.passed} of {row.outcomes.scored}"


def _model(row: Figures) -> tuple[str, ...]:
    interval = row.outcomes.pass_interval
    return (
        _name(row),
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
        words.count(row.work.output_tokens.value, at_least=row.work.output_tokens.is_lower_bound),
        words.usd(row.work.cost_usd.value, at_least=row.work.cost_usd.is_lower_bound),
    )


def _clock(row: Figures) -> tuple[str, ...]:
    return (
        _name(row),
        *(_share(row, phase) for phase in AGENT_PHASES),
        words.duration(row.times.setup_median_ns),
        words.duration(row.times.grade_median_ns),
        words.duration(row.times.queue_median_ns),
    )


def _feature(feature: str, row: Figures) -> tuple[str, ...]:
    return (
        code(feature),
        _name(row),
        _solved(row),
        str(row.outcomes.errors),
        words.duration(row.times.agent_wall_median_ns),
        _share(row, Phase.MODEL),
        _share(row, Phase.TOOL),
        words.count(row.work.turns),
        words.count(row.work.output_tokens.value, at_least=row.work.output_tokens.is_lower_bound),
        words.usd(row.work.cost_usd.value, at_least=row.work.cost_usd.is_lower_bound),
    )


def _share(row: Figures, phase: Phase) -> str:
    return words.percent(None if row.times.shares is None else row.times.shares[phase])
