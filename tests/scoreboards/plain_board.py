"""Boards by their plain definition: every figure over all records at once, for comparison with the pools."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from harness.clock import SUB_PHASES, Phase
from harness.record import OWN_QUEUES, CallRow, Record, ToolRow, Verdict, latest
from scoreboards.board import Board, FeatureRow
from scoreboards.calls import PROVIDER_WAITS, Calls, FaultGroup
from scoreboards.figures import Figures, Outcomes, Speeds, Times, Work, agent_shares
from scoreboards.inside import AGENT_PHASES, WORKED, Inside
from scoreboards.loops import loops_of
from scoreboards.noise import noise_reasons
from scoreboards.served import served_models
from scoreboards.server_time import BothClocks, Compared, ServerTime, server_time
from scoreboards.statistics import mean, median_int, pass_at_k, percentile_int, wilson
from scoreboards.sums import Sum, known_sum, says, share
from scoreboards.tool_work import LONG_NS, ToolGroup, ToolWork

Records = tuple[Record, ...]
Key = TypeVar("Key", str, tuple[str, str])


def plain_board(records: Iterable[Record]) -> Board:
    """The board of records that are all at hand."""
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
    calls = _model_calls(attempts)
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
        tools=_tool_work(scored),
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
        inside=_inside(scored),
    )


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


def _model_calls(records: Iterable[Record]) -> Calls:
    trials = tuple(records)
    calls = tuple(call for trial in trials for call in trial.calls)
    unanswered = sum(trial.unanswered_calls for trial in trials)
    given_up = tuple(fault for trial in trials for fault in trial.unanswered_faults)
    faults = (*given_up, *(fault for call in calls for fault in call.faults))
    return Calls(
        answered=len(calls),
        unanswered=unanswered,
        headers_median_ns=_median(call.connect_ns for call in calls),
        first_chunk_median_ns=_median(call.first_chunk_ns for call in calls),
        first_token_median_ns=_median(call.first_token_ns for call in calls),
        first_answer_median_ns=_median(call.first_answer_ns for call in calls),
        largest_gap_ns=max((call.largest_gap_ns for call in calls if says(call, "largest_gap_ns")), default=None),
        input_tokens=_tokens((call.input_tokens for call in calls), unanswered),
        cached_input_tokens=_tokens((call.cached_input_tokens for call in calls), unanswered),
        output_tokens=_tokens((call.output_tokens for call in calls), unanswered),
        reasoning_tokens=_tokens((call.reasoning_tokens for call in calls), unanswered),
        failed_attempts=len(faults),
        faults=_counted(faults),
        unanswered_faults=_counted(given_up),
        fault_groups=_fault_groups(calls),
        provider_wait={sub: sum(trial.sub_phases.get(f"wait.{sub}", 0) for trial in trials) for sub in PROVIDER_WAITS},
        wires=_counted((call.api, call.transport) for call in calls),
        tiers=_counted(call.service_tier for call in calls),
        served=served_models(trials),
        server=_both_clocks(calls),
    )


def _median(values: Iterable[int | None]) -> int | None:
    return median_int(value for value in values if value is not None)


def _tokens(values: Iterable[int | None], unanswered: int) -> Sum:
    """The sum of what is known, with one unknown for each call that began to be answered and did not end."""
    return known_sum([*values, *[None] * unanswered])


def _counted(keys: Iterable[Key]) -> Mapping[Key, int]:
    """How often each occurs, the most frequent first, ties by name."""
    return dict(sorted(Counter(keys).items(), key=lambda item: (-item[1], item[0])))


def _fault_groups(calls: Iterable[CallRow]) -> tuple[FaultGroup, ...]:
    found: dict[tuple[str, ...], list[CallRow]] = {}
    for call in calls:
        if call.faults:
            found.setdefault(tuple(sorted(set(call.faults))), []).append(call)
    return tuple(
        FaultGroup(
            kinds=kinds,
            calls=len(own),
            attempts=sum(len(call.faults) for call in own),
            wait_ns=sum(call.wait_ns for call in own) if all(says(call, "wait_ns") for call in own) else None,
        )
        for kinds, own in sorted(found.items())
    )


def _tool_work(scored: Iterable[Record]) -> ToolWork:
    trials = tuple(scored)
    calls = tuple(call for trial in trials for call in trial.tool_calls)
    return ToolWork(
        whole=_group("", calls, calls) if calls else None,
        by_class=_groups(calls, _class_of),
        by_tool=_groups(calls, lambda call: call.tool),
        loops=loops_of(trials),
    )


def _class_of(call: ToolRow) -> str | None:
    return call.work if says(call, "work") else None


def _groups(calls: tuple[ToolRow, ...], key: Callable[[ToolRow], str | None]) -> tuple[ToolGroup, ...]:
    found: dict[str | None, list[ToolRow]] = {}
    for call in calls:
        found.setdefault(key(call), []).append(call)
    groups = (_group(name, tuple(own), calls) for name, own in found.items())
    return tuple(sorted(groups, key=lambda group: (-group.total_ns, group.name or "")))


def _group(name: str | None, own: tuple[ToolRow, ...], everything: tuple[ToolRow, ...]) -> ToolGroup:
    times = [call.total_ns for call in own]
    long = [ns for ns in times if ns > LONG_NS]
    timed = [call for call in own if call.exec_ns is not None and call.cpu_s is not None]
    return ToolGroup(
        name=name,
        calls=len(own),
        calls_share=share(len(own), len(everything)),
        total_ns=sum(times),
        time_share=share(sum(times), sum(call.total_ns for call in everything)),
        median_ns=median_int(times) or 0,
        p90_ns=percentile_int(times, 90) or 0,
        max_ns=max(times),
        exec_ns=sum(call.exec_ns or 0 for call in own),
        transport_ns=sum(call.transport_ns for call in own),
        cpu_ns=_ran(own, _cpu_ns),
        io_ns=_ran(own, _io_ns),
        cpu_share=share(sum(_cpu_ns(call) or 0 for call in timed), sum(call.exec_ns or 0 for call in timed)),
        output_bytes=sum(call.output_bytes for call in own),
        failed=sum(call.failed for call in own),
        timed_out=sum(call.timed_out for call in own),
        long_calls=len(long),
        long_ns=sum(long),
    )


def _ran(calls: tuple[ToolRow, ...], figure: Callable[[ToolRow], int | None]) -> Sum:
    """The sum over the calls that ran a process; of none it is 0."""
    return known_sum(figure(call) for call in calls if call.exec_ns is not None)


def _cpu_ns(call: ToolRow) -> int | None:
    return None if call.cpu_s is None else round(call.cpu_s * 1e9)


def _io_ns(call: ToolRow) -> int | None:
    cpu_ns = _cpu_ns(call)
    return None if cpu_ns is None or call.exec_ns is None else max(0, call.exec_ns - cpu_ns)


def _inside(scored: Iterable[Record]) -> Inside | None:
    trials = tuple(scored)
    if not trials:
        return None
    keys = {key: phase for phase in WORKED for key in _keys(phase, trials)}
    split = {phase: tuple(trial for trial in trials if _splits(trial, phase)) for phase in WORKED}
    sums = {
        key: sum(trial.sub_phases.get(key, 0) for trial in split[phase]) if split[phase] else None
        for key, phase in keys.items()
    }
    wall_ns = sum(trial.agent_wall_ns for trial in trials)
    return Inside(
        sums=sums,
        medians={
            key: median_int(trial.sub_phases.get(key, 0) for trial in split[phase]) for key, phase in keys.items()
        },
        shares={key: share(sums[key], wall_ns) for key, phase in keys.items() if _is_agents(key, phase)},
        unsplit={phase: _unsplit(trials, phase) for phase in WORKED},
        phase_medians={phase: median_int(trial.phases[phase] for trial in trials) or 0 for phase in Phase},
        summed={phase: _summed_work(trials, phase) for phase in WORKED},
    )


def _keys(phase: Phase, trials: tuple[Record, ...]) -> tuple[str, ...]:
    """The phase's sub-phases in the clock's order, then any others that the records name."""
    known = tuple(f"{phase}.{sub}" for sub in SUB_PHASES[phase])
    named = {key for trial in trials for key in trial.sub_phases if key.split(".")[0] == phase}
    return known + tuple(sorted(named.difference(known)))


def _splits(record: Record, phase: Phase) -> bool:
    """Whether the record says of every nanosecond of the phase which sub-phase it was."""
    own = sum(ns for key, ns in record.sub_phases.items() if key.split(".")[0] == phase)
    return own == record.phases[phase]


def _unsplit(trials: tuple[Record, ...], phase: Phase) -> int:
    return sum(trial.phases[phase] for trial in trials if not _splits(trial, phase))


def _is_agents(key: str, phase: Phase) -> bool:
    return phase in AGENT_PHASES and key not in OWN_QUEUES


def _summed_work(trials: tuple[Record, ...], phase: Phase) -> int | None:
    """Summed work; None as soon as one record does not say."""
    values = [trial.summed.get(phase.value) for trial in trials]
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _both_clocks(calls: Iterable[CallRow]) -> BothClocks | None:
    pairs = [(call, server) for call in calls if (server := server_time(call.server_timings)) is not None]
    if not pairs:
        return None
    sources: dict[str, int] = {}
    for _, server in pairs:
        sources[server.source] = sources.get(server.source, 0) + 1
    queues = [server.queue_ns for _, server in pairs if server.queue_ns is not None]
    stretches = {name: _compared(pairs, of) for name, of in _STRETCHES.items()}
    return BothClocks(
        sources=sources,
        queue_ns=sum(queues) if queues else None,
        stretches={name: found for name, found in stretches.items() if found is not None},
    )


_Pair = tuple[CallRow, ServerTime]
_STRETCHES: Mapping[str, Callable[[_Pair], tuple[int | None, int | None]]] = {
    "headers": lambda pair: (pair[0].connect_ns, pair[1].headers_ns),
    "first_token": lambda pair: (pair[0].first_token_ns, pair[1].first_token_ns),
    "generation": lambda pair: (pair[0].decode_ns, pair[1].generation_ns),
    "total": lambda pair: (pair[0].total_ns, pair[1].total_ns),
    "coarse_total": lambda pair: (pair[0].total_ns, pair[1].coarse_total_ns),
}


def _compared(pairs: Iterable[_Pair], of: Callable[[_Pair], tuple[int | None, int | None]]) -> Compared | None:
    known = [(client, server) for client, server in map(of, pairs) if client is not None and server is not None]
    if not known:
        return None
    return Compared(
        calls=len(known),
        client_ns=sum(client for client, _ in known),
        server_ns=sum(server for _, server in known),
        median_ns=median_int(client - server for client, server in known) or 0,
    )
