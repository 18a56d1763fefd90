"""One run of a target's suite in a fresh sandbox: the pristine tree, a submission over it, the tests over both."""

import secrets
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from harness.acceptance import Acceptance, Application, OpenBox, joined, lasting, run_acceptance, twice
from harness.clock import Clock, Phase, Stopwatch
from harness.digests import hidden_tests as folder_tests
from harness.errors import ConfigError
from harness.features import Feature, Suite
from harness.grade_policy import Submission, submission
from harness.grade_rules import matches
from harness.grade_tree import GradingTree, grading_tree
from harness.place import look_around
from harness.runners import runner_of
from harness.runners.contract import Place, Problem, ProblemKind, Runner, Slice, SuiteReport
from sandbox.checkout import Checkouts
from sandbox.contract import BoxSpec, Environment, Export, File, Identity, Limits, Sandbox, Snapshot
from sandbox.errors import SandboxDiedError, SandboxLostError

_KEY_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteJob:
    """What to run: the feature's suite, on `snapshot` with `submission` over it and the `hidden` tests over both.

    Without a submission it is the untouched tree, without hidden tests the suite as it stands there. `acceptance` are
    black-box tests, to be run against the application's service after the suite. `booked` is the sub-phase of grading
    that the run is. `slice` is the part of the suite that is run, where it is not all.
    """

    feature: Feature
    environment: Environment
    snapshot: Snapshot
    submission: Submission = field(default_factory=Submission)
    hidden: tuple[File, ...] = ()
    acceptance: Acceptance | None = None
    identity: Identity = field(default_factory=lambda: Identity(role="grade"))
    booked: str = "suite"
    slice: Slice | None = None

    @property
    def suite(self) -> Suite:
        """The target's test suite."""
        return self.feature.target.suite

    def tests(self, tree: GradingTree) -> tuple[str, ...]:
        """The tree's source files that belong to the tests, and are not the application's to change."""
        hidden = {file.path for file in self.hidden}
        patterns = (*self.suite.protected, *self.feature.test_paths)
        sources = (path for path in sorted(tree.paths()) if path.endswith(runner_of(self.suite).TEST_SUFFIXES))
        return tuple(path for path in sources if path in hidden or _is_conftest(path) or matches(path, patterns))

    def application(self) -> Application | None:
        """What black-box tests speak to: the same files without any hidden test; None when there is no service."""
        target = self.feature.target
        if target.service is None:
            return None
        return Application(
            service=target.service,
            environment=self.environment,
            tree=grading_tree(self.snapshot, self.submission),
            limits=target.limits,
            identity=self.identity,
            timeout_s=self.suite.timeout_s,
        )

    def limits(self) -> Limits:
        """The target's, for a sandbox that outlives the suite's time limit."""
        return lasting(self.feature.target.limits, self.suite.timeout_s)

    def tree(self) -> GradingTree:
        """What lies in the sandbox when it starts."""
        replaced = self.feature.test_paths if self.hidden else ()
        return grading_tree(self.snapshot, self.submission, self.hidden, replaced)


def _is_conftest(path: str) -> bool:
    return path.rpartition("/")[2] == "conftest.py"


def run_suite(job: SuiteJob, open_box: OpenBox, stopwatch: Stopwatch) -> SuiteReport:
    """Run the suite once, then its black-box tests; whatever the program did to itself is in the report.

    Books grade.start and grade.suite (or what the job says). A sandbox that dies under the suite is opened a second
    time; if it dies again, the program did it. Raises SandboxError when a sandbox cannot be had, or the last one was
    lost by nothing that ran inside, and ConfigError when no runner can run the suite.
    """
    report, application = _in_process(job, open_box, stopwatch), job.application()
    if job.acceptance is None or application is None:
        return report
    return joined(report, run_acceptance(job.acceptance, application, open_box, stopwatch))


def _in_process(job: SuiteJob, open_box: OpenBox, stopwatch: Stopwatch) -> SuiteReport:
    runner = runner_of(job.suite)
    report = twice(lambda: _one_life(job, runner, open_box, stopwatch))
    if report is not None:
        return report
    died = Problem(kind=ProblemKind.BOX_DIED, detail="the sandbox died under the suite, twice")
    return SuiteReport(problems=(died,), rung=runner.RUNG)


def _one_life(job: SuiteJob, runner: Runner, open_box: OpenBox, stopwatch: Stopwatch) -> SuiteReport | None:
    """A fresh sandbox and the suite in it; None when the sandbox died while the suite ran."""
    life = _Life(job=job, runner=runner, tree=job.tree(), key=secrets.token_hex(_KEY_BYTES))
    with ExitStack() as stack:
        with stopwatch.span(Phase.GRADE, "start"):
            box = stack.enter_context(open_box(life.spec()))
        with stopwatch.span(Phase.GRADE, job.booked):
            report = life.run(box, stopwatch.clock)
        with stopwatch.span(Phase.GRADE, "start", "remove"):
            stack.close()
    return report


@dataclass(frozen=True, slots=True, kw_only=True)
class _Life:
    """One sandbox's worth of a job: its files and a key of its own."""

    job: SuiteJob
    runner: Runner
    tree: GradingTree
    key: str

    def spec(self) -> BoxSpec:
        """How to open the sandbox: no snapshot, no repository, nothing that was not laid there by name."""
        return BoxSpec(
            environment=self.job.environment,
            files=self.tree,
            links=self.tree.links,
            tools=self.runner.tools(self.key),
            limits=self.job.limits(),
            identity=self.job.identity,
        )

    def run(self, box: Sandbox, clock: Clock) -> SuiteReport | None:
        """The suite in the sandbox, which is dead afterwards; None when it died before that."""
        place = self._place(box)
        if place is None:
            return self._never(f"`{self.job.suite.command[0]}` is no program on the sandbox's PATH")
        stream = self.runner.listen(self.key)
        command = self.runner.command(self.job.suite, place, self.key)
        started_ns = clock.now_ns()
        try:
            result = box.run(command, stream.feed)
            duration_ns = clock.now_ns() - started_ns
            survivors = box.kill()
        except SandboxLostError:
            raise
        except SandboxDiedError:
            return None
        report = stream.report(result, duration_ns)
        return replace(report, survivors=tuple(dict.fromkeys((*report.survivors, *survivors))))

    def _place(self, box: Sandbox) -> Place | None:
        """What the command line needs to know of the sandbox, asked before any code of the application runs there."""
        found = look_around(box, self.job.suite.command[0])
        if found is None:
            return None
        program, environment = found
        settings = {name: self.tree.data(name) for name in self.runner.CONFIGURATION}
        return Place(
            program=program,
            workspace=box.workspace,
            tools=box.tools,
            environment=environment,
            configuration={name: data for name, data in settings.items() if data is not None},
            tests=self.job.tests(self.tree),
            slice=self.job.slice,
        )

    def _never(self, detail: str) -> SuiteReport:
        never = Problem(kind=ProblemKind.NEVER_RAN, detail=detail)
        return SuiteReport(problems=(never,), rung=self.runner.RUNG)


def hidden_tests(feature: Feature, solution: Snapshot | None = None) -> tuple[File, ...]:
    """The tests that the agent never saw: a folder target's own, or `test_paths` of the solution commit's tree.

    Raises ConfigError when there are none.
    """
    if feature.target.source.git is None:
        found = folder_tests(feature)
    else:
        tree = _needed(feature, solution)
        found = tuple(tree.file(path) for path in sorted(tree.index) if matches(path, feature.test_paths))
    if not found:
        where = "in the solution commit at `test_paths`" if feature.solution else f"in {feature.folder / 'tests'}"
        raise ConfigError(f"{feature.key}: no hidden tests {where}")
    return found


def reference(feature: Feature, base: Snapshot, checkouts: Checkouts, solution: Snapshot | None = None) -> Submission:
    """The reference solution as an agent would hand it in, under the same policy: what is denied shows in it.

    A folder target's is solution.patch on `base`, a git target's the difference to the `solution` commit's tree outside
    its tests. Raises ConfigError when there is none, CheckoutError when the patch does not apply.
    """
    if feature.target.source.git is None:
        solved = checkouts.apply_patch(base, _patch(feature))
    else:
        solved = _needed(feature, solution)
    return submission(base, _export_of(base, solved, feature.test_paths), feature.target.suite)


def _needed(feature: Feature, solution: Snapshot | None) -> Snapshot:
    if solution is None:
        raise ConfigError(f"{feature.key}: a feature of a git target needs its `solution` commit")
    return solution


def _patch(feature: Feature) -> bytes:
    path = feature.folder / "solution.patch"
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{feature.key}: {path}: cannot be read: {error.strerror}") from error


def _export_of(base: Snapshot, solved: Snapshot, tests: tuple[str, ...]) -> Export:
    """A tree as a sandbox would export it, with the base's own files where the tests are."""
    index = {path: print_ for path, print_ in solved.index.items() if not matches(path, tests)}
    own = {path for path in base.index if matches(path, tests)}
    changed = (path for path in sorted(index) if base.index.get(path) != index[path])
    links = {path: target for path, target in solved.links.items() if not matches(path, tests)}
    return Export(
        files=tuple(solved.file(path) for path in changed),
        paths=frozenset(index.keys() | own),
        links={**links, **{path: target for path, target in base.links.items() if matches(path, tests)}},
    )
