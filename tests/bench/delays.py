"""Delays put in on purpose come out in their phases: a model, a tool, a provider's Retry-After and a suite that wait.

The same trial without any is run beside them, through the real command line, one trial at a time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.journal import read_records
from harness.record import Record
from harness.simulator.log import SentRow, read_attempts
from harness.turns import ScriptedCall, ScriptedFault, Turn
from tests.bench.figures import Details, Figure, Findings, median
from tests.bench.rig import NoEngineError, Rig
from tests.end_to_end.desk import Desk
from tests.end_to_end.targets import (
    ADD,
    DOUBLE,
    HIDDEN,
    FeatureFiles,
    TargetFiles,
    edit,
    in_docker,
    matrix,
    say,
    shell,
    simulated,
)

REPEATS = 3
MOST_S = 0.2
SUITE = "grading 1 s"
_S = 1e9
_SLOW_TESTS = {
    path: text.replace("def test_double():\n", "def test_double():\n    import time\n\n    time.sleep(1)\n")
    for path, text in HIDDEN.items()
}
_BUSY = ScriptedFault(
    kind="status", status=429, code="rate_limit_exceeded", headers={"retry-after": "3"}, message="scripted 429"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """What waits how long, and as which sub-phase that must be booked."""

    name: str
    seconds: float
    sub: str

    @property
    def model(self) -> str:
        """Its name in the matrix; a suite that waits is another feature of the plain model."""
        return "plain" if self.name == SUITE else self.name.split()[0].lower()


DELAYS = (
    Delay(name="model 1 s", seconds=1, sub="model.first_token"),
    Delay(name="tool 2 s", seconds=2, sub="tool.exec"),
    Delay(name="Retry-After 3 s", seconds=3, sub="wait.rate_limit"),
    Delay(name=SUITE, seconds=1, sub="grade.suite"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delayed:
    """One trial with a delay, those without any, and how long the simulator was left alone.

    The latter in seconds from its refusal to the next request, 0 where it refused nothing.
    """

    delay: Delay
    record: Record
    plain: Sequence[Record]
    left_alone_s: float

    def more_s(self, sub: str) -> float:
        """By how many seconds a sub-phase is longer than it is without the delay, in the middle of some."""
        return (self.record.sub_phases.get(sub, 0) - median(each.sub_phases.get(sub, 0) for each in self.plain)) / _S

    @property
    def measured_s(self) -> float:
        """What the delay came out as in its own sub-phase."""
        return self.more_s(self.delay.sub)

    @property
    def truth_s(self) -> float:
        """How long it was: the harness adds some chance to a Retry-After, so there the simulator knows."""
        return self.left_alone_s or self.delay.seconds

    @property
    def error_s(self) -> float:
        """By how much it came out too long."""
        return self.measured_s - self.truth_s

    @property
    def elsewhere_s(self) -> float:
        """The largest change of any other sub-phase, set-up left out: making a sandbox takes as long as it does."""
        others = {*self.record.sub_phases} - {self.delay.sub}
        return max((self.more_s(sub) for sub in others if not sub.startswith("setup.")), key=abs, default=0.0)

    @property
    def exact(self) -> bool:
        """Whether the phases are the wall, to the nanosecond."""
        return all(sum(each.phases.values()) == each.wall_ns for each in (self.record, *self.plain))


def delayed(desk: Desk, sandbox: str, repeats: int = REPEATS) -> tuple[Delayed, ...]:
    """Run all of them so many times, each beside trials without. Raises RuntimeError for a trial that does not pass."""
    _target(desk, sandbox)
    models: dict[str, Mapping[str, object]] = {"plain": simulated("plain")}
    for delay in DELAYS:
        if delay.model not in models:
            models[delay.model] = simulated(delay.model, first_token_ms=1000 if delay.model == "model" else 5)
    options = ("--fixtures", desk.folder / "targets", "--sandbox", sandbox, "--repeats", repeats)
    agents = _ran(desk, models, ["calc/double"], options)
    suites = _ran(desk, {"plain": models["plain"]}, ["calc/double", "calc/slow-double"], options)
    return (*agents, *suites)


def _ran(
    desk: Desk, models: Mapping[str, Mapping[str, object]], features: Sequence[str], options: Sequence[object]
) -> list[Delayed]:
    """One run, one trial at a time; what was delayed in it."""
    name = f"{len(models)}-{len(features)}"
    out = desk.folder / f"out-{name}"
    file = matrix(desk.folder / f"delays-{name}.toml", models, features, trials=1)
    desk.must("run", file, *options, "--out", out)
    return _delayed(read_records(out), read_attempts(out / "simulator.jsonl"))


def _target(desk: Desk, sandbox: str) -> Path:
    """One turn that does all the work, as each model does it; a feature with a suite that waits."""
    turns = {
        "plain": (_turn("true"),),
        "model": (_turn("true"),),
        "tool": (_turn("sleep 2"),),
        "retry-after": (_turn("true").model_copy(update={"faults": (_BUSY,)}),),
    }
    files = in_docker() if sandbox == "docker" else TargetFiles()
    features = (FeatureFiles(turns=turns), FeatureFiles(name="slow-double", hidden=_SLOW_TESTS, turns=turns))
    return files.write(desk.folder / "targets", *features)


def _turn(command: str) -> Turn:
    finish = ScriptedCall(name="finish", arguments={"summary": "Done."})
    return say("I add the function.", edit("calc.py", ADD, DOUBLE), shell(command), finish)


def _delayed(records: Sequence[Record], attempts: Sequence[SentRow]) -> list[Delayed]:
    for record in records:
        if record.verdict != "pass":
            raise RuntimeError(f"{record.trial} ended as {record.stop}, {record.verdict}: {record.error}")
    plain = [record for record in records if (record.trial.model, record.trial.feature) == ("plain", "calc/double")]
    return [
        Delayed(delay=delay, record=record, plain=plain, left_alone_s=_left_alone_s(record, attempts))
        for delay in DELAYS
        for record in records
        if (record.trial.model, record.trial.feature) == (delay.model, _feature(delay))
    ]


def _feature(delay: Delay) -> str:
    return "calc/slow-double" if delay.name == SUITE else "calc/double"


def _left_alone_s(record: Record, attempts: Sequence[SentRow]) -> float:
    mine = sorted((sent for sent in attempts if sent.trial == record.trial.id), key=lambda sent: sent.received_ns)
    return (mine[1].received_ns - mine[0].finished_ns) / _S if len(mine) > 1 else 0.0


def measure(rig: Rig) -> Findings:
    """Three rounds in Docker, or on this machine itself where there is none."""
    try:
        rig.engine().close()
    except NoEngineError as error:
        rig.say(f"without Docker, on this machine itself: {error}")
        sandbox = "local"
    else:
        sandbox = "docker"
    found = delayed(Desk(folder=rig.scratch, cache=rig.scratch / "cache"), sandbox)
    rounds = {delay: [each for each in found if each.delay == delay] for delay in DELAYS}
    return Findings(
        figures=tuple(_figure(delay, mine) for delay, mine in rounds.items()),
        details=(_details(sandbox, rounds),),
    )


def _figure(delay: Delay, rounds: Sequence[Delayed]) -> Figure:
    """The middle round: one hiccup of a shared machine is not the clock's; the table has the worst."""
    middle = sorted(rounds, key=lambda each: abs(each.error_s))[len(rounds) // 2]
    return Figure(
        name=f"delay_{delay.sub}",
        value=middle.measured_s,
        unit="s",
        reference="the truth",
        reference_value=middle.truth_s,
        target=f"within {MOST_S:g} s, sums exact",
        met=abs(middle.error_s) <= MOST_S and all(each.exact for each in rounds),
    )


def _details(sandbox: str, rounds: Mapping[Delay, Sequence[Delayed]]) -> Details:
    return Details(
        title=f"delays put in on purpose, against the same trial without them ({sandbox} sandbox)",
        columns=("delay", "booked as", "measured", "truth", "error, median", "worst", "most elsewhere, median", "sum"),
        rows=tuple(_row(delay, mine) for delay, mine in rounds.items()),
    )


def _row(delay: Delay, rounds: Sequence[Delayed]) -> tuple[str, ...]:
    return (
        delay.name,
        delay.sub,
        f"{median(each.measured_s for each in rounds):.3f} s",
        f"{median(each.truth_s for each in rounds):.3f} s",
        f"{median(each.error_s for each in rounds):+.3f} s",
        f"{max((each.error_s for each in rounds), key=abs):+.3f} s",
        f"{median(each.elsewhere_s for each in rounds):+.3f} s",
        "exact" if all(each.exact for each in rounds) else "NOT EXACT",
    )
