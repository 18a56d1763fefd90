"""Rounds of killing: start a run, kill it, resume it, kill it again, let it end, look at what came of it."""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from harness.journal import Kind, read_rows
from harness.simulator.log import read_attempts
from tests.end_to_end.desk import Started
from tests.kill.checks import Killed, answered, complaints
from tests.kill.facts import Cell, Facts, facts_of
from tests.kill.moments import Watch, last_row, some_moment
from tests.kill.world import MODELS, World, world

FEWEST_KILLS, MOST_KILLS = 6, 14
"""In one round."""

_GRACE_S = 20.0


@dataclass(slots=True, kw_only=True)
class Round:
    """What one round came to; `after` says what the kills came after, `wrong` is a line for each complaint."""

    seed: int
    kills: int = 0
    lives: int = 0
    promoted: int = 0
    in_doubt: int = 0
    replayed: int = 0
    diverged: int = 0
    answered: int = 0
    seconds: float = 0.0
    after: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Where rounds are played, in what kind of sandbox, how many kills in all, and from what seed."""

    folder: Path
    cache: Path
    kills: int
    seed: int = 1
    sandbox: str = "local"
    models: Mapping[str, tuple[str, str]] = field(default_factory=lambda: MODELS)


def rounds(plan: Plan) -> Iterator[Round]:
    """Rounds until there were enough kills."""
    with _world(plan, 0) as undisturbed:
        undisturbed.desk.must(*undisturbed.first())
        whole = facts_of(undisturbed.run)
    left, number = plan.kills, 0
    while left > 0 and number < plan.kills:
        number += 1
        done = _played(plan, plan.seed * 1000 + number, left, whole)
        left -= done.kills
        yield done


def _world(plan: Plan, number: int) -> AbstractContextManager[World]:
    """Folders have names of one length: prompts hold them, and tokens are counted by length."""
    return world(plan.folder / f"round-{number:08}", plan.cache, plan.sandbox, plan.models)


def _played(plan: Plan, seed: int, most: int, whole: Mapping[Cell, Facts]) -> Round:
    draw = random.Random(seed)  # noqa: S311 - repeatable, not secret
    found = Round(seed=seed)
    began = time.monotonic()
    with _world(plan, seed) as here:
        kills = _until_done(here, draw, min(most, draw.randint(FEWEST_KILLS, MOST_KILLS)), found)
        found.seconds = time.monotonic() - began
        found.wrong += _looked_at(here, kills, whole)
        _count(here, found)
    return found


def _until_done(here: World, draw: random.Random, most: int, found: Round) -> list[int]:
    """Kill up to so many times, then let it end; the numbers of the last rows at the kills."""
    kills: list[int] = []
    while True:
        command = here.again() if (here.run / "plan.json").exists() else here.first()
        watch = Watch(here, some_moment(draw))
        started = here.desk.start(*command)
        found.lives += 1
        if found.kills < most and (after := watch.wait(started)):
            kill(started)
            found.kills += 1
            found.after[after] += 1
            kills.append(last_row(here.run))
            continue
        said = started.wait()
        if said.code != 0:
            found.wrong.append(f"exit code {said.code}: {said.err[-1000:]}{said.out[-1000:]}")
        return kills


def kill(started: Started) -> None:
    """SIGKILL for the command and all that shares its process group."""
    os.killpg(started.process.pid, signal.SIGKILL)
    started.wait()


def _looked_at(here: World, kills: list[int], whole: Mapping[Cell, Facts]) -> Iterator[str]:
    before = len(read_attempts(here.provider.log))
    again = here.desk.give(*here.again())
    if again.code != 0:
        yield f"a run that is done, resumed: exit code {again.code}: {again.err[-500:]}"
    more = len(read_attempts(here.provider.log)) - before
    if more:
        yield f"a run that is done made {more} further requests"
    planned = frozenset(row["id"] for row in _planned(here.run))
    yield from complaints(Killed(run=here.run, log=here.provider.log, kills=kills, planned=planned), whole)
    yield from (f"still at work: {name}" for name in _left_over(here.scratch))


def _planned(run: Path) -> list[dict[str, str]]:
    from harness.commands.status import planned_rows

    return planned_rows(run)


def _left_over(scratch: Path) -> list[str]:
    """Processes that work below the folder of what is temporary, once they have had time to end."""
    deadline = time.monotonic() + _GRACE_S
    while found := [name for place in Path("/proc").glob("[0-9]*") if (name := _working_in(place, scratch))]:
        if time.monotonic() > deadline:
            break
        time.sleep(0.1)
    return found


def _working_in(process: Path, folder: Path) -> str:
    try:
        command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        place = str((process / "cwd").readlink())
    except OSError:
        return ""
    return f"{process.name}: {command}" if str(folder) in command or place.startswith(str(folder)) else ""


def _count(here: World, found: Round) -> None:
    rows = read_rows(here.run)
    found.promoted = sum(row.kind == Kind.RESPONSE and bool(row.body.get("promoted")) for row in rows)
    found.in_doubt = sum(row.kind == Kind.IN_DOUBT for row in rows)
    found.diverged = sum(row.body.get("note") == "diverged" for row in rows)
    found.answered = sum(map(len, answered(here.provider.log).values()))
    for resumed in (row for row in rows if row.kind == Kind.RESUMED):
        key = (resumed.trial, resumed.attempt)
        found.replayed += sum(
            row.kind == Kind.RESPONSE and (row.trial, row.attempt) == key for row in rows if row.seq < resumed.seq
        )
