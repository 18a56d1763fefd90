"""A disk that becomes full amid a run: nothing more is paid for, the last rows are written, the run goes on later."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.journal import Kind, read_records, read_rows
from tests.end_to_end.desk import Desk
from tests.end_to_end.targets import FINISH, SOLVE, FeatureFiles, TargetFiles, matrix, say, shell

pytestmark = pytest.mark.slow

TURNS = 60
LONG = "x" * 100_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=9m", "none", str(place)], check=False, capture_output=True, text=True
    )
    if made.returncode:
        pytest.skip(f"no file system can be mounted here: {made.stderr.strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_ends_the_run_in_order(desk: Desk, small_disk: Path) -> None:
    """Exit code 4 and one line; the trial under way has a record and the run its end; more room, and it is finished."""
    long = (*(say(LONG, shell("true")) for _ in range(TURNS)), SOLVE, FINISH)
    TargetFiles().write(desk.folder / "targets", FeatureFiles(turns={"long": long}))
    models = {name: {"provider": "replay", "turns": "long"} for name in ("first", "second", "third")}
    file = matrix(desk.folder / "long.toml", models, limits={"output_tokens": 10_000_000}, trials=1)
    run = small_disk / "run"
    said = desk.give("run", file, "--out", run, "--fixtures", "targets", "--sandbox", "local")
    assert said.code == 4, said.err
    (line,) = said.complaints
    assert "no space left on the disk" in line
    assert read_rows(run)[-1].kind == Kind.RUN_FINISHED
    last = read_records(run)[-1]
    assert (last.stop, last.verdict) == ("interrupted", "not_run")
    assert not (run / "reserve").exists()
    calls = read_rows(run, Kind.INTENT)
    answers = read_rows(run, Kind.RESPONSE)
    assert len(calls) - len(answers) <= 1
    assert "the last process that wrote this run ended" in desk.must("status", run).out
    assert "no space left on the disk" in desk.must("status", run).out
    subprocess.run(["mount", "-o", "remount,size=90m", str(small_disk)], check=True)
    assert desk.must("resume", run, "--how", "restart", "--json").json()["trials"]["pass"] == len(models)
