"""When a run will have ended: a range that holds the real end as often as it says, and nothing before there is data."""

import pytest

from harness.progress.durations import Durations
from harness.progress.forecast import SHARE, outlook
from tests.harness.progress.runs import drawn, played

KEY = ("m", "f")
RUNS = 60


@pytest.mark.parametrize("kind", ["exponential", "uniform", "lognormal"])
@pytest.mark.parametrize(("trials", "places", "part"), [(20, 1, 0.3), (40, 8, 0.4), (200, 8, 0.6)])
def test_the_range_holds_the_real_end_as_often_as_it_says(kind: str, trials: int, places: int, part: float) -> None:
    """Trials that are alike: of many runs, the real end is in the range in about the stated share or more."""
    held = known = 0
    for seed in range(RUNS):
        durations = drawn(kind, trials, seed)
        moment = part * played(durations, places, 0.0)[3]
        ended, going, waiting, end = played(durations, places, moment)
        found = outlook({KEY: ended}, [(KEY, elapsed) for elapsed in going], [KEY] * waiting, places)
        if found is not None:
            known += 1
            held += found.least_s <= end - moment <= found.most_s
    assert known > RUNS // 2
    assert held / known >= SHARE - 0.15  # three standard errors of a share of 60 runs


def test_short_trials_end_first_and_deceive_nobody() -> None:
    """Of trials of 20 s and 200 s only short ones have ended: those at work say that there are long ones."""
    going = [(KEY, 150.0)] * 4
    naive = outlook({KEY: [20.0, 21.0, 19.0, 20.0]}, [], [KEY] * 16, 4)
    found = outlook({KEY: [20.0, 21.0, 19.0, 20.0]}, going, [KEY] * 12, 4)
    assert naive is not None
    assert found is not None
    assert found.most_s > 2 * naive.most_s


def test_nothing_is_known_before_three_trials_ended() -> None:
    """Two durations have no spread worth the name."""
    assert outlook({}, [(KEY, 5.0)], [KEY], 2) is None
    assert outlook({KEY: [5.0, 6.0]}, [], [KEY], 2) is None
    assert outlook({KEY: [5.0, 6.0, 7.0]}, [], [KEY], 2) is not None


def test_a_run_that_ended_ends_now() -> None:
    """Nothing is left to do."""
    found = outlook({KEY: [5.0] * 5}, [], [], 2)
    assert found is not None
    assert (found.least_s, found.most_s) == (0.0, 0.0)


def test_groups_are_told_apart() -> None:
    """What is left belongs to the slow model, whose trials take a hundred times as long."""
    finished = {("fast", "f"): [1.0, 1.1, 0.9] * 5, ("slow", "f"): [100.0, 110.0, 90.0] * 5}
    fast = outlook(finished, [], [("fast", "f")] * 10, 1)
    slow = outlook(finished, [], [("slow", "f")] * 10, 1)
    assert fast is not None
    assert slow is not None
    assert fast.most_s < 20
    assert slow.least_s > 700


def test_a_group_without_data_is_judged_by_its_model() -> None:
    """A feature that no trial of the slow model has finished takes as long as its others."""
    finished = {("fast", "f"): [1.0] * 5, ("slow", "f"): [100.0, 110.0, 90.0]}
    found = outlook(finished, [], [("slow", "new")] * 4, 1)
    assert found is not None
    assert found.least_s > 200


def test_more_places_end_it_sooner() -> None:
    """Ten places for a hundred trials take about a tenth of one place's time."""
    ended = [50.0, 60.0, 70.0] * 10
    one, ten = (outlook({KEY: ended}, [], [KEY] * 100, places) for places in (1, 10))
    assert one is not None
    assert ten is not None
    assert 8 < one.least_s / ten.least_s < 12


def test_the_same_standing_gives_the_same_range() -> None:
    """A range that trembles would look like news."""
    first, second = (outlook({KEY: [5.0, 6.0, 7.5]}, [(KEY, 2.0)], [KEY] * 5, 2) for _ in range(2))
    assert first == second


def test_trials_at_work_lengthen_the_mean() -> None:
    """A trial at work for 50 s makes the mean longer than that of three that took 10 s; without it, it is 10 s."""
    assert Durations([10.0] * 3, []).mean == pytest.approx(10)
    assert Durations([10.0] * 3, [50.0]).mean > 20
    assert Durations([10.0, 20.0], [5.0]).mean == pytest.approx(15)  # what is at work for 5 s says nothing of 10 s
