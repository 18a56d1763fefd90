"""The counts of a run, event by event: whatever the order, they add up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.progress.standing import Standing
from harness.progress.tally import Planned, Tally
from harness.record import Verdict
from tests.harness.progress.runs import SECOND, head, planned

TRIALS = planned(2, 2)
FIRST, SECOND_TRIAL = TRIALS[0], TRIALS[1]


def started(standing: Standing, trial: Planned, now: int = 0, attempt: int = 1) -> None:
    """A trial begins."""
    standing.event(trial.id, "trial_started", {"attempt": attempt}, now)


def test_a_trial_goes_from_queued_to_done() -> None:
    """It is counted once, with its model and with its feature."""
    standing = Standing(TRIALS, 0)
    assert standing.picture(0).whole.queued == 4
    started(standing, FIRST)
    assert (standing.picture(0).whole.queued, standing.picture(0).whole.running) == (3, 1)
    standing.finish(head(FIRST), 10 * SECOND)
    picture = standing.picture(10 * SECOND)
    assert (picture.whole.queued, picture.whole.running, picture.whole.done, picture.whole.passed) == (3, 0, 1, 1)
    assert picture.models["model-0"].passed == picture.features["bookings/feature-0"].passed == 1
    assert picture.models["model-1"].passed == 0
    assert picture.running == ()


def test_calls_are_paid_once() -> None:
    """What answers told while it ran is not counted again when the record comes, and what they did not tell is."""
    standing = Standing(TRIALS, 0)
    started(standing, FIRST)
    for turn in (1, 2):
        standing.event(FIRST.id, "response", {"turn": turn, "output_tokens": 100, "cost_usd": 0.01}, turn * SECOND)
    assert standing.picture(0).whole.cost_usd == pytest.approx(0.02)
    standing.finish(head(FIRST, cost_usd=0.03, output_tokens=200), 3 * SECOND)
    picture = standing.picture(3 * SECOND)
    assert picture.whole.cost_usd == pytest.approx(0.03)
    assert (picture.whole.tokens, picture.whole.turns) == (200, 3)


def test_another_attempt_takes_the_verdict_back_and_not_the_cost() -> None:
    """A trial whose infrastructure failed is tried again: not done, no error, but paid for."""
    standing = Standing(TRIALS, 0)
    started(standing, FIRST)
    standing.finish(head(FIRST, Verdict.ERROR_INFRA, error="lost"), SECOND)
    assert standing.picture(SECOND).whole.errors == 1
    started(standing, FIRST, 2 * SECOND, attempt=2)
    picture = standing.picture(2 * SECOND)
    assert (picture.whole.errors, picture.whole.done, picture.whole.running) == (0, 0, 1)
    standing.finish(head(FIRST, attempt=2), 3 * SECOND)
    assert standing.picture(3 * SECOND).whole.cost_usd == pytest.approx(0.04)


def test_time_is_booked_by_phase() -> None:
    """Five seconds of set-up, ten of the model, five of tools: the shares of the bar."""
    standing = Standing(TRIALS, 0)
    started(standing, FIRST)
    standing.event(FIRST.id, "intent", {}, 5 * SECOND)
    standing.event(FIRST.id, "tool_start", {}, 15 * SECOND)
    (cell,) = standing.picture(20 * SECOND).running
    assert (cell.share("model", 20 * SECOND), cell.share("tool", 20 * SECOND)) == (0.5, 0.25)
    assert cell.elapsed(20 * SECOND) == 20 * SECOND


def test_what_it_waits_for_is_forgotten_when_it_goes_on() -> None:
    """And how often it had to wait is kept."""
    standing = Standing(TRIALS, 0)
    started(standing, FIRST)
    standing.event(FIRST.id, "attempt_failed", {"wait_s": 3.0, "fault": "server"}, SECOND)
    assert standing.picture(SECOND).running[0].wait == {"wait_s": 3.0, "fault": "server"}
    standing.event(FIRST.id, "attempt", {"attempt": 2}, 4 * SECOND)
    picture = standing.picture(4 * SECOND)
    assert picture.running[0].wait is None
    assert picture.faults == {"model-0": {"server": 1}}


def test_a_provider_that_takes_less_is_remembered() -> None:
    """Until it takes more again."""
    standing = Standing(TRIALS, 0)
    standing.event("", "throttled", {"provider": "groq", "at_once": 4, "of": 8}, 0)
    cap = standing.picture(0).caps["groq"]
    assert (cap.at_once, cap.of) == (4, 8)


def test_throughput_is_that_of_the_last_minutes() -> None:
    """One trial a minute for an hour, then nothing for half an hour."""
    trials = planned(1, 60)
    standing = Standing(trials, 0)
    assert standing.rate(60 * SECOND) is None
    for minute, trial in enumerate(trials):
        standing.finish(head(trial), minute * 60 * SECOND)
    assert standing.rate(60 * 60 * SECOND) == pytest.approx(1, abs=0.15)
    assert standing.rate(90 * 60 * SECOND) is None


def test_what_an_earlier_process_finished_says_nothing_of_the_pace() -> None:
    """It is done and paid for, but no trial of this process has ended yet."""
    standing = Standing(TRIALS, 0)
    standing.finish(head(FIRST), SECOND, earlier=True)
    assert standing.picture(SECOND).rate is None
    assert standing.picture(SECOND).whole.done == 1


def test_strangers_are_left_out() -> None:
    """Events and records of trials that are not in the plan."""
    standing = Standing(TRIALS[:1], 0)
    started(standing, SECOND_TRIAL)
    standing.finish(head(SECOND_TRIAL), 0)
    assert standing.picture(0).whole == Tally(total=1)


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["start", "intent", "response", "pass", "error"]))))
def test_counts_always_add_up(steps: list[tuple[int, str]]) -> None:
    """In any order of events, possible or not, each trial is in one state, and the parts sum to the whole."""
    standing = Standing(TRIALS, 0)
    for now, (number, what) in enumerate(steps):
        trial = TRIALS[number]
        if what == "start":
            started(standing, trial, now)
        elif what in ("pass", "error"):
            standing.finish(head(trial, Verdict.PASS if what == "pass" else Verdict.ERROR_INFRA), now)
        else:
            standing.event(trial.id, what, {"cost_usd": 0.5}, now)
    picture = standing.picture(len(steps))
    states = [cell.head is not None for cell in picture.cells], [cell.is_running for cell in picture.cells]
    assert (picture.whole.done, picture.whole.running) == (sum(states[0]), sum(states[1]))
    assert min(picture.whole.queued, picture.whole.running, *picture.whole.verdicts.values(), 0) == 0
    for groups in (picture.models, picture.features):
        for name in ("total", "done", "running", "queued", "errors", "turns"):
            assert sum(getattr(tally, name) for tally in groups.values()) == getattr(picture.whole, name)
