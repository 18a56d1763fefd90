"""What a matrix lets a run use in all, as its file says."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.matrix_file import MatrixFile

__all__ = ["RunBudget", "run_budget"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunBudget:
    """What all trials of a run may use together: model turns, output tokens, USD, seconds of the run (None: no bound).

    `per_trial` are those of a trial's limits that the matrix itself sets: as much is kept for each trial at work.
    """

    turns: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    wall_s: float | None = None
    per_trial: Mapping[str, float] = field(default_factory=dict)

    @property
    def bounds(self) -> dict[str, float]:
        """What is bounded, by name."""
        found = {name: getattr(self, name) for name in ("turns", "output_tokens", "cost_usd", "wall_s")}
        return {name: most for name, most in found.items() if most is not None}


def run_budget(file: MatrixFile) -> RunBudget:
    """The budget of a matrix file."""
    limits, budget = file.limits, file.budget
    given = {name: getattr(limits, name) for name in limits.model_fields_set}
    return RunBudget(
        turns=budget.turns,
        output_tokens=budget.output_tokens,
        cost_usd=budget.cost_usd,
        wall_s=budget.wall_s,
        per_trial={name: float(most) for name, most in given.items() if most is not None},
    )
