"""The record of a trial that nothing was tried for: its provider is lost, or its feature cannot be prepared."""

from harness.agent import Transcript
from harness.bench import Bench, TrialOutcome, trial_row
from harness.clock import Phase
from harness.errors import HarnessError, InfraError
from harness.models.contract import CallFailedError
from harness.plan import Trial
from harness.record import Record, Verdict

DEFERRED = "deferred"
"""Why a trial stopped whose provider wants to be left alone for longer than the trial may take."""


def untried(trial: Trial, bench: Bench, attempt: int, why: HarnessError) -> TrialOutcome:
    """What is left of a trial that was given up before it began, its verdict by whose fault that is."""
    verdict, stop = _ending(why)
    nothing = dict.fromkeys((phase.value for phase in Phase), 0)
    record = Record(
        run=bench.run,
        trial=trial_row(trial),
        attempt=attempt,
        started_utc=bench.clock.utc().isoformat(),
        stop=stop,
        verdict=verdict,
        error=str(why),
        wall_ns=0,
        phases=nothing,
        sub_phases={},
        summed=nothing,
        provenance=dict(bench.provenance),
    )
    return TrialOutcome(record=record, transcript=Transcript(stop=stop, error=str(why)))


def _ending(why: HarnessError) -> tuple[Verdict, str]:
    if isinstance(why, InfraError):
        return Verdict.ERROR_INFRA, "error:infra"
    if isinstance(why, CallFailedError) and why.fault == DEFERRED:
        return Verdict.NOT_RUN, DEFERRED
    return Verdict.ERROR_PROVIDER, "error:provider"
