"""The host's end of the results channel, fed with honest, broken and forged lines."""

import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.runners.contract import Outcome, ProblemKind, SuiteReport
from harness.runners.stream import Stream
from sandbox.contract import CommandResult, Output

KEY = "ab" * 32
T = "tests/test_a.py::test_one"
U = "tests/test_a.py::test_two"


def line(sequence: int, event: dict[str, Any], key: str = KEY) -> bytes:
    """An event as the plugin writes it."""
    signed = b"%d %s" % (sequence, json.dumps(event).encode())
    number, payload = signed.split(b" ", 1)
    mac = hmac.new(bytes.fromhex(key), signed, hashlib.sha256).hexdigest().encode()
    return b"%s %s %s\n" % (number, mac, payload)


def phase(test_id: str, name: str, outcome: str = "passed", **more: Any) -> dict[str, Any]:
    """A report event."""
    known = {"event": "report", "id": test_id, "phase": name, "outcome": outcome, "xfail": False}
    return {**known, "reason": "", "seconds": 0.25, **more}


def whole(*ids: str, status: int = 0) -> list[dict[str, Any]]:
    """The events of a run in which every test passes."""
    events: list[dict[str, Any]] = [
        {"event": "session", "pytest": "9.0"},
        {"event": "collected", "ids": list(ids), "last": True},
    ]
    for test_id in ids:
        events += [{"event": "start", "id": test_id}]
        events += [phase(test_id, name) for name in ("setup", "call", "teardown")]
    return [*events, {"event": "finish", "status": status}]


def lines(events: list[dict[str, Any]]) -> list[bytes]:
    """Events in sequence."""
    return [line(number, event) for number, event in enumerate(events)]


def heard(*pieces: bytes, exit_code: int | None = 0, **result: Any) -> SuiteReport:
    """What the host makes of these pieces of standard output."""
    stream = Stream(KEY)
    for piece in pieces:
        stream.feed(piece)
    return stream.report(CommandResult(exit_code=exit_code, **result), 10**9)


def kinds(report: SuiteReport) -> set[ProblemKind]:
    """The kinds of problems of a report."""
    return {problem.kind for problem in report.problems}


def test_a_whole_run_is_complete() -> None:
    """Every id passed, nothing is wrong, claimed seconds add up over the phases."""
    report = heard(*lines(whole(T, U)), stderr=Output(head=b"bye", total=3))
    assert (report.complete, report.problems, set(report.passed())) == (True, (), {T, U})
    assert report.results[T].seconds == 0.75
    assert (report.duration_ns, report.stderr_tail, report.versions) == (10**9, b"bye", {"pytest": "9.0"})


@given(st.data())
def test_how_the_bytes_are_cut_does_not_matter(data: st.DataObject) -> None:
    """The same stream in any pieces gives the same report."""
    stream = b"".join(lines(whole(T, U)))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=12)))
    pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert heard(*pieces) == heard(stream)


@given(st.binary(max_size=300))
def test_no_bytes_break_the_listener_or_pass_a_test(noise: bytes) -> None:
    """Whatever a program writes instead of events, there is a report, and nothing has passed."""
    report = heard(noise)
    assert not report.complete
    assert report.passed() == frozenset()


@given(st.text(), st.text(min_size=1))
def test_any_id_and_reason_arrive_exactly(reason: str, test_id: str) -> None:
    """Ids are carried as they are, lone surrogates and newlines included."""
    events = whole(test_id, status=1)
    events[4] = phase(test_id, "call", "failed", reason=reason)
    report = heard(*lines(events), exit_code=1)
    assert report.results.keys() == {test_id}
    assert report.results[test_id].reason == reason[:500]


def test_a_changed_line_is_forged() -> None:
    """One altered letter spoils the mac; the event does not count."""
    events = whole(T, status=1)
    events[4] = phase(T, "call", "failed")
    altered = [one.replace(b'"failed"', b'"passed"') for one in lines(events)]
    report = heard(*altered, exit_code=1)
    assert ProblemKind.FORGED in kinds(report)
    assert report.passed() == frozenset()


def test_a_stream_under_another_key_is_forged() -> None:
    """Without the key nobody can write a single event."""
    report = heard(*(line(number, event, "cd" * 32) for number, event in enumerate(whole(T))))
    assert report.tampering
    assert report.results == {}


def test_prints_before_the_first_event_are_no_forgery() -> None:
    """Something may print before the plugin has taken standard output; that is not held against anyone."""
    assert heard(b"hello\nworld\n", *lines(whole(T))).complete


def test_prints_among_the_events_are_forgery() -> None:
    """Once the plugin has standard output, only its own lines come there."""
    first, *rest = lines(whole(T))
    assert ProblemKind.FORGED in kinds(heard(first, b"hello\n", *rest))


def test_a_repeated_line_is_seen() -> None:
    """A line played again has a number that has been; its content is not heard twice."""
    one, two, *rest = lines(whole(T))
    assert ProblemKind.GAP in kinds(heard(one, two, two, *rest))


def test_a_lost_line_is_seen() -> None:
    """A number that is left out shows."""
    one, two, _, *rest = lines(whole(T))
    assert ProblemKind.GAP in kinds(heard(one, two, *rest))


def test_the_first_word_about_a_test_counts() -> None:
    """A second report that contradicts the first is tampering, and changes nothing."""
    events = whole(T, status=1)
    events[4] = phase(T, "call", "failed")
    report = heard(*lines([*events[:5], phase(T, "call"), *events[5:]]), exit_code=1)
    assert report.outcome(T) is Outcome.FAILED
    assert kinds(report) == {ProblemKind.CONFLICT}


def test_a_second_report_that_says_the_same_is_noted() -> None:
    """It is odd, but the results stand."""
    events = whole(T)
    report = heard(*lines([*events[:5], phase(T, "call"), *events[5:]]))
    assert (kinds(report), report.complete, set(report.passed())) == ({ProblemKind.DUPLICATE}, True, {T})


def test_ten_thousand_repeats_are_counted_not_kept() -> None:
    """A flood of problems neither fills the memory nor hides a problem of another kind."""
    events = whole(T)
    report = heard(*lines([*events[:5], *([phase(T, "call")] * 10_000), phase(T, "call", "failed"), *events[5:]]))
    assert len(report.problems) < 100
    assert ProblemKind.CONFLICT in kinds(report)


def test_events_after_the_finish_are_tampering() -> None:
    """The last word is the last."""
    report = heard(*lines([*whole(T), phase(U, "call")]))
    assert kinds(report) == {ProblemKind.AFTER_FINISH}


def test_a_missing_finish_is_no_whole_run() -> None:
    """What was heard stands, but the suite did not end; where it was is said."""
    report = heard(*lines(whole(T, U)[:-3]), exit_code=0)
    assert kinds(report) == {ProblemKind.NO_FINISH}
    assert U in report.problems[0].detail
    assert report.outcome(U) is Outcome.INCOMPLETE


def test_a_process_that_denies_its_failures_is_tampering() -> None:
    """The runner announced 1, the process ended with 0."""
    assert kinds(heard(*lines(whole(T, status=1)), exit_code=0)) == {ProblemKind.STATUS_DENIED}


@pytest.mark.parametrize(("exit_code", "signal"), [(3, None), (None, 11)])
def test_a_crash_on_the_way_out_is_no_whole_run(exit_code: int | None, signal: int | None) -> None:
    """A crash after the finish is not tampering, yet not a clean end either."""
    report = heard(*lines(whole(T)), exit_code=exit_code, signal=signal)
    assert kinds(report) == {ProblemKind.STATUS_MISMATCH}
    assert not report.complete


def test_a_second_collection_is_tampering() -> None:
    """What will run is said once."""
    events = whole(T)
    assert ProblemKind.CONFLICT in kinds(heard(*lines([*events[:2], events[1], *events[2:]])))


def test_tests_that_change_in_the_run_are_tampering() -> None:
    """The judge's own files are nobody's to write."""
    events = whole(T)
    report = heard(*lines([*events[:-1], {"event": "touched", "path": "tests/test_a.py"}, events[-1]]))
    assert kinds(report) == {ProblemKind.TESTS_CHANGED}
    assert report.problems[0].detail == "tests/test_a.py was changed while tests ran"


def test_a_report_for_an_unknown_test_does_not_count() -> None:
    """Only what was collected can pass."""
    events = whole(T)
    report = heard(*lines([*events[:-1], *(phase(U, name) for name in ("setup", "call", "teardown")), events[-1]]))
    assert report.outcome(U) is Outcome.MISSING
    assert kinds(report) == {ProblemKind.UNKNOWN_ID}


def test_a_test_without_all_its_phases_is_no_pass() -> None:
    """Setup and call alone do not make a pass."""
    events = [event for event in whole(T) if event.get("phase") != "teardown"]
    assert heard(*lines(events)).outcome(T) is Outcome.INCOMPLETE


def test_an_unknown_outcome_is_no_pass() -> None:
    """A word that nobody knows counts as a failure."""
    events = whole(T)
    events[4] = phase(T, "call", "rerun")
    assert heard(*lines(events)).outcome(T) is Outcome.FAILED


@pytest.mark.parametrize(
    "event",
    [
        {"event": "nonsense"},
        {},
        {"event": "report"},
        phase(T, "party"),
        {"event": "start", "id": 3},
        phase(T, "call", seconds=10**400),
        phase(T, "call", seconds=float("nan")),
        {"event": "finish", "status": float("inf")},
    ],
)
def test_an_authenticated_line_that_makes_no_sense_is_named(event: dict[str, Any]) -> None:
    """It is skipped and reported, never a crash of the host."""
    events = whole(T)
    assert ProblemKind.MALFORMED in kinds(heard(*lines([*events[:2], event, *events[2:]])))


def test_time_and_memory_limits_are_problems() -> None:
    """A suite that was cut off is no whole run."""
    report = heard(*lines(whole(T)[:4]), exit_code=None, signal=9, timed_out=True, oom_killed=True)
    assert {ProblemKind.TIMED_OUT, ProblemKind.OUT_OF_MEMORY} <= kinds(report)


def test_a_line_without_end_is_dropped() -> None:
    """Megabytes without a newline do not pile up."""
    report = heard(*lines(whole(T)[:1]), *([b"x" * 1024**2] * 9))
    assert ProblemKind.FORGED in kinds(report)


def test_a_report_is_json_as_it_stands() -> None:
    """The document has what a reader wants, in types that JSON knows."""
    document = json.loads(json.dumps(heard(*lines(whole(T))).document()))
    assert document["results"] == {T: {"outcome": "passed", "reason": "", "seconds": 0.75}}
    assert document["complete"] is True
