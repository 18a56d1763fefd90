"""Tool slots: bounded, in order, and their queue is waiting, never tool time."""

import threading

import pytest

from harness.clock import Phase, Stopwatch, SystemClock
from harness.errors import InterruptedRunError
from harness.slots import Slots


def test_no_more_run_at_once_than_there_are_slots() -> None:
    """Eight threads, two slots: never three inside."""
    slots, stopwatch = Slots(2), Stopwatch(SystemClock())
    inside: list[int] = []
    most: list[int] = []
    lock = threading.Lock()
    gate = threading.Barrier(2, timeout=10)

    def work() -> None:
        with slots.take(stopwatch, Phase.WAIT, "tool_slot"):
            with lock:
                inside.append(1)
                most.append(len(inside))
            gate.wait()
            with lock:
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert max(most) == 2


def test_slots_are_given_in_the_order_they_were_asked_for() -> None:
    """First come, first served: no trial starves."""
    slots, stopwatch = Slots(1), Stopwatch(SystemClock())
    served: list[int] = []
    waiting = threading.Semaphore(0)

    def work(number: int) -> None:
        waiting.release()
        with slots.take(stopwatch, Phase.WAIT, "tool_slot"):
            served.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(5)]
    with slots.take(stopwatch, Phase.WAIT, "tool_slot"):
        for number, thread in enumerate(threads):
            thread.start()
            assert waiting.acquire(timeout=10)
            while slots.queued <= number:
                threading.Event().wait(0.001)
    for thread in threads:
        thread.join(10)
    assert served == [0, 1, 2, 3, 4]


def test_the_queue_is_booked_as_waiting() -> None:
    """Whoever waits books the time under the phase it names."""
    slots, stopwatch = Slots(1), Stopwatch(SystemClock())
    with slots.take(stopwatch, Phase.WAIT, "tool_slot") as waited_ns:
        pass
    (span,) = stopwatch.spans()
    assert (span.phase, span.sub) == (Phase.WAIT, "tool_slot")
    assert span.t1 - span.t0 <= waited_ns


def test_closing_wakes_those_who_wait() -> None:
    """An interrupt does not leave a thread in the queue."""
    slots, stopwatch = Slots(1), Stopwatch(SystemClock())
    caught: list[BaseException] = []

    def work() -> None:
        try:
            with slots.take(stopwatch, Phase.WAIT, "tool_slot"):
                pass
        except InterruptedRunError as error:
            caught.append(error)

    with slots.take(stopwatch, Phase.WAIT, "tool_slot"):
        thread = threading.Thread(target=work)
        thread.start()
        while not slots.queued:
            threading.Event().wait(0.001)
        slots.close()
        thread.join(10)
    assert len(caught) == 1
    with pytest.raises(InterruptedRunError), slots.take(stopwatch, Phase.WAIT, "tool_slot"):
        pass
