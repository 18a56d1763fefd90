"""One attempt: whatever goes wrong in it is in its record."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from harness.bench import Bench
from harness.clock import Clock, ManualClock, SystemClock
from harness.config import Matrix, ModelConfig, TrialLimits
from harness.features import EnvironmentSpec, Feature, Source, Suite, Target
from harness.interrupt import Interrupts
from harness.models.replay import ReplayModel
from harness.monitor import Monitor
from harness.noise import Totals
from harness.plan import plan
from harness.prepare import Prepared
from harness.record import Record, Verdict
from harness.slots import Slots
from harness.trial import run_trial
from harness.turns import ScriptedCall, Turn
from sandbox.checkout import Checkouts
from sandbox.contract import Environment, Limits, Recipe
from sandbox.local import LocalProvider


class Readings(ManualClock):
    """A clock that shows these nanoseconds, one at each look."""

    def __init__(self, readings: Iterable[int]) -> None:
        super().__init__()
        self._readings = iter(readings)

    def now_ns(self) -> int:
        """The next reading."""
        return next(self._readings)


def attempted(
    folder: Path,
    clock: Clock,
    environment: Environment,
    turns: Sequence[Turn] = (),
    monitor: Monitor | None = None,
) -> Record:
    """The record of an attempt by a model that plays these turns."""
    (folder / "app").mkdir()
    target = Target(
        name="shop",
        description="",
        folder=folder,
        source=Source(path=folder / "app"),
        environment=EnvironmentSpec(image="splitclock/base"),
        suite=Suite(runner="pytest", command=("pytest",), protected=(), timeout_s=5),
        service=None,
        limits=Limits(),
    )
    feature = Feature(name="one", target=target, folder=folder, brief="Build it.")
    model = ModelConfig(name="a", provider="replay", api="chat", model="a", turns="solved")
    matrix = Matrix(name="m", features=("shop/*",), models={"a": model}, repeats=1, limits=TrialLimits())
    (trial,) = plan(matrix, [feature], {"shop/one": "1", "shop/one:solved": "2"})
    bench = Bench(
        run="run",
        provider=LocalProvider(folder / "cache", {}),
        clock=clock,
        slots=Slots(1),
        open_model=lambda _trial: ReplayModel(turns, clock),
        on_event=lambda _trial, _attempt, _kind, _body: None,
        interrupts=Interrupts(),
        monitor=monitor or Monitor(),
    )
    prepared = Prepared(
        feature=feature,
        snapshot=Checkouts(folder / "checkouts", {}).from_folder(folder / "app"),
        environment=environment,
    )
    return run_trial(trial, prepared, bench, 1).record


def without_environment(folder: Path, readings: Iterable[int]) -> Record:
    """The record where the environment is gone: the clock is read at start and end, of the trial and of set-up."""
    return attempted(folder, Readings(readings), Environment(key="gone", digest="gone", workdir="/workspace"))


def test_a_sandbox_that_cannot_be_had_is_an_error_of_infrastructure(tmp_path: Path) -> None:
    """The record says what is missing, and its time is booked as set-up."""
    record = without_environment(tmp_path, [100, 110, 150, 200])
    assert (record.verdict, record.stop) == (Verdict.ERROR_INFRA, "error:infra")
    assert "not in the cache" in record.error
    assert (record.wall_ns, record.phases["setup"], record.phases["harness"]) == (100, 40, 60)


def test_a_ledger_that_does_not_add_up_fails_its_record_only(tmp_path: Path) -> None:
    """A span that ends before it begins is a bug: this record is an error, and the matrix goes on."""
    record = without_environment(tmp_path, [100, 150, 110, 200])
    assert record.verdict is Verdict.ERROR_INFRA
    assert "is not in" in record.error
    assert sum(record.phases.values()) == record.wall_ns == 100


def test_a_workspace_that_the_agent_made_unfit_is_scored(tmp_path: Path) -> None:
    """A file where the workspace was cannot be graded, and that is nobody's fault but the agent's."""
    environment = LocalProvider(tmp_path / "cache", {}).prepare(Recipe(name="empty"), lambda _line: None)
    wreck = ScriptedCall(name="shell", arguments={"command": 'w=$PWD; cd / && rm -r "$w" && echo mine > "$w"'})
    turns = [Turn(tool_calls=(wreck,)), Turn(tool_calls=(ScriptedCall(name="finish", arguments={"summary": "."}),))]
    record = attempted(tmp_path, SystemClock(), environment, turns)
    assert (record.verdict, record.stop) == (Verdict.FAIL, "finished")
    assert "workspace cannot be read" in record.error


def test_what_spoils_the_times_is_in_the_record(tmp_path: Path) -> None:
    """A machine that starved for memory all the time: the record is noisy, says why, and keeps the figures."""
    clock = SystemClock()
    starving = Monitor(clock, lambda now_ns: Totals(pressed=0, idle=now_ns, busy=now_ns, stolen=0, starved=now_ns))
    gone = Environment(key="gone", digest="gone", workdir="/workspace")
    record = attempted(tmp_path, clock, gone, monitor=starving)
    assert record.noisy
    assert record.noise == ("for 100 % of the time everything waited for memory",)
    assert record.provenance["during.memory_pressure"] == "1.000"


def test_a_record_says_what_its_trial_ran_on(tmp_path: Path) -> None:
    """Image, limits, and the machine's load at both ends."""
    gone = Environment(key="bare", digest="sha256:1", workdir="/workspace")
    record = attempted(tmp_path, SystemClock(), gone)
    assert (record.provenance["environment"], record.provenance["environment.digest"]) == ("bare", "sha256:1")
    assert (record.provenance["limits.cpus"], record.provenance["limits.pids"]) == ("1", "512")
    assert {"start.load", "end.load"} <= record.provenance.keys()
