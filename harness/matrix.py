"""A matrix at work: bounded trials in parallel, everything journalled as it happens, one record per trial."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from harness.artefacts import TrialFolder
from harness.bench import Bench, TrialOutcome
from harness.budget import STOP
from harness.dispatch import Dispatcher, Readiness, Rules, readiness
from harness.errors import HarnessError, InfraError
from harness.files import DiskFullError
from harness.given_up import LastWord, given_up
from harness.journal import Entry, Journal, Kind
from harness.models.contract import CallFailedError
from harness.past import ABANDONED, DIVERGED, How, Past, Step, read_pasts
from harness.patches import bounded_patch
from harness.plan import Trial
from harness.prepare import Prepared
from harness.progress import Progress
from harness.record import Record, Verdict
from harness.redact import Redactor
from harness.settling import settle
from harness.trial import run_trial
from harness.untried import DEFERRED, untried
from sandbox.checkout import Checkouts
from sandbox.errors import SandboxError

log = structlog.get_logger()

MOST_ATTEMPTS = 2
"""Tries of one trial while the infrastructure fails; a provider's own failures are retried call by call."""

PASSING = ("tool_queued", "grade_queued", "attempt", "model_queued", "model_slot")
"""Events that only a live view wants; spans tell of them afterwards."""

OF_THE_RUN = ("throttled",)
"""Events that a trial meets with and that concern all of them."""

_ABANDONED = LastWord(verdict=Verdict.NOT_RUN, stop=ABANDONED, error="a new attempt was asked for in its place")

DURABLE = (Kind.INTENT, Kind.RESPONSE, Kind.TOOL_START)
KINDS = {kind.value: kind for kind in Kind}


def _nothing_against(_trial: Trial) -> HarnessError | None:
    return None


def _never_quiet(_trial: Trial) -> float:
    return 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixRun:
    """Everything that running a plan needs; `prepared` is by feature key.

    `unavailable` says, when a trial's turn comes, why nothing should be tried for it: a lost provider, or a feature
    that could not be prepared. Such a trial gets a record that says so, and no sandbox. `pasts` are by trial id what
    earlier processes made of it, and `how` says what becomes of that. `quiet_s` is for how long a trial's provider
    wants to be left alone, seconds.
    """

    trials: tuple[Trial, ...]
    prepared: Mapping[str, Prepared]
    bench: Bench
    journal: Journal
    redactor: Redactor
    progress: Progress
    checkouts: Checkouts
    parallel: int
    unavailable: Callable[[Trial], HarnessError | None] = _nothing_against
    quiet_s: Callable[[Trial], float] = _never_quiet
    pasts: Mapping[str, Past] = field(default_factory=dict)
    how: How = How.REPLAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a trial ended, as far as exit codes and summaries want it; everything else is in the journal."""

    trial: str
    verdict: Verdict
    stop: str
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What a matrix came to: its trials in plan order, and how many never began for lack of budget.

    `over_budget` says which bound of the budget ended it, and how far it is used; "" where none did.
    """

    trials: tuple[Ended, ...]
    not_begun: int = 0
    over_budget: str = ""


def run_matrix(run: MatrixRun) -> Ran:
    """Run every trial, or as many as the budget lets. One trial's failure never ends another's.

    Raises InfraError once a trial's evidence cannot be kept: the others end, for nothing more shall be paid for.
    """
    budget, stopped = run.bench.budget, run.bench.interrupts.flag.is_set
    ended: dict[str, Ended] = {}
    rules = Rules(
        readiness=lambda trial: _readiness(run, trial),
        room=lambda trial: _is_free(run, trial) or not budget.lacks(trial.model),
        begun=lambda trial: budget.begin(trial.id, trial.model),
        stopped=stopped,
        group=lambda trial: (trial.model, _asks_nobody(run, trial), trial.feature.key in run.prepared),
    )
    dispatcher = Dispatcher(run.trials, run.parallel, rules, lambda trial: _at_work(run, trial, ended))
    with run.bench.interrupts.ending(dispatcher.wake):
        not_begun = dispatcher.run()
    found = tuple(ended[trial.id] for trial in run.trials if trial.id in ended)
    cut = any(one.stop == STOP for one in found)
    if stopped() or not (cut or not_begun):
        return Ran(trials=found)
    return Ran(trials=found, not_begun=not_begun, over_budget=_over_budget(run, not_begun))


def _over_budget(run: MatrixRun, not_begun: int) -> str:
    """What the budget lacks, in words that stand in the journal too."""
    budget, models = run.bench.budget, sorted({trial.model for trial in run.trials})
    lacking = (what for model in models if (what := budget.lacks(model)))
    words = "; ".join(budget.left(what) for what in dict.fromkeys(lacking))
    body = {"note": "budget", "lacks": words, "not_begun": not_begun, "planned": len(run.trials)}
    run.journal.append(Entry(kind=Kind.NOTE, body=body))
    return words


def _asks_nobody(run: MatrixRun, trial: Trial) -> bool:
    """Whether all that is left to do of a trial is to grade it."""
    past = run.pasts.get(trial.id)
    return run.how is How.FINISHED_ONLY or (past is not None and past.step is Step.GRADE)


def _is_free(run: MatrixRun, trial: Trial) -> bool:
    """Whether a trial costs nothing: no model is asked for it, or it is only to be said that none can be."""
    return _asks_nobody(run, trial) or run.unavailable(trial) is not None


def _readiness(run: MatrixRun, trial: Trial) -> Readiness:
    why = run.unavailable(trial)
    put_off = isinstance(why, CallFailedError) and why.fault == DEFERRED
    if _asks_nobody(run, trial) or (why is not None and not put_off):
        return Readiness.NOW
    return readiness(run.quiet_s(trial), put_off=put_off)


def _at_work(run: MatrixRun, trial: Trial, ended: dict[str, Ended]) -> None:
    record: Record | None = None
    try:
        record = _one(run, trial)
    finally:
        run.bench.budget.end(trial.id, finished=record is not None and record.verdict.scored)
    if record is not None:
        ended[trial.id] = Ended(trial=trial.id, verdict=record.verdict, stop=record.stop, error=record.error)


def _one(run: MatrixRun, trial: Trial) -> Record | None:
    """The record of a trial's last attempt; None when the run was interrupted before it began, or nothing was to do."""
    record: Record | None = None
    unkept: InfraError | None = None
    with structlog.contextvars.bound_contextvars(trial=trial.id):
        for outcome in _outcomes(run, trial):
            record, unkept = _recorded(run, trial, outcome), outcome.unkept
    if record is not None:
        with suppress(Exception):  # a view that fails is no failure of what it shows
            run.progress.done(trial, record)
    if unkept is not None:
        raise unkept
    return record


def _outcomes(run: MatrixRun, trial: Trial) -> Iterator[TrialOutcome]:
    """What comes of a trial, attempt by attempt, each to be recorded before the next: until one stands."""
    past, tries = run.pasts.get(trial.id), Counter[bool]()
    if past is not None and _is_abandoned(past, run.how):
        past = settle(trial, run.bench, past)
        yield given_up(trial, run.bench, past, _ABANDONED)
        past = replace(past, over=True, record=None)
    while not run.bench.interrupts.flag.is_set():
        step = Step.BEGIN if past is None else past.step
        tries[step is Step.GRADE] += 1
        if (run.how is How.FINISHED_ONLY and step is not Step.GRADE) or tries[step is Step.GRADE] > MOST_ATTEMPTS:
            return
        if past is not None and past.open_call is not None and step is Step.ANEW:
            past = settle(trial, run.bench, past)
            if past.record is not None:  # it was written before anybody knew what the call came to
                yield given_up(trial, run.bench, past, _as_it_was(past.record))
        outcome = _outcome(run, trial, past, step)
        yield outcome
        if not _is_lost(outcome.record) or run.unavailable(trial) is not None:
            return
        tries[False] -= outcome.record.stop == DIVERGED
        past = read_pasts(run.journal.folder.root, (trial.id,))[trial.id]
        tries[True] = max(tries[True], past.step is Step.GRADE)  # an attempt's own grading was the first


def _outcome(run: MatrixRun, trial: Trial, past: Past | None, step: Step) -> TrialOutcome:
    """The next attempt at a trial, or the next life of its last one."""
    key, number = trial.feature.key, 1 if past is None else past.number + (step is Step.ANEW)
    goes_on = past if step in {Step.GRADE, Step.GO_ON} else None
    why = run.unavailable(trial)
    if why is None or (step is Step.GRADE and key in run.prepared):
        return run_trial(trial, run.prepared[key], run.bench, number, goes_on)
    if goes_on is None:
        return untried(trial, run.bench, number, why)
    ending = LastWord(verdict=Verdict.NOT_RUN, stop="interrupted", error=str(why))
    return given_up(trial, run.bench, settle(trial, run.bench, goes_on), ending)


def _as_it_was(record: Record) -> LastWord:
    """The ending that an attempt has already."""
    return LastWord(verdict=record.verdict, stop=record.stop, error=record.error)


def _is_abandoned(past: Past, how: How) -> bool:
    """Whether a new attempt takes an unfinished one's place: as was asked for, or since nobody can go on with it."""
    if past.step is Step.ANEW:
        return past.record is None and how is not How.FINISHED_ONLY
    return past.step is Step.GO_ON and how is How.RESTART


def _is_lost(record: Record) -> bool:
    """Whether an attempt, or its grade alone, was lost by nothing that it did."""
    return record.verdict is Verdict.ERROR_INFRA or record.stop == DIVERGED


def _recorded(run: MatrixRun, trial: Trial, outcome: TrialOutcome) -> Record:
    record = outcome.record
    try:
        _keep_at_last(run, trial, outcome)
        run.journal.append_record(record)
    except InfraError:
        run.bench.interrupts.interrupt()  # what cannot be kept shall not be paid for: nothing new starts
        raise
    log.info("trial.finished", verdict=record.verdict.value, stop=record.stop, attempt=record.attempt)
    return record


def _keep_at_last(run: MatrixRun, trial: Trial, outcome: TrialOutcome) -> None:
    """Write the trial's folder, on a full disk as far as the reserved space goes.

    Where it does not, what has a verdict gets no record, and can be graded again; what was stopped needs no folder, for
    it goes on from its rows.
    """
    record = outcome.record
    try:
        run.journal.at_last(lambda: _keep(run, trial, outcome))
    except DiskFullError as error:
        if record.verdict.scored:
            raise
        body = {"note": "no folder", "error": str(error)}
        run.journal.append(Entry(kind=Kind.NOTE, body=body, trial=trial.id, attempt=record.attempt))


def _keep(run: MatrixRun, trial: Trial, outcome: TrialOutcome) -> None:
    """Write the trial's folder; a record without its folder would be a claim without evidence, so this comes first."""
    folder = TrialFolder(run.journal.folder, trial.id, outcome.record.attempt, run.redactor)
    folder.transcript(outcome.messages())
    folder.spans(outcome.spans)
    folder.record(outcome.record)
    if outcome.report is not None:
        folder.tests(outcome.report.document())
    handed_in = outcome.submission
    if handed_in is not None:
        snapshot = run.prepared[trial.feature.key].snapshot
        try:
            patch = bounded_patch(run.checkouts, snapshot, handed_in)
        except SandboxError as error:  # the grade stands on file contents; the patch is for people, and may be lacking
            note = {"note": "no difference.patch", "error": str(error)}
            entry = Entry(kind=Kind.NOTE, body=note, trial=trial.id, attempt=outcome.record.attempt)
            run.journal.append(entry)
        else:
            folder.difference(patch)


def journalled(
    journal: Journal, progress: Progress, trial: Trial, attempt: int, event: tuple[str, Mapping[str, Any]]
) -> None:
    """Write one event of a trial to the journal and show it.

    Before a call is sent, before an answer is acted on and before a tool runs, everything so far is on disk: where no
    start of a tool is written, nothing ran. Other rows keep their order and need not be waited for.
    """
    kind, body = event
    if kind not in PASSING:
        _write(journal, trial, attempt, event)
    with suppress(Exception):  # a view that fails ends no trial
        progress.event(trial, kind, body)


def _write(journal: Journal, trial: Trial, attempt: int, event: tuple[str, Mapping[str, Any]]) -> None:
    kind, body = event
    known = KINDS.get(kind)
    whose = ("", 0) if kind in OF_THE_RUN else (trial.id, attempt)
    entry = Entry(
        kind=known or Kind.NOTE, body=body if known else {"note": kind, **body}, trial=whose[0], attempt=whose[1]
    )
    row = journal.post(entry)
    if known in DURABLE:
        row.result()
