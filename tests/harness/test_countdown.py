"""Time that runs out, and stands still in the harness's own queue."""

import threading

from harness.clock import ManualClock
from harness.countdown import Countdown, OwnQueue

SECOND = 1_000_000_000
PATIENCE_S = 60


def test_only_the_queue_is_counted() -> None:
    """From the wait's begin to its end, the present one included; other events say nothing."""
    clock = ManualClock()
    queue = OwnQueue(clock)
    for kind, waited in (("attempt", 0), ("model_queued", 0), ("cool_down", 1), ("model_slot", 2), ("model_queued", 2)):
        queue.heard(kind)
        assert queue.waited_ns == waited * SECOND
        clock.advance_ns(SECOND)
    assert queue.waited_ns == 3 * SECOND


def test_it_is_over_when_the_time_is() -> None:
    """The end is called from another thread while the body goes on."""
    over = threading.Event()
    with Countdown(lambda: 0.0, over.set):
        assert over.wait(PATIENCE_S)


def test_time_that_stood_still_is_waited_for() -> None:
    """When it should have run out it is asked again, and again, until none is left."""
    over, left = threading.Event(), [0.001] * 5

    def left_s() -> float:
        return left.pop() if left else 0.0

    with Countdown(left_s, over.set):
        assert over.wait(PATIENCE_S)
    assert not left


def test_after_the_body_nothing_happens() -> None:
    """A countdown that is left ends nothing any more."""
    asked, over = [], threading.Event()

    def left_s() -> float:
        asked.append(1)
        return 0.01

    with Countdown(left_s, over.set):
        pass
    threading.Event().wait(0.2)
    assert len(asked) <= 2
    assert not over.is_set()
