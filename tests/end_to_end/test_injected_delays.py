"""Delays put in on purpose come out in their phases; `make bench` shows how exactly, on a machine that is quiet."""

import pytest

from tests.bench.delays import DELAYS, Delayed, delayed
from tests.end_to_end.desk import Desk

pytestmark = pytest.mark.slow

ROUNDS = 2
SHARE = 0.4
"""By how much of itself a delay may be missed at best on a busy machine, and how much may turn up elsewhere."""


def _is_where_it_belongs(each: Delayed) -> bool:
    room_s = SHARE * each.delay.seconds
    return abs(each.error_s) <= room_s and abs(each.elsewhere_s) <= room_s


def test_delays_are_booked_where_they_happen(desk: Desk) -> None:
    """Model 1 s, tool 2 s, Retry-After 3 s, grading 1 s: each in its own sub-phase and in no other, every sum exact."""
    found = delayed(desk, "local", ROUNDS)
    assert all(each.exact for each in found)
    assert all(each.truth_s >= each.delay.seconds for each in found), "a Retry-After is obeyed"
    for delay in DELAYS:
        mine = [each for each in found if each.delay == delay]
        assert len(mine) == ROUNDS
        phase = delay.sub.partition(".")[0]
        assert all(each.record.phases[phase] >= delay.seconds * 1e9 for each in mine), delay.name
        assert any(_is_where_it_belongs(each) for each in mine), [(each.error_s, each.elsewhere_s) for each in mine]
