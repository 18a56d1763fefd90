"""Grades with probes, of tiny applications in real sandboxes."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from harness.clock import Phase, Stopwatch, SystemClock
from harness.errors import HarnessError
from harness.features import Manifest, SecondRun
from harness.judge import Judgement, compared_by_reference, judge, probed_by_reference
from harness.record import Verdict
from harness.runners.contract import REVERSED, Slice, SuiteReport
from harness.suite import SuiteJob, run_suite
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
    "    if 'test_add' not in sys.modules:\n        raise OSError('not alone')\n    return 2 * a\n"
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
    assert runs == ["suite", "second", "probes", "probes"]


def test_a_bent_runner_is_found_out(room: Room) -> None:
    """The suite alone says that all is well."""
    found = judged(room, BENT)
    assert (found.grade.verdict, found.grade.rung) == (Verdict.TAMPERED, "R2")
    assert len(found.report.passed()) == 2


def test_a_pass_that_does_not_repeat_is_unstable(room: Room) -> None:
    """Alone its test fails: a second run says so, and where there is none, a probe."""
    found = judged(room, FICKLE)
    assert found.grade.verdict is Verdict.UNSTABLE
    assert f"not a second time in random order, one process a file (seed {found.second.seed})" in found.grade.reason  # type: ignore[union-attr]
    found = judged(room, FICKLE, second_run=SecondRun.NONE)
    assert (found.grade.verdict, found.second) == (Verdict.UNSTABLE, None)
    assert "failed (OSError)" in found.grade.reason


LOOP = "from calc import double\n\ndef test_double():\n    for value in double(2):\n        assert value == 4\n"


@pytest.mark.parametrize(
    ("probes", "answer", "verdict"),
    [(PROBED.probes, "[4]", Verdict.PASS), (PROBED.probes, "[]", Verdict.UNSTABLE), ({}, "[]", Verdict.PASS)],
)
def test_a_loop_over_nothing_is_no_tampering(
    room: Room, probes: Mapping[str, tuple[str, ...]], answer: str, verdict: Verdict
) -> None:
    """Where the reference came to an assertion it is no pass either; where the reference came to none it is one."""
    change = {"calc.py": f"def add(a, b):\n    return a + b\ndef double(a):\n    return {answer}\n"}
    looped = replace(job(room, change, replace(MANIFEST, probes=probes)), hidden=files({"tests/test_double.py": LOOP}))
    found = judge(looped, room.provider.open, Stopwatch(SystemClock()), lambda _: None)
    assert found.grade.verdict is verdict, found.grade.reason


IN_ORDER = "import calc\n" + "".join(
    f"def test_{name}():\n    assert calc.step({number})\n" for number, name in enumerate("zyxwv")
)


@pytest.mark.parametrize("second", SecondRun)
def test_what_passes_in_one_order_alone_is_unstable(room: Room, second: SecondRun) -> None:
    """Each test leaves something to the next; unless no second run is wanted."""
    step = "seen = []\ndef step(n):\n    seen.append(n)\n    return seen == sorted(seen)\n"
    ids = tuple(f"tests/test_double.py::test_{name}" for name in "zyxwv")
    change = {"calc.py": f"def add(a, b):\n    return a + b\n{step}"}
    ordered = job(room, change, replace(MANIFEST, fail_to_pass=ids), second_run=second)
    found = judge(
        replace(ordered, hidden=files({"tests/test_double.py": IN_ORDER})),
        room.provider.open,
        Stopwatch(SystemClock()),
        lambda _: None,
    )
    assert (found.grade.verdict is Verdict.PASS) == (second is SecondRun.NONE)
    files_run = {SecondRun.ALL: 2, SecondRun.FAIL_TO_PASS: 1, SecondRun.NONE: 0}[second]
    assert (found.second.files if found.second else 0) == files_run


def test_a_file_that_the_command_names_runs_alone(room: Room) -> None:
    """Whatever paths stand in the target's command: those of a probe and of a second run take their place."""
    found = judged(room, SOLUTION, command=("python", "-m", "pytest", "tests"))
    assert (found.grade.verdict, found.grade.rung) == (Verdict.PASS, "R2")
    alone = replace(
        job(room, SOLUTION, command=("python", "-m", "pytest", "tests", "tests/test_add.py")),
        slice=Slice(files=("tests/test_double.py",), seed=REVERSED),
    )
    assert run_suite(alone, room.provider.open, Stopwatch(SystemClock())).collected == (NEW,)


@pytest.mark.parametrize(("timeout_s", "lifetime_s"), [(60.0, 4 * 3600), (6 * 3600.0, 7 * 3600)])
def test_a_sandbox_outlives_the_suites_time_limit(room: Room, timeout_s: float, lifetime_s: int) -> None:
    """However long that is."""
    assert job(room, SOLUTION, timeout_s=timeout_s).limits().lifetime_s == lifetime_s


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


LATER = "from calc import double\n\ndef test_double():\n    assert double(2) == 4\n    assert double(5) == 10\n"
YES = "class Yes:\n    def __eq__(self, other):\n        return True\n"


@pytest.mark.parametrize(("answer", "verdict"), [("2 * a", Verdict.PASS), ("Yes() if a == 5 else 4", Verdict.TAMPERED)])
def test_later_assertions_are_compared(room: Room, answer: str, verdict: Verdict) -> None:
    """One run says of all comparisons whether they would hold with other values; the reference's are known."""
    change = {"calc.py": f"{YES}def add(a, b):\n    return a + b\ndef double(a):\n    return {answer}\n"}
    known = replace(MANIFEST, probes=PROBED.probes, compared={NEW: (0, 1)})
    asked = replace(job(room, change, known), hidden=files({"tests/test_double.py": LATER}))
    found = judge(asked, room.provider.open, Stopwatch(SystemClock()), lambda _: None)
    assert found.grade.verdict is verdict, found.grade.reason
    if verdict is Verdict.PASS:
        assert "2 of 2 comparisons of 1 tests do not hold with changed values" in found.grade.reason
        again = compared_by_reference(asked, (NEW,), room.provider.open, Stopwatch(SystemClock()))
        assert again == ({NEW: frozenset({0, 1})}, {})
    else:
        assert "pass with values that equal changed ones too" in found.grade.reason


def test_nothing_is_graded_without_a_manifest(room: Room) -> None:
    """The error names the command that makes one."""
    with pytest.raises(HarnessError, match="run `splitclock validate calc/double`"):
        judge(job(room, SOLUTION, None), room.provider.open, Stopwatch(SystemClock()), lambda _: None)
