"""The harness's own time: its share of the demo, and per turn early and late in a long trial, where it must be flat."""

import time
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

from harness.agent import Agent, Assignment
from harness.bundle import example
from harness.clock import Phase, Span, Stopwatch, partition
from harness.config import TrialLimits, settings
from harness.journal import Entry, Journal, Kind, read_records
from harness.matrix import journalled
from harness.models.contract import Model
from harness.models.factory import APIS
from harness.models.replay import ReplayModel
from harness.progress import Quiet
from harness.simulator.config import Pace
from harness.simulator.process import Simulator
from harness.slots import Slots
from harness.turns import Turn
from sandbox.contract import Sandbox, SandboxProvider
from tests.bench.figures import Details, Figure, Findings, median
from tests.bench.rig import FINISH, NoEngineError, Rig, feature, journal, opened, shell, trial
from tests.bench.trials import opener
from tests.end_to_end.desk import Desk

TURNS = 800
SPAN = 10
FIRSTS = (0, 200, 400, 600, TURNS - SPAN)
ROUNDS = 2
MOST_MS = 5.0
MOST_PERCENT = 1.0
FLAT = 1.5
DEMO = ("--model", "fast", "--feature", "bookings/room-filters")
"""What of the demo is run: the model that leaves the harness the least to hide behind, on its shortest feature."""
SCRIPT: tuple[Turn, ...] = (*(shell("true") for _ in range(TURNS)), FINISH)
_ROWS = 100
_NS_A_MS = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Worked:
    """One agent's work: milliseconds of each turn's residual, and how much of them the journal took."""

    harness: tuple[float, ...]
    journal: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Window:
    """Ten turns of one round."""

    first: int
    harness: tuple[float, ...]
    journal: tuple[float, ...]

    def row(self, way: str) -> tuple[str, ...]:
        """As it stands in the table."""
        rest = median(whole - part for whole, part in zip(self.harness, self.journal, strict=True))
        turns = f"{self.first + 1} to {self.first + SPAN}"
        return (way, turns, f"{median(self.harness):.2f} ms", f"{median(self.journal):.2f} ms", f"{rest:.2f} ms")


def _window(rounds: Sequence[Worked], first: int) -> _Window:
    """The same ten turns of every round, as the quickest of them had them: a busy machine only ever adds."""
    part = slice(first, first + SPAN)
    quickest = min(rounds, key=lambda one: median(one.harness[part]))
    return _Window(first=first, harness=quickest.harness[part], journal=quickest.journal[part])


def measure(rig: Rig) -> Findings:
    """800 turns of `true`: the replay model over a local and a Docker box, and the simulator over every wire API."""
    ways: dict[str, Callable[[], Worked]] = {"local": lambda: _replayed(rig, rig.local())}
    for api in APIS:
        ways[api] = partial(_over_a_wire, rig, api)
    sandbox = "local"
    try:
        engine = rig.engine()
    except NoEngineError as error:
        rig.say(f"docker is left out: {error}")
    else:
        ways["docker"] = lambda: _replayed(rig, rig.docker(engine))
        sandbox = "docker"
    rows: list[float] = []
    rounds: dict[str, list[Worked]] = {way: [] for way in ways}
    for _ in range(ROUNDS):
        rows += _rows_ms(rig)
        for way, work in ways.items():
            rounds[way].append(work())
    windows = {way: [_window(mine, first) for first in FIRSTS] for way, mine in rounds.items()}
    figures = [figure for way, mine in windows.items() for figure in _figures(way, mine, median(rows))]
    return Findings(figures=(_demo(rig, sandbox), *figures), details=(_details(windows),))


def _demo(rig: Rig, sandbox: str) -> Figure:
    """What nothing but the harness had of the agent wall, in a part of the demo."""
    desk, out = Desk(folder=rig.scratch, cache=settings().cache), rig.scratch / "demo"
    desk.must("run", example("demo.toml"), *DEMO, "--sandbox", sandbox, "--out", out)
    records = read_records(out)
    agent_ns = sum(record.agent_wall_ns for record in records)
    percent = 100 * sum(record.phases["harness"] for record in records) / agent_ns
    return Figure(
        name="harness_share_of_demo",
        value=percent,
        unit="%",
        reference=f"{MOST_PERCENT:g} % of an agent wall of {agent_ns / 1e9:.1f} s, {sandbox} sandbox",
        reference_value=MOST_PERCENT,
        target=f"under {MOST_PERCENT:g} %",
        met=percent < MOST_PERCENT,
    )


def _replayed(rig: Rig, provider: SandboxProvider) -> Worked:
    with opened(provider, rig.base(provider)) as box:
        return _at_work(rig, box, ReplayModel(SCRIPT, rig.clock))


def _over_a_wire(rig: Rig, api: str) -> Worked:
    provider = rig.local()
    with Simulator({"bench": Pace()}, {"bench": SCRIPT}) as simulator, opened(provider, rig.base(provider)) as box:
        return _at_work(rig, box, opener(rig, simulator.base_url, api)())


def _at_work(rig: Rig, box: Sandbox, model: Model) -> Worked:
    """One agent's work on the script, its journal on."""
    stopwatch, spent = Stopwatch(rig.clock), _Spent()
    limits = TrialLimits(turns=2 * TURNS, output_tokens=10**9)
    with journal(rig) as kept:
        agent = Agent(model=model, sandbox=box, stopwatch=stopwatch, slots=Slots(1), on_event=spent.writing(kept))
        transcript = agent.work(Assignment(brief="Run `true`.", test_command="true", limits=limits))
    model.close()
    if transcript.stop != "finished":
        raise RuntimeError(f"the agent of this benchmark stopped as {transcript.stop}: {transcript.error}")
    return split(stopwatch.spans(), spent.rows)


class _Spent:
    """Writes an agent's events as a matrix does; `rows` holds (moment, nanoseconds) of each."""

    def __init__(self) -> None:
        self._trial = trial(feature(), 1)
        self.rows: list[tuple[int, int]] = []

    def writing(self, kept: Journal) -> Callable[[str, Mapping[str, Any]], None]:
        """What an agent takes for its `on_event`."""

        def on_event(kind: str, body: Mapping[str, Any]) -> None:
            began = time.monotonic_ns()
            journalled(kept, Quiet(), self._trial, 1, (kind, body))
            self.rows.append((began, time.monotonic_ns() - began))

        return on_event


def split(spans: Sequence[Span], rows: Sequence[tuple[int, int]]) -> Worked:
    """By turn, from one call's sending to the next one's: what no span covers, and the journal's part of that."""
    sends: dict[str, int] = {}
    for span in spans:
        if span.phase is Phase.MODEL:
            sends.setdefault(span.name, span.t0)
    starts = list(sends.values())
    inside: list[list[Span]] = [[] for _ in starts]
    for span in spans:
        inside[bisect_right(starts, span.t0) - 1].append(span)
    journal_ns = [0] * len(starts)
    for moment, taken_ns in rows:
        journal_ns[bisect_right(starts, moment) - 1] += taken_ns * (moment >= starts[0])
    splits = [partition(mine, t0, t1) for mine, (t0, t1) in zip(inside, pairwise(starts), strict=False)]
    return Worked(
        harness=tuple(split.phases[Phase.HARNESS] / _NS_A_MS for split in splits),
        journal=tuple(taken / _NS_A_MS for taken in journal_ns[: len(splits)]),
    )


def _rows_ms(rig: Rig) -> list[float]:
    """Milliseconds of single durable rows of a journal: what the disk gives."""
    taken: list[float] = []
    with journal(rig) as kept:
        for number in range(_ROWS):
            began = time.monotonic_ns()
            kept.append(Entry(kind=Kind.RESPONSE, body={"turn": number, "content": "x" * 500}))
            taken.append((time.monotonic_ns() - began) / _NS_A_MS)
    return taken


def _figures(way: str, windows: Sequence[_Window], row_ms: float) -> tuple[Figure, Figure]:
    early, late = median(windows[0].harness), median(windows[-1].harness)
    return (
        Figure(
            name=f"harness_turn_{SPAN}_{way}",
            value=early,
            unit="ms",
            reference="one durable row of a journal",
            reference_value=row_ms,
            target=f"at most {MOST_MS:g} ms",
            met=early <= MOST_MS,
        ),
        Figure(
            name=f"harness_turn_{TURNS}_{way}",
            value=late,
            unit="ms",
            reference=f"turns 1 to {SPAN}",
            reference_value=early,
            target=f"at most {MOST_MS:g} ms, and {FLAT:g}x",
            met=late <= MOST_MS and late <= FLAT * early,
        ),
    )


def _details(windows: Mapping[str, Sequence[_Window]]) -> Details:
    columns = ("way", "turns", "harness a turn", "of which journal", "the rest")
    rows = tuple(window.row(way) for way, mine in windows.items() for window in mine)
    return Details(
        title=f"the harness's own time a turn, medians of the quickest of {ROUNDS} rounds", columns=columns, rows=rows
    )
