"""Whether a feature can be graded: its suite on the base, with the hidden tests, and with the reference solution."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from harness.clock import Stopwatch, SystemClock
from harness.digests import manifest_inputs
from harness.errors import ConfigError, InfraError, blame
from harness.features import Feature, Manifest
from harness.grade_policy import Submission
from harness.judge import can_probe, compared_by_reference, probed_by_reference
from harness.manifest import Stages, find_manifest, without
from harness.prepare import Prepared, prepare
from harness.runners import refusal
from harness.runners.contract import BLACK_BOX, REVERSED, Outcome, SuiteReport, is_black_box
from harness.second_run import run_again
from harness.suite import SuiteJob, hidden_tests, reference, run_suite
from sandbox.checkout import Checkouts
from sandbox.contract import File, Identity, OnLine, SandboxProvider
from sandbox.errors import CheckoutError, SandboxError


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """What `validate` found: a manifest, or the problems that refuse the feature, one line each.

    `notes` are worth knowing either way; `reports` are the runs by stage: "base", "tests", "reference".
    """

    manifest: Manifest | None = None
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    reports: Mapping[str, tuple[SuiteReport, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bench:
    """What the runs of one validation share."""

    prepared: Prepared
    provider: SandboxProvider
    on_line: OnLine
    runs: int
    hidden: tuple[File, ...]

    def stage(self, name: str, job: SuiteJob) -> tuple[SuiteReport, ...]:
        """Run the suite as often as asked, a line of progress for each."""
        return tuple(self._once(f"{name}, run {number} of {self.runs}", job) for number in range(1, self.runs + 1))

    def job(self, submission: Submission, hidden: tuple[File, ...]) -> SuiteJob:
        """The suite on the feature's base with that laid over."""
        return SuiteJob(
            feature=self.prepared.feature,
            environment=self.prepared.environment,
            snapshot=self.prepared.snapshot,
            submission=submission,
            hidden=hidden,
            acceptance=self.prepared.acceptance if hidden else None,
            identity=Identity(role="validate"),
        )

    def probes(self, job: SuiteJob, manifest: Manifest) -> dict[str, tuple[str, ...]]:
        """By kind of probe, the new tests that fail by assertion in every run of it."""
        if not can_probe(job):
            return {}
        stopwatch, ids = Stopwatch(SystemClock()), _in_process(manifest)
        found = [probed_by_reference(job, ids, self.provider.open, stopwatch) for _ in range(self.runs)]
        always = {kind: set(ids).intersection(*(one.get(kind, ()) for one in found)) for kind in found[0]}
        known = frozenset[str]().union(*always.values())
        self.on_line(f"probes: {len(known)} of {len(ids)} new tests fail when their assertions are changed")
        return {kind: tuple(sorted(ids)) for kind, ids in always.items() if ids}

    def compared(self, job: SuiteJob, manifest: Manifest) -> tuple[dict[str, tuple[int, ...]], dict[str, int]]:
        """By test the comparisons that hold with no changed value in any run; and how many hold with one."""
        if not can_probe(job):
            return {}, {}
        stopwatch, ids = Stopwatch(SystemClock()), _in_process(manifest)
        found = [compared_by_reference(job, ids, self.provider.open, stopwatch) for _ in range(self.runs)]
        fooled = {one: frozenset[int]().union(*(lost.get(one, ()) for _, lost in found)) for one in ids}
        every = {one: frozenset.intersection(*(good.get(one, frozenset()) for good, _ in found)) for one in ids}
        known = {one: tuple(sorted(numbers - fooled[one])) for one, numbers in every.items()}
        asked = {one: numbers for one, numbers in known.items() if numbers}
        self.on_line(
            f"probes: {sum(map(len, asked.values()))} comparisons of {len(asked)} tests hold with no other value"
        )
        return asked, {one: len(numbers) for one, numbers in fooled.items() if numbers}

    def unsteady(self, job: SuiteJob, manifest: Manifest) -> frozenset[str]:
        """Tests that do not pass again in another order, a process a file; the first time in the reverse order."""
        seeds = (REVERSED, *[""] * (self.runs - 1))
        stopwatch = Stopwatch(SystemClock())
        found = [run_again(job, manifest, self.provider.open, stopwatch, seed) for seed in seeds]
        if found[0] is not None:
            self.on_line(f"second run: {found[0].tests} tests in {found[0].files} files, in {self.runs} other orders")
        return frozenset(one for finding in found if finding is not None for one in finding.disagreeing)

    def _once(self, name: str, job: SuiteJob) -> SuiteReport:
        report = run_suite(job, self.provider.open, Stopwatch(SystemClock()))
        self.on_line(f"{name}: {_summary(report)}")
        return report


def validate_feature(
    feature: Feature, provider: SandboxProvider, checkouts: Checkouts, on_line: OnLine, runs: int = 1
) -> Validation:
    """Run a feature's suite in all three stages, `runs` times each, and make its manifest.

    What is wrong with the feature is in the result. Raises InfraError when a sandbox or the source cannot be had,
    ConfigError when the target itself cannot be used.
    """
    unsupported = refusal(feature.target.suite)
    if unsupported:
        return Validation(problems=(unsupported,))
    if feature.black_box and provider.kind != "docker":
        return Validation(problems=("its black-box tests need a network to join: validate it in Docker",))
    prepared = prepare(feature, provider, checkouts, on_line)
    try:
        hidden = hidden_tests(feature, prepared.solution)
        solved = reference(feature, prepared.snapshot, checkouts, prepared.solution)
    except (ConfigError, CheckoutError) as error:
        return Validation(problems=(str(error),))
    bench = _Bench(prepared=prepared, provider=provider, on_line=on_line, runs=runs, hidden=hidden)
    with blame(InfraError, f"cannot validate {feature.key}", SandboxError):
        return _validate(bench, solved)


def _validate(bench: _Bench, solved: Submission) -> Validation:
    stages = Stages(
        base=bench.stage("base", bench.job(Submission(), ())),
        tests=bench.stage("base and hidden tests", bench.job(Submission(), bench.hidden)),
        reference=bench.stage("reference and hidden tests", bench.job(solved, bench.hidden)),
        hidden=(*(file.path for file in bench.hidden), *_black_box(bench.prepared)),
    )
    finding = find_manifest(stages, _made_from(bench.prepared))
    solution = bench.job(solved, bench.hidden)
    if finding.manifest is not None:
        finding = without(finding, bench.unsteady(solution, finding.manifest))
    manifest = finding.manifest
    fooled: dict[str, int] = {}
    if manifest is not None:
        compared, fooled = bench.compared(solution, manifest)
        manifest = replace(manifest, probes=bench.probes(solution, manifest), compared=compared)
    return Validation(
        manifest=manifest,
        problems=finding.problems,
        notes=(*finding.notes, *_probe_notes(manifest, solution), *_fooled_notes(fooled), *_policy_notes(solved)),
        reports={"base": stages.base, "tests": stages.tests, "reference": stages.reference},
    )


def _black_box(prepared: Prepared) -> Iterable[str]:
    return (f"{BLACK_BOX}{file.path}" for file in (prepared.acceptance.files if prepared.acceptance else ()))


def _in_process(manifest: Manifest) -> tuple[str, ...]:
    """The new tests that can be probed at all."""
    return tuple(test_id for test_id in manifest.fail_to_pass if not is_black_box(test_id))


def _made_from(prepared: Prepared) -> dict[str, str]:
    solution = {"solution": prepared.solution.digest} if prepared.solution else {}
    return {
        **manifest_inputs(prepared.feature),
        **solution,
        "environment": prepared.environment.digest,
        "snapshot": prepared.snapshot.digest,
    }


def _probe_notes(manifest: Manifest | None, job: SuiteJob) -> Iterable[str]:
    """Which passes nothing will be known about but that they were reported."""
    if manifest is None or not can_probe(job):
        return
    ids = _in_process(manifest)
    rest = sorted(set(ids).difference(*manifest.probes.values()))
    if rest:
        probed = f"probed {len(ids) - len(rest)} of {len(ids)}"
        yield f"{probed}: {len(rest)} new tests fail by no plain `assert`, so they cannot be: {', '.join(rest[:5])}"


def _fooled_notes(fooled: Mapping[str, int]) -> Iterable[str]:
    """Which comparisons say nothing, since they hold with the reference whatever stands there."""
    for test_id, number in sorted(fooled.items()):
        yield f"{test_id}: {number} comparisons hold with changed values too, and are not asked for"


def _policy_notes(solved: Submission) -> Iterable[str]:
    """What of the reference no agent could hand in either."""
    yield from (f"the reference changes {path}, which is not handed in: {reason}" for path, reason in solved.denied)
    if solved.restored:
        named = ", ".join(solved.restored[:5])
        yield f"the reference changes {solved.restored_in_all} test files, which are put back: {named}"


def _summary(report: SuiteReport) -> str:
    counts = ", ".join(f"{number} {one.value}" for one in Outcome if (number := len(report.ids(one))))
    broken = next((problem.detail for problem in report.problems if not problem.kind.harmless), "")
    return f"{counts or 'no results'} in {report.duration_ns / 1e9:.1f} s" + (f"; {broken}" if broken else "")
