"""Documents of TAP 13 and 14, as they come and as they break."""

import pytest

from harness.runners import tap
from harness.runners.contract import Outcome, ProblemKind, SuiteReport
from sandbox.contract import CommandResult


def read(text: str, exit_code: int = 0) -> SuiteReport:
    """What the host hears of that document."""
    tally = tap.listen("")
    tally.feed(text.encode())
    return tally.report(CommandResult(exit_code=exit_code), 5)


def outcomes(report: SuiteReport) -> dict[str, str]:
    """Outcomes by id, as words."""
    return {test_id: case.outcome.value for test_id, case in report.results.items()}


def test_a_document_of_version_13() -> None:
    """The plan first, blocks of diagnostics, a directive in any case."""
    text = "TAP version 13\n1..3\nok 1 - one\nnot ok 2 two\n  ---\n  message: no\n  ...\nok 3 three # Skip no disk\n"
    report = read(text, 1)
    assert (report.complete, outcomes(report)) == (True, {"one": "passed", "two": "failed", "three": "skipped"})
    assert (report.results["two"].reason, report.results["three"].reason) == ("no", "no disk")


def test_subtests_are_under_their_parents() -> None:
    """At any depth; equal titles of other parents are other tests."""
    deep = "    ok 1 - deep\n    1..1\n"
    text = f"        ok 1 - a\n        1..1\n{deep}ok 1 - x\n{deep}ok 2 - y\n1..2\n"
    expected = {"x": "passed", "x > deep": "passed", "x > deep > a": "passed", "y": "passed", "y > deep": "passed"}
    assert outcomes(read(text)) == expected


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("1..2\nok 1 - a\n", ProblemKind.NO_FINISH),
        ("ok 1 - a\n", ProblemKind.NO_FINISH),
        ("1..1\nok 1 - a\nok 2 - b\n", ProblemKind.NO_FINISH),
        ("1..1\n    ok 1 - a\n    1..2\nok 1 - b\n", ProblemKind.NO_FINISH),
        ("1..1\nok 1 - a\n    ok 1 - b\n    1..1\n", ProblemKind.NO_FINISH),
        ("1..1\nok 1 - a\nBail out! no disk\n", ProblemKind.NO_FINISH),
        ("1..1\nok 1 - a {\n    ok 1 - b\n    1..1\n}\n", ProblemKind.MALFORMED),
        ("hello\n", ProblemKind.NEVER_RAN),
    ],
)
def test_a_document_that_breaks_off_is_not_whole(text: str, kind: ProblemKind) -> None:
    """No plan, another number of tests than planned, a subtest without an end, a bail-out, other dialects."""
    assert kind in {problem.kind for problem in read(text).problems}


def test_an_exit_status_that_does_not_fit_is_told() -> None:
    """Every test is ok, and the command fails; the other way round is usual."""
    assert [problem.kind for problem in read("1..1\nok 1 - a\n", 1).problems] == [ProblemKind.STATUS_MISMATCH]
    assert read("1..1\nnot ok 1 - a\n").complete


def test_a_skipped_suite_is_whole_and_passes_nothing() -> None:
    """A plan of none, with a reason."""
    report = read("1..0 # SKIP no disk\n")
    assert (report.complete, report.passed()) == (True, frozenset())


def test_escaped_signs_are_no_directives() -> None:
    """A hash that is escaped, or stands in a word, belongs to the title."""
    report = read("1..2\nok 1 - issue \\# skip\nok 2 - C#todo\n")
    assert outcomes(report) == {"issue # skip": Outcome.PASSED, "C#todo": Outcome.PASSED}


def test_a_flood_is_no_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests without end, or subtests as deep as a line is long, do not fill the host's memory."""
    monkeypatch.setattr("harness.runners.tap.MOST_TESTS", 3)
    report = read("".join(f"ok {number}\n" for number in range(1, 10)) + "1..9\n")
    assert (len(report.results), report.complete) == (3, False)
    tally = tap.TapTally()
    tally.feed(b" " * 4_000_000 + b"ok 1 - deep\n")
    assert len(tally._levels) == 1  # noqa: SLF001 - what would have grown
