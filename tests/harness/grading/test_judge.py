"""Grades with probes, of tiny applications in real sandboxes."""

from dataclasses import replace

import pytest

from harness.clock import Phase, Stopwatch, SystemClock
from harness.errors import HarnessError
from harness.features import Manifest
from harness.judge import Judgement, judge, probed_by_reference
from harness.record import Verdict
from harness.runners.contract import SuiteReport
from harness.suite import SuiteJob
from tests.harness.grading.conftest import APPLICATION, HIDDEN, MANIFEST, SOLUTION, Room, Tree, files

pytestmark = pytest.mark.slow

NEW = "tests/test_double.py::test_double"
PROBED = replace(MANIFEST, probes={"inverted": (NEW,), "perturbed": (NEW,)})
BENT: Tree = {
    "calc.py": "from _pytest.python import Function\nFunction.runtest = lambda self: None\n"
    "def add(a, b):\n    return a + b\ndef double(a):\n    return 5\n"
}
FICKLE: Tree = {
    "calc.py": "import sys\ndef add(a, b):\n    return a + b\ndef double(a):\n"
    "    if any('test_double' in word for word in sys.argv):\n        raise OSError('not alone')\n    return 2 * a\n"
}
"""Right, unless its test runs alone."""


def job(room: Room, change: Tree, manifest: Manifest | None = PROBED, **suite: object) -> SuiteJob:
    """A submission to grade by that manifest."""
    feature, pristine = replace(room.feature(**suite), manifest=manifest), room.snapshot(APPLICATION)  # type: ignore[arg-type]
    return SuiteJob(
        feature=feature,
        environment=room.prepared(),
        snapshot=pristine,
        submission=room.hand_in(feature, pristine, change),
        hidden=files(HIDDEN),
    )


def judged(room: Room, change: Tree, manifest: Manifest = PROBED, **suite: object) -> Judgement:
    """What is made of a change."""
    return judge(job(room, change, manifest, **suite), room.provider.open, Stopwatch(SystemClock()), lambda _: None)


def test_an_honest_pass_is_probed(room: Room) -> None:
    """Both kinds, each in a sandbox of its own, booked as probes; the suite's report is heard before."""
    heard: list[SuiteReport] = []
    stopwatch = Stopwatch(SystemClock())
    found = judge(job(room, SOLUTION), room.provider.open, stopwatch, heard.append)
    assert (found.grade.verdict, found.grade.rung) == (Verdict.PASS, "R2")
    assert found.grade.reason.endswith("; probed 1 of 1 (inverted 1, perturbed 1)")
    assert [sorted(probe.failed) for probe in found.probes] == [[NEW], [NEW]]
    assert heard == [found.report]
    runs = [span.sub for span in stopwatch.spans() if span.phase is Phase.GRADE and span.sub != "start"]
    assert runs == ["suite", "probes", "probes"]


def test_a_bent_runner_is_found_out(room: Room) -> None:
    """The suite alone says that all is well."""
    found = judged(room, BENT)
    assert (found.grade.verdict, found.grade.rung) == (Verdict.TAMPERED, "R2")
    assert len(found.report.passed()) == 2


def test_a_pass_that_does_not_repeat_is_unstable(room: Room) -> None:
    """It fails, and not by the assertion; twice, in two sandboxes, before it is held against anybody."""
    found = judged(room, FICKLE)
    assert found.grade.verdict is Verdict.UNSTABLE
    assert "failed (OSError)" in found.grade.reason


def test_fails_are_not_probed(room: Room) -> None:
    """There is nothing to take away from them."""
    found = judged(room, {"calc.py": "def add(a, b):\n    return a + b\n"})
    assert (found.grade.verdict, found.probes) == (Verdict.FAIL, ())


@pytest.mark.parametrize("manifest", [MANIFEST, PROBED])
def test_without_probes_the_rung_is_r1(room: Room, manifest: Manifest) -> None:
    """They may be off for the target, and unknown to the manifest."""
    off = {} if manifest is MANIFEST else {"probes": False}
    found = judged(room, SOLUTION, manifest, **off)
    assert (found.grade.verdict, found.grade.rung, found.probes) == (Verdict.PASS, "R1", ())


def test_the_reference_says_what_can_be_probed(room: Room) -> None:
    """Tests that fail by assertion, by kind; the others are not in it."""
    raises = "def test_refuses():\n    import pytest\n    with pytest.raises(TypeError):\n        double(None)\n"
    hidden = {"tests/test_double.py": (HIDDEN["tests/test_double.py"] or "") + raises}
    ids = (NEW, "tests/test_double.py::test_refuses")
    solved = replace(job(room, SOLUTION), hidden=files(hidden))
    found = probed_by_reference(solved, ids, room.provider.open, Stopwatch(SystemClock()))
    assert found == {"inverted": (NEW,), "perturbed": (NEW,)}


def test_nothing_is_graded_without_a_manifest(room: Room) -> None:
    """The error names the command that makes one."""
    with pytest.raises(HarnessError, match="run `splitclock validate calc/double`"):
        judge(job(room, SOLUTION, None), room.provider.open, Stopwatch(SystemClock()), lambda _: None)
