"""Records to leaderboard rows. Pure: no file, no clock, no opinion about layout."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from harness.clock import Phase
from harness.record import Record, Verdict, latest
from scoreboards.calls import Calls, model_calls
from scoreboards.inside import AGENT_PHASES, Inside, inside
from scoreboards.noise import noise_reasons
from scoreboards.statistics import Interval, mean, median_int, pass_at_k, wilson
from scoreboards.sums import Sum, known_sum
from scoreboards.tool_work import ToolWork, tool_work

Records = tuple[Record, ...]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureRow:
    """One feature ("target/feature"), and each model that tried it in the board's order."""

    feature: str
    models: tuple[Figures, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A leaderboard: models by pass rate, then by median agent wall; features by name; trials as they finished."""

    models: tuple[Figures, ...]
    features: tuple[FeatureRow, ...]
    trials: Records

    def figures(self, model: str) -> Figures:
        """One model's row. Raises KeyError that names the known ones."""
        for row in self.models:
            if row.model == model:
                return row
        raise KeyError(f"no model {model!r} on this board; known: {', '.join(row.model for row in self.models)}")


def build_board(records: Iterable[Record]) -> Board:
    """The board of one or more runs.

    Of several attempts at a trial in one run the latest counts; what the earlier ones asked of a provider was paid for,
    and is among the calls, tokens and cost.
    """
    every = tuple(records)
    models = sorted((_figures(group) for group in _by(every, lambda record: record.trial.model)), key=_standing)
    place = {row.model: number for number, row in enumerate(models)}
    features = tuple(
        FeatureRow(
            feature=group[0].trial.feature,
            models=tuple(
                sorted(
                    (_figures(own) for own in _by(group, lambda record: record.trial.model)),
                    key=lambda row: place[row.model],
                )
            ),
        )
        for group in sorted(_by(every, lambda record: record.trial.feature), key=lambda group: group[0].trial.feature)
    )
    return Board(models=tuple(models), features=features, trials=latest(every))


def _by(records: Records, key: Callable[[Record], str]) -> tuple[Records, ...]:
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(key(record), []).append(record)
    return tuple(tuple(group) for group in groups.values())


def _standing(row: Figures) -> tuple[float, float, str]:
    rate, wall = row.outcomes.pass_rate, row.times.agent_wall_median_ns
    return (1.0 if rate is None else -rate, math.inf if wall is None else wall, row.model)


def _figures(attempts: Records) -> Figures:
    records = latest(attempts)
    scored = tuple(record for record in records if record.verdict.scored)
    calls = model_calls(attempts)
    return Figures(
        model=records[0].trial.model,
        simulated=any(record.trial.simulated for record in records),
        noisy=sum(record.noisy for record in records),
        noise=noise_reasons(records),
        resumed=len({(record.run, record.trial.id) for record in attempts if record.resumed}),
        in_doubt=sum(record.in_doubt for record in attempts),
        features=len({record.trial.feature for record in records}),
        outcomes=_outcomes(records, scored),
        times=_times(scored),
        speeds=_speeds(attempts),
        work=_work(attempts, scored, calls),
        calls=calls,
        tools=tool_work(scored),
    )


def _outcomes(records: Records, scored: Records) -> Outcomes:
    verdicts = Counter(str(record.verdict) for record in records)
    passed = verdicts[Verdict.PASS]
    not_run = verdicts[Verdict.NOT_RUN]
    by_feature = _by(scored, lambda record: record.trial.feature)
    return Outcomes(
        trials=len(records),
        scored=len(scored),
        passed=passed,
        errors=len(records) - len(scored) - not_run,
        not_run=not_run,
        verdicts={str(verdict): verdicts[verdict] for verdict in Verdict},
        pass_rate=passed / len(scored) if scored else None,
        pass_interval=wilson(passed, len(scored)) if scored else None,
        pass_at_1=mean(pass_at_k(len(group), _passed(group), 1) for group in by_feature),
    )


def _passed(records: Records) -> int:
    return sum(record.verdict is Verdict.PASS for record in records)


def _times(scored: Records) -> Times:
    phases = {phase: sum(record.phases[phase] for record in scored) for phase in Phase}
    return Times(
        agent_wall_median_ns=median_int(record.agent_wall_ns for record in scored),
        agent_wall_total_ns=sum(record.agent_wall_ns for record in scored) if scored else None,
        setup_median_ns=median_int(record.phases[Phase.SETUP] for record in scored),
        grade_median_ns=median_int(record.phases[Phase.GRADE] for record in scored),
        queue_median_ns=median_int(record.queue_ns for record in scored),
        phases=phases if scored else None,
        shares=agent_shares(scored),
        inside=inside(scored),
    )


def agent_shares(records: Iterable[Record]) -> Mapping[Phase, float] | None:
    """Each agent phase's part of the summed agent wall; None when there is none."""
    trials = tuple(records)
    wall = sum(record.agent_wall_ns for record in trials)
    if wall <= 0:
        return None
    return {phase: sum(record.agent_phase_ns(phase) for record in trials) / wall for phase in AGENT_PHASES}


def _speeds(records: Records) -> Speeds:
    calls = [call for record in records for call in record.calls]
    claims = [record.trial.claimed_tokens_per_s for record in records if record.trial.claimed_tokens_per_s]
    return Speeds(
        decode_tokens_per_s=_per_second((call.decode_tokens, call.decode_ns) for call in calls),
        effective_tokens_per_s=_per_second((call.output_tokens, call.total_ns) for call in calls),
        first_token_median_ns=median_int(call.first_token_ns for call in calls if call.first_token_ns is not None),
        claimed_tokens_per_s=claims[-1] if claims else None,
    )


def _per_second(pairs: Iterable[tuple[int | None, int | None]]) -> float | None:
    """Tokens over seconds, summed before they are divided, from the pairs that are known."""
    known = [(tokens, ns) for tokens, ns in pairs if tokens is not None and ns]
    return sum(tokens for tokens, _ in known) / (sum(ns for _, ns in known) / 1e9) if known else None


def _work(records: Records, scored: Records, calls: Calls) -> Work:
    paid = [record for record in records if record.cost_usd is not None or record.calls or record.unanswered_calls]
    cost = known_sum(record.cost_usd for record in paid)
    lower = cost.is_lower_bound or any(record.cost_is_lower_bound for record in paid)
    return Work(
        calls=calls.answered,
        tool_calls=sum(len(record.tool_calls) for record in records),
        turns=sum(record.turns for record in records),
        turns_median=median_int(record.turns for record in scored),
        input_tokens=calls.input_tokens,
        output_tokens=calls.output_tokens,
        cost_usd=Sum(value=cost.value, is_lower_bound=lower and cost.value is not None),
    )
