"""From the runs of `validate` to a manifest, or to the reasons why the feature cannot be graded; pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from harness.features import Manifest
from harness.runners.contract import Outcome, SuiteReport

_ADDRESS = re.compile(r" at 0x[0-9a-f]+", re.IGNORECASE)
_NAMED = 5
_NO_TESTS = 5  # what pytest says where there is nothing to collect, and nothing wrong either
_BROKEN = {Outcome.FAILED, Outcome.ERROR, Outcome.DUPLICATED, Outcome.INCOMPLETE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """The runs a manifest is made from: on the untouched base, with the hidden tests, and with the reference too.

    `hidden` are the paths of the hidden tests.
    """

    base: tuple[SuiteReport, ...]
    tests: tuple[SuiteReport, ...]
    reference: tuple[SuiteReport, ...]
    hidden: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What the runs say: a manifest unless `problems` refuse it; `notes` are worth knowing either way."""

    manifest: Manifest | None = None
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def find_manifest(stages: Stages, made_from: Mapping[str, str]) -> Finding:
    """The manifest that the runs give, or why there can be none; one line each."""
    problems = tuple(_unusable(stages))
    if problems:
        return Finding(problems=problems)
    outcomes = _Outcomes(stages)
    problems = tuple(_refusals(stages, outcomes))
    manifest = None if problems else _manifest(stages, outcomes, made_from)
    return Finding(manifest=manifest, problems=problems, notes=(*_unimported(stages), *_notes(outcomes)))


def without(finding: Finding, unsteady: Iterable[str]) -> Finding:
    """The same, with tests that do not stand a second run among the flaky; refused when no new test is left."""
    manifest, ids = finding.manifest, frozenset(unsteady)
    if manifest is None or not ids:
        return finding
    left = replace(
        manifest,
        fail_to_pass=_but(manifest.fail_to_pass, ids),
        pass_to_pass=_but(manifest.pass_to_pass, ids),
        regained=_but(manifest.regained, ids),
        flaky=tuple(sorted({*manifest.flaky, *ids})),
    )
    told = f"{len(ids)} tests do not pass in every order, or not alone, and are not asked for: {_some(sorted(ids))}"
    if left.fail_to_pass:
        return replace(finding, manifest=left, notes=(*finding.notes, told))
    refused = 'no hidden test needs the feature, but those that depend on their order; `second_run = "none"` allows it'
    return replace(finding, manifest=None, problems=(*finding.problems, refused), notes=(*finding.notes, told))


class _Outcomes:
    """Each id's outcome in each stage, where all runs agree; `flaky` are the ids where they do not."""

    def __init__(self, stages: Stages) -> None:
        runs = (stages.base, stages.tests, stages.reference)
        self.ids = frozenset(test_id for stage in runs for report in stage for test_id in report.results)
        self.flaky = frozenset(one for one in self.ids if _ADDRESS.search(one) or any(_differs(one, s) for s in runs))
        self.base, self.tests, self.reference = (self._stage(reports[0]) for reports in runs)

    def _stage(self, report: SuiteReport) -> dict[str, Outcome]:
        return {test_id: report.outcome(test_id) for test_id in self.ids - self.flaky}

    def new(self) -> frozenset[str]:
        """Passes with the reference alone: new tests, and old ones that were edited and now fail without it."""
        return frozenset(one for one in self._solved() if self.tests[one] is not Outcome.PASSED) - self.regained()

    def regained(self) -> frozenset[str]:
        """Old tests that the hidden ones only hide while the feature is missing, as their module cannot be imported."""
        passed = (one for one in self._solved() if self.base[one] is Outcome.PASSED)
        return frozenset(one for one in passed if self.tests[one] is Outcome.MISSING)

    def keeps(self) -> frozenset[str]:
        """Passes without and with the reference."""
        return self._solved() - self.new() - self.regained()

    def broken(self) -> frozenset[str]:
        """Fails with the reference, and not on the base."""
        failed = (one for one, outcome in self.reference.items() if outcome in _BROKEN)
        return frozenset(one for one in failed if self.base[one] not in _BROKEN)

    def with_outcome(self, outcome: Outcome) -> frozenset[str]:
        """Ids of that outcome with the reference."""
        return frozenset(one for one, found in self.reference.items() if found is outcome)

    def _solved(self) -> frozenset[str]:
        return self.with_outcome(Outcome.PASSED)


def _differs(test_id: str, reports: Iterable[SuiteReport]) -> bool:
    return len({report.outcome(test_id) for report in reports}) > 1


def _unusable(stages: Stages) -> Iterable[str]:
    """Runs that say nothing; with hidden tests and without the feature a suite may well break, but not lie."""
    for name, reports in (("on the base", stages.base), ("with the reference", stages.reference)):
        for report in reports:
            broken = [one.detail for one in report.problems if not one.kind.harmless]
            yield from (f"the suite {name}: {detail}{_last_words(report)}" for detail in broken)
            if report.complete and not report.results and report.exit_code != _NO_TESTS:
                yield f"the suite {name} collected no test (exit status {report.exit_code}){_last_words(report)}"
    for report in stages.tests:
        yield from (f"the suite with the hidden tests: {problem.detail}" for problem in report.tampering)


def _last_words(report: SuiteReport) -> str:
    said = report.last_words()
    return f"; last words: {said}" if said else ""


def _refusals(stages: Stages, outcomes: _Outcomes) -> Iterable[str]:
    failing = sorted(one for one in outcomes.broken() if _is_of(one, stages.hidden))
    if failing:
        yield f"the reference fails {len(failing)} hidden tests: {_some(failing)}"
    for report in stages.reference[:1]:
        for module, result in report.uncollected.items():
            if _is_of(module, stages.hidden) and result.outcome is Outcome.ERROR:
                yield f"the reference breaks the hidden tests in {module}: {_last_line(result.reason)}"
    if not failing and not outcomes.new():
        yield _no_op(stages, outcomes)


def _no_op(stages: Stages, outcomes: _Outcomes) -> str:
    skipped = len([one for one in outcomes.with_outcome(Outcome.SKIPPED) if _is_of(one, stages.hidden)])
    if skipped:
        return f"no hidden test needs the feature, but {skipped} are skipped: is the environment complete?"
    if any(_is_of(one, stages.hidden) for one in outcomes.flaky):
        return "no hidden test needs the feature, but those that are flaky"
    if not any(_is_of(one, stages.hidden) for one in outcomes.ids):
        return "the suite collects none of the hidden tests; are they where it looks?"
    return "every hidden test passes without the feature, so doing nothing would solve it"


def _manifest(stages: Stages, outcomes: _Outcomes, made_from: Mapping[str, str]) -> Manifest:
    seconds = [report.duration_ns / 1e9 for report in stages.reference]
    return Manifest(
        fail_to_pass=tuple(sorted(outcomes.new())),
        pass_to_pass=tuple(sorted(outcomes.keeps())),
        regained=tuple(sorted(outcomes.regained())),
        flaky=tuple(sorted(outcomes.flaky)),
        skipped=tuple(sorted(outcomes.with_outcome(Outcome.SKIPPED))),
        duration_s=(min(seconds), max(seconds)),
        made_from=dict(made_from),
    )


def _unimported(stages: Stages) -> Iterable[str]:
    """Hidden modules that cannot even be imported without the feature, so that none of their tests was seen there."""
    for module, result in stages.tests[0].uncollected.items():
        if _is_of(module, stages.hidden) and result.outcome is Outcome.ERROR:
            why = _last_line(result.reason).removeprefix("E ").strip()
            yield f"on the base {module} cannot be imported, so none of its tests was seen to fail there: {why}"


def _notes(outcomes: _Outcomes) -> Iterable[str]:
    broken = sorted(one for one in outcomes.broken() if outcomes.base[one] is Outcome.PASSED)
    if broken:
        yield f"the reference breaks {len(broken)} tests of the base, which are not asked for: {_some(broken)}"
    failing = sorted(one for one, outcome in outcomes.base.items() if outcome in _BROKEN)
    if failing:
        yield f"{len(failing)} tests fail on the base already, and are not asked for: {_some(failing)}"
    if outcomes.flaky:
        yield f"{len(outcomes.flaky)} tests are flaky, and are not asked for: {_some(sorted(outcomes.flaky))}"


def _is_of(test_id: str, paths: Iterable[str]) -> bool:
    """Whether a test, or a collector, lies in one of the files."""
    return any(test_id == path or test_id.startswith(f"{path}::") for path in paths)


def _but(ids: Iterable[str], others: frozenset[str]) -> tuple[str, ...]:
    return tuple(one for one in ids if one not in others)


def _last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2]


def _some(ids: list[str]) -> str:
    return ", ".join(ids[:_NAMED]) + (", ..." if len(ids) > _NAMED else "")
