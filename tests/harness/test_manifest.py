"""From runs to manifests, or to reasons why there is none."""

from collections.abc import Mapping

from harness.manifest import Finding, Stages, find_manifest
from harness.runners.contract import CaseResult, Outcome, Problem, ProblemKind, SuiteReport

P, F, S = Outcome.PASSED, Outcome.FAILED, Outcome.SKIPPED
OLD, NEW = "tests/test_old.py::test_old", "tests/test_new.py::test_new"
Outcomes = Mapping[str, Outcome]


def run(outcomes: Outcomes, seconds: float = 2.0, uncollected: Outcomes | None = None) -> SuiteReport:
    """A whole run with these outcomes."""
    return SuiteReport(
        results={test_id: CaseResult(outcome=outcome) for test_id, outcome in outcomes.items()},
        uncollected={name: CaseResult(outcome=outcome, reason="E") for name, outcome in (uncollected or {}).items()},
        exit_code=1,
        duration_ns=round(seconds * 1e9),
    )


def found(base: Outcomes, tests: Outcomes, reference: Outcomes) -> Finding:
    """The finding of one run of each stage."""
    return find(run(base), run(tests), run(reference))


def find(base: SuiteReport, tests: SuiteReport, *reference: SuiteReport) -> Finding:
    """The finding of these runs; hidden tests lie in test_new.py."""
    stages = Stages(base=(base,), tests=(tests,), reference=reference, hidden=("tests/test_new.py",))
    return find_manifest(stages, {"tests": "1"})


def test_new_tests_must_newly_pass_and_old_ones_keep_passing() -> None:
    """The plain case, with what it was made from and the band of durations."""
    finding = find(run({OLD: P}), run({OLD: P}), run({OLD: P, NEW: P}, 1.0), run({OLD: P, NEW: P}, 3.0))
    made = finding.manifest
    assert made is not None
    assert (made.fail_to_pass, made.pass_to_pass, made.regained) == ((NEW,), (OLD,), ())
    assert (made.duration_s, made.made_from) == ((1.0, 3.0), {"tests": "1"})
    assert (finding.problems, finding.notes) == ((), ())


def test_an_old_test_that_was_edited_is_a_new_one() -> None:
    """It fails with the hidden tests and passes with the reference, whatever its old form did."""
    made = found({NEW: P, OLD: P}, {NEW: F, OLD: P}, {NEW: P, OLD: P}).manifest
    assert made is not None
    assert (made.fail_to_pass, made.regained) == ((NEW,), ())


def test_old_tests_of_a_module_that_cannot_be_imported_are_regained() -> None:
    """They pass on the untouched base, vanish with the hidden tests, and come back with the reference."""
    other = "tests/test_new.py::test_other"
    made = found({other: P, OLD: P}, {OLD: P}, {other: P, NEW: P, OLD: P}).manifest
    assert made is not None
    assert (made.fail_to_pass, made.regained, made.pass_to_pass) == ((NEW,), (other,), (OLD,))


def test_a_whole_suite_hidden_by_the_new_tests_is_regained() -> None:
    """Hidden tests that break every module leave pass-to-pass to the untouched base."""
    made = find(run({OLD: P}), SuiteReport(problems=(_broken(ProblemKind.NEVER_RAN),)), run({OLD: P, NEW: P})).manifest
    assert made is not None
    assert (made.fail_to_pass, made.regained) == ((NEW,), (OLD,))


def test_hidden_tests_that_pass_anyway_must_keep_passing() -> None:
    """They need no feature, but breaking them is a fault."""
    extra = "tests/test_new.py::test_extra"
    made = found({OLD: P}, {OLD: P, extra: P}, {OLD: P, extra: P, NEW: P}).manifest
    assert made is not None
    assert made.pass_to_pass == (extra, OLD)


def test_flaky_ids_are_listed_and_not_asked_for() -> None:
    """An id whose runs differ, or that holds an address, decides nothing."""
    shaky, address = "tests/test_new.py::test_shaky", "tests/test_new.py::test_a[<object at 0x7f00>]"
    solved = {OLD: P, NEW: P, shaky: P, address: P}
    finding = find(run({OLD: P}), run({OLD: P}), run(solved), run({**solved, shaky: F}))
    assert finding.manifest is not None
    assert finding.manifest.flaky == (address, shaky)
    assert finding.manifest.fail_to_pass == (NEW,)
    assert "2 tests are flaky" in finding.notes[0]


def test_skips_with_the_reference_are_listed() -> None:
    """Nobody has to pass what the reference run skips."""
    skipped = "tests/test_new.py::test_windows"
    made = found({OLD: P}, {OLD: P}, {OLD: P, NEW: P, skipped: S}).manifest
    assert made is not None
    assert made.skipped == (skipped,)


def test_a_feature_that_doing_nothing_solves_is_refused() -> None:
    """Every hidden test passes without it."""
    finding = found({OLD: P}, {OLD: P, NEW: P}, {OLD: P, NEW: P})
    assert finding.manifest is None
    assert finding.problems == ("every hidden test passes without the feature, so doing nothing would solve it",)


def test_hidden_tests_that_are_skipped_are_a_question_to_the_environment() -> None:
    """No new passes and many skips is not the same as a feature that is there already."""
    (problem,) = found({OLD: P}, {OLD: P, NEW: S}, {OLD: P, NEW: S}).problems
    assert "is the environment complete?" in problem


def test_hidden_tests_that_nobody_collects_are_named() -> None:
    """They lie where the suite does not look."""
    (problem,) = found({OLD: P}, {OLD: P}, {OLD: P}).problems
    assert problem.startswith("the suite collects none of the hidden tests")


def test_a_reference_that_fails_a_hidden_test_is_refused() -> None:
    """The reason names the tests."""
    finding = found({OLD: P}, {OLD: P}, {OLD: P, NEW: P, f"{NEW}_2": F})
    assert finding.problems == (f"the reference fails 1 hidden tests: {NEW}_2",)


def test_a_reference_that_breaks_a_hidden_module_is_refused() -> None:
    """A module that cannot be collected has no ids, but a name and an error."""
    broken = run({OLD: P, NEW: P}, uncollected={"tests/test_new.py::TestMore": Outcome.ERROR})
    assert find(run({OLD: P}), run({OLD: P}), broken).problems == (
        "the reference breaks the hidden tests in tests/test_new.py::TestMore: E",
    )


def test_tests_that_fail_with_and_without_the_reference_are_nobodys_fault() -> None:
    """They are not asked for, and noted."""
    finding = found({OLD: P, f"{NEW}_net": F}, {OLD: P, f"{NEW}_net": F}, {OLD: P, f"{NEW}_net": F, NEW: P})
    assert finding.manifest is not None
    assert finding.notes == (f"1 tests fail on the base already, and are not asked for: {NEW}_net",)


def test_old_tests_that_the_reference_breaks_are_noted() -> None:
    """The feature's author changed behaviour; nobody is asked to keep it."""
    finding = found({OLD: P}, {OLD: P}, {OLD: F, NEW: P})
    assert finding.manifest is not None
    assert finding.manifest.pass_to_pass == ()
    assert finding.notes == (f"the reference breaks 1 tests of the base, which are not asked for: {OLD}",)


def test_runs_that_say_nothing_are_refused() -> None:
    """On the base or with the reference the suite must run to its end, and nowhere may it lie."""
    broken = SuiteReport(problems=(_broken(ProblemKind.NEVER_RAN),))
    forged = SuiteReport(problems=(_broken(ProblemKind.FORGED),))
    assert find(broken, run({}), run({NEW: P})).problems == ("the suite on the base: never_ran",)
    assert find(run({OLD: P}), run({}), broken).problems == ("the suite with the reference: never_ran",)
    assert find(run({OLD: P}), forged, run({NEW: P})).problems == ("the suite with the hidden tests: forged",)


def test_a_suite_that_collects_nothing_is_refused() -> None:
    """Its exit status and last words say why."""
    (problem,) = found({}, {}, {NEW: P}).problems
    assert problem == "the suite on the base collected no test (exit status 1)"


def test_a_project_without_tests_of_its_own_is_fine() -> None:
    """The runner says that there is nothing to collect, and that is no error."""
    empty = SuiteReport(exit_code=5)
    assert find(empty, run({NEW: F}), run({NEW: P})).manifest is not None


def _broken(kind: ProblemKind) -> Problem:
    return Problem(kind=kind, detail=kind.value)


def test_a_hidden_module_that_cannot_be_imported_on_the_base_is_told() -> None:
    """Only with the feature are its tests there at all; the manifest stands."""
    module = "tests/test_new.py"
    finding = find(run({OLD: P}), run({OLD: P}, uncollected={module: Outcome.ERROR}), run({OLD: P, NEW: P}))
    assert finding.manifest is not None
    (note,) = finding.notes
    assert note.startswith(f"on the base {module} cannot be imported")
