"""One trial from set-up to record: agent in one sandbox, grading in another, every nanosecond booked."""

import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import replace
from typing import Any

import structlog

from harness.agent import Agent, Assignment, Transcript
from harness.artefacts import span_rows
from harness.bench import Bench, TrialOutcome, trial_row
from harness.boxes import agent_box
from harness.budget import STOP as BUDGET_STOP
from harness.clock import Partition, Phase, Stopwatch, partition
from harness.errors import HarnessError, InterruptedRunError, ProviderError
from harness.files import NotKeptError
from harness.given_up import assignment, ledger
from harness.grade import Grade
from harness.grade_policy import Submission, submission
from harness.grading_job import grading_job
from harness.judge import judge
from harness.lock import boot_id
from harness.models.contract import Model
from harness.models.wire_log import recording
from harness.noise import conditions, reasons
from harness.past import DIVERGED, Past, Step
from harness.plan import Trial
from harness.prepare import Prepared
from harness.probes import ProbeFinding
from harness.provenance import load_facts, trial_facts
from harness.recall import recall
from harness.record import GradeRow, Record, TamperRow, Verdict
from harness.recorded import NOTHING
from harness.rerun import DivergedError
from harness.runners.contract import SuiteReport
from harness.settling import settle
from harness.tamper import Seen, tamper_row
from harness.time_line import TimeLine
from sandbox.contract import BoxSpec, Identity, Sandbox
from sandbox.errors import SandboxError, WorkspaceError

log = structlog.get_logger()

NOT_OVER = ("deferred", BUDGET_STOP)
"""Why an agent stopped that would go on another day, or with a larger budget."""

LIFETIME_MARGIN_S = 24 * 3600
"""Seconds that a container may live past the wall limit before it ends by itself: queues for tool slots may be long."""


def run_trial(trial: Trial, prepared: Prepared, bench: Bench, attempt: int, past: Past | None = None) -> TrialOutcome:
    """Run one attempt to its record, or go on with it from its past.

    Never raises: what went wrong is the record's verdict and error.
    """
    return _Attempt(trial, prepared, bench, attempt, past).outcome()


class _Attempt:
    """One attempt and what is known of it so far, whatever ends it."""

    def __init__(self, trial: Trial, prepared: Prepared, bench: Bench, number: int, past: Past | None) -> None:
        self._trial = trial
        self._prepared = prepared
        self._bench = bench
        self._number = number
        self._past = past
        self._line = TimeLine(bench.clock, past)
        self._transcript = Transcript()
        self._submission: Submission | None = None
        self._report: SuiteReport | None = None
        self._grade: Grade | None = None
        self._survivors: tuple[str, ...] = ()
        self._probes: tuple[ProbeFinding, ...] = ()
        self._error = ""
        self._unkept: NotKeptError | None = None
        self._verdict = Verdict.NOT_RUN
        tester = prepared.acceptance.environment if prepared.acceptance else None
        self._facts = trial_facts(prepared.environment, prepared.feature.target.limits, tester) | load_facts("start")
        self._window = bench.monitor.open()

    def outcome(self) -> TrialOutcome:
        """Run it, and say how it ended."""
        started_utc = self._bench.clock.utc().isoformat() if self._past is None else self._past.started_utc
        self._line.begin()
        try:
            self._run()
        except InterruptedRunError as error:
            self._interrupted(str(error))
        except DivergedError as error:
            self._diverged(error)
        except NotKeptError as error:  # the next life finds what had come before, and pays nothing twice
            self._unkept = error
            self._bench.interrupts.interrupt()
            self._interrupted(str(error))
        except ProviderError as error:
            self._verdict, self._error = Verdict.ERROR_PROVIDER, str(error)
        except Exception as error:  # noqa: BLE001 - the one place where a crash becomes a record, not the matrix's end
            self._crashed(error)
        end_ns = self._bench.clock.now_ns()
        return TrialOutcome(
            record=self._record(started_utc, end_ns),
            transcript=self._transcript,
            spans=span_rows(self._stopwatch.spans(), self._line.start_ns),
            submission=self._submission,
            report=self._report,
            unkept=self._unkept,
        )

    @property
    def _stopwatch(self) -> Stopwatch:
        return self._line.stopwatch

    def _run(self) -> None:
        self._take_up()
        if self._past is not None and self._past.step is Step.GRADE:
            self._remember(self._past)
        else:
            self._work()
        if self._transcript.stop == "error:provider":
            raise ProviderError(self._transcript.error)
        if self._transcript.stop not in NOT_OVER:  # there is nothing to judge yet
            self._judge()

    def _take_up(self) -> None:
        """Say that it begins, or goes on; then it is settled what became of a call that was under way."""
        past = self._past
        if past is None:
            self._event("trial_started", {"attempt": self._number, "boot": boot_id()})
            return
        life = {
            "attempt": self._number,
            "life": past.lives + 1,
            "step": past.step.value,
            "elapsed_ns": past.elapsed_ns,
            "boot": boot_id(),
        }
        self._event("resumed", life)
        self._past = self._line.past = settle(self._trial, self._bench, past)
        self._line.begin()

    def _work(self) -> None:
        """The agent at work in its sandbox, and what it leaves there brought out."""
        with ExitStack() as stack:
            with self._stopwatch.laps(Phase.SETUP, "start") as lap:
                box = stack.enter_context(agent_box(replace(self._spec(), on_stage=lap), self._bench, self._past))
                model = None if self._is_over() else stack.enter_context(self._model())
            self._event("boxed", {})
            if model is not None:
                self._let_work(box, model)
            elif self._past is not None:
                self._transcript = recall(self._past, self._assignment())
            self._go_on()
            self._event("export", {"stop": self._transcript.stop, "error": self._transcript.error})
            with self._stopwatch.span(Phase.GRADE, "export"), stack.pop_all():
                self._survivors = box.kill()
                self._submission = self._handed_in(box)
        with self._stopwatch.laps(Phase.GRADE, "export") as lap:
            if self._submission is not None:
                self._bench.keep(self._trial, self._number, self._submission, lambda: self._facts_of_end(lap))

    def _is_over(self) -> bool:
        """Whether the agent had ended already in an earlier life."""
        return self._past is not None and bool(self._past.stop)

    @contextmanager
    def _model(self) -> Iterator[Model]:
        """The trial's model, which an interrupt closes too."""
        with closing(self._bench.open_model(self._trial)) as model:
            yield model

    def _let_work(self, box: Sandbox, model: Model) -> None:
        wire = self._bench.wire_log(self._trial, self._number)
        with self._bench.interrupts.ending(model.close), recording(wire):
            agent = Agent(
                model=model,
                sandbox=box,
                stopwatch=self._stopwatch,
                slots=self._bench.slots,
                on_event=self._event,
            )
            self._transcript = agent.transcript
            agent.work(self._assignment(), NOTHING if self._past is None else self._past.recorded)

    def _facts_of_end(self, lap: Callable[[str], None]) -> dict[str, Any]:
        """What only this process knows of a submission, and another one would need to grade it."""
        lap("export")
        return self._line.stamped({"survivors": list(self._survivors)})

    def _remember(self, past: Past) -> None:
        """The agent's work and what it handed in, as the journal has them: neither is done again."""
        self._transcript = recall(past, self._assignment())
        self._survivors = past.survivors
        if past.submission is not None:
            self._submission = self._bench.kept(past.submission)

    def _handed_in(self, box: Sandbox) -> Submission:
        """What of the workspace is the agent's work: neither the pristine tree nor what set-up generated there."""
        prepared = self._prepared
        environment, snapshot = prepared.environment, prepared.snapshot
        export = box.export({**environment.generated, **snapshot.index})
        links = {path: to for path, to in export.links.items() if environment.generated_links.get(path) != to}
        return submission(snapshot, replace(export, links=links), prepared.feature.target.suite)

    def _judge(self) -> None:
        """The target's suite on the agent's files in a fresh sandbox, and the verdict."""
        feature = self._prepared.feature
        if feature.manifest is None or self._submission is None:
            raise HarnessError(f"{feature.key} has no manifest; run `splitclock validate {feature.key}`")
        job = grading_job(self._prepared, self._submission, self._identity("grade"))
        self._event("grade_queued", {})
        with self._bench.slots.take(self._stopwatch, Phase.GRADE, "slot"):
            self._event("suite", {"stop": self._transcript.stop})
            judged = judge(job, self._open_to_grade, self._stopwatch, self._heard)
        self._go_on()
        self._grade, self._probes = judged.grade, judged.probes
        self._verdict = self._grade.verdict

    def _heard(self, report: SuiteReport) -> None:
        self._report = report
        self._go_on()

    @contextmanager
    def _endable(self, spec: BoxSpec) -> Iterator[Sandbox]:
        """A sandbox that an interrupt kills as soon as it has started: before, there is nothing to kill yet."""
        with self._bench.provider.open(spec) as box, self._bench.interrupts.ending(box.kill):
            yield box

    def _open_to_grade(self, spec: BoxSpec) -> AbstractContextManager[Sandbox]:
        """A sandbox for the suite; once interrupted there is none."""
        self._go_on()
        return self._endable(spec)

    def _event(self, kind: str, body: Mapping[str, Any]) -> None:
        with self._line.telling(kind, body) as told:
            self._bench.on_event(self._trial, self._number, kind, told)

    def _go_on(self) -> None:
        if self._bench.interrupts.flag.is_set():
            raise InterruptedRunError("interrupted")

    def _interrupted(self, why: str) -> None:
        self._transcript.stop, self._verdict, self._error = "interrupted", Verdict.NOT_RUN, why

    def _diverged(self, error: DivergedError) -> None:
        turn, index = error.place
        self._event("diverged", {"turn": turn, "index": index, "tool": error.tool, "why": str(error)})
        if self._past is not None:
            self._transcript = recall(self._past, self._assignment())
        self._transcript.stop, self._verdict, self._error = DIVERGED, Verdict.NOT_RUN, str(error)

    def _crashed(self, error: Exception) -> None:
        if self._bench.interrupts.flag.is_set():
            self._interrupted("interrupted")
            return
        if isinstance(error, WorkspaceError):  # the agent's own doing, so it is scored
            self._verdict, self._error = Verdict.FAIL, str(error)
            return
        known = isinstance(error, HarnessError | SandboxError)
        log.warning("trial.failed", error=str(error), exc_info=None if known else error)
        self._verdict, self._error = Verdict.ERROR_INFRA, f"{type(error).__name__}: {error}"
        self._transcript.stop = self._transcript.stop or "error:infra"

    def _identity(self, role: str) -> Identity:
        return Identity(run=self._bench.label or self._bench.run, trial=self._trial.id, attempt=self._number, role=role)

    def _spec(self) -> BoxSpec:
        """The agent's sandbox: the checkout, under the target's limits."""
        limits = self._prepared.feature.target.limits
        lifetime_s = max(limits.lifetime_s, int(self._trial.limits.wall_s) + LIFETIME_MARGIN_S)
        return BoxSpec(
            environment=self._prepared.environment,
            snapshot=self._prepared.snapshot,
            limits=replace(limits, lifetime_s=lifetime_s),
            identity=self._identity("agent"),
        )

    def _assignment(self) -> Assignment:
        feature = self._prepared.feature
        asked = assignment(self._trial, feature.brief, shlex.join(feature.target.suite.command))
        return replace(asked, purse=self._bench.budget.purse(self._trial.id))

    def _record(self, started_utc: str, end_ns: int) -> Record:
        split = self._split(self._line.start_ns, end_ns)
        transcript, trial = self._transcript, self._trial
        found = conditions(self._window.close(), self._stopwatch.spans(), self._window.laid)
        noise = reasons(found)
        return Record(
            run=self._bench.run,
            trial=trial_row(trial),
            attempt=self._number,
            started_utc=started_utc,
            stop=transcript.stop,
            verdict=self._verdict,
            error=self._error or transcript.error,
            resumed=self._past is not None,
            lives=1 if self._past is None else self._past.lives + 1,
            in_doubt=0 if self._past is None else self._past.in_doubt,
            noisy=bool(noise),
            noise=noise,
            wall_ns=split.wall_ns,
            phases={phase.value: ns for phase, ns in split.phases.items()},
            sub_phases=dict(split.sub_phases),
            summed={phase.value: ns for phase, ns in split.summed.items()},
            grade=self._grade_row(),
            tamper=self._tamper_row(),
            provenance=dict(self._bench.provenance) | self._facts | load_facts("end") | found.facts(),
            **ledger(transcript, self._past),
        )

    def _split(self, start_ns: int, end_ns: int) -> Partition:
        """The partition; a ledger that does not add up fails this record, never the matrix."""
        try:
            return partition(self._stopwatch.spans(), start_ns, end_ns)
        except (ValueError, ArithmeticError) as error:
            self._crashed(error)
            return partition((), start_ns, end_ns)

    def _tamper_row(self) -> TamperRow | None:
        """What looks like tampering; a look that fails costs its report, never the record."""
        seen = Seen(
            messages=self._transcript.messages,
            snapshot=self._prepared.snapshot,
            submission=self._submission,
            report=self._report,
            alive=self._survivors,
            probes=self._probes,
        )
        try:
            return tamper_row(seen)
        except Exception as error:  # hints decide nothing, so nothing shall be lost by them
            log.warning("trial.no_tamper_report", error=str(error), exc_info=error)
            return None

    def _grade_row(self) -> GradeRow:
        if self._grade is None or self._submission is None:
            return GradeRow()
        row = self._grade.row(self._submission)
        if not self._survivors:
            return row
        left = f"{len(self._survivors)} processes of the agent were alive at the end: {self._survivors[0][:100]}"
        return row.model_copy(update={"notes": (*row.notes, left)})
