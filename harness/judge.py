"""The grade of a submission: the suite once; where it passes, a second run, and probes that it must fail."""

import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from harness.acceptance import OpenBox
from harness.clock import Stopwatch
from harness.errors import HarnessError
from harness.features import Manifest
from harness.grade import Grade, SecondFinding, grade, with_second_run
from harness.probe_files import make_probe
from harness.probes import Probe, ProbeFinding, ProbeKind, both, file_of, read_comparisons, read_probe
from harness.record import Verdict
from harness.runners.contract import Outcome, Slice, SuiteReport
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
    findings = (_once(job, kind, ids, open_box, stopwatch) for kind in ProbeKind if kind is not ProbeKind.COMPARED)
    return {found.kind.value: tuple(sorted(found.failed)) for found in findings if found.failed}


def compared_by_reference(
    job: SuiteJob, fail_to_pass: Iterable[str], open_box: OpenBox, stopwatch: Stopwatch
) -> tuple[dict[str, frozenset[int]], dict[str, frozenset[int]]]:
    """Of the same job by test the comparisons that do not hold with changed values, and those that do."""
    ids = tuple(fail_to_pass)
    made = _run(job, ProbeKind.COMPARED, ids, open_box, stopwatch)
    if made is None:
        return {}, {}
    passed = {one: made[1].results[one] for one in ids if made[1].outcome(one) is Outcome.PASSED}
    honest = {one: result.compared - result.fooled for one, result in passed.items()}
    return {one: numbers for one, numbers in honest.items() if numbers}, {
        one: result.fooled for one, result in passed.items() if result.fooled
    }


def _findings(job: SuiteJob, manifest: Manifest, open_box: OpenBox, stopwatch: Stopwatch) -> Iterable[ProbeFinding]:
    """One finding for each kind that the manifest knows; what is not as it must be is looked at once more.

    A kind that finds tampering is the last: the others can change nothing about it.
    """
    for kind in ProbeKind:
        once = _looked_at(kind, manifest)
        if once is None:
            continue
        found = once(job, open_box, stopwatch)
        for _ in range(1, _TRIES):
            if found.passed or found.vacuous or found.strange:
                found = both(found, once(job, open_box, stopwatch))
        yield found
        if found.passed:
            return


def _looked_at(kind: ProbeKind, manifest: Manifest) -> Callable[[SuiteJob, OpenBox, Stopwatch], ProbeFinding] | None:
    """One run of a kind, of the tests that the manifest names for it; None where it names none."""
    known = {one: frozenset(numbers) for one, numbers in manifest.compared.items()}
    ids = tuple(manifest.probes.get(kind, ()))
    if kind is ProbeKind.COMPARED:
        return (lambda job, box, watch: _compared(job, known, box, watch)) if known else None
    return (lambda job, box, watch: _once(job, kind, ids, box, watch)) if ids else None


def _once(
    job: SuiteJob, kind: ProbeKind, ids: tuple[str, ...], open_box: OpenBox, stopwatch: Stopwatch
) -> ProbeFinding:
    made = _run(job, kind, ids, open_box, stopwatch)
    if made is None:
        return ProbeFinding(kind=kind)
    probe, report = made
    return read_probe(probe, (one for one in ids if file_of(one) in probe.lines), report)


def _compared(
    job: SuiteJob, known: Mapping[str, frozenset[int]], open_box: OpenBox, stopwatch: Stopwatch
) -> ProbeFinding:
    made = _run(job, ProbeKind.COMPARED, tuple(known), open_box, stopwatch)
    if made is None:
        return ProbeFinding(kind=ProbeKind.COMPARED)
    probe, report = made
    return read_comparisons(probe, {one: known[one] for one in known if file_of(one) in probe.lines}, report)


def _run(
    job: SuiteJob, kind: ProbeKind, ids: tuple[str, ...], open_box: OpenBox, stopwatch: Stopwatch
) -> tuple[Probe, SuiteReport] | None:
    """The probe of these tests' files, and what it made of them; None where there is nothing to change in them."""
    probe = _probe(job, kind, ids)
    return (probe, run_suite(_probe_job(job, probe), open_box, stopwatch)) if probe.files else None


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
