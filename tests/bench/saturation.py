"""How many streams this machine can time: errors against the simulator's log, and what the monitor says meanwhile."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from harness.clock import Phase, Span
from harness.monitor import Monitor
from harness.noise import LATE_MS, Conditions, conditions, reasons
from tests.bench.figures import Details, Figure, Findings, percentile
from tests.bench.rig import Rig
from tests.bench.truth import WHATS, Ask, Load, Pair, asking

LEVELS: Mapping[int, tuple[int, ...]] = {65: (1, 4, 16, 32, 64, 128), 1000: (1, 4, 8, 16, 32)}
"""Tokens/s, and how many streams at once: the last of each is meant to be too many."""

FEW = 16
"""Up to so many streams are let run twice: fewer intervals say less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A load, its errors, and what the machine was like meanwhile."""

    load: Load
    pairs: tuple[Pair, ...]
    found: Conditions

    @property
    def missed(self) -> int:
        """How many intervals miss the truth by more than is allowed."""
        return sum(pair.severity > 1 for pair in self.pairs)

    @property
    def holds(self) -> bool:
        """Whether at most one interval in a hundred misses; or one, which a hiccup of a shared machine may cost."""
        return self.missed <= max(1, len(self.pairs) // 100)

    @property
    def noisy(self) -> bool:
        """Whether a record would be marked."""
        return bool(reasons(self.found))

    def errors(self, what: str) -> str:
        """Worst and p99 error of first tokens or of decoding."""
        errors = [pair.error for pair in self.pairs if pair.what == what]
        return f"{max(errors):.2f} / {percentile(errors, 0.99):.2f} ms"


def measure(rig: Rig) -> Findings:
    """More and more streams of the chat API at 65 and at 1,000 tokens/s."""
    with asking(rig, LEVELS) as ask, Monitor(rig.clock) as monitor:
        levels = tuple(
            _level(ask, monitor, Load(api="chat", speed=speed, streams=streams))
            for speed, counts in LEVELS.items()
            for streams in counts
        )
    for level in (_first_missed(levels, speed) for speed in LEVELS):
        if level is not None:
            rig.say(f"the first level where the truth is missed: {level.load}")
    return Findings(figures=tuple(_figures(levels)), details=(_details(levels),))


def _level(ask: Ask, monitor: Monitor, load: Load) -> Level:
    window = monitor.open()
    rounds = 2 if load.streams <= FEW else 1
    pairs = tuple(pair for _ in range(rounds) for pair in ask(load))
    spans = [Span(phase=Phase.MODEL, sub="", t0=pair.t0, t1=pair.t1) for pair in pairs]
    return Level(load=load, pairs=pairs, found=conditions(window.close(), spans))


def _first_missed(levels: tuple[Level, ...], speed: int) -> Level | None:
    return next((level for level in levels if level.load.speed == speed and not level.holds), None)


def _figures(levels: tuple[Level, ...]) -> Iterator[Figure]:
    """For each speed: the most streams that are timed truly, up to the first level that is not."""
    for speed, mine in groupby(levels, key=lambda level: level.load.speed):
        every = tuple(mine)
        missed = _first_missed(every, speed)
        held = every if missed is None else every[: every.index(missed)]
        yield Figure(
            name=f"saturation_{speed}_tokens_per_s",
            value=held[-1].load.streams if held else 0,
            unit="streams",
            reference="the most tried",
            reference_value=every[-1].load.streams,
        )
    yield _marks("missed_and_not_noisy", levels, [each for each in levels if not each.holds and not each.noisy])
    yield _marks("true_and_noisy", levels, [each for each in levels if each.holds and each.noisy])


def _marks(name: str, levels: tuple[Level, ...], wrong: list[Level]) -> Figure:
    """How many levels are marked wrongly, one way or the other. Other work on the machine makes true levels noisy."""
    return Figure(
        name=f"saturation_{name}",
        value=len(wrong),
        unit="levels",
        reference="all levels",
        reference_value=len(levels),
        target="none",
        met=not wrong,
    )


def _details(levels: tuple[Level, ...]) -> Details:
    rows = [
        (
            str(level.load),
            *(level.errors(what) for what in WHATS),
            f"{level.missed} of {len(level.pairs)}",
            f"{level.found.lateness_max_ms or 0:.1f} / {level.found.lateness_p99_ms or 0:.1f} ms",
            "yes" if level.noisy else "no",
        )
        for level in levels
    ]
    columns = ("streams", *(f"{what}: worst / p99 error" for what in WHATS), "missed", "woke late", "noisy")
    return Details(title=f"noisy: woken up more than {LATE_MS:g} ms late (p99)", columns=columns, rows=tuple(rows))
