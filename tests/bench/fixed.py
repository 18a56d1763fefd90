"""What sandboxes cost a trial from a warm image, box by box, call by call.

`fixed_cost`, which has the target, is one sandbox's: the agent's box in a real trial, created, filled, started, killed,
exported and removed. `trial_fixed_cost` is all of a trial but model, tools and the suite's own run: that box, those
that grade (for a target with a service one for the suite, one for the service, one for its tester), looking at what
they run on, the record on disk. It has no target, for it grows with what is graded.
"""

import json
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from harness.journal import Journal
from harness.models.replay import ReplayModel
from harness.prepare import Prepared
from harness.record import Record
from sandbox.contract import Environment
from sandbox.hardening import ROOT, ContainerSpec, deadman
from sandbox.images import DockerProvider
from sandbox.labels import of_process
from tests.bench.figures import Details, Figure, Findings, median
from tests.bench.rig import FINISH, Rig, Workshop, bookings, connected, journal
from tests.bench.timed_engine import TimedEngine

ROUNDS = 10
AGENT = "agent's box: "
MOST_MS = 1000.0
DEARER = 0.10
OUTSIDE = "(no call: the executor's start, work of the harness)"
_LIFETIME_S = 300

Calls = Mapping[str, Sequence[float]]
NS_A_MS = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class _Round:
    """One trial's fixed parts, its engine calls, and those of the two references' lives; all in milliseconds."""

    parts: Mapping[str, float]
    calls: Calls
    bare: Calls
    hardened: Calls

    @property
    def whole(self) -> float:
        return sum(self.parts.values())

    @property
    def box(self) -> float:
        return sum(ms for name, ms in self.parts.items() if name.startswith(AGENT))


def measure(rig: Rig) -> Findings:
    """Ten real trials that give up at once, each followed by a bare container's life in the same engine."""
    engine = connected(TimedEngine)
    provider = rig.docker(engine)
    prepared = bookings(rig, provider)
    workshop = Workshop(rig, prepared, provider, lambda _trial: ReplayModel([FINISH], rig.clock))
    spec = _spec(provider, prepared)
    with journal(rig) as kept:
        rounds = [_round(workshop, kept, engine, spec) for _ in range(ROUNDS + 1)][1:]
    engine.close()
    return Findings(figures=_figures(rounds), details=(_parts(rounds), _calls(rounds)))


def _spec(provider: DockerProvider, prepared: Prepared) -> ContainerSpec:
    """A box as a trial would have it, less what is put into it."""
    environment: Environment = prepared.environment
    return ContainerSpec(
        image=provider.checkout_image(environment, prepared.snapshot),
        user=ROOT,
        workdir="/",
        command=deadman(_LIFETIME_S),
        labels=of_process("sandbox", _LIFETIME_S),
        limits=prepared.feature.target.limits,
    )


def _round(workshop: Workshop, kept: Journal, engine: TimedEngine, spec: ContainerSpec) -> _Round:
    engine.taken()
    began = time.monotonic_ns()
    record = workshop.run(kept, 1)[0]
    whole_ns = time.monotonic_ns() - began
    calls = _by_name(engine)
    parts = _fixed_parts(record, whole_ns, _suite_ns(kept, record))
    outside = sum(parts.values()) - _total(calls)
    return _Round(
        parts=parts,
        calls={**calls, OUTSIDE: [outside]},
        bare=_life(engine, lambda: engine.bare(spec)),
        hardened=_life(engine, lambda: engine.create(spec)),
    )


def _by_name(engine: TimedEngine) -> Calls:
    calls: dict[str, list[float]] = defaultdict(list)
    for call, ns in engine.taken():
        calls[call].append(ns / NS_A_MS)
    return calls


def _total(calls: Calls) -> float:
    return sum(sum(each) for each in calls.values())


def _suite_ns(kept: Journal, record: Record) -> int:
    """The suite's own command, as the grading box ran it."""
    path = kept.folder.trial(record.trial.id) / "tests.json"
    return int(json.loads(path.read_text(encoding="utf-8"))["duration_ns"])


def _fixed_parts(record: Record, whole_ns: int, suite_ns: int) -> dict[str, float]:
    """Everything of a trial but model, tools, waiting and the suite's command, in milliseconds."""
    sub = record.sub_phases
    parts = {
        f"{AGENT}create, fill, start": record.phases["setup"],
        f"{AGENT}kill, export, remove": sub.get("grade.export", 0),
        "grading boxes: create, fill, start, remove": sub.get("grade.start", 0),
        "grading boxes: probe, kill, reading the report": sub.get("grade.suite", 0) - suite_ns,
        "harness": record.phases["harness"],
        "record, transcript and patch on disk": whole_ns - record.wall_ns,
    }
    return {name: ns / NS_A_MS for name, ns in parts.items()}


def _life(engine: TimedEngine, create: Callable[[], str]) -> Calls:
    """Create, start and remove a container."""
    engine.taken()
    container = create()
    try:
        engine.start(container)
    finally:
        engine.remove(container)
    return _by_name(engine)


def _figures(rounds: list[_Round]) -> tuple[Figure, ...]:
    bare = median(_total(each.bare) for each in rounds)
    box = median(each.box for each in rounds)
    return (
        Figure(
            name="fixed_cost",
            value=box,
            unit="ms",
            reference="a bare container: create, start, remove",
            reference_value=bare,
            target=f"under {MOST_MS:,.0f} ms",
            met=box < MOST_MS,
        ),
        Figure(
            name="trial_fixed_cost",
            value=median(each.whole for each in rounds),
            unit="ms",
            reference="a bare container: create, start, remove",
            reference_value=bare,
        ),
        Figure(
            name="hardened_container",
            value=median(_total(each.hardened) for each in rounds),
            unit="ms",
            reference="a bare one: create, start, remove",
            reference_value=bare,
        ),
        _start_figure(rounds),
    )


def _start_figure(rounds: list[_Round]) -> Figure:
    """What hardening costs until the first command may run."""
    hardened, bare = (
        median(sum(sum(calls[name]) for name in ("create", "start")) for calls in lives)
        for lives in ([each.hardened for each in rounds], [each.bare for each in rounds])
    )
    return Figure(
        name="hardened_start",
        value=hardened,
        unit="ms",
        reference="a bare one: create, start",
        reference_value=bare,
        target=f"within {DEARER:.0%} of bare",
        met=hardened <= bare * (1 + DEARER),
    )


def _parts(rounds: list[_Round]) -> Details:
    rows = [_part(name, [each.parts[name] for each in rounds]) for name in rounds[0].parts]
    rows.append(_part("in all", [each.whole for each in rounds]))
    title = f"a trial's fixed cost, of {len(rounds)} trials"
    return Details(title=title, columns=("part", "median", "least"), rows=tuple(rows))


def _part(name: str, values: list[float]) -> tuple[str, ...]:
    return (name, f"{median(values):.1f} ms", f"{min(values):.1f} ms")


def _calls(rounds: list[_Round]) -> Details:
    """Which call of the engine the time goes to: how often, and what it takes in a trial and in the references."""
    rows = []
    for name in rounds[0].calls:
        times = len(rounds[0].calls[name])
        total = [sum(one.calls.get(name, ())) for one in rounds]
        each = (_each(name, [getattr(one, whose) for one in rounds]) for whose in ("calls", "hardened", "bare"))
        rows.append((name, f"{times}", f"{median(total):.1f} ms", f"{min(total):.1f} ms", *each))
    columns = ("call", "times", "a trial", "least", "each", "in an empty hardened box", "in a bare one")
    return Details(title="calls of the engine, medians", columns=columns, rows=tuple(rows))


def _each(name: str, lives: list[Calls]) -> str:
    values = [ms for calls in lives for ms in calls.get(name, ())]
    return f"{median(values):.1f} ms" if values else ""
