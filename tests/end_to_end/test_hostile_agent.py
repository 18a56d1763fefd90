"""An agent that harms its own sandbox harms itself: its trial is scored, and no other one is disturbed."""

from pathlib import Path

import pytest

from harness.record import Record
from sandbox.contract import SandboxProvider
from tests.end_to_end.desk import Desk, by_model, told
from tests.end_to_end.targets import FINISH, SOLVE, FeatureFiles, in_docker, matrix, say, shell, simulated

pytestmark = [pytest.mark.docker, pytest.mark.slow]

FLOOD_BYTES = 100 * 1024**2
HARM = {
    "executor": "kill -9 $PPID",
    "everything": "kill -9 -1",
    "workspace": 'cd / && rm -rf "$OLDPWD"/* "$OLDPWD"/.[a-z]* "$OLDPWD"',
    "flood": f"head -c {FLOOD_BYTES} /dev/zero | tr '\\000' x",
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, shared_cache: Path, docker_provider: SandboxProvider) -> Path:
    """One model for each kind of harm, and one that does its work, all in one run."""
    assert docker_provider.kind == "docker"
    desk = Desk(folder=tmp_path_factory.mktemp("hostile"), cache=shared_cache)
    turns = {name: (say("", shell(command)), FINISH) for name, command in HARM.items()}
    feature = FeatureFiles(turns={**turns, "honest": (SOLVE, say("", shell("sleep 1")), FINISH)})
    in_docker().write(desk.folder / "targets", feature)
    models = {name: simulated(name) for name in (*HARM, "honest")}
    desk.must("run", matrix(desk.folder / "hostile.toml", models, trials=3), "--fixtures", "targets", "--out", "out")
    return desk.folder / "out"


@pytest.fixture(scope="module")
def found(run: Path) -> dict[str, Record]:
    """The records by model."""
    return by_model(run)


def test_harm_is_scored(found: dict[str, Record]) -> None:
    """Every one of them fails in its first attempt; nothing is put down to the infrastructure."""
    assert {name: (found[name].verdict.value, found[name].attempt) for name in HARM} == dict.fromkeys(HARM, ("fail", 1))
    assert all(sum(record.phases.values()) == record.wall_ns for record in found.values())


def test_neighbour_is_not_disturbed(found: dict[str, Record]) -> None:
    """The honest model's trial passes beside them."""
    assert (found["honest"].verdict.value, found["honest"].stop) == ("pass", "finished")


def test_killed_executor_is_told_and_replaced(run: Path, found: dict[str, Record]) -> None:
    """The model hears what its command did, and may go on."""
    assert found["executor"].stop == "finished"
    assert found["executor"].tool_calls[0].failed
    assert "executor" in told(run, found["executor"])[0]


def test_killed_container_ends_the_trial(found: dict[str, Record]) -> None:
    """Without a container there is nothing to go on in: the trial stops, and what was there is graded."""
    assert found["everything"].stop == "error:sandbox"
    assert found["everything"].grade.fail_to_pass == {"tests/test_double.py::test_double": "missing"}
    assert not found["everything"].grade.lost


def test_deleted_workspace_loses_the_tests_of_the_base(found: dict[str, Record]) -> None:
    """The grade sees a tree without the application."""
    assert found["workspace"].grade.lost


def test_flood_is_cut_and_counted(run: Path, found: dict[str, Record]) -> None:
    """Head and tail reach the model, every byte is counted, and the run folder stays small."""
    call = found["flood"].tool_calls[0]
    assert call.output_bytes == FLOOD_BYTES
    assert len(told(run, found["flood"])[0]) < 1024**2
    assert sum(path.stat().st_size for path in run.rglob("*") if path.is_file()) < FLOOD_BYTES / 10
