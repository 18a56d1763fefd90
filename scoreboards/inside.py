"""What is inside the phases: sub-phases of the clock, and work that ran at once. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from harness.clock import SUB_PHASES, Phase
from harness.record import OWN_QUEUES, Record
from scoreboards.statistics import median_int
from scoreboards.sums import Adder, Numbers, numbers, share

AGENT_PHASES = (Phase.MODEL, Phase.TOOL, Phase.OVERLAP, Phase.WAIT, Phase.HARNESS)
"""The phases that make up the agent wall; set-up and grading stand beside it."""

WORKED = (Phase.SETUP, Phase.MODEL, Phase.TOOL, Phase.WAIT, Phase.GRADE)
"""The phases that spans are booked on; the others are derived, and have no summed work of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """Sub-phases ("model.decode") of the scored trials, every known one, in nanoseconds; None where no record says.

    The `sums` of a phase's sub-phases and its `unsplit` part, of records that do not split it, add up to the phase.
    `medians` and `phase_medians` are of the trials. `shares` are of the summed agent wall, and leave out what is no
    part of it. `summed` is work by phase: parallel work counts each time, so that it may exceed the phase.
    """

    sums: Mapping[str, int | None]
    medians: Mapping[str, int | None]
    shares: Mapping[str, float | None]
    unsplit: Mapping[Phase, int]
    phase_medians: Mapping[Phase, int]
    summed: Mapping[Phase, int | None]


def inside(scored: Iterable[Record]) -> Inside | None:
    """The inside of scored trials; None when there are none."""
    pool = InsidePool()
    for record in scored:
        pool.add(record)
    return pool.inside()


@dataclass(slots=True)
class _Worked:
    """A phase of trials that come one by one: its sub-phases in those that split all of it, and the rest."""

    split: int = 0
    unsplit_ns: int = 0
    subs: dict[str, Numbers] = field(default_factory=dict)
    summed: Adder = field(default_factory=Adder)

    def take(self, other: "_Worked") -> None:
        self.split += other.split
        self.unsplit_ns += other.unsplit_ns
        self.summed.take(other.summed)
        for key, values in other.subs.items():
            self.subs.setdefault(key, numbers()).extend(values)

    def median(self, key: str) -> int | None:
        """Over all trials that split the phase; one that does not name the sub-phase spent none in it."""
        values = self.subs.get(key, numbers())
        return median_int([*values, *[0] * (self.split - len(values))])

    def total(self, key: str) -> int | None:
        return sum(self.subs.get(key, ())) if self.split else None


@dataclass(slots=True)
class InsidePool:
    """The inside of scored trials that come one by one; `phases` has each one's length of each phase."""

    trials: int = 0
    wall_ns: int = 0
    phases: dict[Phase, Numbers] = field(default_factory=lambda: {phase: numbers() for phase in Phase})
    worked: dict[Phase, _Worked] = field(default_factory=lambda: {phase: _Worked() for phase in WORKED})

    def add(self, record: Record) -> None:
        """One more scored trial."""
        self.trials += 1
        self.wall_ns += record.agent_wall_ns
        for phase, lengths in self.phases.items():
            lengths.append(record.phases[phase])
        for phase, worked in self.worked.items():
            own = {key: ns for key, ns in record.sub_phases.items() if key.split(".")[0] == phase}
            splits = sum(own.values()) == record.phases[phase]
            worked.split += splits
            worked.unsplit_ns += 0 if splits else record.phases[phase]
            worked.summed.add(record.summed.get(phase.value))
            for key, ns in own.items():
                values = worked.subs.setdefault(key, numbers())
                if splits:
                    values.append(ns)

    def take(self, other: "InsidePool") -> None:
        """All of another's."""
        self.trials += other.trials
        self.wall_ns += other.wall_ns
        for phase, lengths in self.phases.items():
            lengths.extend(other.phases[phase])
        for phase, worked in self.worked.items():
            worked.take(other.worked[phase])

    def inside(self) -> Inside | None:
        """The figures of those that were added; None when there were none."""
        if not self.trials:
            return None
        keys = {key: phase for phase, worked in self.worked.items() for key in _keys(phase, worked.subs)}
        sums = {key: self.worked[phase].total(key) for key, phase in keys.items()}
        return Inside(
            sums=sums,
            medians={key: self.worked[phase].median(key) for key, phase in keys.items()},
            shares={key: share(sums[key], self.wall_ns) for key, phase in keys.items() if _is_agents(key, phase)},
            unsplit={phase: worked.unsplit_ns for phase, worked in self.worked.items()},
            phase_medians={phase: median_int(lengths) or 0 for phase, lengths in self.phases.items()},
            summed={phase: _exact(worked.summed) for phase, worked in self.worked.items()},
        )


def _keys(phase: Phase, named: Iterable[str]) -> tuple[str, ...]:
    """The phase's sub-phases in the clock's order, then any others that the records name."""
    known = tuple(f"{phase}.{sub}" for sub in SUB_PHASES[phase])
    return known + tuple(sorted(set(named).difference(known)))


def _is_agents(key: str, phase: Phase) -> bool:
    return phase in AGENT_PHASES and key not in OWN_QUEUES


def _exact(summed: Adder) -> int | None:
    """Summed work; None as soon as one record does not say."""
    return summed.total if summed.known == summed.given else None
