"""Ctrl-C and SIGTERM while a trial is blocked: the command ends soon and cleanly, and the run folder says so."""

import signal
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from harness.journal import Kind, read_records, read_rows
from harness.turns import ScriptedFault, Turn
from sandbox.engine import Engine
from tests.end_to_end.desk import Desk, Said, Started, journalled, until
from tests.end_to_end.servers import serving
from tests.end_to_end.targets import (
    APPLICATION,
    FINISH,
    FeatureFiles,
    TargetFiles,
    in_docker,
    matrix,
    say,
    shell,
    simulated,
)

pytestmark = [pytest.mark.slow, pytest.mark.alone]  # how soon commands end is what is tested

TOOL_S = 25
"""How long the tool call would take that is interrupted; a stalled model would take longer still."""

SLOW_SUITE = {"tests/test_double.py": f"import time\n\n\ndef test_double():\n    time.sleep({TOOL_S})\n"}
BUSY = ScriptedFault(kind="status", status=429, headers={"retry-after": "600"})
SLEEPS = FeatureFiles(
    turns={
        "demo": (say("", shell(f"sleep {TOOL_S}")), FINISH),
        "slept": (FINISH,),
        "busy": (Turn(content="never", faults=(BUSY,)),),
    },
    hidden=SLOW_SUITE,
)
INTERRUPTED = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """A command at work whose trial is blocked."""

    desk: Desk
    started: Started
    run: Path

    def interrupt(self, number: signal.Signals) -> tuple[Said, float]:
        """Send the signal; returns how the command ended and how many seconds that took."""
        began = time.monotonic()
        self.started.send(number)
        said = self.started.wait()
        return said, time.monotonic() - began


@contextmanager
def in_tool_call(desk: Desk, *options: str) -> Iterator[Blocked]:
    """Blocked in a long tool call, with another trial behind it that has not begun."""
    file = matrix(desk.folder / "tool.toml", {"first": simulated("demo"), "second": simulated("demo")}, trials=1)
    run = desk.folder / "run-tool"
    started = desk.start("run", file, "--out", run, *options)
    until(lambda: bool(journalled(run, Kind.TOOL_START)), started, "the tool call")
    yield Blocked(desk=desk, started=started, run=run)


@contextmanager
def in_model_stream(desk: Desk, *options: str) -> Iterator[Blocked]:
    """Blocked in an answer that has begun and never goes on."""
    yield from _in_silence(desk, *options, mute=False)


@contextmanager
def in_opening(desk: Desk, *options: str) -> Iterator[Blocked]:
    """Blocked where a trial's connection is opened, before its first call."""
    yield from _in_silence(desk, *options, mute=True)


def _in_silence(desk: Desk, *options: str, mute: bool) -> Iterator[Blocked]:
    with serving(None, mute=mute) as silent:
        file = matrix(desk.folder / "stream.toml", {"first": silent.table(), "second": silent.table()}, trials=1)
        run = desk.folder / "run-stream"
        started = desk.start("run", file, "--out", run, *options)
        until(silent.asked.is_set, started, "the request")
        yield Blocked(desk=desk, started=started, run=run)


@contextmanager
def in_wait(desk: Desk, *options: str) -> Iterator[Blocked]:
    """Left alone by a provider that is busy for minutes."""
    file = matrix(desk.folder / "wait.toml", {"first": simulated("busy"), "second": simulated("busy")}, trials=1)
    run = desk.folder / "run-wait"
    started = desk.start("run", file, "--out", run, *options)
    until(lambda: any(row.body.get("wait_s") for row in journalled(run, Kind.NOTE)), started, "the wait")
    yield Blocked(desk=desk, started=started, run=run)


@contextmanager
def in_grading(desk: Desk, *options: str) -> Iterator[Blocked]:
    """Blocked in the suite of a trial whose agent is done, or in the start of the sandbox for it."""
    file = matrix(desk.folder / "grade.toml", {"first": simulated("slept"), "second": simulated("slept")}, trials=1)
    run = desk.folder / "run-grade"
    started = desk.start("run", file, "--out", run, *options)
    until(lambda: any(row.body.get("note") == "suite" for row in journalled(run, Kind.NOTE)), started, "the suite")
    yield Blocked(desk=desk, started=started, run=run)


BLOCKED = {
    "tool": in_tool_call,
    "opening": in_opening,
    "stream": in_model_stream,
    "wait": in_wait,
    "grading": in_grading,
}


def own_containers(desk: Desk, started: Started) -> list[Mapping[str, str]]:
    """The labels of all containers that belong to the command's process."""
    with closing(Engine.connect(desk.environment())) as engine:
        labels = [one.labels for one in engine.containers({"splitclock.owner": ""})]
    return [each for each in labels if f":{started.process.pid}:" in each["splitclock.owner"]]


def kinds(desk: Desk, started: Started) -> list[str]:
    """What the containers of the command's process are for."""
    return [labels["splitclock.kind"] for labels in own_containers(desk, started)]


def run_names(desk: Desk, started: Started) -> list[str]:
    """The names of the runs that the command's containers are labelled with, without what tells equal names apart."""
    return [labels["splitclock.run"].rpartition(".")[0] for labels in own_containers(desk, started)]


def children(started: Started) -> list[Path]:
    """The processes that the command started itself."""
    return [place for place in Path("/proc").glob("[0-9]*") if _parent(place) == started.process.pid]


def _parent(process: Path) -> int:
    try:
        return int((process / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()[1])
    except OSError:
        return 0


def check(blocked: Blocked, number: signal.Signals) -> None:
    """Interrupt a blocked command, and look at all that it leaves."""
    said, took_s = blocked.interrupt(number)
    assert said.code == INTERRUPTED, said.err + said.out
    assert took_s < TOOL_S
    assert "Traceback" not in said.err
    (record,) = read_records(blocked.run)
    assert (record.stop, record.verdict.value) == ("interrupted", "not_run")
    assert sum(record.phases.values()) == record.wall_ns
    last = read_rows(blocked.run)[-1]
    assert last.kind == Kind.RUN_FINISHED
    assert last.body["interrupted"] is True
    state = blocked.desk.must("status", blocked.run, "--json").json()
    assert state["finished"] is False
    assert (state["trials"]["total"], state["trials"]["not_run"]) == (2, 2)
    told = blocked.desk.must("status", blocked.run).out
    assert "not begun" in told
    assert "nobody writes this run any more" in told
    assert said.err.splitlines()[-1] == f"splitclock: interrupted; go on with: splitclock resume {blocked.run}"


@pytest.mark.parametrize(
    ("where", "number"),
    [
        ("opening", signal.SIGINT),
        ("tool", signal.SIGINT),
        ("stream", signal.SIGTERM),
        ("stream", signal.SIGHUP),
        ("wait", signal.SIGINT),
        ("grading", signal.SIGINT),
    ],
)
def test_interrupt_ends_a_run_on_this_machine(desk: Desk, where: str, number: signal.Signals) -> None:
    """Wherever a trial may be blocked, on local sandboxes."""
    TargetFiles().write(desk.folder / "targets", SLEEPS)
    with BLOCKED[where](desk, "--fixtures", str(desk.folder / "targets"), "--sandbox", "local") as blocked:
        check(blocked, number)


def test_interrupt_reaches_who_waits_for_a_provider(desk: Desk) -> None:
    """One trial has the only request that its provider gets at once, and stalls; the other one waits for that."""
    TargetFiles().write(desk.folder / "targets", SLEEPS)
    with serving(None) as silent:
        table = {**silent.table(), "concurrency": 1}
        file = matrix(desk.folder / "gate.toml", {"first": table, "second": table}, trials=2)
        run = desk.folder / "run-gate"
        started = desk.start("run", file, "--out", run, "--fixtures", "targets", "--sandbox", "local")
        until(lambda: silent.asked.is_set() and len(journalled(run, Kind.INTENT)) == 2, started, "both calls")
        said, took_s = Blocked(desk=desk, started=started, run=run).interrupt(signal.SIGINT)
    assert said.code == INTERRUPTED, said.err + said.out
    assert took_s < TOOL_S
    records = read_records(run)
    assert [record.stop for record in records] == ["interrupted"] * 2
    assert all(sum(record.phases.values()) == record.wall_ns for record in records)


@pytest.mark.docker
@pytest.mark.parametrize(
    ("where", "number"), [("tool", signal.SIGTERM), ("stream", signal.SIGINT), ("grading", signal.SIGTERM)]
)
def test_interrupt_removes_the_containers(docker_desk: Desk, where: str, number: signal.Signals) -> None:
    """In Docker no container of the run is left."""
    in_docker().write(docker_desk.folder / "targets", SLEEPS)
    with BLOCKED[where](docker_desk, "--fixtures", str(docker_desk.folder / "targets")) as blocked:
        runs = run_names(docker_desk, blocked.started)
        assert set(runs) <= {blocked.run.name}
        assert runs or where == "grading", "between two sandboxes there may be none"
        check(blocked, number)
        assert own_containers(docker_desk, blocked.started) == []


@pytest.mark.docker
def test_second_interrupt_hurries(docker_desk: Desk) -> None:
    """Pressed twice at once: the containers are removed all the same."""
    in_docker().write(docker_desk.folder / "targets", SLEEPS)
    with in_tool_call(docker_desk, "--fixtures", "targets") as blocked:
        blocked.started.send(signal.SIGINT)
        said, took_s = blocked.interrupt(signal.SIGINT)
        assert said.code == INTERRUPTED, said.err + said.out
        assert took_s < TOOL_S
        assert "Traceback" not in said.err
        assert own_containers(docker_desk, blocked.started) == []
        assert "0 of 2" in docker_desk.must("status", blocked.run).out or read_records(blocked.run)


@pytest.mark.docker
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_ends_validate(docker_desk: Desk, number: signal.Signals) -> None:
    """`validate` in the middle of a suite: it ends soon, and leaves neither container nor manifest."""
    slow = {"tests/test_add.py": f"import time\n\n\ndef test_add():\n    time.sleep({TOOL_S})\n"}
    bare = FeatureFiles(manifest=None)
    folder = replace(in_docker(), application={**APPLICATION, **slow}).write(docker_desk.folder / "targets", bare)
    started = docker_desk.start("validate", "calc", "--fixtures", "targets", "--runs", "1")
    until(lambda: "sandbox" in kinds(docker_desk, started), started, "the suite's sandbox")
    began = time.monotonic()
    started.send(number)
    said = started.wait()
    assert said.code == INTERRUPTED, said.err
    assert time.monotonic() - began < TOOL_S
    assert "Traceback" not in said.err
    assert own_containers(docker_desk, started) == []
    assert not list(folder.glob("features/*/manifest.json"))


@pytest.mark.docker
def test_killed_harness_leaves_what_clean_finds(docker_desk: Desk) -> None:
    """After SIGKILL the journal is readable, the simulator is gone, and `clean` removes the orphaned container."""
    in_docker().write(docker_desk.folder / "targets", SLEEPS)
    with in_tool_call(docker_desk, "--fixtures", "targets") as blocked:
        simulators = children(blocked.started)
        assert simulators
        blocked.started.send(signal.SIGKILL)
        assert blocked.started.wait().code == -signal.SIGKILL
        assert run_names(docker_desk, blocked.started) == ["run-tool"]
        assert "0 of 2 trials" in docker_desk.must("status", blocked.run).out
        assert docker_desk.must("status", blocked.run, "--json").json()["finished"] is False
        docker_desk.must("clean", "--json")
        assert not [place for place in simulators if place.exists()]
        assert own_containers(docker_desk, blocked.started) == []


@pytest.mark.parametrize("kind", ["local", pytest.param("docker", marks=pytest.mark.docker)])
def test_interrupt_during_set_up(tmp_path: Path, request: pytest.FixtureRequest, kind: str) -> None:
    """While an environment is built no trial has begun: the command ends all the same, and leaves no container."""
    desk = Desk(folder=tmp_path, cache=tmp_path / "cache")
    if kind == "docker":
        request.getfixturevalue("docker_provider")
    line = f"mkdir -p $SPLITCLOCK_PREFIX; echo {uuid.uuid4()}; echo at'work'; sleep {TOOL_S}"
    TargetFiles(setup=(line,)).write(desk.folder / "targets", SLEEPS)
    file = matrix(desk.folder / "setup.toml", {"first": simulated("demo")})
    started = desk.start("run", file, "--fixtures", "targets", "--sandbox", kind, "--out", "out")
    until(lambda: "\natwork" in started.printed, started, "the set-up")
    said, took_s = Blocked(desk=desk, started=started, run=desk.folder / "out").interrupt(signal.SIGINT)
    assert said.code == INTERRUPTED, said.err + said.out
    assert took_s < TOOL_S
    assert "Traceback" not in said.err
    state = desk.must("status", "out", "--json").json()
    assert (state["finished"], state["trials"]["not_run"]) == (False, 1)
    if kind == "docker":
        assert own_containers(desk, started) == []
