"""Rung R3: black-box tests from another container, and what of the in-process forgeries gets past them."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from harness.acceptance import joined, prepare_acceptance
from harness.clock import Stopwatch, SystemClock
from harness.errors import ConfigError
from harness.features import Feature, Manifest, Service
from harness.grade import Grade, grade
from harness.grade_policy import Submission
from harness.record import Verdict
from harness.runners.contract import BLACK_BOX, Outcome, ProblemKind, SuiteReport
from harness.suite import SuiteJob, run_suite
from harness.validate import validate_feature
from tests.harness.grading.conftest import HIDDEN, MANIFEST, Room, Tree, files, write
from tests.harness.grading.test_validate import PATCH

pytestmark = pytest.mark.slow

SERVER = """
import http.server, urllib.parse
import calc

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        parts = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(parts.query))
        if parts.path == "/health":
            return self.answer(200, "up")
        if not hasattr(calc, parts.path[1:]):
            return self.answer(404, "no such function")
        self.answer(200, str(getattr(calc, parts.path[1:])(int(query["a"]))))

    def answer(self, status, text):
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

if __name__ == "__main__":
    print("serving", flush=True)
    http.server.ThreadingHTTPServer(("127.0.0.1", 8000), Handler).serve_forever()
"""
APPLICATION: Tree = {
    "calc.py": "def add(a, b):\n    return a + b\n",
    "server.py": SERVER,
    "tests/test_add.py": "from calc import add\n\n\ndef test_add():\n    assert add(1, 2) == 3\n",
}
BLACK_BOX_TESTS: Tree = {
    "acceptance/test_http.py": """
import os, urllib.request

def test_double():
    with urllib.request.urlopen(os.environ["SPLITCLOCK_SERVICE"] + "/double?a=21") as answer:
        assert answer.read() == b"42"

def test_nothing_of_the_application_is_here():
    assert os.listdir() == ["acceptance"]
    assert not [pid for pid in os.listdir("/proc") if pid.isdigit() and b"server.py" in command(pid)]

def command(pid):
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        return file.read()
"""
}
OUTSIDE = f"{BLACK_BOX}acceptance/test_http.py::test_double"
ALONE = f"{BLACK_BOX}acceptance/test_http.py::test_nothing_of_the_application_is_here"
ASKED = replace(MANIFEST, fail_to_pass=(*MANIFEST.fail_to_pass, OUTSIDE))
HONEST = "def add(a, b):\n    return a + b\n\n\ndef double(a):\n    return 2 * a\n"
WRONG = "def add(a, b):\n    return a + b\n\n\ndef double(a):\n    return 5\n"

FORGERIES: Mapping[str, str] = {
    "a perfect stream with the stolen key": WRONG
    + """
import gc, os, sys
for thing in gc.get_objects():
    if type(thing).__name__ == "Events" and "pytest" in sys.modules:
        ids = ["tests/test_add.py::test_add", "tests/test_double.py::test_double"]
        thing._emit({"event": "collected", "ids": ids, "last": True, "total": 2})
        for one in ids:
            thing._emit({"event": "start", "id": one})
            for phase in ("setup", "call", "teardown"):
                thing._emit({"event": "report", "id": one, "phase": phase, "outcome": "passed", "xfail": False,
                             "reason": "", "seconds": 0.01})
        thing._emit({"event": "finish", "status": 0})
        os._exit(0)
""",
    "a runner whose every call is a pass": WRONG
    + """
import sys
if "pytest" in sys.modules:
    import _pytest.python
    _pytest.python.Function.runtest = lambda self: None
""",
    "a value that equals everything": """
class Any(int):
    def __eq__(self, other):
        return True
    __hash__ = int.__hash__

def add(a, b):
    return a + b

def double(a):
    return Any(5)
""",
    "an answer looked up in the test that asks": """
import inspect, re

def add(a, b):
    return a + b

def double(a):
    line = (inspect.stack()[1].code_context or [""])[0]
    found = re.search(r"== (\\d+)", line)
    return int(found[1]) if found else 5
""",
}


def feature_of(room: Room, service: Service | None = None) -> Feature:
    """The feature with its service and black-box tests, on disk."""
    feature = room.feature(APPLICATION)
    write(feature.folder, {**BLACK_BOX_TESTS, **HIDDEN, "solution.patch": PATCH})
    running = service or Service(command=("python", "server.py"), ready="http://127.0.0.1:8000/health")
    return replace(feature, target=replace(feature.target, service=running), black_box=("acceptance",))


def judged(room: Room, change: Tree, service: Service | None = None) -> tuple[Grade, SuiteReport]:
    """The grade of a change at the rung that the room can do, and the report that it comes from."""
    feature, pristine = feature_of(room, service), room.snapshot(APPLICATION)
    handed_in = room.hand_in(feature, pristine, change)
    job = SuiteJob(
        feature=feature,
        environment=room.prepared(),
        snapshot=pristine,
        submission=handed_in,
        hidden=files(HIDDEN),
        acceptance=prepare_acceptance(feature, room.provider, print),
    )
    report = run_suite(job, room.provider.open, Stopwatch(SystemClock()))
    return grade(report, ASKED, handed_in), report


@pytest.mark.docker
def test_an_honest_solution_passes_at_r3(docker_room: Room) -> None:
    """Both kinds of tests have their say; the tester sees nothing of the application, and the log is kept."""
    found, report = judged(docker_room, {"calc.py": HONEST})
    assert (found.verdict, found.rung) == (Verdict.PASS, "R3")
    assert report.outcome(ALONE) is Outcome.PASSED
    assert report.service is not None
    assert report.service.ready_ns is not None
    assert report.service.log.startswith(b"serving")
    assert report.document()["service"]["ended"] == ""


@pytest.mark.docker
@pytest.mark.parametrize("name", FORGERIES)
def test_what_fools_the_process_it_runs_in_fails_from_outside(docker_room: Room, name: str) -> None:
    """The suite's own tests are fooled; the black-box test is not."""
    found, report = judged(docker_room, {"calc.py": FORGERIES[name]})
    assert report.outcome(MANIFEST.fail_to_pass[0]) is Outcome.PASSED
    assert report.outcome(OUTSIDE) is Outcome.FAILED
    assert (found.verdict, found.rung) == (Verdict.FAIL, "R3")


@pytest.mark.docker
def test_a_service_that_never_answers_is_the_programs_doing(docker_room: Room) -> None:
    """Its last words are in the reason, and the grade does not claim R3."""
    broken = {"calc.py": HONEST, "server.py": "raise SystemExit('no database here')\n"}
    found, report = judged(docker_room, broken)
    assert (found.verdict, found.rung) == (Verdict.FAIL, "R1")
    assert "the service never answered" in found.reason
    assert "no database here" in found.reason
    assert ProblemKind.SERVICE_DOWN in {problem.kind for problem in report.problems}


@pytest.mark.docker
def test_a_service_that_kills_its_container_is_the_programs_doing(docker_room: Room) -> None:
    """No error of the infrastructure comes of it."""
    deadly = SERVER.replace("def answer", "def nothing").replace("import calc", "import calc, os, signal")
    deadly = deadly.replace('if parts.path == "/health":', "os.kill(-1, signal.SIGKILL)\n        if True:")
    found, _ = judged(docker_room, {"calc.py": HONEST, "server.py": deadly})
    assert found.verdict is Verdict.FAIL


@pytest.mark.docker
def test_validate_asks_for_black_box_tests(docker_room: Room) -> None:
    """They are in the manifest under ids of their own; what passes without the feature is kept."""
    found = validate_feature(feature_of(docker_room), docker_room.provider, docker_room.checkouts, print)
    assert found.problems == ()
    assert found.manifest is not None
    assert found.manifest.fail_to_pass == (OUTSIDE, MANIFEST.fail_to_pass[0])
    assert ALONE in found.manifest.pass_to_pass


def test_without_a_network_to_join_the_rung_says_so(room: Room) -> None:
    """On the local sandbox the black-box tests are left out, with a note, and the grade is R1."""
    found, report = judged(room, {"calc.py": HONEST})
    assert (found.verdict, found.rung) == (Verdict.PASS, "R1")
    assert any(note.startswith("the black-box tests were left out") for note in found.notes)
    assert report.service is None


def test_black_box_tests_are_not_validated_without_a_network(room: Room) -> None:
    """A manifest without them would not be the feature's."""
    found = validate_feature(feature_of(room), room.provider, room.checkouts, print)
    assert found.problems == ("its black-box tests need a network to join: validate it in Docker",)


def test_a_folder_without_tests_is_refused(room: Room) -> None:
    """The line names the folder."""
    with pytest.raises(ConfigError, match="no file in empty"):
        prepare_acceptance(replace(feature_of(room), black_box=("empty",)), room.provider, print)


def test_a_missing_black_box_test_is_no_pass() -> None:
    """Left out by the run itself, not by the sandbox: it counts as missing."""
    told = SuiteReport(results={}, rung="R1")
    found = grade(joined(told, told), Manifest(fail_to_pass=(OUTSIDE,), pass_to_pass=()), Submission())
    assert (found.verdict, found.rung) == (Verdict.FAIL, "R1")
