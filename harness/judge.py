"""The grade of a submission: the suite once; where it passes, a second run, and probes that it must fail."""

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from harness.acceptance import OpenBox
from harness.clock import Stopwatch
from harness.errors import HarnessError
from harness.features import Manifest
from harness.grade import Grade, SecondFinding, grade, with_second_run
from harness.probes import Probe, ProbeFinding, ProbeKind, both, file_of, make_probe, read_probe
from harness.record import Verdict
from harness.runners.contract import Slice, SuiteReport
from harness.second_run import run_again
from harness.suite import SuiteJob, run_suite

_TRIES = 2
PROBED_RUNNER = "pytest"
"""The runner whose tests can be probed: they are Python, and their assertions are statements of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A grade, the run of the suite that it stands on, and what probes and a second run found."""

    grade: Grade
    report: SuiteReport
    probes: tuple[ProbeFinding, ...] = ()
    second: SecondFinding | None = None


def judge(job: SuiteJob, open_box: OpenBox, stopwatch: Stopwatch, heard: Callable[[SuiteReport], None]) -> Judgement:
    """Grade a job's submission by its feature's manifest; `heard` gets the suite's report as soon as there is one.

    Each run has a sandbox of its own. Books grade.start, grade.suite, grade.probes and grade.second. Raises what
    `run_suite` raises, HarnessError where there is no manifest.
    """
    manifest = job.feature.manifest
    if manifest is None:
        raise HarnessError(f"{job.feature.key} has no manifest; run `splitclock validate {job.feature.key}`")
    report = run_suite(job, open_box, stopwatch)
    heard(report)
    found = grade(report, manifest, job.submission)
    if found.verdict is not Verdict.PASS:
        return Judgement(grade=found, report=report)
    second = run_again(job, manifest, open_box, stopwatch)
    findings = None
    if can_probe(job) and (second is None or not second.disagreeing):  # what needs its neighbours is not probed alone
        findings = tuple(_findings(job, manifest, open_box, stopwatch))
    found = with_second_run(grade(report, manifest, job.submission, findings), second)
    return Judgement(grade=found, report=report, probes=findings or (), second=second)


def can_probe(job: SuiteJob) -> bool:
    """Whether the target's tests can be probed, and may be."""
    return job.suite.runner == PROBED_RUNNER and job.suite.probes


def probed_by_reference(
    job: SuiteJob, fail_to_pass: Iterable[str], open_box: OpenBox, stopwatch: Stopwatch
) -> dict[str, tuple[str, ...]]:
    """By kind of probe the tests that fail by assertion in one, on a job whose submission is the reference."""
    ids = tuple(fail_to_pass)
    findings = (_once(job, kind, ids, open_box, stopwatch) for kind in ProbeKind)
    return {found.kind.value: tuple(sorted(found.failed)) for found in findings if found.failed}


def _findings(job: SuiteJob, manifest: Manifest, open_box: OpenBox, stopwatch: Stopwatch) -> Iterable[ProbeFinding]:
    """One finding for each kind that the manifest knows; what is not as it must be is looked at once more."""
    for kind in ProbeKind:
        ids = tuple(manifest.probes.get(kind, ()))
        if not ids:
            continue
        found = _once(job, kind, ids, open_box, stopwatch)
        for _ in range(1, _TRIES):
            if found.passed or found.vacuous or found.strange:
                found = both(found, _once(job, kind, ids, open_box, stopwatch))
        yield found


def _once(
    job: SuiteJob, kind: ProbeKind, ids: tuple[str, ...], open_box: OpenBox, stopwatch: Stopwatch
) -> ProbeFinding:
    probe = _probe(job, kind, ids)
    wanted = tuple(one for one in ids if file_of(one) in probe.lines)
    if not wanted:
        return ProbeFinding(kind=kind)
    return read_probe(probe, wanted, run_suite(_probe_job(job, probe), open_box, stopwatch))


def _probe(job: SuiteJob, kind: ProbeKind, ids: tuple[str, ...]) -> Probe:
    paths = {file_of(one) for one in ids}
    return make_probe(kind, (file for file in job.hidden if file.path in paths), secrets.token_hex(16))


def _probe_job(job: SuiteJob, probe: Probe) -> SuiteJob:
    """The job with the changed files in place of the hidden ones, and these files alone asked for."""
    changed = {file.path: file for file in probe.files}
    return replace(
        job,
        slice=Slice(files=tuple(sorted(changed)), mark=probe.mark),
        hidden=tuple(changed.get(file.path, file) for file in job.hidden),
        acceptance=None,
        booked="probes",
    )
