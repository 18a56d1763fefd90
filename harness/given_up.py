"""The record of an attempt that is not gone on with: what it cost stays in the ledger."""

from dataclasses import dataclass
from typing import Any

import structlog

from harness.agent import Assignment, Transcript
from harness.bench import Bench, TrialOutcome, trial_row
from harness.clock import ManualClock, Partition, partition
from harness.past import Past
from harness.plan import Trial
from harness.recall import recall
from harness.record import Record, Verdict
from harness.time_line import TimeLine

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class LastWord:
    """How an attempt ends that nobody works at: its record's verdict, stop and error."""

    verdict: Verdict
    stop: str
    error: str


def given_up(trial: Trial, bench: Bench, past: Past, ending: LastWord) -> TrialOutcome:
    """What an attempt's earlier lives come to: their calls, costs, messages and times, and no grade."""
    transcript = recall(past, assignment(trial))
    transcript.stop, transcript.error = ending.stop, ending.error
    line = TimeLine(ManualClock(past.elapsed_ns), past)
    line.begin()
    split = _split(line, past.elapsed_ns)
    record = Record(
        run=bench.run,
        trial=trial_row(trial),
        attempt=past.number,
        started_utc=past.started_utc or bench.clock.utc().isoformat(),
        stop=ending.stop,
        verdict=ending.verdict,
        error=ending.error,
        resumed=past.lives > 1,
        lives=max(1, past.lives),
        in_doubt=past.in_doubt,
        wall_ns=split.wall_ns,
        phases={phase.value: ns for phase, ns in split.phases.items()},
        sub_phases=dict(split.sub_phases),
        summed={phase.value: ns for phase, ns in split.summed.items()},
        provenance=dict(bench.provenance if past.record is None else past.record.provenance),
        **ledger(transcript, past),
    )
    return TrialOutcome(record=record, transcript=transcript, spans=past.spans)


def _split(line: TimeLine, elapsed_ns: int) -> Partition:
    """The partition; where its spans do not add up, all of it is the harness's."""
    try:
        return partition(line.stopwatch.spans(), line.start_ns, line.start_ns + elapsed_ns)
    except (ValueError, ArithmeticError) as error:
        log.warning("trial.spans_do_not_add_up", error=str(error))
        return partition((), line.start_ns, line.start_ns + elapsed_ns)


def assignment(trial: Trial, brief: str = "", test_command: str = "") -> Assignment:
    """What the trial's agent is asked to do, within what."""
    config = trial.settings
    return Assignment(
        brief=brief,
        test_command=test_command,
        limits=trial.limits,
        context_window=config.context_window,
        most_output_tokens=config.parameters.get("max_output_tokens"),
        price=config.price,
        price_of=config.price_of,
    )


def ledger(transcript: Transcript, past: Past | None) -> dict[str, Any]:
    """The fields of a record that tell what an agent did and what that cost."""
    costs = [call.cost_usd for call in transcript.calls]
    known = [cost for cost in costs if cost is not None]
    unanswered = transcript.unanswered_calls > 0 or any(call.billable_attempts for call in transcript.calls)
    in_doubt = past is not None and past.in_doubt > 0
    return {
        "calls": tuple(transcript.calls),
        "tool_calls": tuple(transcript.tool_calls),
        "turns": transcript.turns,
        "shortened_outputs": transcript.shortened_outputs,
        "unanswered_calls": transcript.unanswered_calls,
        "unanswered_faults": transcript.unanswered_faults,
        "cost_usd": sum(known) if known else None,
        "cost_is_lower_bound": bool(known) and (len(known) < len(costs) or unanswered or in_doubt),
    }
