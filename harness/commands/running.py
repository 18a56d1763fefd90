"""From a checked matrix to a finished run folder: what `run` and `demo` share."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from harness.bench import Bench
from harness.clock import stamp_promptly
from harness.commands.models import Models, open_models
from harness.commands.preparing import Features, prepare_features
from harness.commands.session import Session
from harness.commands.soundness import refuse_unsound, refuse_weakened
from harness.commands.watching import Watch
from harness.config import Matrix, key_for
from harness.digests import manifest_problem, trial_digests
from harness.errors import ConfigError
from harness.features import Feature
from harness.files import disk_errors, write_atomic
from harness.inputs import Options, load_inputs
from harness.interrupt import Interrupts
from harness.journal import Entry, Journal, Kind, new_run_folder
from harness.matrix import MatrixRun, journalled, run_matrix
from harness.models.price_table import table_name
from harness.models.wire_file import FileWireLog
from harness.monitor import Monitor
from harness.plan import Trial, plan
from harness.prepare import Prepared, source_digest
from harness.progress import Progress
from harness.provenance import host_facts, prompt_digest, usable_cores
from harness.record import Record
from harness.redact import Redactor
from harness.regrade import feature_body
from harness.runners import refusal
from harness.scripts import script_for, script_key
from harness.slots import Slots, slot_count
from harness.submissions import keep_submission
from harness.work import work_of
from sandbox.checkout import Checkouts


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to run and where to write it; `matrix_file` is copied into the run folder.

    `allow_weakened` names what an engine may leave out of the sandboxes' hardening. With `json_lines` events go to
    standard output. `began` is told of the run's folder once its journal is there.
    """

    matrix: Matrix
    features: tuple[Feature, ...]
    matrix_file: Path
    out: Path | None = None
    quiet: bool = False
    allow_weakened: tuple[str, ...] = ()
    json_lines: bool = False
    began: Callable[[Path], None] = lambda _folder: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A run as it ended: its folder, its records in plan order, how many trials were planned, and if it was stopped.

    `losses` is a line for each provider that was lost for good: which, for which models, and what to do.
    """

    folder: Path
    records: tuple[Record, ...]
    planned: int
    interrupted: bool
    losses: tuple[str, ...] = ()


def load_job(matrix_file: Path, given: Options, out: Path | None = None) -> Job:
    """The job that a command line asks for. Raises ConfigError with every problem of every file it names."""
    inputs = load_inputs(matrix_file, given)
    return Job(matrix=inputs.matrix, features=inputs.features, matrix_file=matrix_file, out=out)


def check_gradable(features: Sequence[Feature]) -> None:
    """Raise ConfigError with a line for each feature that no trial could be graded on."""
    problems = [line for feature in features if (line := refusal(feature.target.suite))]
    problems += [line for feature in features if (line := manifest_problem(feature))]
    if problems:
        raise ConfigError(*dict.fromkeys(problems))


def planned_trials(job: Job, checkouts: Checkouts, sandbox: str) -> tuple[Trial, ...]:
    """The trials of a job in a kind of sandbox, with their ids. Raises ConfigError, InfraError."""
    sources = {feature.key: source_digest(feature, checkouts) for feature in job.features}
    settings = {"sandbox": sandbox, "prompts": prompt_digest()}
    return plan(job.matrix, job.features, trial_digests(job.features, sources, job.matrix.scripts, settings))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opening:
    """A run whose folder is made and whose user is told of it; what opens later is closed by `stack`."""

    job: Job
    session: Session
    trials: tuple[Trial, ...]
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
    trials = planned_trials(job, session.checkouts, session.provider.kind)
    with ExitStack() as stack:
        opening = _open(job, session, trials, console, stack)
        journal, interrupts = opening.journal, opening.interrupts
        features = prepare_features(job.features, session, opening.progress, interrupts)
        weakened = {} if interrupts.flag.is_set() else _looked_at(job, session, features)
        opening.progress.say(f"run folder: {_shown(journal.folder.root)}")
        models = stack.enter_context(_models(opening, features.prepared))
        records = run_matrix(_matrix_run(opening, features, models, weakened))
        stopped = interrupts.flag.is_set()
        journal.append(Entry(kind=Kind.RUN_FINISHED, body={"records": len(records), "interrupted": stopped}))
    return Finished(
        folder=journal.folder.root,
        records=records,
        planned=len(trials),
        interrupted=stopped,
        losses=models.losses(),
    )


def _looked_at(job: Job, session: Session, features: Features) -> dict[str, str]:
    """What the engine leaves out of the hardening and may; nothing where no trial will start."""
    for one in features.prepared.values():
        return refuse_weakened(session.provider, one.environment.digest, job.allow_weakened)
    return {}


def _open(job: Job, session: Session, trials: tuple[Trial, ...], console: Console, stack: ExitStack) -> _Opening:
    folder = _folder(job, session)
    interrupts = Interrupts()
    redactor = Redactor([key for model in job.matrix.models.values() if (key := key_for(model))])
    journal = stack.enter_context(Journal.create(folder, redactor))
    watch = Watch(matrix=job.matrix, redactor=redactor, quiet=job.quiet, json_lines=job.json_lines)
    progress = stack.enter_context(watch.progress(trials, session.clock, console))
    progress.begun(folder)
    job.began(folder)
    stack.enter_context(_listening(interrupts, session, progress))
    return _Opening(
        job=job,
        session=session,
        trials=trials,
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
    provenance = host_facts(session.provider) | weakened | _prices(job.matrix)
    slots = Slots(_slot_count(job, provenance))
    stack.enter_context(opening.interrupts.ending(slots.close))
    provenance |= {"parallel_trials": str(job.matrix.parallel.trials), "tool_slots": str(slots.count)}
    _write_opening(opening, provenance)
    for prepared in features.prepared.values():
        opening.journal.append(Entry(kind=Kind.FEATURE, body=feature_body(opening.journal, prepared)))
    bench = Bench(
        run=opening.journal.folder.root.name,
        provider=session.provider,
        clock=session.clock,
        slots=slots,
        open_model=models,
        on_event=lambda trial, attempt, kind, body: journalled(
            opening.journal, opening.progress, trial, attempt, (kind, body)
        ),
        interrupts=opening.interrupts,
        keep=lambda trial, attempt, handed_in: keep_submission(opening.journal, trial.id, attempt, handed_in),
        wire_log=lambda trial, attempt: FileWireLog(opening.journal.folder.wire(trial.id, attempt), opening.redactor),
        monitor=stack.enter_context(Monitor(session.clock)),
        provenance=provenance,
    )
    return MatrixRun(
        trials=opening.trials,
        prepared=features.prepared,
        bench=bench,
        journal=opening.journal,
        redactor=opening.redactor,
        progress=opening.progress,
        checkouts=session.checkouts,
        parallel=job.matrix.parallel.trials,
        unavailable=lambda trial: features.failed.get(trial.feature.key) or models.unavailable(trial),
    )


def _folder(job: Job, session: Session) -> Path:
    if job.out is None:
        return new_run_folder(Path("runs"), job.matrix.name, session.clock.utc())
    if job.out.exists() and not job.out.is_dir():
        raise ConfigError(f"{job.out}: is a file; choose a folder for --out")
    if job.out.exists() and any(job.out.iterdir()):
        raise ConfigError(f"{job.out}: is not empty; choose another folder for --out")
    return job.out


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
    return open_models(job.matrix.models, scripts, session.clock, log)


def _prices(matrix: Matrix) -> dict[str, str]:
    """What each model that costs anything costs, and who says so, for the run's provenance."""
    told = {
        f"price.{name}": f"{model.price or 'unknown'} ({model.price_source})"
        for name, model in matrix.models.items()
        if model.price_source
    }
    return told | {"prices.source": table_name()} if told else {}


def _slot_count(job: Job, provenance: Mapping[str, str]) -> int:
    """Tool slots of the run: as the matrix says, else as many as leave one core free."""
    wanted = job.matrix.parallel.tool_slots
    if isinstance(wanted, int):
        return wanted
    theirs = provenance.get("sandbox.cpus", "")  # the engine may run on fewer than this process
    cores = min(usable_cores(), int(theirs)) if theirs.isdecimal() else usable_cores()
    return slot_count(cores, (feature.target.limits.cpus for feature in job.features))


def _write_opening(opening: _Opening, provenance: Mapping[str, str]) -> None:
    """What a run folder holds before its first trial: matrix, plan, provenance, and the first row."""
    job, trials, redactor = opening.job, opening.trials, opening.redactor
    folder = opening.journal.folder
    with disk_errors(job.matrix_file, "read"):
        matrix = job.matrix_file.read_bytes()
    write_atomic(folder.matrix, redactor.data(matrix))
    rows = [{"id": t.id, "model": t.model, "feature": t.feature.key, "repeat": t.repeat} for t in trials]
    for path, value in ((folder.plan, {"schema": 1, "trials": rows}), (folder.provenance, provenance)):
        write_atomic(path, (redactor.json(value, indent=1) + "\n").encode())
    opening.journal.append(Entry(kind=Kind.RUN_STARTED, body={"matrix": job.matrix.name, "trials": len(trials)}))
