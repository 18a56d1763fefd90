"""How soon Ctrl-C ends a run, pressed once or twice, in a tool call of 25 s and in a stream that has stalled."""

import signal
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager

from tests.bench.figures import Details, Figure, Findings
from tests.bench.rig import Rig
from tests.end_to_end.desk import Desk
from tests.end_to_end.targets import TargetFiles, in_docker
from tests.end_to_end.test_interrupts import (
    INTERRUPTED,
    SLEEPS,
    TOOL_S,
    Blocked,
    in_model_stream,
    in_tool_call,
    own_containers,
)

BLOCKED = {"tool call": in_tool_call, "stalled stream": in_model_stream}
MOST_S = {1: 10.0, 2: 3.0}
_BETWEEN_S = 0.2


def measure(rig: Rig) -> Findings:
    """Every way once, in Docker where there is an engine."""
    place = rig.place()
    found = {(where, presses): _took_s(rig, place, where, presses) for where in BLOCKED for presses in sorted(MOST_S)}
    rows = tuple((where, str(presses), f"{seconds:.2f} s") for (where, presses), seconds in found.items())
    title = f"from the last Ctrl-C to the end of the command, sandbox: {place}"
    details = Details(title=title, columns=("in a", "pressed", "took"), rows=rows)
    return Findings(figures=tuple(_figures(found)), details=(details,))


def _figures(found: dict[tuple[str, int], float]) -> Iterator[Figure]:
    for presses, most_s in MOST_S.items():
        slowest = max(seconds for (_, each), seconds in found.items() if each == presses)
        yield Figure(
            name=f"interrupt_{'once' if presses == 1 else 'twice'}",
            value=slowest,
            unit="s",
            reference="what the tool call would have taken",
            reference_value=TOOL_S,
            target=f"under {most_s:g} s",
            met=slowest < most_s,
        )


def _took_s(rig: Rig, place: str, where: str, presses: int) -> float:
    """Seconds from the last press to the end. Raises RuntimeError where it ended otherwise, or left a container."""
    folder = rig.scratch / f"{where}-{presses}".replace(" ", "-")
    folder.mkdir()
    desk = Desk(folder=folder, cache=rig.scratch / "cache")
    (TargetFiles() if place == "local" else in_docker()).write(folder / "targets", SLEEPS)
    with _blocked(desk, place, where) as blocked:
        for _ in range(presses - 1):
            blocked.started.send(signal.SIGINT)
            time.sleep(_BETWEEN_S)
        said, seconds = blocked.interrupt(signal.SIGINT)
        if said.code != INTERRUPTED:
            raise RuntimeError(f"interrupted, it ended with exit code {said.code}: {said.err}")
        if place == "docker" and own_containers(desk, blocked.started):
            raise RuntimeError(f"interrupted in a {where}, it left a container")
    return seconds


def _blocked(desk: Desk, place: str, where: str) -> AbstractContextManager[Blocked]:
    return BLOCKED[where](desk, "--fixtures", str(desk.folder / "targets"), "--sandbox", place)
