"""A grading room on the local sandbox: tiny applications, their suites, and what a stranger does to them."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.clock import Stopwatch, SystemClock
from harness.features import EnvironmentSpec, Feature, Manifest, Source, Suite, Target
from harness.grade import Grade, grade
from harness.grade_policy import Submission, submission
from harness.prepare import recipe
from harness.runners.contract import SuiteReport
from harness.suite import SuiteJob, run_suite
from sandbox.checkout import Checkouts
from sandbox.contract import BoxSpec, Command, Environment, File, Limits, SandboxProvider, Snapshot
from sandbox.local import LocalProvider

Tree = Mapping[str, str | None]
"""Texts by path; None takes a file away."""

APPLICATION: Tree = {
    "calc.py": "def add(a, b):\n    return a + b\n",
    "tests/test_add.py": "from calc import add\n\n\ndef test_add():\n    assert add(1, 2) == 3\n",
}
HIDDEN: Tree = {
    "tests/test_double.py": "from calc import double\n\n\ndef test_double():\n    assert double(2) == 4\n",
}
SOLUTION: Tree = {"calc.py": "def add(a, b):\n    return a + b\n\n\ndef double(a):\n    return 2 * a\n"}
MANIFEST = Manifest(fail_to_pass=("tests/test_double.py::test_double",), pass_to_pass=("tests/test_add.py::test_add",))


def write(root: Path, tree: Tree) -> Path:
    """Put a tree's texts under a folder."""
    root.mkdir(parents=True, exist_ok=True)
    for path, text in tree.items():
        place = root / path
        if text is None:
            place.unlink()
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    return root


def files(tree: Tree) -> tuple[File, ...]:
    """A tree as files by content."""
    return tuple(File(path=path, data=text.encode()) for path, text in tree.items() if text is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """One place to grade in: `run` runs a suite, `judge` grades it too."""

    folder: Path
    provider: SandboxProvider
    checkouts: Checkouts
    environment: EnvironmentSpec
    command: tuple[str, ...] = ("python", "-m", "pytest")
    timeout_s: float = 60.0

    def feature(self, application: Tree = APPLICATION, **changes: object) -> Feature:
        """A feature of a folder target that holds the application; `changes` go into its suite."""
        suite = {"runner": "pytest", "command": self.command, "protected": ("tests",), "timeout_s": self.timeout_s}
        target = Target(
            name="calc",
            description="",
            folder=self.folder / "target",
            source=Source(path=write(self.folder / "target" / "app", application)),
            environment=self.environment,
            suite=Suite(**{**suite, **changes}),  # type: ignore[arg-type]
            service=None,
            limits=Limits(),
        )
        return Feature(name="double", target=target, folder=self.folder / "target" / "features" / "double", brief="")

    def prepared(self) -> Environment:
        """The environment, built."""
        return self.provider.prepare(recipe(self.feature().target, self.snapshot(APPLICATION)), print)

    def snapshot(self, tree: Tree) -> Snapshot:
        """A tree as a pristine snapshot."""
        number = len(list(self.folder.glob("snapshot-*")))
        return self.checkouts.from_folder(write(self.folder / f"snapshot-{number}", tree))

    def hand_in(self, feature: Feature, pristine: Snapshot, change: Tree) -> Submission:
        """What an agent hands in that changed the pristine tree so, through a sandbox's own export."""
        with self.provider.open(BoxSpec(environment=self.prepared(), snapshot=pristine)) as box:
            for file in files(change):
                box.write(file)
            for path in (path for path, text in change.items() if text is None):
                box.run(_remove(path))
            box.kill()
            return submission(pristine, box.export(pristine.index), feature.target.suite)

    def run(
        self, application: Tree = APPLICATION, change: Tree | None = None, hidden: Tree | None = None, **suite: object
    ) -> SuiteReport:
        """The suite of an application, with an agent's change and hidden tests."""
        return self._run(application, change, hidden, suite)[0]

    def judge(self, change: Tree, application: Tree = APPLICATION, manifest: Manifest = MANIFEST) -> Grade:
        """The grade of a change, with the usual hidden tests."""
        report, handed_in = self._run(application, change, HIDDEN, {})
        return grade(report, manifest, handed_in)

    def _run(
        self, application: Tree, change: Tree | None, hidden: Tree | None, suite: Mapping[str, object]
    ) -> tuple[SuiteReport, Submission]:
        feature, pristine = self.feature(application, **suite), self.snapshot(application)
        handed_in = self.hand_in(feature, pristine, change) if change else Submission()
        job = SuiteJob(
            feature=feature,
            environment=self.prepared(),
            snapshot=pristine,
            submission=handed_in,
            hidden=files(hidden or {}),
        )
        return run_suite(job, self.provider.open, Stopwatch(SystemClock())), handed_in


def _remove(path: str) -> Command:
    return Command(argv=("rm", "-r", path), deadline_s=10)


@pytest.fixture
def room(tmp_path: Path) -> Room:
    """A room on the local sandbox, with this test run's own pytest."""
    return Room(
        folder=tmp_path,
        provider=LocalProvider(tmp_path / "cache"),
        checkouts=Checkouts(tmp_path / "checkouts"),
        environment=EnvironmentSpec(image="splitclock/base", path=(str(Path(sys.executable).parent),)),
    )


@pytest.fixture
def docker_room(tmp_path: Path, docker_provider: SandboxProvider) -> Room:
    """A room in Docker, with a pytest of its own."""
    setup = ("python3 -m venv $SPLITCLOCK_PREFIX", "$SPLITCLOCK_PREFIX/bin/pip install --no-cache-dir pytest==9.0.1")
    return Room(
        folder=tmp_path,
        provider=docker_provider,
        checkouts=Checkouts(tmp_path / "checkouts"),
        environment=EnvironmentSpec(image="splitclock/base", setup=setup, path=("$SPLITCLOCK_PREFIX/bin",)),
    )
