"""An agent that harms its own sandbox harms itself: its trial is scored, and no other one is disturbed.

`SPLITCLOCK_FLOOD_S` says for how many seconds it floods its output; `make test-nightly` makes it a minute.
"""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.record import Record
from harness.turns import Turn
from sandbox.contract import SandboxProvider
from sandbox.images import DockerProvider
from tests.end_to_end.desk import Desk, by_model, told
from tests.end_to_end.targets import FINISH, SOLVE, FeatureFiles, in_docker, matrix, say, shell, simulated

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.alone]  # it does what it can to the machine

FLOOD_S = int(os.environ.get("SPLITCLOCK_FLOOD_S", "4"))
BURST_BYTES = 100 * 1024**2
GROWTH_BYTES = 20 * 1024**2
WALL_S = 300
LIMITS = '[limits]\ndisk = "256m"\npids = 128\n'

_FORKS = "import os\nwhile True:\n try: os.fork()\n except OSError: pass"
_DAEMON = "while :; do echo x > ~/.daemon; sleep 0.05; done"
HARM = {
    "executor": shell("kill -9 $PPID"),
    "everything": shell("kill -9 -1"),
    "workspace": shell('cd / && rm -rf "$OLDPWD"/* "$OLDPWD"/.[a-z]* "$OLDPWD"'),
    "burst": shell(f"head -c {BURST_BYTES} /dev/zero | tr '\\000' x"),
    "flood": shell("yes flood", timeout_s=FLOOD_S),
    "forks": shell(f'python3 -c "{_FORKS}"', timeout_s=4),
    "disk": shell('i=0; while :; do i=$((i+1)); head -c 20000000 /dev/zero > ~/"$i"; sleep 0.2; done', timeout_s=120),
    "crowd": shell("for i in $(seq 60); do truncate -s 200M sparse$i; done"),
}
"""What must fail, for the work is not done; some of it ends the trial."""

HARMLESS = {
    "daemons": shell(f"for i in 1 2 3; do setsid nohup sh -c '{_DAEMON}' >/dev/null 2>&1 & done; setsid sleep 999 &"),
    "pid1": shell("kill -9 1; kill -TERM 1; pkill -9 -f /bin/sleep; pkill -9 docker-init; true"),
    "shell": shell("rm -f /bin/sh /usr/bin/sh /bin/dash /usr/bin/env; chmod 0 /bin/sh; true"),
    "sparse": shell("truncate -s 50G big; dd if=/dev/zero of=huge bs=1 count=1 seek=50G; rm -f big huge"),
}
"""What comes to nothing: these models do their work afterwards, and pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A run, and the most bytes of memory that the harness held meanwhile."""

    folder: Path
    peak_bytes: int

    def found(self) -> Mapping[str, Record]:
        """Its records by model."""
        return by_model(self.folder)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, shared_cache: Path, docker_provider: SandboxProvider) -> Desk:
    """One target with small limits, and a script for each model."""
    assert docker_provider.kind == "docker"
    desk = Desk(folder=tmp_path_factory.mktemp("hostile"), cache=shared_cache)
    turns: dict[str, tuple[Turn, ...]] = {name: (say("", call), FINISH) for name, call in HARM.items()}
    turns |= {name: (say("", call), SOLVE, FINISH) for name, call in HARMLESS.items()}
    feature = FeatureFiles(turns={**turns, "honest": (SOLVE, say("", shell("sleep 1")), FINISH)})
    target = in_docker().write(desk.folder / "targets", feature) / "target.toml"
    target.write_text(target.read_text(encoding="utf-8") + LIMITS, encoding="utf-8")
    return desk


def _ran(desk: Desk, name: str, models: Mapping[str, Mapping[str, object]]) -> Ran:
    file = matrix(desk.folder / f"{name}.toml", models, limits={"wall_s": WALL_S}, trials=3)
    command = desk.start("run", file, "--fixtures", "targets", "--out", name)
    peak = 0
    while command.process.poll() is None:
        peak = max(peak, _peak_bytes(command.process.pid))
        time.sleep(0.2)
    said = command.wait()
    assert said.code == 0, f"exit code {said.code}: {said.err}{said.out}"
    return Ran(folder=desk.folder / name, peak_bytes=peak)


def _peak_bytes(pid: int) -> int:
    """The most memory that a process held so far; 0 once it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


@pytest.fixture(scope="module")
def quiet(desk: Desk) -> Ran:
    """As many trials as in the hostile run, all of them honest."""
    names = ["honest", *(f"honest-{name}" for name in (*HARM, *HARMLESS))]
    return _ran(desk, "quiet", {name: simulated("honest") for name in names})


@pytest.fixture(scope="module")
def hostile(desk: Desk) -> Ran:
    """One model for each kind of harm, and one that does its work, all in one run."""
    return _ran(desk, "hostile", {name: simulated(name) for name in ("honest", *HARM, *HARMLESS)})


@pytest.fixture(scope="module")
def found(hostile: Ran) -> Mapping[str, Record]:
    """The records of the hostile run by model."""
    return hostile.found()


def test_harm_is_scored(found: Mapping[str, Record]) -> None:
    """Every one of them fails in its first attempt; nothing is put down to the infrastructure."""
    assert {name: (found[name].verdict.value, found[name].attempt) for name in HARM} == dict.fromkeys(HARM, ("fail", 1))
    assert all(sum(record.phases.values()) == record.wall_ns for record in found.values())


def test_harm_that_comes_to_nothing_is_not_scored(found: Mapping[str, Record]) -> None:
    """Daemons, blows at PID 1 and at the shell, and files that are not there leave the agent's work as it is."""
    seen = {name: (found[name].verdict.value, found[name].attempt, found[name].stop) for name in HARMLESS}
    assert seen == dict.fromkeys(HARMLESS, ("pass", 1, "finished"))
    assert any("processes of the agent were alive" in note for note in found["daemons"].grade.notes)


def test_each_ends_inside_its_limits(found: Mapping[str, Record]) -> None:
    """No trial needs its wall limit to end: commands end at their deadlines, and the filler at its bound."""
    assert {record.stop for record in found.values()} == {"finished", "error:sandbox"}
    assert [name for name, record in found.items() if record.stop == "error:sandbox"] == ["disk"]
    assert found["forks"].tool_calls[0].timed_out
    assert found["flood"].tool_calls[0].timed_out


@pytest.mark.nightly
def test_neighbour_is_not_disturbed(found: Mapping[str, Record], quiet: Ran) -> None:
    """The honest model's trial ends beside them as it does among its like."""
    alone, beside = quiet.found()["honest"], found["honest"]
    assert (beside.verdict.value, beside.stop, beside.attempt) == ("pass", "finished", 1)
    for part in ("rung", "fail_to_pass", "lost", "denied", "restored"):  # its reason tells of seeds and seconds
        assert getattr(beside.grade, part) == getattr(alone.grade, part)
    assert [call.exit_code for call in beside.tool_calls] == [call.exit_code for call in alone.tool_calls]
    difference = "trials/{}/difference.patch"
    mine, theirs = (ran / difference.format(record.trial.id) for ran, record in _pairs(found, quiet))
    assert mine.read_bytes() == theirs.read_bytes()


def _pairs(found: Mapping[str, Record], quiet: Ran) -> tuple[tuple[Path, Record], tuple[Path, Record]]:
    return (quiet.folder.parent / "hostile", found["honest"]), (quiet.folder, quiet.found()["honest"])


def test_harness_hardly_grows(hostile: Ran, quiet: Ran, record_property: Callable[[str, object], None]) -> None:
    """Its memory beside that of a run of honest models: floods are kept nowhere."""
    growth = hostile.peak_bytes - quiet.peak_bytes
    record_property("peak_bytes_among_honest_models", quiet.peak_bytes)
    record_property("peak_bytes_among_hostile_models", hostile.peak_bytes)
    assert quiet.peak_bytes > 0
    assert growth < GROWTH_BYTES, f"{quiet.peak_bytes} bytes among honest models, {hostile.peak_bytes} here"


def test_killed_executor_is_told_and_replaced(hostile: Ran, found: Mapping[str, Record]) -> None:
    """The model hears what its command did, and may go on; the container outlives a kill of everything."""
    for name in ("executor", "everything"):
        assert found[name].stop == "finished"
        assert found[name].tool_calls[0].failed
        assert "executor" in told(hostile.folder, found[name])[0]
        assert found[name].grade.fail_to_pass == {"tests/test_double.py::test_double": "missing"}
        assert not found[name].grade.lost


def test_filler_is_ended_with_its_reason(found: Mapping[str, Record]) -> None:
    """The record says what it wrote, and whose bound that was."""
    assert "it wrote" in found["disk"].error
    assert "0.2 GiB are allowed" in found["disk"].error
    assert "too large to export" in found["crowd"].error


def test_deleted_workspace_loses_the_tests_of_the_base(found: Mapping[str, Record]) -> None:
    """The grade sees a tree without the application."""
    assert found["workspace"].grade.lost


def test_burst_is_cut_and_counted(hostile: Ran, found: Mapping[str, Record]) -> None:
    """Head and tail reach the model, every byte is counted, and the run folder stays small."""
    assert found["burst"].tool_calls[0].output_bytes == BURST_BYTES
    assert found["flood"].tool_calls[0].output_bytes > BURST_BYTES
    for name in ("burst", "flood"):
        assert len(told(hostile.folder, found[name])[0]) < 1024**2
    assert sum(path.stat().st_size for path in hostile.folder.rglob("*") if path.is_file()) < BURST_BYTES / 10


def test_nothing_is_left(hostile: Ran, docker_provider: DockerProvider) -> None:
    """No container of the hostile run outlives it."""
    assert docker_provider.engine.containers({"splitclock.run": hostile.folder.name}) == ()
