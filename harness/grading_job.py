"""What is run to grade a submission: by its trial, and by a later `regrade`, in the same words."""

from harness.grade_policy import Submission
from harness.prepare import Prepared
from harness.suite import SuiteJob, hidden_tests
from sandbox.contract import Identity


def grading_job(prepared: Prepared, submission: Submission, identity: Identity) -> SuiteJob:
    """The feature's hidden tests over a submission, and its black-box tests. Raises ConfigError when there are none."""
    return SuiteJob(
        feature=prepared.feature,
        environment=prepared.environment,
        snapshot=prepared.snapshot,
        submission=submission,
        hidden=hidden_tests(prepared.feature, prepared.solution),
        acceptance=prepared.acceptance,
        identity=identity,
    )
