"""Killed and resumed, a matrix ends as one that nobody killed, and the provider was asked for nothing twice.

`make test-kill` kills more often, and prints a table.
"""

import os
from pathlib import Path

import pytest

from sandbox.contract import SandboxProvider
from tests.kill.moments import Moment
from tests.kill.rounds import Plan, rounds

pytestmark = pytest.mark.slow

DOCKER_KILLS = 6
KILLS = int(os.environ.get("SPLITCLOCK_KILLS", "6"))


@pytest.mark.timeout(120 + 30 * KILLS)
def test_killed_runs_lose_nothing_and_pay_nothing_twice(tmp_path: Path) -> None:
    """By the journal, the records, and the provider's own log."""
    done = tuple(rounds(Plan(folder=tmp_path, cache=tmp_path / "cache", kills=KILLS)))
    assert [line for each in done for line in each.wrong] == []
    assert sum(each.kills for each in done) == KILLS
    assert sum(each.replayed for each in done) > 0


@pytest.mark.docker
@pytest.mark.nightly
@pytest.mark.timeout(900)
def test_killed_runs_go_on_in_their_containers(tmp_path: Path, docker_provider: SandboxProvider) -> None:
    """In Docker the same; a container whose last command is known to have ended is gone on with, and none stays."""
    assert docker_provider.kind == "docker"
    models = {"chat": ("chat", "smooth"), "socket": ("responses-websocket", "smooth")}
    amid_calls = Moment(after="begun", times=5, delay_s=0.03, within_s=60)
    plan = Plan(
        folder=tmp_path,
        cache=tmp_path / "cache",
        kills=DOCKER_KILLS,
        sandbox="docker",
        models=models,
        first=(amid_calls, amid_calls),
    )
    done = tuple(rounds(plan))
    assert [line for each in done for line in each.wrong] == []
    assert sum(each.reattached for each in done) > 0
