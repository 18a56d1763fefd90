"""What is inside the phases: sub-phases of the clock, and work that ran at once. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from harness.clock import SUB_PHASES, Phase
from harness.record import OWN_QUEUES, Record
from scoreboards.statistics import median_int
from scoreboards.sums import share

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
    trials = tuple(scored)
    if not trials:
        return None
    keys = {key: phase for phase in WORKED for key in _keys(phase, trials)}
    split = {phase: tuple(trial for trial in trials if _splits(trial, phase)) for phase in WORKED}
    sums = {
        key: sum(trial.sub_phases.get(key, 0) for trial in split[phase]) if split[phase] else None
        for key, phase in keys.items()
    }
    wall_ns = sum(trial.agent_wall_ns for trial in trials)
    return Inside(
        sums=sums,
        medians={
            key: median_int(trial.sub_phases.get(key, 0) for trial in split[phase]) for key, phase in keys.items()
        },
        shares={key: share(sums[key], wall_ns) for key, phase in keys.items() if _is_agents(key, phase)},
        unsplit={phase: _unsplit(trials, phase) for phase in WORKED},
        phase_medians={phase: median_int(trial.phases[phase] for trial in trials) or 0 for phase in Phase},
        summed={phase: _summed(trials, phase) for phase in WORKED},
    )


def _keys(phase: Phase, trials: tuple[Record, ...]) -> tuple[str, ...]:
    """The phase's sub-phases in the clock's order, then any others that the records name."""
    known = tuple(f"{phase}.{sub}" for sub in SUB_PHASES[phase])
    named = {key for trial in trials for key in trial.sub_phases if key.split(".")[0] == phase}
    return known + tuple(sorted(named.difference(known)))


def _splits(record: Record, phase: Phase) -> bool:
    """Whether the record says of every nanosecond of the phase which sub-phase it was."""
    own = sum(ns for key, ns in record.sub_phases.items() if key.split(".")[0] == phase)
    return own == record.phases[phase]


def _unsplit(trials: tuple[Record, ...], phase: Phase) -> int:
    return sum(trial.phases[phase] for trial in trials if not _splits(trial, phase))


def _is_agents(key: str, phase: Phase) -> bool:
    return phase in AGENT_PHASES and key not in OWN_QUEUES


def _summed(trials: tuple[Record, ...], phase: Phase) -> int | None:
    """Summed work; None as soon as one record does not say."""
    values = [trial.summed.get(phase.value) for trial in trials]
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None
