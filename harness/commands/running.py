"""From a checked matrix to a finished run folder: what `run` and `demo` share."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from harness.commands.session import Session
from harness.config import Matrix, key_for
from harness.digests import manifest_problem, trial_digests
from harness.errors import ConfigError
from harness.features import Feature
from harness.files import disk_errors, write_atomic
from harness.inputs import Options, load_inputs
from harness.interrupt import Interrupts
from harness.journal import Entry, Journal, Kind, new_run_folder
from harness.matrix import MatrixRun, journalled, run_matrix
from harness.models.contract import Model
from harness.models.factory import load_api, open_model
from harness.models.replay import ReplayModel
from harness.monitor import Monitor
from harness.plan import Trial, plan
from harness.prepare import Prepared, prepare, source_digest
from harness.progress import LiveTable, PlainLines, Progress, Quiet
from harness.provenance import host_facts, prompt_digest, usable_cores
from harness.record import Record
from harness.redact import Redactor
from harness.runners import refusal
from harness.scripts import script_for, script_key
from harness.simulator.config import Pace
from harness.simulator.process import Simulator
from harness.slots import Slots, slot_count
from harness.trial import Bench
from harness.turns import Turn
from sandbox.checkout import Checkouts


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to run and where to write it; `matrix_file` is copied into the run folder."""

    matrix: Matrix
    features: tuple[Feature, ...]
    matrix_file: Path
    out: Path | None = None
    quiet: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A run as it ended: its folder, its records in plan order, how many trials were planned, and if it was stopped."""

    folder: Path
    records: tuple[Record, ...]
    planned: int
    interrupted: bool


def load_job(matrix_file: Path, given: Options, out: Path | None = None) -> Job:
    """The job that a command line asks for. Raises ConfigError with every problem of every file it names."""
    inputs = load_inputs(matrix_file, given)
    return Job(matrix=inputs.matrix, features=inputs.features, matrix_file=matrix_file, out=out)


def check_source(prepared: Prepared) -> None:
    """Raise ConfigError when the manifest was made from another source tree: its lists would grade something else."""
    feature, manifest = prepared.feature, prepared.feature.manifest
    made_from = manifest.made_from.get("snapshot") if manifest else None
    if made_from not in (None, prepared.snapshot.digest):
        raise ConfigError(
            f"{feature.key}: the source is not the one that manifest.json was made from; "
            f"run `splitclock validate {feature.key}` with the same --source and --working-tree"
        )


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


def execute(job: Job, session: Session, console: Console) -> Finished:
    """Run the whole matrix. Raises ConfigError and InfraError for what stops all of it."""
    check_gradable(job.features)
    trials = planned_trials(job, session.checkouts, session.provider.kind)
    folder = _folder(job, session)
    interrupts = Interrupts()
    secrets = [key for model in job.matrix.models.values() if (key := key_for(model))]
    redactor = Redactor(secrets)
    with ExitStack() as stack:
        journal = stack.enter_context(Journal.create(folder, redactor))
        progress = stack.enter_context(_progress(job, trials, session, console))
        stack.enter_context(_listening(interrupts, session, progress))
        prepared = _prepare(job, session, progress, interrupts)
        progress.say(f"run folder: {_shown(folder)}")
        scripts = _scripts(job, prepared, session)
        models = stack.enter_context(_models(job, scripts, folder, session))
        provenance = host_facts(session.provider) | {"parallel_trials": str(job.matrix.parallel.trials)}
        slots = Slots(_slot_count(job, provenance))
        stack.enter_context(interrupts.ending(slots.close))
        provenance["tool_slots"] = str(slots.count)
        _write_opening(job, journal, redactor, trials, provenance)
        bench = Bench(
            run=folder.name,
            provider=session.provider,
            clock=session.clock,
            slots=slots,
            open_model=models,
            on_event=lambda trial, attempt, kind, body: journalled(journal, progress, trial, attempt, (kind, body)),
            interrupts=interrupts,
            monitor=stack.enter_context(Monitor(session.clock)),
            provenance=provenance,
        )
        records = run_matrix(
            MatrixRun(
                trials=trials,
                prepared=prepared,
                bench=bench,
                journal=journal,
                redactor=redactor,
                progress=progress,
                checkouts=session.checkouts,
                parallel=job.matrix.parallel.trials,
            )
        )
        stopped = interrupts.flag.is_set()
        journal.append(Entry(kind=Kind.RUN_FINISHED, body={"records": len(records), "interrupted": stopped}))
    return Finished(folder=folder, records=records, planned=len(trials), interrupted=stopped)


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


def _progress(job: Job, trials: Sequence[Trial], session: Session, console: Console) -> Progress:
    if job.quiet:
        return Quiet()
    return LiveTable(console, trials, session.clock) if console.is_terminal else PlainLines(console)


@contextmanager
def _listening(interrupts: Interrupts, session: Session, progress: Progress) -> Iterator[None]:
    """Handle Ctrl-C: the run ends cleanly; a second one removes this run's containers and leaves."""

    def first() -> None:
        progress.say("interrupted: ending trials and removing containers; press again to hurry")

    with interrupts.listening(first, session.remove_containers):
        yield


def _prepare(job: Job, session: Session, progress: Progress, interrupts: Interrupts) -> dict[str, Prepared]:
    """Environments and checkouts, before any trial's clock starts; of every feature, unless it is interrupted."""
    prepared = {}
    with suppress(KeyboardInterrupt), session.clearing(), interrupts.raising():
        for feature in job.features:
            if interrupts.flag.is_set():
                break
            progress.say(f"preparing {feature.key}")
            prepared[feature.key] = prepare(feature, session.provider, session.checkouts, progress.say)
            check_source(prepared[feature.key])
    return prepared


def _scripts(job: Job, prepared: Mapping[str, Prepared], session: Session) -> dict[str, tuple[Turn, ...]]:
    """The scripts that simulated models of this matrix play, by key."""
    return {
        script_key(one.feature, name): script_for(one, name, session.checkouts)
        for one in prepared.values()
        for name in sorted(job.matrix.scripts)
    }


class _Models:
    """Opens the model of each trial; the simulator, if any model needs it, runs as long as this context."""

    def __init__(self, scripts: Mapping[str, tuple[Turn, ...]], session: Session) -> None:
        self._scripts = scripts
        self._session = session
        self.simulator: Simulator | None = None

    def __call__(self, trial: Trial) -> Model:
        config = trial.settings
        clock = self._session.clock
        script = script_key(trial.feature, config.turns or "")
        if config.provider == "replay":
            return ReplayModel(self._scripts[script], clock)
        if self.simulator is None or config.provider != "simulator":
            return open_model(config.settings(), key_for(config), clock)
        settings = config.settings(self.simulator.base_url, headers={"x-splitclock-script": script})
        return open_model(settings, None, clock)


@contextmanager
def _models(job: Job, scripts: Mapping[str, tuple[Turn, ...]], folder: Path, session: Session) -> Iterator[_Models]:
    """How trials get their models, with a simulator at work where one is named."""
    models = _Models(scripts, session)
    paced = {
        name: Pace(
            first_token_ms=config.first_token_ms or 0.0,
            tokens_per_s=config.tokens_per_s or 0.0,
            tokens_per_chunk=config.tokens_per_chunk or 1,
        )
        for name, config in job.matrix.models.items()
        if config.provider == "simulator"
    }
    for api in sorted({config.api for config in job.matrix.models.values() if config.provider != "replay"}):
        load_api(api)  # outside every trial's clock: importing an SDK takes longer than many calls
    with ExitStack() as stack:
        if paced:
            models.simulator = stack.enter_context(Simulator(paced, scripts, folder / "simulator.jsonl"))
        yield models


def _slot_count(job: Job, provenance: Mapping[str, str]) -> int:
    """Tool slots of the run: as the matrix says, else as many as leave one core free."""
    wanted = job.matrix.parallel.tool_slots
    if isinstance(wanted, int):
        return wanted
    theirs = provenance.get("sandbox.cpus", "")  # the engine may run on fewer than this process
    cores = min(usable_cores(), int(theirs)) if theirs.isdecimal() else usable_cores()
    return slot_count(cores, (feature.target.limits.cpus for feature in job.features))


def _write_opening(
    job: Job, journal: Journal, redactor: Redactor, trials: Sequence[Trial], provenance: Mapping[str, str]
) -> None:
    """What a run folder holds before its first trial: matrix, plan, provenance, and the first row."""
    folder = journal.folder
    with disk_errors(job.matrix_file, "read"):
        matrix = job.matrix_file.read_bytes()
    write_atomic(folder.matrix, redactor.data(matrix))
    rows = [{"id": t.id, "model": t.model, "feature": t.feature.key, "repeat": t.repeat} for t in trials]
    for path, value in ((folder.plan, {"schema": 1, "trials": rows}), (folder.provenance, provenance)):
        write_atomic(path, (redactor.json(value, indent=1) + "\n").encode())
    journal.append(Entry(kind=Kind.RUN_STARTED, body={"matrix": job.matrix.name, "trials": len(trials)}))
