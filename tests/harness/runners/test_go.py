"""What a real `go test -json` of Go 1.19 printed, read line by line; a run in Docker stands in the nightly rule."""

import json
from pathlib import Path

import pytest

from harness.runners import go
from harness.runners.contract import Outcome, ProblemKind, SuiteReport
from sandbox.contract import CommandResult

RECORDED = Path(__file__).with_name("recorded")
ROOT = "example.com/calc"
P, F, S = Outcome.PASSED, Outcome.FAILED, Outcome.SKIPPED


def read(data: bytes, exit_code: int = 1) -> SuiteReport:
    """What the host hears of that output, in pieces."""
    tally = go.listen("")
    for start in range(0, len(data), 1000):
        tally.feed(data[start : start + 1000])
    return tally.report(CommandResult(exit_code=exit_code), 5)


def recorded(name: str) -> bytes:
    """A file of recorded output."""
    return (RECORDED / name).read_bytes()


def event(action: str, test: str | None = None) -> bytes:
    """One line of a made-up run."""
    named = {"Test": test} if test else {}
    return json.dumps({"Action": action, "Package": ROOT, **named}).encode() + b"\n"


def test_every_outcome_is_told() -> None:
    """Passes, failures, skips, subtests, a panic; what TestMain kept from running is missing."""
    report = read(recorded("go-1.19.jsonl"), exit_code=2)
    assert {test_id: case.outcome for test_id, case in report.results.items()} == {
        f"{ROOT}::TestPasses": P,
        f"{ROOT}::TestFails": F,
        f"{ROOT}::TestSkipped": S,
        f"{ROOT}::TestParent": F,
        f"{ROOT}::TestParent/passes": P,
        f"{ROOT}::TestParent/fails": F,
        f"{ROOT}::TestParent/same": P,
        f"{ROOT}::TestParent/same#01": P,
        f"{ROOT}/crash::TestBefore": P,
        f"{ROOT}/crash::TestCrashes": F,
    }
    assert (report.complete, report.rung) == (True, "R0")
    assert report.outcome(f"{ROOT}/exits::TestX") is Outcome.MISSING
    assert "one is not two" in report.results[f"{ROOT}::TestFails"].reason


def test_a_package_that_is_not_built_is_named() -> None:
    """It has no events in Go 1.19, and a line of its own."""
    report = read(recorded("go-1.19.jsonl"), exit_code=2)
    assert {name: case.reason for name, case in report.uncollected.items()} == {f"{ROOT}/broken": "build failed"}


def test_a_test_that_never_ends_is_no_pass() -> None:
    """Go's own time limit ends the process; the test before it stands."""
    report = read(recorded("go-1.19-never.jsonl"))
    assert report.passed() == {f"{ROOT}/never::TestA"}
    assert report.outcome(f"{ROOT}/never::TestNever") is Outcome.INCOMPLETE


def test_the_worst_of_a_repeated_test_counts() -> None:
    """As with -count=2, whichever comes first."""
    for first, second in (("pass", "fail"), ("fail", "pass")):
        lines = [event("run", "TestA"), event(first, "TestA"), event("run", "TestA"), event(second, "TestA")]
        assert read(b"".join([*lines, event("fail")])).outcome(f"{ROOT}::TestA") is F


def test_a_run_that_breaks_off_is_not_whole() -> None:
    """A package without a last word, a test without its end, and no output at all."""
    report = read(event("run", "TestA") + event("pass", "TestA") + event("run", "TestB"))
    assert [problem.kind for problem in report.problems] == [ProblemKind.NO_FINISH]
    assert report.outcome(f"{ROOT}::TestB") is Outcome.INCOMPLETE
    assert [problem.kind for problem in read(b"go: no such tool\n").problems] == [ProblemKind.NEVER_RAN]


def test_an_exit_status_that_does_not_fit_is_told() -> None:
    """All packages pass, and the command fails; or the other way round."""
    for action, status in (("pass", 1), ("fail", 0)):
        report = read(event("run", "TestA") + event("pass", "TestA") + event(action), exit_code=status)
        assert [problem.kind for problem in report.problems] == [ProblemKind.STATUS_MISMATCH]


@pytest.mark.parametrize("claimed", [10**400, float("nan"), float("inf"), "x", None, [], True])
def test_no_claim_of_time_breaks_the_host(claimed: object) -> None:
    """Anybody can print such a line; it is neither an error of ours nor anything that JSON cannot hold."""
    said = {"Action": "pass", "Package": ROOT, "Test": "TestA", "Elapsed": claimed}
    report = read(json.dumps(said).encode() + b"\n" + event("pass"), exit_code=0)
    assert report.passed() == {f"{ROOT}::TestA"}
    json.dumps(report.document(), allow_nan=False)


def test_a_flood_of_names_is_no_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither tests nor packages without end fill the host's memory, and such a run is not whole."""
    monkeypatch.setattr("harness.runners.go.MOST_TESTS", 3)
    monkeypatch.setattr("harness.runners.tally.MOST_TESTS", 3)
    tests = [event(action, f"Test{number}") for number in range(9) for action in ("run", "output", "pass")]
    report = read(b"".join([*tests, event("pass")]), exit_code=0)
    assert (len(report.results), report.complete) == (3, False)
    packages = [event("pass").replace(b"calc", b"%d" % number) for number in range(9)]
    packages += [b"FAIL\tother%d [build failed]\n" % number for number in range(9)]
    report = read(b"".join(packages))
    assert (report.problems[0].detail, report.uncollected) == ("more than 3 packages", {})
