"""A second run of what passed: a process for each test file, in a sandbox of its own, and its tests in a random order.

What passes in the collected order alone, or only after the tests of another file, is no pass: answers counted off,
state that one test leaves to the next.
"""

import secrets
from collections.abc import Iterable
from dataclasses import replace

from harness.acceptance import OpenBox
from harness.clock import Stopwatch
from harness.features import Manifest, SecondRun
from harness.grade import SecondFinding
from harness.probes import file_of
from harness.runners.contract import Outcome, Slice, SuiteReport, is_black_box
from harness.suite import SuiteJob, run_suite

SHUFFLED_RUNNER = "pytest"
"""The runner whose tests can be put into another order; node has a process for each file anyway."""


def files_again(job: SuiteJob, manifest: Manifest) -> tuple[str, ...]:
    """The test files that the target has run a second time, sorted; () where its runner cannot, or may not."""
    if job.suite.runner != SHUFFLED_RUNNER or job.suite.second_run is SecondRun.NONE:
        return ()
    ids = _deciding(manifest) if job.suite.second_run is SecondRun.ALL else manifest.fail_to_pass
    there = job.tree().paths()
    return tuple(sorted({file_of(one) for one in ids if not is_black_box(one)} & frozenset(there)))


def run_again(
    job: SuiteJob, manifest: Manifest, open_box: OpenBox, stopwatch: Stopwatch, seed: str = ""
) -> SecondFinding | None:
    """Run the deciding tests of those files once more; None where there are none. Without `seed` one is made up.

    Books grade.start and grade.second. Raises what `run_suite` raises.
    """
    files, seed = files_again(job, manifest), seed or secrets.token_hex(4)
    if not files:
        return None
    reports = {path: run_suite(_alone(job, path, seed), open_box, stopwatch) for path in files}
    wanted = [one for one in _deciding(manifest) if file_of(one) in reports]
    outcomes = {one: _how(reports[file_of(one)], one) for one in wanted}
    return SecondFinding(
        seed=seed,
        files=len(files),
        tests=len(wanted),
        tampering=next((problem.detail for report in reports.values() for problem in report.tampering), ""),
        disagreeing={one: how for one, how in outcomes.items() if how != Outcome.PASSED.value},
    )


def _deciding(manifest: Manifest) -> Iterable[str]:
    return (*manifest.fail_to_pass, *manifest.pass_to_pass, *manifest.regained)


def _alone(job: SuiteJob, path: str, seed: str) -> SuiteJob:
    return replace(job, slice=Slice(files=(path,), seed=seed), acceptance=None, booked="second")


def _how(report: SuiteReport, test_id: str) -> str:
    """How a test ended; where the run was not whole, what broke it."""
    broken = next((problem.detail for problem in report.problems if not problem.kind.harmless), "")
    return broken or report.outcome(test_id).value
