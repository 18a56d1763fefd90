"""From a checked matrix to a finished run folder: what `run` and `demo` share."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from rich.console import Console

from harness.bench import Bench
from harness.budget import Budget
from harness.clock import stamp_promptly
from harness.commands.asking import asked_for
from harness.commands.models import Models, open_models
from harness.commands.planning import Planned, planned
from harness.commands.preparing import Features, prepare_features
from harness.commands.run_folders import Held, look, open_journal, refuse_new
from harness.commands.secrets import redactor_for
from harness.commands.session import Session
from harness.commands.soundness import refuse_unsound, refuse_weakened
from harness.commands.watching import Watch
from harness.config import Matrix
from harness.digests import manifest_problem
from harness.errors import ConfigError, InfraError
from harness.features import Feature
from harness.files import disk_errors, disk_full, write_atomic
from harness.inputs import Inputs, Options, load_inputs
from harness.interrupt import Interrupts
from harness.journal import Entry, Journal, Kind, new_run_folder
from harness.journal_reader import run_label
from harness.ledger import spent_so_far
from harness.matrix import Ended, MatrixRun, journalled, run_matrix
from harness.models.price_table import table_name
from harness.models.wire_file import FileWireLog
from harness.monitor import Monitor
from harness.open_calls import from_wire
from harness.past import How, read_pasts
from harness.prepare import Prepared
from harness.progress import Progress
from harness.provenance import host_facts, usable_cores
from harness.record import Record
from harness.redact import Redactor
from harness.regrade import feature_body
from harness.run_plan import Asked, RunPlan
from harness.runners import refusal
from harness.scripts import script_for, script_key
from harness.slots import Slots, slot_count
from harness.submissions import keep_submission, read_submission
from harness.work import work_of
from sandbox.checkout import Checkouts


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to run and where to write it; `matrix_file` is copied into the run folder.

    `allow_weakened` names what an engine may leave out of the sandboxes' hardening. `out` may hold a run: then only
    trials without a finished record are run, and none but those that it planned where `is_resumed`. `asked` is what
    the run folder keeps of the command line. With `json_lines` events go to standard output. `began` is told
    of the run's folder once its journal is held; `check` of its plan and provenance before that, and may refuse it.
    """

    matrix: Matrix
    features: tuple[Feature, ...]
    matrix_file: Path
    out: Path | None = None
    quiet: bool = False
    allow_weakened: tuple[str, ...] = ()
    asked: Asked = field(default_factory=Asked)
    is_resumed: bool = False
    how: How = How.REPLAY
    json_lines: bool = False
    began: Callable[[Path], None] = lambda _folder: None
    check: Callable[[RunPlan, Mapping[str, str]], None] = lambda _plan, _provenance: None

    def planned(self, checkouts: Checkouts, sandbox: str) -> Planned:
        """Its trials in a kind of sandbox, with their ids, and the plan to keep. Raises ConfigError, InfraError."""
        return planned(Inputs(matrix=self.matrix, features=self.features), self.asked, checkouts, sandbox)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A run as it ended: its folder, its trials in plan order, how many were planned, and if it was stopped.

    They are the latest of all planned trials, of those too that an earlier process finished. `losses` is a line for
    each provider that was lost for good: which, for which models, and what to do. `over_budget` says which bound of the
    budget ended it, `not_begun` how many trials it kept from beginning.
    """

    folder: Path
    records: tuple[Ended, ...]
    planned: int
    interrupted: bool
    losses: tuple[str, ...] = ()
    not_begun: int = 0
    over_budget: str = ""


def load_job(matrix_file: Path, given: Options, out: Path | None = None) -> Job:
    """The job that a command line asks for. Raises ConfigError with every problem of every file it names."""
    inputs = load_inputs(matrix_file, given)
    asked = asked_for(given, matrix_file)
    return Job(matrix=inputs.matrix, features=inputs.features, matrix_file=matrix_file, out=out, asked=asked)


def check_gradable(features: Sequence[Feature]) -> None:
    """Raise ConfigError with a line for each feature that no trial could be graded on."""
    problems = [line for feature in features if (line := refusal(feature.target.suite))]
    problems += [line for feature in features if (line := manifest_problem(feature))]
    if problems:
        raise ConfigError(*dict.fromkeys(problems))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opening:
    """A run whose folder is held and whose user is told of it; what opens later is closed by `stack`."""

    job: Job
    session: Session
    planned: Planned
    provenance: Mapping[str, str]
    held: Held
    journal: Journal
    redactor: Redactor
    progress: Progress
    interrupts: Interrupts
    stack: ExitStack


def execute(job: Job, session: Session, console: Console) -> Finished:
    """Run the whole matrix. Raises ConfigError and InfraError for what stops all of it."""
    stamp_promptly()
    check_gradable(job.features)
    refuse_unsound(session.provider, job.features, job.allow_weakened)
    plan = job.planned(session.checkouts, session.provider.kind)
    provenance = _provenance(job, session)
    job.check(plan.plan, provenance)
    with ExitStack() as stack:
        opening = _open(job, session, (plan, provenance), console, stack)
        for line in opening.held.lines:
            opening.progress.say(line)
        return _run(opening) if opening.held.todo else _nothing_done(opening)


def _run(opening: _Opening) -> Finished:
    """Run what is to do. Raises DiskFullError where the last rows had to go into the space reserved for them."""
    journal, interrupts, held = opening.journal, opening.interrupts, opening.held
    if held.before is None:
        _write_plan(opening)  # before anything that may take long, so that a killed run can be gone on with
    wanted = {trial.feature.key: trial.feature for trial in held.todo}
    features = prepare_features(wanted.values(), opening.session, opening.progress, interrupts)
    weakened = {} if interrupts.flag.is_set() else _looked_at(opening.job, opening.session, features)
    opening.progress.say(f"run folder: {_shown(journal.folder.root)}")
    models = opening.stack.enter_context(_models(opening, features.prepared))
    try:
        ran = run_matrix(_matrix_run(opening, features, models, weakened))
    except InfraError as error:
        with suppress(InfraError):  # where not even that can be written, the error says so
            journal.append(Entry(kind=Kind.RUN_FINISHED, body={"interrupted": True, "error": str(error)}))
        raise
    stopped = interrupts.flag.is_set()
    full = {"error": str(disk_full(journal.folder.root))} if journal.is_full else {}
    journal.append(Entry(kind=Kind.RUN_FINISHED, body={"records": len(ran.trials), "interrupted": stopped, **full}))
    if journal.is_full:
        raise disk_full(journal.folder.root)
    done = replace(_finished(opening, ran.trials), interrupted=stopped, losses=models.losses())
    return replace(done, not_begun=ran.not_begun, over_budget=ran.over_budget)


def _nothing_done(opening: _Opening) -> Finished:
    """The run as it lies there; only a plan that is another one now, or was never written, is kept."""
    if opening.held.before != opening.planned.plan:
        _write_opening(opening, opening.provenance)
    return _finished(opening, ())


def _earlier(records: Mapping[str, Record]) -> dict[str, Ended]:
    """How trials ended that other processes ran."""
    return {
        trial: Ended(trial=trial, verdict=one.verdict, stop=one.stop, error=one.error) for trial, one in records.items()
    }


def _finished(opening: _Opening, ended: Sequence[Ended]) -> Finished:
    latest = {**_earlier(opening.held.records), **{one.trial: one for one in ended}}
    trials = opening.planned.trials
    return Finished(
        folder=opening.journal.folder.root,
        records=tuple(latest[trial.id] for trial in trials if trial.id in latest),
        planned=len(trials),
        interrupted=False,
    )


def _looked_at(job: Job, session: Session, features: Features) -> dict[str, str]:
    """What the engine leaves out of the hardening and may; nothing where no trial will start."""
    for one in features.prepared.values():
        return refuse_weakened(session.provider, one.environment.digest, job.allow_weakened)
    return {}


def _open(
    job: Job, session: Session, begun: tuple[Planned, Mapping[str, str]], console: Console, stack: ExitStack
) -> _Opening:
    plan, provenance = begun
    redactor = redactor_for(job.matrix)
    folder = job.out or new_run_folder(Path("runs"), job.matrix.name, session.clock.utc())
    interrupts = Interrupts()
    journal = stack.enter_context(open_journal(folder, redactor))
    journal.on_full = interrupts.interrupt
    held = look(journal, plan)
    if job.is_resumed:
        refuse_new(folder, held.before, plan.plan)
    watch = Watch(matrix=job.matrix, redactor=redactor, quiet=job.quiet, json_lines=job.json_lines)
    progress = stack.enter_context(watch.progress(plan.trials, session.clock, console))
    progress.begun(folder)
    job.began(folder)
    stack.enter_context(_listening(interrupts, session, progress))
    return _Opening(
        job=job,
        session=session,
        planned=plan,
        provenance=provenance,
        held=held,
        journal=journal,
        redactor=redactor,
        progress=progress,
        interrupts=interrupts,
        stack=stack,
    )


def _matrix_run(opening: _Opening, features: Features, models: Models, weakened: dict[str, str]) -> MatrixRun:
    """The run as the matrix executes it, its opening written."""
    job, session, stack = opening.job, opening.session, opening.stack
    work_of("true")  # loads the parser, which takes longer than many tools, before any trial's clock runs
    provenance = {**opening.provenance, **weakened}
    slots = Slots(int(provenance["tool_slots"]))
    stack.enter_context(opening.interrupts.ending(slots.close))
    _write_opening(opening, provenance)
    for prepared in features.prepared.values():
        opening.journal.append(Entry(kind=Kind.FEATURE, body=feature_body(opening.journal, prepared)))
    bench = Bench(
        run=opening.held.name,
        label=run_label(opening.journal.folder.root),
        provider=session.provider,
        clock=session.clock,
        slots=slots,
        open_model=models,
        on_event=lambda trial, attempt, kind, body: journalled(
            opening.journal, opening.progress, trial, attempt, (kind, body)
        ),
        interrupts=opening.interrupts,
        keep=lambda trial, attempt, handed_in, facts: keep_submission(
            opening.journal, trial.id, attempt, handed_in, facts
        ),
        kept=lambda row: read_submission(opening.journal.folder.root, row),
        came_of=lambda trial_id, attempt, call: from_wire(opening.journal.folder.wire(trial_id, attempt), call),
        wire_log=lambda trial, attempt: FileWireLog(opening.journal.folder.wire(trial.id, attempt), opening.redactor),
        budget=_budget(opening),
        monitor=stack.enter_context(Monitor(session.clock)),
        provenance=provenance,
    )
    return MatrixRun(
        trials=opening.held.todo,
        prepared=features.prepared,
        bench=bench,
        journal=opening.journal,
        redactor=opening.redactor,
        progress=opening.progress,
        checkouts=session.checkouts,
        parallel=job.matrix.parallel.trials,
        unavailable=lambda trial: features.failed.get(trial.feature.key) or models.unavailable(trial),
        pasts=read_pasts(opening.journal.folder.root, [trial.id for trial in opening.held.todo]),
        how=job.how,
        quiet_s=models.quiet_s,
    )


def _budget(opening: _Opening) -> Budget:
    """What the run may spend, less what its earlier lives have spent."""
    prices = {trial.id: trial.settings.price for trial in opening.planned.trials}
    spent = spent_so_far(opening.journal.folder.root, prices)
    return Budget(opening.job.matrix.budget, spent, opening.session.clock)


def _shown(folder: Path) -> str:
    return os.path.relpath(folder) if folder.is_relative_to(Path.cwd()) else str(folder)


@contextmanager
def _listening(interrupts: Interrupts, session: Session, progress: Progress) -> Iterator[None]:
    """Handle Ctrl-C: the run ends cleanly; a second one removes this run's containers and leaves."""

    def first() -> None:
        progress.say("interrupted: ending trials and removing containers; press again to hurry")

    with interrupts.listening(first, session.remove_containers):
        yield


def _models(opening: _Opening, prepared: Mapping[str, Prepared]) -> AbstractContextManager[Models]:
    """How the trials get their models, with the scripts that simulated ones play."""
    job, session = opening.job, opening.session
    scripts = {
        script_key(one.feature, name): script_for(one, name, session.checkouts)
        for one in prepared.values()
        for name in sorted(job.matrix.scripts)
    }
    log = opening.journal.folder.root / "simulator.jsonl"
    return open_models(job.matrix.models, scripts, session.clock, log, job.matrix.parallel.trials)


def _provenance(job: Job, session: Session) -> dict[str, str]:
    """What each record of the run tells of it, as far as it is known before anything is started."""
    facts = host_facts(session.provider) | _prices(job.matrix)
    parallel = {"parallel_trials": job.matrix.parallel.trials, "tool_slots": _slot_count(job, facts)}
    return facts | {name: str(number) for name, number in parallel.items()}


def _prices(matrix: Matrix) -> dict[str, str]:
    """What each model that costs anything costs, and who says so, for the run's provenance."""
    told = {
        f"price.{name}": f"{model.price or 'unknown'} ({model.price_source})"
        for name, model in matrix.models.items()
        if model.price_source
    }
    return told | {"prices.source": table_name()} if told else {}


def _slot_count(job: Job, facts: Mapping[str, str]) -> int:
    """Tool slots of the run: as the matrix says, else as many as leave one core free."""
    wanted = job.matrix.parallel.tool_slots
    if isinstance(wanted, int):
        return wanted
    theirs = facts.get("sandbox.cpus", "")  # the engine may run on fewer than this process
    cores = min(usable_cores(), int(theirs)) if theirs.isdecimal() else usable_cores()
    return slot_count(cores, (feature.target.limits.cpus for feature in job.features))


def _write_opening(opening: _Opening, provenance: Mapping[str, str]) -> None:
    """What a run folder holds before its first trial, and again where it is gone on with: matrix, plan, provenance."""
    job, held, plan = opening.job, opening.held, opening.planned.plan
    _write_plan(opening)
    _write_json(opening, opening.journal.folder.provenance, provenance)
    body = {"matrix": job.matrix.name, "trials": len(plan.trials), "to_run": len(held.todo)}
    opening.journal.append(Entry(kind=Kind.RUN_STARTED, body=body))


def _write_plan(opening: _Opening) -> None:
    """All that `resume` needs: the matrix as it is, and what was planned of it."""
    job, folder = opening.job, opening.journal.folder
    with disk_errors(job.matrix_file, "read"):
        matrix = job.matrix_file.read_bytes()
    write_atomic(folder.matrix, opening.redactor.data(matrix))
    _write_json(opening, folder.plan, opening.planned.plan.document())


def _write_json(opening: _Opening, path: Path, value: Mapping[str, object]) -> None:
    write_atomic(path, (opening.redactor.json(value, indent=1) + "\n").encode())
