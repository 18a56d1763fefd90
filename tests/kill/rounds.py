"""Rounds of killing: start a run, kill it, resume it, kill it again, let it end, look at what came of it."""

import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import chain, count
from pathlib import Path

from harness.journal import Kind, Row, read_rows
from harness.simulator.log import read_attempts
from tests.end_to_end.desk import Started
from tests.kill.checks import Killed, answered, complaints
from tests.kill.facts import Cell, Facts, facts_of
from tests.kill.left import containers_of, left_over
from tests.kill.moments import Moment, Watch, last_row, some_moment
from tests.kill.world import MODELS, World, world

FEWEST_KILLS, MOST_KILLS = 6, 14
"""In one round."""


@dataclass(slots=True, kw_only=True)
class Round:
    """What one round came to; `after` says what the kills came after, `wrong` is a line for each complaint."""

    seed: int
    kills: int = 0
    lives: int = 0
    promoted: int = 0
    in_doubt: int = 0
    replayed: int = 0
    reattached: int = 0
    diverged: int = 0
    answered: int = 0
    seconds: float = 0.0
    after: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Where rounds are played, in what kind of sandbox, how many kills in all, and from what seed.

    `first` are the moments that each round begins with; the others are drawn.
    """

    folder: Path
    cache: Path
    kills: int
    seed: int = 1
    sandbox: str = "local"
    models: Mapping[str, tuple[str, str]] = field(default_factory=lambda: MODELS)
    first: tuple[Moment, ...] = ()


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
    moments = chain(plan.first, (some_moment(draw) for _ in count()))
    found = Round(seed=seed)
    began = time.monotonic()
    with _world(plan, seed) as here:
        kills = _until_done(here, moments, min(most, draw.randint(FEWEST_KILLS, MOST_KILLS)), found)
        found.seconds = time.monotonic() - began
        found.wrong += _looked_at(here, kills, whole)
        _count(here, found)
    return found


def _until_done(here: World, moments: Iterator[Moment], most: int, found: Round) -> list[int]:
    """Kill up to so many times, then let it end; the numbers of the last rows at the kills."""
    kills: list[int] = []
    while True:
        command = here.again() if (here.run / "plan.json").exists() else here.first()
        watch = Watch(here, next(moments))
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
    yield from (f"still at work: {name}" for name in left_over(here.scratch))
    if here.sandbox == "docker":
        yield from (f"still there: container of {trial}" for trial in containers_of(planned))


def _planned(run: Path) -> list[dict[str, str]]:
    return list(json.loads((run / "plan.json").read_text(encoding="utf-8"))["trials"])


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
    found.reattached = sum(_is_reattached(rows, row) for row in rows if row.kind == Kind.RESUMED)


def _is_reattached(rows: Sequence[Row], resumed: Row) -> bool:
    """Whether a life went on in the sandbox that the last one left: it had no tool calls to run again, and some to."""
    same = [row for row in rows if (row.trial, row.attempt) == (resumed.trial, resumed.attempt)]
    later = [row.seq for row in same if row.kind == Kind.RESUMED and row.seq > resumed.seq]
    end = min(later, default=rows[-1].seq + 1)
    spans = [span for row in same if resumed.seq < row.seq < end for span in row.body.get("spans", ())]
    stages = {span["sub"] for span in spans if span["phase"] == "setup"}
    had_tools = any(row.kind == Kind.TOOL_END for row in same if row.seq < resumed.seq)
    return had_tools and bool(stages) and "replay" not in stages
