"""What benchmarks stand on: an engine that times its calls, the bookings application, trials without a matrix file."""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import mkdtemp
from typing import TypeVar

import structlog

from harness.bench import Bench
from harness.clock import SystemClock
from harness.config import TrialLimits, settings
from harness.errors import InfraError
from harness.features import EnvironmentSpec, Feature, Manifest
from harness.fixtures import bundled_roots, load_features
from harness.interrupt import Interrupts
from harness.journal import Journal, read_records
from harness.matrix import MatrixRun, journalled, run_matrix
from harness.model_config import ModelConfig
from harness.models.contract import Model
from harness.monitor import Monitor
from harness.plan import Trial
from harness.prepare import Prepared, prepare
from harness.progress import Quiet
from harness.record import Record
from harness.redact import Redactor
from harness.slots import Slots
from harness.turns import ScriptedCall, Turn
from sandbox.checkout import Checkouts
from sandbox.contract import BoxSpec, Environment, Recipe, Sandbox, SandboxProvider
from sandbox.engine import Engine
from sandbox.errors import EngineUnavailableError
from sandbox.images import DockerProvider, DockerSettings
from sandbox.local import LocalProvider

FEATURE = "bookings/room-filters"
NO_TESTS = ("python3", "-m", "pytest", "-k", "none_has_this_name")
"""A suite that collects and runs nothing: its own time is left out of every figure, so it may as well be short."""

Say = Callable[[str], None]
OpenModel = Callable[[Trial], Model]
E = TypeVar("E", bound=Engine)


def quiet_logs() -> None:
    """Show warnings only: trials tell of their end, which is nothing to see here."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))


class NoEngineError(Exception):
    """This benchmark needs a Docker engine, and none answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """Where benchmarks run: a scratch folder on the disk that run folders lie on, the clock, where progress is told."""

    scratch: Path
    clock: SystemClock
    say: Say

    def engine(self) -> Engine:
        """The Docker engine of this machine. Raises NoEngineError."""
        return connected(Engine)

    def place(self) -> str:
        """The kind of sandbox to measure in: "docker", or, said in a line, "local" where no engine answers."""
        try:
            self.engine().close()
        except NoEngineError as error:
            self.say(f"{error}; the local sandbox stands in")
            return "local"
        return "docker"

    def docker(self, engine: Engine) -> DockerProvider:
        """The provider over an engine, with this machine's cache."""
        found = settings()
        return DockerProvider(engine, DockerSettings(cache=found.cache, host_environment=found.host_environment))

    def local(self) -> LocalProvider:
        """This machine itself, with its cache."""
        found = settings()
        return LocalProvider(found.cache, found.host_environment)

    def checkouts(self) -> Checkouts:
        """Snapshots in this machine's cache."""
        return Checkouts(settings().cache)

    def base(self, provider: SandboxProvider) -> Environment:
        """The base image as an environment; in the local sandbox, nothing."""
        return provider.prepare(Recipe(name="base", image="splitclock/base"), lambda _line: None)


def connected(kind: type[E]) -> E:
    """A connection of this kind to the machine's engine. Raises NoEngineError."""
    try:
        return kind.connect(os.environ)
    except EngineUnavailableError as error:
        raise NoEngineError(str(error)) from error


def feature() -> Feature:
    """A feature of the bundled application, with a suite that runs nothing, and a manifest that asks for nothing."""
    found = load_features(bundled_roots(), [FEATURE])[0]
    target = replace(found.target, suite=replace(found.target.suite, command=NO_TESTS))
    return replace(found, target=target, manifest=Manifest(fail_to_pass=("none",), pass_to_pass=()))


def bookings(rig: Rig, provider: SandboxProvider) -> Prepared:
    """The bundled application on its own environment, which needs a package index once, or else on the base image."""
    short = feature()
    try:
        return prepare(short, provider, rig.checkouts(), lambda _line: None)
    except InfraError as error:
        rig.say(f"bookings' own environment cannot be built, the base image stands in: {error}")
        bare = replace(short, target=replace(short.target, environment=EnvironmentSpec(image="splitclock/base")))
        return prepare(bare, provider, rig.checkouts(), lambda _line: None)


def trial(of: Feature, number: int) -> Trial:
    """A trial of a scripted model; `number` tells it from others."""
    model = ModelConfig(name="bench", provider="replay", api="chat", model="bench")
    limits = TrialLimits(turns=10_000, output_tokens=10**9)
    return Trial(id=f"{number:012x}", model="bench", settings=model, feature=of, repeat=number, limits=limits)


def shell(command: str) -> Turn:
    """A turn that runs one command line."""
    return Turn(tool_calls=(ScriptedCall(name="shell", arguments={"command": command}),))


FINISH = Turn(tool_calls=(ScriptedCall(name="finish", arguments={"summary": "done"}),))


class Workshop:
    """Runs trials as a matrix does: journal, folders and all."""

    def __init__(self, rig: Rig, prepared: Prepared, provider: SandboxProvider, open_model: OpenModel) -> None:
        self._rig = rig
        self._prepared = prepared
        self._provider = provider
        self._open_model = open_model
        self._number = 0

    def run(self, journal: Journal, count: int, slots: int | None = None) -> tuple[Record, ...]:
        """Run this many trials, all at once; their records. Without `slots` nobody waits for one.

        Raises RuntimeError for a trial that ended in an error.
        """
        with Monitor(self._rig.clock) as monitor:
            return self._run(journal, count, self._bench(journal, slots or count, monitor))

    def _run(self, journal: Journal, count: int, bench: Bench) -> tuple[Record, ...]:
        trials = tuple(trial(self._prepared.feature, self._number + each) for each in range(1, count + 1))
        self._number += count
        ended = run_matrix(
            MatrixRun(
                trials=trials,
                prepared={self._prepared.feature.key: self._prepared},
                bench=bench,
                journal=journal,
                redactor=Redactor(),
                progress=Quiet(),
                checkouts=self._rig.checkouts(),
                parallel=count,
            )
        )
        for one in ended.trials:
            if one.stop != "finished" or one.verdict.value.startswith("error"):
                raise RuntimeError(f"a trial of this benchmark ended as {one.stop} {one.verdict}: {one.error}")
        wanted = {one.trial for one in ended.trials}
        return tuple(record for record in read_records(journal.folder.root) if record.trial.id in wanted)

    def _bench(self, journal: Journal, slots: int, monitor: Monitor) -> Bench:
        return Bench(
            run=journal.folder.root.name,
            provider=self._provider,
            clock=self._rig.clock,
            slots=Slots(slots),
            open_model=self._open_model,
            on_event=lambda one, attempt, kind, body: journalled(journal, Quiet(), one, attempt, (kind, body)),
            interrupts=Interrupts(),
            monitor=monitor,
        )


@contextmanager
def journal(rig: Rig) -> Iterator[Journal]:
    """A journal in a run folder of its own."""
    with Journal.create(Path(mkdtemp(prefix="run-", dir=rig.scratch))) as made:
        yield made


def opened(provider: SandboxProvider, environment: Environment) -> Sandbox:
    """An empty box of an environment, not yet entered."""
    return provider.open(BoxSpec(environment=environment))
