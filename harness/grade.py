"""From what a suite reported to a verdict: pure, and only `passed` counts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from harness.features import Manifest
from harness.grade_policy import MOST_LETTERS, MOST_TOLD, Submission, shortened
from harness.probes import ProbeFinding, ProbeKind
from harness.record import GradeRow, Verdict
from harness.runners.contract import Outcome, ProblemKind, SuiteReport, is_black_box

RUNG = "R1"
"""How strongly these grades are protected: clean sandbox, pristine tests, authenticated events on standard output."""
PROBED_RUNG = "R2"
"""R1, and a pass has to fail where its assertions are changed: see `harness.probes`."""
BLACK_BOX_RUNG = "R3"
"""The same, and black-box tests that share no process with the application."""

_NO_WORD = {Outcome.MISSING, Outcome.INCOMPLETE}
_NAMED = 3
_COVERED = 0.5  # of the new tests, for a rung of its own
_BAND = 4.0
_NEVER = {ProblemKind.NEVER_RAN, ProblemKind.BOX_DIED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """A verdict with what decided it, in one line and test by test.

    `fail_to_pass` maps every id that must newly pass to its outcome, `lost` the ids that must still pass and do not.
    `notes` are facts for the reader that decided nothing.
    """

    verdict: Verdict
    rung: str = RUNG
    reason: str = ""
    fail_to_pass: Mapping[str, str] = field(default_factory=dict)
    lost: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def row(self, submission: Submission) -> GradeRow:
        """The grade as records keep it, beside what of the submission was denied or put back."""
        return GradeRow(
            rung=self.rung,
            reason=self.reason,
            fail_to_pass=dict(self.fail_to_pass),
            lost=dict(self.lost),
            denied=tuple(_denied(path, reason) for path, reason in submission.denied[:MOST_TOLD]),
            restored=tuple(shortened(path) for path in submission.restored[:MOST_TOLD]),
            notes=self.notes,
            denied_count=submission.denied_in_all,
            restored_count=submission.restored_in_all,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondFinding:
    """What a second run found: its `seed`, how many `files` and deciding `tests` it had, and those that disagree.

    `disagreeing` maps the ids that do not pass this time to how they ended; `tampering` is what no honest run shows.
    """

    seed: str
    files: int = 0
    tests: int = 0
    disagreeing: Mapping[str, str] = field(default_factory=dict)
    tampering: str = ""


def grade(
    report: SuiteReport, manifest: Manifest, submission: Submission, probes: tuple[ProbeFinding, ...] | None = None
) -> Grade:
    """Judge one run of the suite: `pass` when every id that must pass did, in a run that was whole.

    Findings of `probes` (None where nothing was to be probed) can only take a pass away: `tampered` when a test passes
    whose assertions say otherwise, `unstable` when it comes to none of them or fails for another reason.
    """
    wanted = _asked(report, manifest.fail_to_pass)
    kept = _asked(report, (*manifest.pass_to_pass, *manifest.regained))
    lost = {test_id: outcome for test_id, outcome in kept.items() if outcome is not Outcome.PASSED}
    verdict, reason = _judge(report, wanted, lost)
    if verdict is Verdict.PASS and probes is not None:
        verdict, reason = _probed(probes, manifest, reason)
    return Grade(
        verdict=verdict,
        rung=_outside(wanted) or _inside(report, manifest, verdict, probes or ()),
        reason=_one_line(reason),
        fail_to_pass={test_id: outcome.value for test_id, outcome in wanted.items()},
        lost={test_id: outcome.value for test_id, outcome in lost.items()},
        notes=tuple(_one_line(note) for note in _notes(report, manifest, submission) if note not in reason),
    )


def with_second_run(found: Grade, second: SecondFinding | None) -> Grade:
    """The same grade, or for a pass `unstable` where tests that decide did not pass a second time; with its seed.

    `tampered` where the results of that run were.
    """
    if second is None or found.verdict is not Verdict.PASS:
        return found
    if second.tampering:
        return replace(found, verdict=Verdict.TAMPERED, reason=_one_line(second.tampering))
    how = f"in random order, one process a file (seed {second.seed})"
    if not second.disagreeing:
        told = f"{second.tests} tests in {second.files} files passed a second time, {how}"
        return replace(found, notes=(*found.notes, told))
    named = ", ".join(_one_line(f"{one} {end}") for one, end in list(second.disagreeing.items())[:_NAMED])
    more = ", ..." if len(second.disagreeing) > _NAMED else ""
    reason = f"{len(second.disagreeing)} tests passed once, and not a second time {how}: {named}{more}"
    return replace(found, verdict=Verdict.UNSTABLE, reason=reason)


def _asked(report: SuiteReport, ids: Iterable[str]) -> dict[str, Outcome]:
    """Outcomes by id, without black-box tests where the sandboxes cannot run any: then the rung says so."""
    return {one: report.outcome(one) for one in ids if not (report.left_out and is_black_box(one))}


def _outside(wanted: Mapping[str, Outcome]) -> str:
    """R3 when tests in another sandbox had their say, each of them to its end; else ""."""
    outside = [outcome for test_id, outcome in wanted.items() if is_black_box(test_id)]
    return BLACK_BOX_RUNG if outside and _NO_WORD.isdisjoint(outside) else ""


def _judge(report: SuiteReport, wanted: Mapping[str, Outcome], lost: Mapping[str, Outcome]) -> tuple[Verdict, str]:
    if report.tampering:
        return Verdict.TAMPERED, f"the results were tampered with: {report.tampering[0].detail}"
    if not report.complete:
        return Verdict.FAIL, _broken(report)
    if not wanted:
        return Verdict.FAIL, "the manifest names no test that must newly pass; run `splitclock validate`"
    failed = {test_id: outcome for test_id, outcome in wanted.items() if outcome is not Outcome.PASSED}
    if failed or lost:
        return Verdict.FAIL, "; ".join(_shortfall(report, wanted, failed, lost))
    return Verdict.PASS, f"all {len(wanted)} new tests pass and none is lost"


def _probed(probes: tuple[ProbeFinding, ...], manifest: Manifest, reason: str) -> tuple[Verdict, str]:
    """What becomes of a pass once it was probed, and why."""
    for found in probes:
        if found.passed:
            named = ", ".join(sorted(found.passed)[:_NAMED])
            how = f"{len(found.passed)} new tests pass {found.kind.how} too"
            return Verdict.TAMPERED, f"the results were not made by the tests' assertions: {how} ({named})"
    for found in probes:
        if found.vacuous:
            named = ", ".join(sorted(found.vacuous)[:_NAMED])
            how = f"{len(found.vacuous)} new tests pass without coming to an assertion that the reference comes to"
            return Verdict.UNSTABLE, f"{how} ({found.kind.value}: {named})"
    for found in probes:
        if found.strange:
            named = ", ".join(f"{one}: {why}" for one, why in list(found.strange.items())[:_NAMED])
            how = f"{len(found.strange)} new tests {found.kind.how} fail, and not by these"
            return Verdict.UNSTABLE, f"{how} ({named})"
    by_kind = [found for found in probes if found.kind is not ProbeKind.COMPARED]
    probed = frozenset[str]().union(*(found.failed for found in by_kind))
    kinds = ", ".join(f"{found.kind.value} {len(found.failed)}" for found in by_kind)
    known = f" ({kinds})" if kinds else ""
    told = "".join(_coverage(found) for found in probes if found.kind is ProbeKind.COMPARED)
    return Verdict.PASS, f"{reason}; probed {len(probed)} of {len(_in_process(manifest))}{known}{told}"


def _coverage(found: ProbeFinding) -> str:
    made, known = found.comparisons
    return f"; {made} of {known} comparisons of {len(found.failed)} tests do not hold with changed values"


def _inside(report: SuiteReport, manifest: Manifest, verdict: Verdict, probes: tuple[ProbeFinding, ...]) -> str:
    """R2 where passes are probed on enough of the new tests: a pass was, and what is none would have been."""
    new = _in_process(manifest)
    known = frozenset[str]().union(*manifest.probes.values()) & new
    enough = len(known) >= _COVERED * max(1, len(new))
    return PROBED_RUNG if enough and (probes or verdict is not Verdict.PASS) else report.rung


def _in_process(manifest: Manifest) -> frozenset[str]:
    """The new tests that share a process with the application."""
    return frozenset(test_id for test_id in manifest.fail_to_pass if not is_black_box(test_id))


def _one_line(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _broken(report: SuiteReport) -> str:
    """Why the run was not whole: that it never began outweighs how it ended."""
    broken = [problem for problem in report.problems if not problem.kind.harmless]
    worst = next((problem for problem in broken if problem.kind in _NEVER), broken[0])
    last_words = report.last_words() if worst.kind in _NEVER else ""
    return f"{worst.detail}; last words: {last_words}" if last_words else worst.detail


def _shortfall(
    report: SuiteReport, wanted: Mapping[str, Outcome], failed: Mapping[str, Outcome], lost: Mapping[str, Outcome]
) -> Iterable[str]:
    if failed:
        yield f"{len(failed)} of {len(wanted)} new tests do not pass ({_some(report, failed)})"
    if lost:
        yield f"{len(lost)} tests that passed before are lost ({_some(report, lost)})"


def _some(report: SuiteReport, outcomes: Mapping[str, Outcome]) -> str:
    named = [f"{test_id} {_why(report, test_id, outcomes[test_id])}" for test_id in list(outcomes)[:_NAMED]]
    return ", ".join(named) + (", ..." if len(outcomes) > _NAMED else "")


def _why(report: SuiteReport, test_id: str, outcome: Outcome) -> str:
    """The outcome, and for a missing test whether its module could not be collected."""
    if outcome is not Outcome.MISSING:
        return outcome.value
    above = next((result for name, result in report.uncollected.items() if test_id.startswith(f"{name}::")), None)
    return f"missing: its module is {above.outcome.value}" if above else outcome.value


def _notes(report: SuiteReport, manifest: Manifest, submission: Submission) -> Iterable[str]:
    yield from (problem.detail for problem in report.problems)
    if report.left_out:
        yield f"the black-box tests were left out: {report.left_out}"
    if report.survivors:
        yield f"{len(report.survivors)} processes outlived the suite: {report.survivors[0][:100]}"
    least, most = manifest.duration_s
    seconds = report.duration_ns / 1e9
    if most and not least / _BAND <= seconds <= most * _BAND:
        yield f"the suite took {seconds:.1f} s, the reference {least:.1f} to {most:.1f} s"
    if submission.denied_in_all:
        yield f"{submission.denied_in_all} paths of the submission were denied"
    if submission.restored_in_all:
        yield f"{submission.restored_in_all} changed test paths were put back"


def _denied(path: str, reason: str) -> str:
    """A denied path with its reason, which is never what is cut off."""
    return f"{shortened(path, MOST_LETTERS - len(reason) - 2)}: {reason}"
