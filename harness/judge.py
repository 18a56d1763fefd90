"""From a job to its verdict: what a trial and a later `regrade` do alike."""

from harness.clock import Stopwatch
from harness.errors import HarnessError
from harness.grade import Grade, grade
from harness.runners.contract import SuiteReport
from harness.suite import OpenBox, SuiteJob, run_suite


def judge(job: SuiteJob, open_box: OpenBox, stopwatch: Stopwatch) -> tuple[SuiteReport, Grade]:
    """Run the target's suite on a submission in fresh sandboxes, and judge what it reported.

    Raises SandboxError when a sandbox cannot be had, HarnessError when the feature has no manifest.
    """
    feature = job.feature
    if feature.manifest is None:
        raise HarnessError(f"{feature.key} has no manifest; run `splitclock validate {feature.key}`")
    report = run_suite(job, open_box, stopwatch)
    return report, grade(report, feature.manifest, job.submission)
