"""One trial from set-up to record: agent in one sandbox, grading in another, every nanosecond booked."""

import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog

from harness.agent import Agent, Assignment, Transcript
from harness.clock import Clock, Phase, Stopwatch, partition
from harness.errors import HarnessError, InterruptedRunError, ProviderError
from harness.grade import Grade, grade
from harness.grade_policy import Submission, submission
from harness.models.contract import Model
from harness.plan import Trial
from harness.prepare import Prepared
from harness.record import GradeRow, Record, SpanRow, TrialRow, Verdict
from harness.runners.contract import SuiteReport
from harness.slots import Slots
from harness.suite import SuiteJob, run_suite
from sandbox.contract import BoxSpec, Identity, Sandbox, SandboxProvider

log = structlog.get_logger()

LIFETIME_MARGIN_S = 1800


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What all trials of a run share. `open_model` gives a trial its model; `interrupted` ends everything."""

    run: str
    provider: SandboxProvider
    clock: Clock
    slots: Slots
    open_model: Callable[[Trial], Model]
    on_event: Callable[[Trial, int, str, Mapping[str, Any]], None]
    interrupted: threading.Event
    provenance: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class TrialOutcome:
    """Everything one attempt left behind; `record` is what counts, the rest is for its folder."""

    record: Record
    transcript: Transcript
    spans: tuple[SpanRow, ...] = ()
    submission: Submission | None = None
    report: SuiteReport | None = None


@dataclass(slots=True, kw_only=True)
class _Progressing:
    """What is known so far, whatever ends the attempt."""

    stopwatch: Stopwatch
    transcript: Transcript = field(default_factory=Transcript)
    submission: Submission | None = None
    report: SuiteReport | None = None
    grade: Grade | None = None
    verdict: Verdict = Verdict.NOT_RUN
    error: str = ""


def run_trial(trial: Trial, prepared: Prepared, bench: Bench, attempt: int) -> TrialOutcome:
    """Run one attempt to its record. Never raises: what went wrong is the record's verdict and error."""
    state = _Progressing(stopwatch=Stopwatch(bench.clock))
    started_utc, start_ns = bench.clock.utc(), bench.clock.now_ns()
    try:
        _attempt(trial, prepared, bench, attempt, state)
    except InterruptedRunError as error:
        state.verdict, state.error = Verdict.NOT_RUN, str(error)
        state.transcript.stop = "interrupted"
    except ProviderError as error:
        state.verdict, state.error = Verdict.ERROR_PROVIDER, str(error)
    except Exception as error:  # noqa: BLE001 - the one place where a crash becomes a record instead of ending the matrix
        state.verdict, state.error = _crashed(trial, bench, error)
    end_ns = bench.clock.now_ns()
    return _outcome(trial, bench, attempt, state, (started_utc, start_ns, end_ns))


def _crashed(trial: Trial, bench: Bench, error: Exception) -> tuple[Verdict, str]:
    if bench.interrupted.is_set():
        return Verdict.NOT_RUN, "interrupted"
    if isinstance(error, HarnessError):
        log.warning("trial.failed", trial=trial.id, error=str(error))
    else:
        log.exception("trial.crashed", trial=trial.id)
    return Verdict.ERROR_INFRA, f"{type(error).__name__}: {error}"


def _attempt(trial: Trial, prepared: Prepared, bench: Bench, attempt: int, state: _Progressing) -> None:
    def on_event(kind: str, body: Mapping[str, Any]) -> None:
        bench.on_event(trial, attempt, kind, body)

    on_event("setup", {"attempt": attempt})
    with ExitStack() as stack:
        with state.stopwatch.span(Phase.SETUP, "start"):
            box = stack.enter_context(_open(bench, _agent_spec(trial, prepared, bench, attempt)))
        model = bench.open_model(trial)
        agent = Agent(model=model, sandbox=box, stopwatch=state.stopwatch, slots=bench.slots, on_event=on_event)
        state.transcript = agent.transcript
        agent.work(_assignment(trial))
        _stop_if_interrupted(bench)
        on_event("export", {"stop": state.transcript.stop})
        with state.stopwatch.span(Phase.GRADE, "export"):
            survivors = box.kill()
            export = box.export(prepared.snapshot.index)
            stack.close()
        state.submission = submission(prepared.snapshot, export, prepared.feature.target.suite)
    if state.transcript.stop == "error:provider":
        raise ProviderError(state.transcript.error)
    _grade(trial, prepared, bench, attempt, state)
    if survivors and state.grade:
        on_event("survivors", {"processes": list(survivors)})
