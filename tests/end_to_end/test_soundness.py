"""What `run` refuses to begin on, and what it does when a sandbox is taken away from outside."""

import os
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness.journal import read_records
from harness.record import Record
from harness.turns import dump_turns
from sandbox.engine import Engine
from sandbox.images import DockerProvider
from sandbox.labels import DISK
from tests.end_to_end.desk import Desk, by_model, told
from tests.end_to_end.targets import FINISH, SOLVE, FeatureFiles, in_docker, matrix, say, shell, simulated, write
from tests.sandbox.proxy import EngineProxy

pytestmark = [pytest.mark.docker, pytest.mark.slow]

WORK = {"honest": (SOLVE, FINISH), "waiting": (SOLVE, say("", shell("sleep 3")), FINISH)}


@pytest.fixture
def desk(tmp_path: Path, shared_cache: Path, docker_provider: DockerProvider) -> Desk:
    """A desk with one small target, whose models finish their work."""
    assert docker_provider.kind == "docker"
    in_docker().write(tmp_path / "targets", FeatureFiles(turns=WORK))
    return Desk(folder=tmp_path, cache=shared_cache)


def _run(desk: Desk, model: str, out: str = "out") -> tuple[object, ...]:
    file = matrix(desk.folder / "sound.toml", {model: simulated(model)}, trials=1)
    return ("run", file, "--fixtures", "targets", "--out", out)


def test_full_disk_starts_nothing(desk: Desk) -> None:
    """Under the floor of free disk the run ends before it begins: one line, exit code 4, no folder."""
    said = replace(desk, variables={"SPLITCLOCK_DISK_FLOOR": "900t"}).give(*_run(desk, "honest"))
    assert said.code == 4
    assert len(said.complaints) == 1
    assert "921600.0 GiB should be" in said.complaints[0]
    assert not (desk.folder / "out").exists()


def test_full_disk_validates_nothing(desk: Desk) -> None:
    """`validate` looks at the disk as `run` does."""
    full = replace(desk, variables={"SPLITCLOCK_DISK_FLOOR": "900t"})
    said = full.give("validate", "calc", "--fixtures", "targets", "--dry")
    assert (said.code, len(said.complaints)) == (4, 1)
    assert "921600.0 GiB should be" in said.complaints[0]


def test_floor_that_is_no_size_is_named(desk: Desk) -> None:
    """A setting that cannot be used is told with its name."""
    said = replace(desk, variables={"SPLITCLOCK_DISK_FLOOR": "much"}).give(*_run(desk, "honest"))
    assert said.code == 2
    assert "SPLITCLOCK_DISK_FLOOR" in said.complaints[0]


def test_weakened_engine_is_refused_unless_named(desk: Desk, tmp_path: Path) -> None:
    """An engine without a limit on processes is refused in one line; by name it is accepted, and that is recorded."""
    host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    if not host.startswith("unix://"):
        pytest.skip("the engine is not behind a unix socket")
    with EngineProxy(tmp_path / "engine.sock", host.removeprefix("unix://")) as proxy:
        proxy.rewrite(b'"PidsLimit": 64', b'"PidsLimit": -1')
        weak = replace(desk, variables={"DOCKER_HOST": proxy.host})
        said = weak.give(*_run(weak, "honest"))
        assert (said.code, len(said.complaints)) == (4, 1)
        assert '--allow-weakened "process limit"' in said.complaints[0]
        assert not read_records(desk.folder / "out")
        again = ("--allow-weakened", "process limit")
        assert weak.give(*_run(weak, "honest")[:-1], "again", *again).code == 0
        for command in (("validate", "calc", "--dry", "--runs", "1"), ("regrade", "again")):
            said = weak.give(*command, "--fixtures", "targets")
            assert (said.code, len(said.complaints)) == (4, 1), command
            assert '--allow-weakened "process limit"' in said.complaints[0]
            assert weak.give(*command, "--fixtures", "targets", *again).code == 0
    record = by_model(desk.folder / "again")["honest"]
    assert (record.verdict.value, record.provenance["sandbox.weakened"]) == ("pass", "process limit")


def test_runtime_that_is_not_there_is_refused(desk: Desk) -> None:
    """SPLITCLOCK_RUNTIME reaches the engine: one that it does not know is an error before the first trial."""
    said = replace(desk, variables={"SPLITCLOCK_RUNTIME": "no-such-runtime"}).give(*_run(desk, "honest"))
    assert (said.code, len(said.complaints)) == (4, 1)
    assert "no-such-runtime" in said.complaints[0]


def test_unknown_weakness_is_a_mistake(desk: Desk) -> None:
    """A name that no check has is told at once."""
    said = desk.give(*_run(desk, "honest"), "--allow-weakened", "proces limit")
    assert said.code == 2
    assert "process limit" in said.complaints[0]


def _kill_first(engine: Engine, attempts: int, run: str, done: threading.Event) -> list[str]:
    """Kill the agents' containers of a run's first attempts, as an operator might, until told to stop."""
    killed: list[str] = []
    while not done.wait(0.1):
        for found in engine.containers({"splitclock.role": "agent"}):
            ours = found.labels["splitclock.run"].startswith(f"{run}.")
            young = int(found.labels["splitclock.attempt"]) <= attempts
            if ours and young and found.running and found.id not in killed:
                time.sleep(1.0)  # let it get to work
                engine.kill(found.id)
                killed.append(found.id)
    return killed


def _with_killer(engine: Engine, attempts: int, run: str, work: Callable[[], Record]) -> tuple[Record, list[str]]:
    done, killed = threading.Event(), list[str]()
    thread = threading.Thread(target=lambda: killed.extend(_kill_first(engine, attempts, run, done)))
    thread.start()
    try:
        return work(), killed
    finally:
        done.set()
        thread.join()


@pytest.mark.parametrize(
    ("attempts", "verdict"),
    [pytest.param(1, "pass", id="once", marks=pytest.mark.nightly), pytest.param(9, "error:infra", id="always")],
)
def test_kill_from_outside_is_not_the_model_s(
    desk: Desk, docker_provider: DockerProvider, attempts: int, verdict: str
) -> None:
    """The attempt is void and tried again; when that is lost too, the trial is an error of the infrastructure."""
    out = f"out-{uuid.uuid4().hex[:12]}"  # nobody else's run has that name

    def work() -> Record:
        desk.give(*_run(desk, "waiting", out))
        return by_model(desk.folder / out)["waiting"]

    record, killed = _with_killer(docker_provider.engine, attempts, out, work)
    assert (record.verdict.value, record.attempt, len(killed)) == (verdict, 2, min(attempts, 2))
    assert ("ended from outside" in record.error) == (verdict == "error:infra")


def test_hard_quota_through_the_command_line(desk: Desk, docker_provider: DockerProvider) -> None:
    """A target may ask for a file system of its own: work passes, a filler meets its end inside, nothing is left."""
    if os.geteuid() != 0:
        pytest.skip("volumes with hard bounds need root")
    target = desk.folder / "targets/calc/target.toml"
    hard = '[limits]\ndisk = "64m"\ndisk_quota = "hard"\n'
    target.write_text(target.read_text(encoding="utf-8") + hard, encoding="utf-8")
    fill = (say("", shell("head -c 50000000 /dev/zero > a; head -c 60000000 /dev/zero > b; df .")), SOLVE, FINISH)
    write(desk.folder / "targets/calc/features/double", {"turns/full.jsonl": dump_turns(fill)})
    models = {name: simulated(name) for name in ("honest", "full")}
    desk.must("run", matrix(desk.folder / "hard.toml", models, trials=2), "--fixtures", "targets", "--out", "out")
    found = by_model(desk.folder / "out")
    assert found["honest"].verdict.value == "pass"
    assert "No space left on device" in told(desk.folder / "out", found["full"])[0]
    assert docker_provider.engine.volumes({DISK: "", "splitclock.run": "out"}) == {}
