"""Delays put in on purpose come out in their phases; `make bench` shows how exactly, on a machine that is quiet."""

import pytest

from harness.record import Record
from tests.bench.delays import DELAYS, Delay, delayed
from tests.end_to_end.desk import Desk

pytestmark = [pytest.mark.slow, pytest.mark.alone]  # what the clock reads is what is tested

ROUNDS = 2
SHARE = 0.4
"""By how much of itself a delay may be missed at best on a busy machine."""


def test_delays_are_booked_where_they_happen(desk: Desk) -> None:
    """Model 1 s, tool 2 s, Retry-After 3 s, grading 1 s: each in its own phase, every sum exact.

    What burns CPU (the suite) takes as long as a busy machine lets it: there only the order is looked at.
    """
    found = delayed(desk, "local", ROUNDS)
    assert all(each.exact for each in found)
    assert all(each.truth_s >= each.delay.seconds for each in found), "a Retry-After is obeyed"
    for delay in DELAYS:
        mine = [each for each in found if each.delay == delay]
        phase = delay.sub.partition(".")[0]
        assert len(mine) == ROUNDS
        assert all(each.record.phases[phase] >= delay.seconds * 1e9 for each in mine), delay.name
        assert min(_booked(each.record, delay) for each in mine) > min(_booked(one, delay) for one in mine[0].plain)
        if phase != "grade":
            assert min(abs(each.error_s) for each in mine) <= SHARE * delay.seconds, delay.name


def _booked(record: Record, delay: Delay) -> int:
    return record.sub_phases.get(delay.sub, 0)
