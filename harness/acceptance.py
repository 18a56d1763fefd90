"""Rung R3: black-box tests in a sandbox of their own that shares nothing with the application but its loopback.

The application's sandbox holds the graded tree and no hidden test; the tester's holds the black-box tests, a pytest of
its own, and nothing of the application. The tester joins before any code of the application runs.
"""

import secrets
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace

from harness.clock import Clock, Phase, Stopwatch
from harness.digests import black_box_tests
from harness.errors import ConfigError
from harness.features import Feature, Service, Suite
from harness.grade_tree import GradingTree
from harness.place import look_around
from harness.runners import pytest
from harness.runners.contract import BLACK_BOX, Place, Problem, ProblemKind, SuiteReport
from harness.service import RunningService
from harness.untrusted import one_line
from sandbox.contract import (
    BoxSpec,
    Command,
    Environment,
    File,
    Identity,
    Limits,
    OnLine,
    Recipe,
    Sandbox,
    SandboxProvider,
)
from sandbox.errors import NoNetworkError, SandboxDiedError, SandboxError, SandboxLostError

OpenBox = Callable[[BoxSpec], AbstractContextManager[Sandbox]]
"""Gives what is entered for a sandbox, and left when it is done with."""

ADDRESS = "SPLITCLOCK_SERVICE"
"""The variable that tells black-box tests where the service listens: "http://127.0.0.1:8000"."""

TESTER = Recipe(
    name="black-box tester",
    image="splitclock/base",
    setup=("python3 -m venv $SPLITCLOCK_PREFIX", "$SPLITCLOCK_PREFIX/bin/pip install --no-cache-dir pytest==9.0.1"),
    path=("$SPLITCLOCK_PREFIX/bin",),
)
"""The tester's environment: pytest and the standard library, whatever the application is made of."""

READY_S = 60.0
"""Seconds that a service may take to its first good answer."""

_LIVES = 2
_LOOK_S = 2.0
_SPARE_S = 3600
POLL = """
import http.client, sys, time, urllib.request
url, until = sys.argv[1], time.monotonic() + float(sys.argv[2])
open_url = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
while True:
    try:
        with open_url(url, timeout=2):
            sys.exit(0)
    except (OSError, ValueError, EOFError, http.client.HTTPException) as error:
        if time.monotonic() > until:
            code = getattr(error, "code", None)
            where = error.headers.get("Location") if code and error.headers else None
            said = f"HTTP {code}" + (f", which leads to {where}" if where else "") if code else ""
            sys.exit(said[:300] or 1)
        time.sleep(0.02)
"""
"""What asks a URL again and again for so many seconds: exit status 0 once it answers well, else its last answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """A feature's black-box tests, the paths to hand to pytest, and where they run: None where no sandbox can."""

    files: tuple[File, ...]
    paths: tuple[str, ...]
    environment: Environment | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """What black-box tests speak to: the graded `tree`, the `service` that is started on it, within `limits`."""

    service: Service
    environment: Environment
    tree: GradingTree
    limits: Limits
    identity: Identity = field(default_factory=Identity)
    timeout_s: float = 300.0


def prepare_acceptance(feature: Feature, provider: SandboxProvider, on_line: OnLine) -> Acceptance | None:
    """A feature's black-box tests and the environment for them, built once; None when it has none.

    Raises ConfigError when a named folder holds no file, ImageError when the environment cannot be built.
    """
    if not feature.black_box:
        return None
    files = black_box_tests(feature)
    if not files:
        raise ConfigError(f"{feature.key}: no file in {', '.join(feature.black_box)} (`black_box`)")
    environment = provider.prepare(TESTER, on_line) if provider.kind == "docker" else None
    paths = tuple(dict.fromkeys(path for _, path in feature.black_box_places()))
    return Acceptance(files=files, paths=paths, environment=environment)


def run_acceptance(tests: Acceptance, application: Application, open_box: OpenBox, stopwatch: Stopwatch) -> SuiteReport:
    """Start the service, wait for it, and run the black-box tests against it; ids begin with BLACK_BOX.

    Books grade.start and grade.suite. Raises SandboxError when a sandbox cannot be had.
    """
    if tests.environment is None:
        return SuiteReport(left_out="no sandbox here can join the network of another")
    home = tests.environment

    def once() -> SuiteReport | None:
        stage = _Stage(tests=tests, application=application, home=home, key=secrets.token_hex(32))
        return stage.play(open_box, stopwatch)

    report = twice(once)
    if report is not None:
        return _prefixed(report)
    died = Problem(kind=ProblemKind.BOX_DIED, detail="the tester's sandbox died under the black-box tests, twice")
    return SuiteReport(problems=(died,))


def twice(once: Callable[[], SuiteReport | None]) -> SuiteReport | None:
    """What `once` reports, tried again where its sandbox died or was lost; None when the program killed the last one.

    Raises SandboxLostError when the last one was lost by nothing that ran inside.
    """
    for left in reversed(range(_LIVES)):
        try:
            report = once()
        except SandboxLostError:
            if not left:
                raise
            continue
        if report is not None:
            return report
    return None


def lasting(limits: Limits, timeout_s: float) -> Limits:
    """The limits for a sandbox in which something runs that may take so long, and starts late on a busy machine."""
    return replace(limits, lifetime_s=max(limits.lifetime_s, int(timeout_s) + _SPARE_S))


def joined(suite: SuiteReport, outside: SuiteReport) -> SuiteReport:
    """One report of the suite and of the black-box tests; the durations add up."""
    return replace(
        suite,
        results={**suite.results, **outside.results},
        collected=(*suite.collected, *outside.collected),
        uncollected={**suite.uncollected, **outside.uncollected},
        problems=(*suite.problems, *outside.problems),
        duration_ns=suite.duration_ns + outside.duration_ns,
        service=outside.service,
        left_out=outside.left_out,
    )


def _prefixed(report: SuiteReport) -> SuiteReport:
    return replace(
        report,
        results={BLACK_BOX + test_id: result for test_id, result in report.results.items()},
        collected=tuple(BLACK_BOX + test_id for test_id in report.collected),
        uncollected={BLACK_BOX + name: result for name, result in report.uncollected.items()},
        problems=tuple(replace(one, detail=f"black-box tests: {one.detail}") for one in report.problems),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stage:
    """The two sandboxes of one run."""

    tests: Acceptance
    application: Application
    home: Environment
    key: str

    def play(self, open_box: OpenBox, stopwatch: Stopwatch) -> SuiteReport | None:
        """The run's report; None when the tester's sandbox died, which is not where the application runs.

        Raises SandboxLostError when either sandbox was lost by nothing that ran inside.
        """
        with ExitStack() as stack:
            with stopwatch.span(Phase.GRADE, "start"):
                box = stack.enter_context(open_box(self._application_spec()))
                try:
                    network = box.network
                except NoNetworkError as error:
                    return SuiteReport(left_out=str(error))
                tester = stack.enter_context(open_box(self._tester_spec(network)))
                found = look_around(tester, "python")
            if found is None:
                raise SandboxError("the black-box tester's environment has no python on its PATH")
            place = self._place(tester, *found)
            with stopwatch.span(Phase.GRADE, "suite"):
                report = self._with_service(self._started(box), tester, place, stopwatch.clock)
            with stopwatch.span(Phase.GRADE, "start", "remove"):
                stack.close()
        return report

    def _started(self, box: Sandbox) -> RunningService:
        return RunningService(box, self.application.service, self._lasts_s())

    def _lasts_s(self) -> float:
        return READY_S + self.application.timeout_s

    def _with_service(self, service: RunningService, tester: Sandbox, place: Place, clock: Clock) -> SuiteReport | None:
        try:
            ready_ns, answer = self._ready_after(service, tester, place, clock)
            report = service.never_ready(answer) if ready_ns is None else self._run(tester, place, clock)
        except SandboxLostError:
            raise
        except SandboxDiedError:
            return None
        finally:
            service.kill()
        service.refuse_lost()
        return replace(report, service=service.log(ready_ns))

    def _run(self, tester: Sandbox, place: Place, clock: Clock) -> SuiteReport:
        command = ("python", "-m", "pytest", *self.tests.paths)
        suite = Suite(runner="pytest", command=command, protected=(), timeout_s=self.application.timeout_s)
        stream, started_ns = pytest.listen(self.key), clock.now_ns()
        result = tester.run(pytest.command(suite, place, self.key), stream.feed)
        return stream.report(result, clock.now_ns() - started_ns)

    def _ready_after(
        self, service: RunningService, tester: Sandbox, place: Place, clock: Clock
    ) -> tuple[int | None, str]:
        """Nanoseconds to the first good answer, seen from the tester; None when none comes, with the last bad one."""
        began_ns, answer = clock.now_ns(), ""
        argv = (place.program, "-I", "-c", POLL, self.application.service.ready, str(_LOOK_S))
        while clock.now_ns() - began_ns < READY_S * 1e9:
            over = service.ended
            looked = tester.run(Command(argv=argv, deadline_s=READY_S))
            if looked.exit_code == 0:
                return clock.now_ns() - began_ns, ""
            answer = one_line(looked.stderr.head.decode("utf-8", "replace"))
            if over:  # before the last look already: nothing will answer any more
                break
        return None, answer

    def _application_spec(self) -> BoxSpec:
        tree = self.application.tree
        return BoxSpec(
            environment=self.application.environment,
            files=tree,
            links=tree.links,
            limits=lasting(self.application.limits, self._lasts_s()),
            identity=replace(self.application.identity, role="service"),
        )

    def _tester_spec(self, network: str) -> BoxSpec:
        return BoxSpec(
            environment=self.home,
            files=self.tests.files,
            tools=pytest.tools(self.key),
            limits=lasting(Limits(), self._lasts_s()),
            identity=replace(self.application.identity, role="tester"),
            joins=network,
        )

    def _place(self, tester: Sandbox, program: str, environment: Mapping[str, str]) -> Place:
        return Place(
            program=program,
            workspace=tester.workspace,
            tools=tester.tools,
            environment={**environment, ADDRESS: self.application.service.address},
            tests=tuple(file.path for file in self.tests.files if file.path.endswith(".py")),
        )
