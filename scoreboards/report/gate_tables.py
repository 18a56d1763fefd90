"""A gate's criteria as grids, one for each comparison of models. Pure."""

from collections.abc import Iterator

from scoreboards import words
from scoreboards.gate.findings import Criterion, Decision, Gate, Rule
from scoreboards.gate.policy import Policy
from scoreboards.report import gate_words
from scoreboards.report.grid import Grid

COLOURS = {
    Decision.PASS: "color(28)",
    Decision.FAIL: "color(160)",
    Decision.INCONCLUSIVE: "color(136)",
    Decision.SKIPPED: "dim",
}
"""Of decisions, which are words too."""

STYLES = {word: f"bold {COLOURS[decision]}" for decision, word in gate_words.VERDICTS.items()}
"""Of the words for decisions."""

_STACKS = (
    [[place] for place in range(9)],
    ([0], [1], [2], [3], [4], [5, 6], [7, 8]),
    ([0], [1, 4], [2, 3], [5, 6], [7, 8]),
    ([0, 1], [2, 3], [5, 6]),
)
"""Decision, change, interval, limit, other trials, baseline, candidate, p and pairs, from the widest way on."""


def criteria_grids(gate: Gate, policy: Policy) -> Iterator[Grid]:
    """What failed first; what was only counted, not estimated, has no change."""
    others = gate_words.others(policy)
    wide = ("criterion", "decision", "change", f"{gate_words.confidence(gate)} interval", "limit", others)
    for model, criteria in _by_model(gate).items():
        yield Grid(
            title=f"Criteria: {model}",
            heads=(*wide, "baseline", "candidate", "p (Holm)", "pairs"),
            rows=tuple(_row(one) for one in gate_words.ranked(criteria)),
            stacks=_STACKS,
            styles=STYLES,
        )


def _by_model(gate: Gate) -> dict[str, list[Criterion]]:
    found: dict[str, list[Criterion]] = {}
    for one in gate.criteria:
        found.setdefault(gate_words.model_of(gate, one.model), []).append(one)
    return found


def _row(one: Criterion) -> tuple[str, ...]:
    effect, beside, metric = one.effect, one.beside, one.metric
    head = (gate_words.TITLES[metric], gate_words.VERDICTS[one.decision])
    if effect is None:
        nothing = (words.UNKNOWN,) * 2
        return (*head, *nothing, gate_words.limit(one), *(words.UNKNOWN,) * 5)
    pairs = "counted" if isinstance(metric, Rule) else str(effect.pairs)
    return (
        *head,
        _brief(gate_words.change(metric, effect.change)),
        _brief(gate_words.interval(metric, effect.interval)),
        _brief(gate_words.limit(one)),
        words.UNKNOWN if beside is None else _brief(gate_words.change(metric, beside.change)),
        gate_words.figure(metric, effect.baseline),
        gate_words.figure(metric, effect.candidate),
        gate_words.chance(one.p_adjusted),
        pairs,
    )


def _brief(figure: str) -> str:
    """Without the unit of an interval's first end, and with a shorter word for points."""
    first, to, second = figure.replace("points", "pts").partition(" to ")
    return f"{first.rpartition(' ')[0]}{to}{second}" if to else first
