"""Killed and resumed, a matrix ends as one that nobody killed, and the provider was asked for nothing twice.

`make test-kill` kills more often, and prints a table.
"""

import os
from pathlib import Path

import pytest

from tests.kill.rounds import Plan, rounds

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("SPLITCLOCK_KILLS", "12"))


@pytest.mark.timeout(120 + 30 * KILLS)
def test_killed_runs_lose_nothing_and_pay_nothing_twice(tmp_path: Path) -> None:
    """By the journal, the records, and the provider's own log."""
    done = tuple(rounds(Plan(folder=tmp_path, cache=tmp_path / "cache", kills=KILLS)))
    assert [line for each in done for line in each.wrong] == []
    assert sum(each.kills for each in done) == KILLS
    assert sum(each.replayed for each in done) > 0
