"""Running a suite in a fresh sandbox, and hearing what happened."""

import pytest

from harness.clock import Phase, Stopwatch, SystemClock
from harness.errors import ConfigError
from harness.runners.contract import Outcome, ProblemKind
from harness.suite import SuiteJob, run_suite
from sandbox.contract import Sandbox
from sandbox.errors import SandboxDiedError
from tests.harness.grading.conftest import APPLICATION, HIDDEN, SOLUTION, Room

pytestmark = pytest.mark.slow

EVERY_OUTCOME = """
import pytest

@pytest.fixture
def broken():
    raise OSError("no such fixture today")

@pytest.fixture
def untidy():
    yield
    raise OSError("cannot clean up")

def test_passes(): pass
def test_fails(): assert 1 == 2
def test_errors(broken): pass
def test_leaves_a_mess(untidy): pass
@pytest.mark.skip(reason="not today")
def test_skips(): pass
def test_skips_itself(): pytest.skip("not here")
@pytest.mark.xfail(reason="known")
def test_fails_as_expected(): assert 0
@pytest.mark.xfail(run=False, reason="never run")
def test_not_even_run(): assert 0
@pytest.mark.xfail
def test_passes_unexpectedly(): pass
@pytest.mark.xfail(strict=True)
def test_passes_against_orders(): pass
def test_exits(): raise SystemExit(0)
"""
"""One test for each way of ending."""

SUBTESTS = """
import unittest

class TestMany(unittest.TestCase):
    def test_it(self):
        for i in range(3):
            with self.subTest(i=i):
                self.assertNotEqual(i, 1)
# plain
def test_some(subtests):
    for i in range(3):
        with subtests.test(i=i):
            assert i != 1

def test_fine(subtests):
    for i in range(3):
        with subtests.test(i=i):
            assert i < 5
"""
"""Tests that report several times."""

SEARCH_FOR_THE_KEY = """
import os, pathlib, re, sys

def test_a():
    seen = [str(os.environ), str(sys.argv), os.read(0, 100).decode()]
    for path in ("/proc/self/cmdline", "/proc/self/environ"):
        seen.append(pathlib.Path(path).read_bytes().decode("latin1"))
    seen += [path.read_text("latin1") for path in pathlib.Path("..").rglob("*.py")]
    assert not re.search("[0-9a-f]{64}", "".join(seen))
"""
"""Looks everywhere outside the process's own memory."""


def test_every_outcome_is_told_apart(room: Room) -> None:
    """Each way a test may end has its own word, and only one of them is a pass."""
    report = room.run({"tests/test_all.py": EVERY_OUTCOME})
    found = {test_id.rpartition("::")[2]: result.outcome.value for test_id, result in report.results.items()}
    assert found == {
        "test_passes": "passed",
        "test_fails": "failed",
        "test_errors": "error",
        "test_leaves_a_mess": "error",
        "test_skips": "skipped",
        "test_skips_itself": "skipped",
        "test_fails_as_expected": "xfailed",
        "test_not_even_run": "xfailed",
        "test_passes_unexpectedly": "xpassed",
        "test_passes_against_orders": "failed",
        "test_exits": "failed",
    }
    assert report.complete
    assert report.exit_code == 1


def test_reasons_are_short_and_to_the_point(room: Room) -> None:
    """A report says why a test did not pass: the assertion, the skip, the mark."""
    report = room.run({"tests/test_all.py": EVERY_OUTCOME})
    reasons = {test_id.rpartition("::")[2]: result.reason for test_id, result in report.results.items()}
    assert "assert 1 == 2" in reasons["test_fails"]
    assert reasons["test_skips"] == "Skipped: not today"
    assert reasons["test_fails_as_expected"] == "known"
    assert "no such fixture today" in reasons["test_errors"]
    assert reasons["test_passes"] == ""


def test_a_module_that_cannot_be_imported_does_not_end_the_run(room: Room) -> None:
    """The other modules' tests run, and the broken module is named with its error."""
    report = room.run({**APPLICATION, "tests/test_broken.py": "import nothing_of_this_name\n"})
    assert report.passed() == {"tests/test_add.py::test_add"}
    assert report.uncollected["tests/test_broken.py"].outcome is Outcome.ERROR
    assert "nothing_of_this_name" in report.uncollected["tests/test_broken.py"].reason
    assert report.complete


def test_a_module_skipped_whole_is_named(room: Room) -> None:
    """A skip at a module's head hides its tests; the report says so."""
    report = room.run({**APPLICATION, "tests/test_rare.py": 'import pytest\npytest.importorskip("nothing_here")\n'})
    assert report.uncollected["tests/test_rare.py"].outcome is Outcome.SKIPPED


def test_ids_are_carried_exactly(room: Room) -> None:
    """Spaces, quotes, brackets, slashes, escapes and non-ASCII letters in an id arrive as the runner has them."""
    words = ["a b", "it's", 'say "x"', "a[0]::b", "x/y", "b\\n", "größe", "a\nb", "日本"]
    module = f"import pytest\n@pytest.mark.parametrize('w', {words!r}, ids=str)\ndef test_word(w): pass\n"
    report = room.run({"tests/test_a b.py": module})
    assert len(report.passed()) == len(words)
    assert "tests/test_a b.py::test_word[it's]" in report.passed()
    assert 'tests/test_a b.py::test_word[say "x"]' in report.passed()
    assert "tests/test_a b.py::test_word[a[0]::b]" in report.passed()
    assert report.collected == tuple(report.results)


def test_ids_beyond_ascii_are_carried_where_the_project_asks_for_them(room: Room) -> None:
    """With pytest's own switch for it, letters come through as letters."""
    option = "disable_test_id_escaping_and_forfeit_all_rights_to_community_support"
    module = "import pytest\n@pytest.mark.parametrize('w', ['größe', '日本'])\ndef test_word(w): pass\n"
    report = room.run({"pytest.ini": f"[pytest]\n{option} = true\n", "tests/test_a.py": module})
    assert report.passed() == {"tests/test_a.py::test_word[größe]", "tests/test_a.py::test_word[日本]"}


def test_an_id_collected_twice_is_no_pass(room: Room) -> None:
    """Two tests of one id cannot be told apart, so neither counts, and nobody is accused."""
    conftest = "def pytest_collection_modifyitems(items):\n    items.append(items[0])\n"
    report = room.run({**APPLICATION, "tests/conftest.py": conftest})
    assert report.outcome("tests/test_add.py::test_add") is Outcome.DUPLICATED
    assert report.tampering == ()


def test_a_failing_subtest_fails_its_test(room: Room) -> None:
    """Sub-tests report under one id; the worst of them counts."""
    unit = SUBTESTS.partition("# plain")[0]
    function = SUBTESTS.partition("# plain")[2]
    report = room.run({"tests/test_a.py": unit, "tests/test_b.py": function})
    found = {test_id.rpartition("::")[2]: result.outcome.value for test_id, result in report.results.items()}
    assert found == {"test_it": "failed", "test_some": "failed", "test_fine": "passed"}
    assert report.complete


@pytest.mark.parametrize(
    ("test", "status", "complete"),
    [
        ("def test_a(): pass", 0, True),
        ("def test_a(): assert 0", 1, True),
        ("import pytest\ndef test_a(): pytest.exit('enough')", 2, True),
        ("VALUE = 1", 5, True),
    ],
)
def test_each_exit_status_of_the_runner_is_heard(room: Room, test: str, status: int, complete: bool) -> None:  # noqa: FBT001
    """The status that the runner announces is the process's own: passed, failed, interrupted, nothing collected."""
    report = room.run({"tests/test_a.py": test + "\n"})
    assert (report.exit_code, report.complete) == (status, complete)


def test_an_error_in_the_runner_itself_is_heard(room: Room) -> None:
    """Status 3: a hook of the project breaks; what was heard stands, what was not is missing."""
    conftest = "def pytest_runtest_protocol(item):\n    raise RuntimeError('broken hook')\n"
    report = room.run({**APPLICATION, "tests/conftest.py": conftest})
    assert report.exit_code == 3
    assert report.outcome("tests/test_add.py::test_add") is Outcome.INCOMPLETE


def test_a_wrong_option_is_a_suite_that_never_ran(room: Room) -> None:
    """Status 4 before its first word; its last words are kept."""
    report = room.run(command=("python", "-m", "pytest", "--no-such-option"))
    assert report.exit_code == 4
    assert [problem.kind for problem in report.problems] == [ProblemKind.NEVER_RAN]
    assert b"no-such-option" in report.stderr_tail


def test_what_the_program_prints_is_not_an_event(room: Room) -> None:
    """Prints of tests and of the application, at import, in a child, past the end, go to standard error."""
    module = "import os, subprocess, sys\nprint('at import', flush=True)\nos.write(1, b'raw\\n')\n"
    module += "def test_a():\n    subprocess.run(['echo', 'from a child'])\n    os.system('echo shell > /dev/stdout')\n"
    report = room.run({"tests/test_a.py": module, "pytest.ini": "[pytest]\naddopts = -s\n"})
    assert report.complete
    assert b"at import" in report.stderr_tail
    assert b"from a child" in report.stderr_tail


def test_the_application_is_found_as_the_command_finds_it(room: Room) -> None:
    """`python -m pytest` puts the workspace on the path, plain `pytest` does not."""
    assert room.run().passed()
    assert not room.run(command=("pytest",)).passed()


def test_what_tests_start_runs_as_it_does_for_the_agent(room: Room) -> None:
    """Switches for the runner's own start are gone from the environment that the application hands on."""
    module = (
        "import os, subprocess, sys\ndef test_a():\n    subprocess.run([sys.executable, '-m', 'calc'], check=True)\n"
    )
    module += "    assert not {'PYTHONPATH', 'PYTHONSAFEPATH', 'PYTEST_ADDOPTS'} & set(os.environ)\n"
    report = room.run({**APPLICATION, "tests/test_a.py": module})
    assert "tests/test_a.py::test_a" in report.passed()


def test_the_key_is_in_no_environment_argument_or_file(room: Room) -> None:
    """What authenticates events cannot be read from standard input, /proc or the tools."""
    report = room.run({"tests/test_a.py": SEARCH_FOR_THE_KEY})
    assert report.results["tests/test_a.py::test_a"].reason == ""


def test_the_suites_own_configuration_counts(room: Room) -> None:
    """Options of the project's configuration file are those that the suite runs under."""
    strict = '[tool.pytest.ini_options]\naddopts = "--strict-markers"\ntestpaths = ["tests"]\n'
    marked = "import pytest\n@pytest.mark.unheard_of\ndef test_a(): pass\n"
    report = room.run({**APPLICATION, "pyproject.toml": strict, "tests/test_a.py": marked})
    assert "unheard_of" in report.uncollected["tests/test_a.py"].reason


def test_plugins_are_loaded_only_when_the_target_names_them(room: Room) -> None:
    """What happens to be installed does not take part; `-p` in the target's command brings it in."""
    asks = "def test_a(request):\n    assert request.config.pluginmanager.hasplugin('pytest_timeout')\n"
    without = room.run({"tests/test_a.py": asks})
    named = room.run({"tests/test_a.py": asks}, command=("python", "-m", "pytest", "-p", "pytest_timeout"))
    assert (len(without.passed()), len(named.passed())) == (0, 1)


def test_hidden_tests_lie_over_the_pristine_ones(room: Room) -> None:
    """A hidden test of the same path replaces the pristine one; the others stay."""
    hidden = {"tests/test_add.py": "def test_other(): pass\n", **HIDDEN}
    report = room.run(change=SOLUTION, hidden=hidden)
    assert report.passed() == {"tests/test_add.py::test_other", "tests/test_double.py::test_double"}


def test_a_suite_past_its_time_is_cut_off(room: Room) -> None:
    """A test that hangs is named, what ended before stands, and the suite is no whole run."""
    report = room.run(
        {"tests/test_a.py": "import time\ndef test_a(): pass\ndef test_b(): time.sleep(60)\n"}, timeout_s=3.0
    )
    assert ProblemKind.TIMED_OUT in {problem.kind for problem in report.problems}
    assert "tests/test_a.py::test_b" in report.problems[0].detail
    assert report.passed() == {"tests/test_a.py::test_a"}


def test_what_outlives_the_suite_is_listed(room: Room) -> None:
    """A process that a test leaves behind is killed and named."""
    module = "import subprocess\ndef test_a():\n    subprocess.Popen(['sleep', '34567'], start_new_session=True)\n"
    report = room.run({"tests/test_a.py": module})
    assert report.complete
    assert any("34567" in line for line in report.survivors)


def test_a_sandbox_that_dies_under_the_suite_twice_is_the_programs_doing(room: Room) -> None:
    """Killing the executor does not turn a fail into an error of the infrastructure."""
    module = "import os, signal\ndef test_a(): os.kill(os.getppid(), signal.SIGKILL)\n"
    report = room.run({"tests/test_a.py": module})
    assert [problem.kind for problem in report.problems] == [ProblemKind.BOX_DIED]


@pytest.mark.docker
def test_the_suite_runs_in_docker_as_it_does_here(docker_room: Room) -> None:
    """The same outcomes, no key in sight, nothing wrong with the run."""
    report = docker_room.run({"tests/test_all.py": EVERY_OUTCOME, "tests/test_key.py": SEARCH_FOR_THE_KEY})
    assert {outcome.value: len(report.ids(outcome)) for outcome in Outcome if report.ids(outcome)} == {
        "passed": 2,
        "failed": 3,
        "error": 2,
        "skipped": 2,
        "xfailed": 2,
        "xpassed": 1,
    }
    assert (report.complete, report.survivors) == (True, ())


@pytest.mark.docker
def test_a_suite_past_its_time_is_cut_off_in_docker(docker_room: Room) -> None:
    """Every process of it ends, and what was heard stands."""
    module = "import time\ndef test_a(): pass\ndef test_b(): time.sleep(600)\n"
    report = docker_room.run({"tests/test_a.py": module}, timeout_s=5.0)
    assert ProblemKind.TIMED_OUT in {problem.kind for problem in report.problems}
    assert report.passed() == {"tests/test_a.py::test_a"}


@pytest.mark.docker
def test_killing_everything_in_docker_is_the_programs_doing(docker_room: Room) -> None:
    """The executor may die, even the container: no error of the infrastructure comes of it."""
    report = docker_room.run({"tests/test_a.py": "import os\ndef test_a(): os.kill(-1, 9)\n"})
    assert not report.complete


def test_a_sandbox_that_cannot_be_had_is_nobodys_fault(room: Room) -> None:
    """An engine that does not answer is raised, not graded."""

    def refuse(_: object) -> Sandbox:
        raise SandboxDiedError("no engine")

    job = SuiteJob(feature=room.feature(), environment=room.prepared(), snapshot=room.snapshot(APPLICATION))
    with pytest.raises(SandboxDiedError):
        run_suite(job, refuse, Stopwatch(SystemClock()))


def test_a_command_that_is_not_there_is_named(room: Room) -> None:
    """A program that the environment lacks is said so, not reported as a crash."""
    report = room.run(command=("no-such-python", "-m", "pytest"))
    assert report.problems[0].detail == "`no-such-python` is no program on the sandbox's PATH"


def test_an_unknown_runner_is_refused_by_name(room: Room) -> None:
    """The error names the runner and those that are known."""
    with pytest.raises(ConfigError, match="`junit` is not supported; known: go"):
        room.run(runner="junit")


def test_a_command_that_runs_no_pytest_is_refused(room: Room) -> None:
    """The error says what to write."""
    with pytest.raises(ConfigError, match="runs no pytest; write for example"):
        room.run(command=("make", "test"))


def test_grading_time_is_booked(room: Room) -> None:
    """Starting, running and removing are spans of grading, one after the other."""
    stopwatch = Stopwatch(SystemClock())
    job = SuiteJob(feature=room.feature(), environment=room.prepared(), snapshot=room.snapshot(APPLICATION))
    report = run_suite(job, room.provider.open, stopwatch)
    spans = stopwatch.spans()
    assert [(span.phase, span.sub) for span in spans] == [
        (Phase.GRADE, "start"),
        (Phase.GRADE, "suite"),
        (Phase.GRADE, "start"),
    ]
    assert spans[1].t1 - spans[1].t0 >= report.duration_ns
