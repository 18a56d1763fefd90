"""From reports to verdicts."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.features import Manifest
from harness.grade import SecondFinding, grade, with_second_run
from harness.grade_policy import Submission
from harness.probes import ProbeFinding, ProbeKind
from harness.record import Verdict
from harness.runners.contract import CaseResult, Outcome, Problem, ProblemKind, SuiteReport

NEW, OLD, BACK = "tests/test_new.py::test_new", "tests/test_old.py::test_old", "tests/test_new.py::test_back"
MANIFEST = Manifest(fail_to_pass=(NEW,), pass_to_pass=(OLD,), regained=(BACK,), duration_s=(4.0, 6.0))
SOLVED = {NEW: Outcome.PASSED, OLD: Outcome.PASSED, BACK: Outcome.PASSED}


def report(
    outcomes: Mapping[str, Outcome] = SOLVED, *problems: ProblemKind, seconds: float = 5.0, stderr: bytes = b""
) -> SuiteReport:
    """A run with these outcomes and problems."""
    return SuiteReport(
        results={test_id: CaseResult(outcome=outcome) for test_id, outcome in outcomes.items()},
        problems=tuple(Problem(kind=kind, detail=f"{kind} it was") for kind in problems),
        duration_ns=round(seconds * 1e9),
        stderr_tail=stderr,
        rung="R1",
    )


def test_all_that_must_pass_did() -> None:
    """A pass, and why, in one line."""
    found = grade(report(), MANIFEST, Submission())
    assert (found.verdict, found.rung, found.notes) == (Verdict.PASS, "R1", ())
    assert found.fail_to_pass == {NEW: "passed"}
    assert found.reason == "all 1 new tests pass and none is lost"


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome is not Outcome.PASSED])
@pytest.mark.parametrize("test_id", [NEW, OLD, BACK])
def test_only_passed_counts(test_id: str, outcome: Outcome) -> None:
    """Missing, skipped, xfailed, xpassed, twice, erring: none is a pass, and the reason names it."""
    found = grade(report({**SOLVED, test_id: outcome}), MANIFEST, Submission())
    assert found.verdict is Verdict.FAIL
    assert f"{test_id} {outcome.value}" in found.reason
    assert found.lost == ({} if test_id == NEW else {test_id: outcome.value})


def test_a_test_that_was_never_collected_is_lost() -> None:
    """Absence is no pass; if its module could not be collected, the reason says so."""
    broken = SuiteReport(
        results={OLD: CaseResult(outcome=Outcome.PASSED), BACK: CaseResult(outcome=Outcome.PASSED)},
        uncollected={"tests/test_new.py": CaseResult(outcome=Outcome.ERROR)},
    )
    found = grade(broken, MANIFEST, Submission())
    assert found.fail_to_pass == {NEW: "missing"}
    assert found.reason.endswith(f"({NEW} missing: its module is error)")


@pytest.mark.parametrize("kind", [kind for kind in ProblemKind if kind.tampering])
def test_contradictions_are_tampering(kind: ProblemKind) -> None:
    """Even when every test passed."""
    found = grade(report(SOLVED, ProblemKind.NO_FINISH, kind), MANIFEST, Submission())
    assert found.verdict is Verdict.TAMPERED
    assert f"{kind} it was" in found.reason


@pytest.mark.parametrize("kind", [kind for kind in ProblemKind if not kind.tampering and not kind.harmless])
def test_a_run_that_was_not_whole_is_no_pass(kind: ProblemKind) -> None:
    """Even when every test passed before it broke."""
    found = grade(report(SOLVED, kind), MANIFEST, Submission())
    assert (found.verdict, found.reason) == (Verdict.FAIL, f"{kind} it was")


def test_a_harmless_problem_is_a_note() -> None:
    """The results stand, and the reader is told."""
    found = grade(report(SOLVED, ProblemKind.DUPLICATE), MANIFEST, Submission())
    assert (found.verdict, found.notes) == (Verdict.PASS, ("duplicate it was",))


def test_a_suite_that_never_ran_is_a_fail_with_its_last_words() -> None:
    """The same suite ran at validation, so the candidate broke it; control characters do not reach the reader."""
    found = grade(report({}, ProblemKind.NEVER_RAN, stderr=b"...\nImportError: \x1b[31mcalc\n"), MANIFEST, Submission())
    assert found.verdict is Verdict.FAIL
    assert found.reason == "never_ran it was; last words: ImportError:  [31mcalc"


def test_a_manifest_without_new_tests_passes_nobody() -> None:
    """Nothing to do is nothing to solve."""
    assert grade(report(), Manifest(fail_to_pass=(), pass_to_pass=(OLD,)), Submission()).verdict is Verdict.FAIL


def test_the_reader_is_told_what_decided_nothing() -> None:
    """An odd duration, denied paths, tests put back, left-over processes."""
    odd = SuiteReport(results=report().results, duration_ns=10**8, survivors=("sleep 1",))
    handed_in = Submission(denied=(("conftest.py", "configures the tests"),), restored=("tests/a.py",))
    found = grade(odd, MANIFEST, handed_in)
    assert found.verdict is Verdict.PASS
    assert found.notes == (
        "1 processes outlived the suite: sleep 1",
        "the suite took 0.1 s, the reference 4.0 to 6.0 s",
        "1 paths of the submission were denied",
        "1 changed test paths were put back",
    )
    row = found.row(handed_in)
    assert (row.denied, row.restored) == (("conftest.py: configures the tests",), ("tests/a.py",))


@given(st.dictionaries(st.sampled_from([NEW, OLD, BACK, "other"]), st.sampled_from(Outcome)))
def test_a_pass_is_exactly_all_required_passed(outcomes: dict[str, Outcome]) -> None:
    """Over every combination of outcomes; tests that nobody asks for do not matter."""
    wanted = all(outcomes.get(test_id) is Outcome.PASSED for test_id in SOLVED)
    assert (grade(report(outcomes), MANIFEST, Submission()).verdict is Verdict.PASS) == wanted


PROBED = replace(MANIFEST, probes={"inverted": (NEW,)})


def finding(failed: bool = True, **found: object) -> ProbeFinding:  # noqa: FBT001, FBT002
    """What a probe of the one new test found."""
    tests = frozenset({NEW}) if failed else frozenset[str]()
    return ProbeFinding(kind=ProbeKind.INVERTED, **{"failed": tests, **found})  # type: ignore[arg-type]


def test_a_probed_pass_is_of_rung_r2() -> None:
    """And says how many of the new tests were probed, and how."""
    found = grade(report(), PROBED, Submission(), (finding(),))
    assert (found.verdict, found.rung) == (Verdict.PASS, "R2")
    assert found.reason.endswith("; probed 1 of 1 (inverted 1)")


def test_a_pass_in_spite_of_its_assertions_is_tampered() -> None:
    """The test is named, and the kind of probe."""
    found = grade(report(), PROBED, Submission(), (finding(failed=False, passed=frozenset({NEW})),))
    assert (found.verdict, found.rung) == (Verdict.TAMPERED, "R2")
    assert "1 new tests pass with inverted assertions too" in found.reason
    assert NEW in found.reason


def test_a_probe_that_fails_some_other_way_is_unstable() -> None:
    """Neither a pass nor an accusation; why stands beside it."""
    found = grade(report(), PROBED, Submission(), (finding(failed=False, strange={NEW: "error (OSError)"}),))
    assert found.verdict is Verdict.UNSTABLE
    assert "error (OSError)" in found.reason


def test_a_pass_that_comes_to_no_assertion_is_unstable() -> None:
    """It may be honest, so nobody is accused; but no assertion made it."""
    found = grade(report(), PROBED, Submission(), (finding(failed=False, vacuous=frozenset({NEW})),))
    assert found.verdict is Verdict.UNSTABLE
    assert "without coming to an assertion" in found.reason


def test_probes_of_nothing_say_so() -> None:
    """A reader shall not take silence for a probe."""
    assert grade(report(), MANIFEST, Submission(), ()).reason.endswith("; probed 0 of 1")


def test_a_second_run_that_disagrees_is_unstable() -> None:
    """With the tests, how they ended, and the seed to play it again; where all agree the seed is a note."""
    passed, failed = grade(report(), MANIFEST, Submission()), grade(report({}), MANIFEST, Submission())
    agrees = SecondFinding(seed="5eed", files=1, tests=3)
    assert with_second_run(passed, agrees).verdict is Verdict.PASS
    assert "seed 5eed" in with_second_run(passed, agrees).notes[-1]
    found = with_second_run(passed, replace(agrees, disagreeing={OLD: "failed"}))
    assert found.verdict is Verdict.UNSTABLE
    assert f"{OLD} failed" in found.reason
    assert "seed 5eed" in found.reason
    assert with_second_run(passed, replace(agrees, tampering="forged")).verdict is Verdict.TAMPERED
    assert with_second_run(failed, agrees) == failed


def test_probes_give_no_pass() -> None:
    """What failed in the suite stays failed; its rung is that of the passes beside it."""
    found = grade(report({**SOLVED, NEW: Outcome.FAILED}), PROBED, Submission(), (finding(),))
    assert (found.verdict, found.rung) == (Verdict.FAIL, "R2")


def test_few_probes_are_no_rung_of_their_own() -> None:
    """Where most new tests cannot be probed, or none was, the rung stays R1."""
    many = replace(MANIFEST, fail_to_pass=(NEW, "a", "b"), probes={"inverted": (NEW,)})
    outcomes = {**SOLVED, "a": Outcome.PASSED, "b": Outcome.PASSED}
    assert grade(report(outcomes), many, Submission(), (finding(),)).rung == "R1"
    assert grade(report(), PROBED, Submission()).rung == "R1"
