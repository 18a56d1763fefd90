"""Everything about one model, on all features or on one. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from harness.clock import Phase
from harness.record import Record
from scoreboards.calls import Calls
from scoreboards.inside import AGENT_PHASES, Inside
from scoreboards.statistics import Interval
from scoreboards.sums import Sum
from scoreboards.tool_work import ToolWork


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """How trials ended. Rates are over the `scored` ones only: errors and what never ran are counted beside.

    `pass_interval` is the 95 % Wilson interval over scored trials. `pass_at_1` is the mean over features of the share
    of scored trials that passed, so that a feature with more repeats weighs no more. Unknown rates are None.
    """

    trials: int
    scored: int
    passed: int
    errors: int
    not_run: int
    verdicts: Mapping[str, int]
    pass_rate: float | None
    pass_interval: Interval | None
    pass_at_1: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Wall-clock of the scored trials in nanoseconds; None where there are none.

    The agent wall leaves out set-up, grading and the harness's own queues, which stand beside it.

    `phases` are sums of all seven, `inside` is what is inside them. `shares` are those of the agent phases in the whole
    agent wall: they add up to 1.
    """

    agent_wall_median_ns: int | None
    agent_wall_total_ns: int | None
    setup_median_ns: int | None
    grade_median_ns: int | None
    queue_median_ns: int | None
    phases: Mapping[Phase, int] | None
    shares: Mapping[Phase, float] | None
    inside: Inside | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Speeds:
    """Of every answered call, whatever became of its trial; None where nothing was measured.

    Speeds are sums over sums, in tokens per second: `decode` from first to last token, `effective` from the request's
    start to its end. `first_token_median_ns` is the time to first token from the request's start: a call row's
    `first_token_ns`, which includes its `connect_ns`. `claimed_tokens_per_s` is the vendor's figure.
    """

    decode_tokens_per_s: float | None
    effective_tokens_per_s: float | None
    first_token_median_ns: int | None
    claimed_tokens_per_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What was done and used, over all attempts at all trials, errors included; cost in USD.

    `turns_median` is over the scored trials.
    """

    calls: int
    tool_calls: int
    turns: int
    turns_median: int | None
    input_tokens: Sum
    output_tokens: Sum
    cost_usd: Sum


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Everything about one model, on all features or on one. `simulated` when any of its trials was.

    `noise` counts noisy trials by reason, most frequent first; a trial may have several. `calls` are of all trials,
    `tools` of the scored ones. `resumed` are trials of which some attempt went on after an interruption, `in_doubt`
    calls of all attempts that were under way at a kill, and may have been paid for without an answer.
    """

    model: str
    simulated: bool
    noisy: int
    noise: Mapping[str, int]
    resumed: int
    in_doubt: int
    features: int
    outcomes: Outcomes
    times: Times
    speeds: Speeds
    work: Work
    calls: Calls
    tools: ToolWork


def agent_shares(records: Iterable[Record]) -> Mapping[Phase, float] | None:
    """Each agent phase's part of the summed agent wall; None when there is none."""
    trials = tuple(records)
    wall = sum(record.agent_wall_ns for record in trials)
    if wall <= 0:
        return None
    return {phase: sum(record.agent_phase_ns(phase) for record in trials) / wall for phase in AGENT_PHASES}
