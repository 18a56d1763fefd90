"""The head of a record: its verdict and its figures without its calls and tools, light enough for thousands."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from harness.record import Record, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """One attempt's record in short. `reason` is the grade's; unknown figures are None.

    `signs` is how many signs of tampering it has (tests that were put back are none), `regraded` whether the verdict is
    a later one. `row` and `at_utc` say where in a journal the record stands and since when; 0 and "" for one at hand.
    """

    trial: str
    model: str
    feature: str
    repeat: int
    attempt: int
    stop: str
    verdict: Verdict
    simulated: bool = False
    error: str = ""
    reason: str = ""
    resumed: bool = False
    in_doubt: int = 0
    noisy: bool = False
    wall_ns: int = 0
    model_ns: int = 0
    tool_ns: int = 0
    turns: int = 0
    calls: int = 0
    output_tokens: int | None = None
    cost_usd: float | None = None
    cost_is_lower_bound: bool = False
    signs: int = 0
    regraded: bool = False
    row: int = 0
    at_utc: str = ""

    @property
    def label(self) -> str:
        """How people read of its trial: "fast bookings/waitlist 1"."""
        return f"{self.model} {self.feature} {self.repeat}"

    @property
    def why(self) -> str:
        """Why it is no pass, in the words of whoever found out; untrusted text."""
        return "" if self.verdict is Verdict.PASS else self.error or self.reason

    @property
    def broken(self) -> bool:
        """Whether it ended in an error of infrastructure or provider, which says nothing of the model."""
        return self.verdict.broken

    @property
    def cost_is_partial(self) -> bool:
        """Whether some of what it cost is not known."""
        return self.cost_is_lower_bound or (self.calls > 0 and self.cost_usd is None)


def head_of(record: Record) -> Head:
    """The head of a record that is at hand."""
    known = [call.output_tokens for call in record.calls if call.output_tokens is not None]
    tamper, grade = record.tamper, record.grade
    seen = () if tamper is None else (*tamper.events, *tamper.alive, *tamper.probes, *tamper.hints)
    return Head(
        trial=record.trial.id,
        model=record.trial.model,
        feature=record.trial.feature,
        repeat=record.trial.repeat,
        attempt=record.attempt,
        stop=record.stop,
        simulated=record.trial.simulated,
        verdict=record.verdict,
        error=record.error,
        reason=grade.reason,
        resumed=record.resumed,
        in_doubt=record.in_doubt,
        noisy=record.noisy,
        wall_ns=record.wall_ns,
        model_ns=record.phases["model"],
        tool_ns=record.phases["tool"],
        turns=record.turns,
        calls=len(record.calls),
        output_tokens=sum(known) if known else None,
        cost_usd=record.cost_usd,
        cost_is_lower_bound=record.cost_is_lower_bound,
        signs=len(seen) + grade.denied_in_all,
        regraded=record.regraded is not None,
    )


def latest_heads(heads: Iterable[Head]) -> dict[str, Head]:
    """Of each trial the head of its latest attempt, by the trial's id, in the order the trials first came."""
    found: dict[str, Head] = {}
    for head in heads:
        if head.trial not in found or head.attempt >= found[head.trial].attempt:
            found[head.trial] = head
    return found


class Costs(Protocol):
    """What cost something: USD, None where nobody knows, and whether some of it is not known."""

    @property
    def cost_usd(self) -> float | None:
        """USD, None where nobody knows."""

    @property
    def cost_is_partial(self) -> bool:
        """Whether some of it is not known."""


def spent(heads: Iterable[Costs]) -> tuple[float | None, bool]:
    """What attempts cost in USD, None where nobody knows, and whether that is only a lower bound."""
    every = tuple(heads)
    costs = [head.cost_usd for head in every if head.cost_usd is not None]
    return (sum(costs) if costs else None), bool(costs) and any(head.cost_is_partial for head in every)
