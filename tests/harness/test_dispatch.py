"""Which trial works when: the plan's order, places that are lent, providers that want to be left alone, the budget."""

import threading
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field, replace

import pytest

from harness.dispatch import Dispatcher, Readiness, Rules, readiness
from harness.models.parking import PARK_S, place_for
from harness.plan import Trial, plan
from tests.harness.test_plan import DIGESTS, MODEL, ONE, TWO, matrix

PATIENCE_S = 60


def planned(models: Iterable[str] = ("a",), repeats: int = 1) -> tuple[Trial, ...]:
    """Trials of these models on two features."""
    wanted = [replace(MODEL, name=name) for name in models]
    return plan(matrix(*wanted, repeats=repeats), [ONE, TWO], DIGESTS)


@dataclass(slots=True)
class Hall:
    """Where trials work: what was begun, in its order, and what rules it goes by."""

    trials: tuple[Trial, ...]
    places: int = 1
    readiness: Callable[[Trial], Readiness] = lambda _trial: Readiness.NOW
    room: Callable[[Trial], bool] = lambda _trial: True
    group: Callable[[Trial], Hashable] = lambda trial: trial.model
    stopped: threading.Event = field(default_factory=threading.Event)
    begun: list[str] = field(default_factory=list)

    def dispatcher(self, work: Callable[[Trial], None]) -> Dispatcher:
        """Runs them, one as the other, by these rules."""
        rules = Rules(
            readiness=self.readiness,
            room=self.room,
            begun=lambda trial: self.begun.append(trial.label),
            stopped=self.stopped.is_set,
            group=self.group,
        )
        return Dispatcher(self.trials, self.places, rules, work)

    @property
    def labels(self) -> list[str]:
        """The plan's order."""
        return [trial.label for trial in self.trials]


def nothing(_trial: Trial) -> None:
    """A trial without work."""


def test_trials_begin_in_the_plans_order() -> None:
    """Models alternate in time as they do in the plan."""
    hall = Hall(planned("abc", repeats=3), places=2)
    assert hall.dispatcher(nothing).run() == 0
    assert hall.begun == hall.labels


@pytest.mark.slow
def test_ten_thousand_trials_need_no_ten_thousand_threads() -> None:
    """A thread starts when its place is free: there are never more of them than places."""
    hall = Hall(planned("a", repeats=5_000), places=3)
    most = []

    def work(_trial: Trial) -> None:
        most.append(sum(thread.name.startswith("trial ") for thread in threading.enumerate()))

    hall.dispatcher(work).run()
    assert len(most) == 10_000
    assert max(most) <= 3 + 1  # one that has given its place back may not be gone yet


def test_a_sleeping_trial_lends_its_place() -> None:
    """With one place, the second trial works while the first sleeps, and is over before that goes on."""
    hall = Hall(planned())
    done: list[str] = []
    second = threading.Event()

    def work(trial: Trial) -> None:
        if trial.label == hall.labels[0]:
            place = place_for(PARK_S)
            assert place is not None
            place.leave()
            assert second.wait(PATIENCE_S)
            place.come_back(lambda: False)
        else:
            second.set()
        done.append(trial.label)

    assert hall.dispatcher(work).run() == 0
    assert done == hall.labels[::-1]


def test_who_comes_back_goes_before_who_has_not_begun() -> None:
    """A trial that wants its place again waits for one trial at most, not for the rest of the plan."""
    hall = Hall(planned("a", repeats=3))
    done: list[str] = []
    asleep = threading.Event()

    def useless() -> bool:
        waiting.set()
        return False

    waiting = threading.Event()

    def work(trial: Trial) -> None:
        if trial.label == hall.labels[0]:
            place = place_for(PARK_S)
            assert place is not None
            place.leave()
            assert asleep.wait(PATIENCE_S)
            place.come_back(useless)
        elif trial.label == hall.labels[1]:
            asleep.set()
            assert waiting.wait(PATIENCE_S)
        done.append(trial.label)

    hall.dispatcher(work).run()
    assert done == [hall.labels[1], hall.labels[0], *hall.labels[2:]]


def test_a_place_is_not_waited_for_in_vain() -> None:
    """Once there is no use in it any more, who waits goes on without, and frees nothing that it has not."""
    hall = Hall(planned("a", repeats=2))
    over = threading.Event()
    together = []

    def work(trial: Trial) -> None:
        if trial.label == hall.labels[0]:
            place = place_for(PARK_S)
            assert place is not None
            place.leave()
            place.come_back(lambda: True)
            over.set()
        elif trial.label == hall.labels[1]:
            assert over.wait(PATIENCE_S)
        else:
            together.append(sum(thread.name.startswith("trial ") for thread in threading.enumerate()))

    hall.dispatcher(work).run()
    assert max(together) <= 2


@pytest.mark.parametrize(
    ("quiet_s", "put_off", "expected"),
    [
        (0.0, False, Readiness.NOW),
        (PARK_S - 0.1, False, Readiness.NOW),
        (PARK_S, False, Readiness.LATER),
        (5.0, True, Readiness.LAST),
    ],
)
def test_short_waits_are_no_reason_not_to_begin(quiet_s: float, expected: Readiness, *, put_off: bool) -> None:
    """Who would soon lend its place again is not begun; who could not wait at all comes last."""
    assert readiness(quiet_s, put_off=put_off) is expected


def test_a_quiet_provider_is_passed_over_until_it_may_be_asked() -> None:
    """The other model's trials go first; once they are over, and the provider speaks again, its own follow."""
    hall = Hall(planned("ab", repeats=2))
    looks: list[str] = []

    def ready(trial: Trial) -> Readiness:
        if trial.model == "b":
            return Readiness.NOW
        looks.extend(["look"] * (len(hall.begun) == 4))
        return Readiness.NOW if len(looks) > 1 else Readiness.LATER

    hall.readiness = ready
    assert hall.dispatcher(nothing).run() == 0
    assert [label[0] for label in hall.begun] == list("bbbbaaaa")


def test_what_is_put_off_is_given_up_last() -> None:
    """As long as anything else is to do, or under way, the trial keeps its chance."""
    hall = Hall(planned("ab"), places=3)
    release, working = threading.Event(), []

    def ready(trial: Trial) -> Readiness:
        if trial.model == "a" and len(hall.begun) == 2:
            working.append(sum(thread.name.startswith("trial ") for thread in threading.enumerate()))
            release.set()
        return Readiness.LAST if trial.model == "a" else Readiness.NOW

    def work(trial: Trial) -> None:
        if trial.model == "b":
            assert release.wait(PATIENCE_S)

    hall.readiness = ready
    assert hall.dispatcher(work).run() == 0
    assert [label[0] for label in hall.begun] == list("bbaa")
    assert working[0] == 2


def test_without_room_nothing_begins() -> None:
    """The rest of the plan is left, and counted."""
    hall = Hall(planned("a", repeats=3), places=2)
    hall.room = lambda _trial: len(hall.begun) < 4
    assert hall.dispatcher(nothing).run() == 2
    assert hall.begun == hall.labels[:4]


def test_room_may_come_of_who_is_at_work() -> None:
    """What is kept for a trial at work is free once it is over: only then is it said that there is no room."""
    hall, over = Hall(planned("a"), places=2), threading.Event()
    hall.room = lambda _trial: not hall.begun or over.is_set()
    assert hall.dispatcher(lambda _trial: over.set()).run() == 0
    assert hall.begun == hall.labels


def test_a_stop_reaches_everybody() -> None:
    """Who waits for a place goes on without one, nobody begins any more, and all threads end."""
    hall = Hall(planned("a", repeats=3))
    parked = threading.Event()

    def work(trial: Trial) -> None:
        if trial.label == hall.labels[0]:
            place = place_for(PARK_S)
            assert place is not None
            place.leave()
            parked.set()
            place.come_back(lambda: False)
        else:
            assert parked.wait(PATIENCE_S)
            assert hall.stopped.wait(PATIENCE_S)

    dispatcher = hall.dispatcher(work)
    runner = threading.Thread(target=dispatcher.run)
    runner.start()
    assert parked.wait(PATIENCE_S)
    hall.stopped.set()
    dispatcher.wake()
    runner.join(PATIENCE_S)
    assert not runner.is_alive()
    assert len(hall.begun) <= 2


def test_an_error_is_raised_once_all_have_ended() -> None:
    """The other trials are not abandoned for it."""
    hall, done = Hall(planned("a", repeats=2), places=2), []

    def work(trial: Trial) -> None:
        if trial.label == hall.labels[0]:
            raise ZeroDivisionError
        done.append(trial.label)

    with pytest.raises(ZeroDivisionError):
        hall.dispatcher(work).run()
    assert sorted(done) == sorted(hall.labels[1:])


@pytest.mark.parametrize("rule", ["readiness", "room"])
def test_a_rule_that_fails_leaves_nobody_at_work_behind(rule: str) -> None:
    """The error is raised once who had begun is over, and nobody begins after it."""
    hall, failed, done = Hall(planned("a", repeats=2), places=2), threading.Event(), []

    def fails(_trial: Trial) -> bool:
        if hall.begun:
            failed.set()
            raise ZeroDivisionError
        return True

    def work(trial: Trial) -> None:
        assert failed.wait(PATIENCE_S)
        place = place_for(PARK_S)
        assert place is not None
        place.leave()
        place.come_back(lambda: False)
        done.append(trial.label)

    if rule == "room":
        hall.room = fails
    else:
        hall.readiness = lambda trial: Readiness.NOW if fails(trial) else Readiness.LAST
    with pytest.raises(ZeroDivisionError):
        hall.dispatcher(work).run()
    assert done == hall.begun == hall.labels[:1]


def test_a_thread_that_does_not_start_is_waited_for_by_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine has no thread left: that is raised, once the others are over."""
    hall, done, start = Hall(planned("a"), places=2), [], threading.Thread.start
    refused = threading.Event()

    def starts(thread: threading.Thread) -> None:
        if thread.name == f"trial {hall.labels[1]}":
            refused.set()
            raise RuntimeError("can't start new thread")
        start(thread)

    def work(trial: Trial) -> None:
        assert refused.wait(PATIENCE_S)
        done.append(trial.label)

    monkeypatch.setattr(threading.Thread, "start", starts)
    with pytest.raises(RuntimeError, match="start new thread"):
        hall.dispatcher(work).run()
    assert done == hall.labels[:1]


def test_cheap_trials_begin_though_the_first_is_too_expensive() -> None:
    """One model's trials find no room; those of the other one go on all the same, and only the former are left."""
    hall = Hall(planned("ab", repeats=2))
    hall.room = lambda trial: trial.model == "b"
    assert hall.dispatcher(nothing).run() == 4
    assert [label[0] for label in hall.begun] == list("bbbb")


def test_what_costs_nothing_begins_behind_what_costs_too_much() -> None:
    """Groups tell trials of one model apart: what is only to be graded needs no room."""
    hall = Hall(planned("a", repeats=2))
    free = hall.labels[3]
    hall.room = lambda trial: trial.label == free
    hall.group = lambda trial: (trial.model, trial.label == free)
    assert hall.dispatcher(nothing).run() == 3
    assert hall.begun == [free]


def test_a_quiet_provider_is_waited_for_while_it_has_room() -> None:
    """The model that may be asked has no room left; the other one is waited for, and begins."""
    hall, looks = Hall(planned("ab")), []

    def ready(trial: Trial) -> Readiness:
        looks.append(trial.model)
        return Readiness.LATER if trial.model == "b" and looks.count("b") < 3 else Readiness.NOW

    hall.readiness = ready
    hall.room = lambda trial: trial.model == "b"
    assert hall.dispatcher(nothing).run() == 2
    assert [label[0] for label in hall.begun] == list("bb")
