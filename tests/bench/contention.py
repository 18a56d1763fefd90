"""What commands take alone, and beside seven other trials with tool slots and without; and what slots cost."""

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from harness.journal import Journal
from harness.record import Record, ToolRow
from harness.simulator.config import Pace
from harness.simulator.process import Simulator
from harness.slots import slot_count
from harness.turns import Turn
from tests.bench.figures import Details, Figure, Findings, median, percentile
from tests.bench.rig import FINISH, Rig, Workshop, bookings, journal, shell
from tests.bench.trials import opener

TRIALS = 8
LOOP = 'python3 -c "for each in range(20_000_000): pass"'
SUITE = "python3 -m pytest -q -p no:cacheprovider tests/test_migrations.py"
TIMES = 2
"""How often a trial runs each of the two, in turn."""

THINKING = Pace(first_token_ms=300, tokens_per_s=1000, tokens_per_chunk=8)
"""The model between two commands: while one trial waits for it, another may compute."""

SCRIPT: tuple[Turn, ...] = (*chain.from_iterable((shell(LOOP), shell(SUITE)) for _ in range(TIMES)), FINISH)
WORKLOADS = {"loop": 1, "suite": 0}
"""Name, and the turn's remainder by two."""

MOST_RATIO = 1.15
ALONE, SLOTS, FREE = "alone", "with slots", "without slots"
_NS_A_MS = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """Trials that ran under one way of sharing the machine, and how long all of them took, in seconds."""

    name: str
    records: tuple[Record, ...]
    wall_s: float

    def commands(self, workload: str) -> list[ToolRow]:
        """The commands of one workload. Raises RuntimeError for one that failed: its time would say nothing."""
        rows = [row for record in self.records for row in record.tool_calls if row.tool == "shell"]
        mine = [row for row in rows if row.turn % 2 == WORKLOADS[workload]]
        if any(row.failed or row.exec_ns is None for row in mine):
            raise RuntimeError(f"a command of the workload `{workload}` failed: {mine}")
        return mine

    def exec_ms(self, workload: str) -> list[float]:
        """In-sandbox milliseconds of each command."""
        return [(row.exec_ns or 0) / _NS_A_MS for row in self.commands(workload)]

    def total_ms(self, workload: str) -> list[float]:
        """Dispatch to result of each command, in milliseconds."""
        return [row.total_ns / _NS_A_MS for row in self.commands(workload)]

    @property
    def a_minute(self) -> float:
        """Trials finished a minute."""
        return 60 * len(self.records) / self.wall_s


def measure(rig: Rig) -> Findings:
    """Eight trials with slots, eight without, and one alone before, between and after; in Docker."""
    engine = rig.engine()
    provider = rig.docker(engine)
    prepared = bookings(rig, provider)
    slots = slot_count(os.cpu_count() or 1, [prepared.feature.target.limits.cpus])
    with Simulator({"bench": THINKING}, {"bench": SCRIPT}) as simulator, journal(rig) as kept:
        open_ = opener(rig, simulator.base_url)
        workshop = Workshop(rig, prepared, provider, lambda _trial: open_())
        lone = [_way(workshop, kept, ALONE, 1)]
        with_slots = _way(workshop, kept, SLOTS, TRIALS, slots)
        lone.append(_way(workshop, kept, ALONE, 1))
        free = _way(workshop, kept, FREE, TRIALS)
        lone.append(_way(workshop, kept, ALONE, 1))
    engine.close()
    alone = _Way(name=ALONE, records=tuple(way.records[0] for way in lone), wall_s=sum(way.wall_s for way in lone))
    ways = (alone, with_slots, free)
    return Findings(figures=tuple(_figures(ways)), details=(_times(ways), _shares(ways)))


def _way(workshop: Workshop, kept: Journal, name: str, trials: int, slots: int | None = None) -> _Way:
    began = time.monotonic()
    records = workshop.run(kept, trials, slots)
    return _Way(name=name, records=records, wall_s=time.monotonic() - began)


def _figures(ways: Sequence[_Way]) -> Iterator[Figure]:
    alone, with_slots, free = ways
    for workload in WORKLOADS:
        reference = alone.exec_ms(workload), alone.total_ms(workload)
        for way, target in ((with_slots, MOST_RATIO), (free, None)):
            for what, mine, theirs in zip(("exec", "total"), _both(way, workload), reference, strict=True):
                yield _slower(f"{what}_{workload}_{way.name.replace(' ', '_')}", mine, theirs, target)
    yield Figure(
        name="contention_throughput",
        value=with_slots.a_minute,
        unit="trials a minute",
        reference="without slots",
        reference_value=free.a_minute,
    )


def _both(way: _Way, workload: str) -> tuple[list[float], list[float]]:
    return way.exec_ms(workload), way.total_ms(workload)


def _slower(name: str, mine: Sequence[float], alone: Sequence[float], most: float | None) -> Figure:
    value, reference = median(mine), median(alone)
    return Figure(
        name=f"contention_{name}",
        value=value,
        unit="ms",
        reference="the median alone",
        reference_value=reference,
        target=f"at most {most:g}x" if most else "",
        met=value <= most * reference if most else None,
    )


def _times(ways: Sequence[_Way]) -> Details:
    rows = []
    for workload in WORKLOADS:
        for way in ways:
            for what, values in zip(("in the sandbox", "whole call"), _both(way, workload), strict=True):
                ends = (median(values), percentile(values, 0.9))
                rows.append((workload, way.name, what, f"{len(values)}", *(f"{value:,.0f} ms" for value in ends)))
    columns = ("command", "trials", "time", "calls", "median", "p90")
    return Details(title=f"commands of one trial, and of {TRIALS} at once", columns=columns, rows=tuple(rows))


def _shares(ways: Sequence[_Way]) -> Details:
    rows = []
    for way in ways:
        queue = sum(record.sub_phases.get("wait.tool_slot", 0) for record in way.records)
        crowded = [float(value) for record in way.records if (value := record.provenance.get("during.cpu_crowded"))]
        late = [float(value) for record in way.records if (value := record.provenance.get("during.lateness_p99_ms"))]
        rows.append(
            (
                way.name,
                f"{way.a_minute:.1f}",
                f"{queue / sum(record.wall_ns for record in way.records):.0%}",
                f"{median(crowded):.0%}" if crowded else "unknown",
                f"{max(late):.1f} ms" if late else "unknown",
                f"{sum(record.noisy for record in way.records)} of {len(way.records)}",
            )
        )
    columns = ("trials", "a minute", "queue for slots", "contended while commands ran", "harness woke late", "noisy")
    return Details(title="what slots cost, and what a record says of it", columns=columns, rows=tuple(rows))
