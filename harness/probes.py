"""Assertion probes: test files that show whether a pass was made by the test's own assertions; pure.

Four kinds, each a run of its own. `inverted`: every `assert X` within a function becomes `assert not (X)`. `perturbed`:
in `assert A == B` a literal B (or A) becomes another one, and so in `self.assertEqual(A, B)` and its like. `last`: of
each function the last such assertion alone is changed, by its literal, or where a name stands there that is compared
and nothing else, by what that name holds, before the code under test runs. In these three, a pass that its assertions
made turns into their failure; one that the code under test made some other way (a bent runner, forged events, an object
equal to everything) stays a pass, and shows. `compared`: see `harness.comparisons`; here the tests pass, and each
comparison of each test says whether it would hold with other values too.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from harness.runners.contract import CaseResult, Outcome, Reached, SuiteReport
from sandbox.contract import File


class ProbeKind(StrEnum):
    """How the assertions of a probe were changed."""

    INVERTED = "inverted"
    PERTURBED = "perturbed"
    LAST = "last"
    COMPARED = "compared"

    @property
    def how(self) -> str:
        """What a test passes with that has no business to."""
        match self:
            case ProbeKind.LAST:
                return "with the last assertion alone changed"
            case ProbeKind.COMPARED:
                return "with values that equal changed ones"
        return f"with {self.value} assertions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """Changed test files of one kind; `lines` are, by path, those on which a changed assertion stands.

    `mark` is the name of the function that they call.
    """

    kind: ProbeKind
    files: tuple[File, ...]
    lines: Mapping[str, frozenset[int]]
    mark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeFinding:
    """What one kind of probe found, of the tests that can be probed so.

    `failed` failed by a changed assertion, as they must; `passed` passed in spite of it, or without having run at all;
    `vacuous` ran and passed, and came to no changed assertion; `strange` did none of these. Of comparisons `failed` are
    the tests in which those made do not hold with changed values; `comparisons` is how many these are, and how many the
    reference makes in all these tests.
    """

    kind: ProbeKind
    failed: frozenset[str] = frozenset()
    passed: frozenset[str] = frozenset()
    vacuous: frozenset[str] = frozenset()
    strange: Mapping[str, str] = field(default_factory=dict)
    comparisons: tuple[int, int] = (0, 0)


def read_probe(probe: Probe, ids: Iterable[str], report: SuiteReport) -> ProbeFinding:
    """Sort the ids by what a run of the changed files made of them."""
    results = {one: report.results.get(one, CaseResult(outcome=Outcome.MISSING)) for one in ids}
    failed = frozenset(one for one, result in results.items() if _by_assertion(probe, result))
    passes = {one: result.reached for one, result in results.items() if result.outcome is Outcome.PASSED}
    vacuous = frozenset(one for one, reached in passes.items() if reached is Reached.FUNCTION)
    rest = sorted(results.keys() - failed - passes.keys())
    return ProbeFinding(
        kind=probe.kind,
        failed=failed,
        passed=frozenset(passes) - vacuous,
        vacuous=vacuous,
        strange={one: _why(report, results[one]) for one in rest},
    )


def read_comparisons(probe: Probe, known: Mapping[str, frozenset[int]], report: SuiteReport) -> ProbeFinding:
    """The same for comparisons: `known` are, by test, those which do not hold with changed values for the reference."""
    results = {one: report.results.get(one, CaseResult(outcome=Outcome.MISSING)) for one in known}
    passes = {one: result for one, result in results.items() if result.outcome is Outcome.PASSED}
    made = {one: result.compared & known[one] for one, result in passes.items()}
    begun = (one for one, result in passes.items() if result.reached is Reached.FUNCTION)
    empty = frozenset(one for one in begun if not made[one])
    fooled = frozenset(
        one for one, result in passes.items() if result.fooled & known[one] or result.reached is Reached.NOTHING
    )
    return ProbeFinding(
        kind=probe.kind,
        failed=frozenset(one for one in passes if made[one]) - fooled,
        passed=fooled - empty,
        vacuous=empty,
        strange={one: _why(report, results[one]) for one in sorted(results.keys() - passes.keys())},
        comparisons=(sum(map(len, made.values())), sum(map(len, known.values()))),
    )


def both(first: ProbeFinding, second: ProbeFinding) -> ProbeFinding:
    """What two runs of one kind say together: a pass and a failure of one test are strange, a pass needs both."""
    passed, failed = first.passed & second.passed, first.failed | second.failed
    once = (first.passed | second.passed) - passed
    strange = {one: why for one, why in second.strange.items() if one not in failed | once}
    return ProbeFinding(
        kind=first.kind,
        failed=failed - once,
        passed=passed,
        vacuous=second.vacuous - failed - once,
        strange={**strange, **dict.fromkeys(sorted(once), "passes in one run, and not in another")},
        comparisons=second.comparisons,
    )


def file_of(test_id: str) -> str:
    """The file that a test's id names."""
    return test_id.partition("::")[0]


def _why(report: SuiteReport, result: CaseResult) -> str:
    broken = next((problem.detail for problem in report.problems if not problem.kind.harmless), "")
    said = result.raised.kind if result.raised else broken
    return f"{result.outcome.value} ({said})" if said else result.outcome.value


def _by_assertion(probe: Probe, result: CaseResult) -> bool:
    """Whether an AssertionError came from a changed line itself (or from unittest for it), not from what it called."""
    raised = result.raised
    if result.outcome not in {Outcome.FAILED, Outcome.ERROR} or raised is None:
        return False
    lines = next((lines for path, lines in probe.lines.items() if f"/{raised.path}".endswith(f"/{path}")), frozenset())
    return raised.kind == "AssertionError" and raised.line in lines
