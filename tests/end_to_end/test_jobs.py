"""`-j N`: Ctrl-C ends all that is at work, on this machine and in Docker."""

import signal
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from harness.journal import Kind, read_rows
from sandbox.engine import Engine
from tests.end_to_end.desk import Desk, Started, until
from tests.end_to_end.targets import FINISH, SOLVE, FeatureFiles, TargetFiles, in_docker, matrix, simulated

pytestmark = pytest.mark.slow

SLEEP_S = 250
NAMES = ("one", "two")


def slow(place: Path) -> FeatureFiles:
    """A feature whose suite says where it is at, and takes minutes."""
    told = f"open({str(place)!r} + '/' + str(os.getpid()) + '.%s', 'w').close()"
    lines = (
        "import os, time",
        "def test_slow():",
        f"    {told % 'began'}",
        f"    time.sleep({SLEEP_S})",
        f"    {told % 'ended'}",
    )
    return FeatureFiles(manifest=None, hidden={"tests/test_slow.py": "\n".join(lines) + "\n"})


def validating(desk: Desk, *options: str) -> Started:
    """Two features at once."""
    return desk.start("validate", *NAMES, "--fixtures", "targets", "--runs", "1", "-j", 2, *options)


def test_ctrl_c_ends_every_job_here(desk: Desk, tmp_path: Path) -> None:
    """Exit code 130, and no suite that was at work comes to its end or is begun again."""
    place = tmp_path / "told"
    place.mkdir()
    for name in NAMES:
        TargetFiles(name=name).write(desk.folder / "targets", slow(place))
    started = validating(desk, "--sandbox", "local")
    until(lambda: len(list(place.glob("*.began"))) == len(NAMES), started, "both suites")
    started.send(signal.SIGINT)
    assert started.wait().code == 130
    assert (len(list(place.glob("*.began"))), list(place.glob("*.ended"))) == (len(NAMES), [])


def test_ctrl_c_keeps_no_later_grade(desk: Desk, tmp_path: Path) -> None:
    """What became of a suite whose sandbox was killed is no verdict, and is not journalled as one."""
    place, scripts = tmp_path / "told", {"works": (SOLVE, FINISH), "again": (SOLVE, FINISH)}
    place.mkdir()
    feature = FeatureFiles(turns=scripts)
    TargetFiles().write(desk.folder / "targets", feature)
    file = matrix(desk.folder / "two.toml", {name: simulated(name) for name in scripts})
    desk.must("run", file, "--fixtures", "targets", "--sandbox", "local", "--out", "out")
    replace(feature, hidden={**feature.hidden, **slow(place).hidden}).write(desk.folder / "targets" / "calc")
    options = ("--fixtures", "targets", "--sandbox", "local", "-j", 2, "--with-current-fixtures")
    started = desk.start("regrade", "out", *options)
    until(lambda: len(list(place.glob("*.began"))) == len(scripts), started, "both suites")
    started.send(signal.SIGINT)
    said = started.wait()
    assert (said.code, list(place.glob("*.ended"))) == (130, [])
    assert "Traceback" not in said.err
    assert read_rows(desk.folder / "out", Kind.REGRADE) == ()


@pytest.mark.docker
def test_ctrl_c_leaves_no_container(docker_desk: Desk) -> None:
    """Neither of those at work nor of what would have come next."""
    for name in NAMES:
        in_docker(name).write(docker_desk.folder / "targets", slow(Path("/tmp")))
    started = validating(docker_desk)
    until(lambda: owned(docker_desk, started) == len(NAMES), started, "both containers")
    started.send(signal.SIGINT)
    assert started.wait().code == 130
    assert owned(docker_desk, started) == 0


def owned(desk: Desk, started: Started) -> int:
    """How many containers belong to the command's process."""
    with closing(Engine.connect(desk.environment())) as engine:
        every = [one.labels["splitclock.owner"] for one in engine.containers({"splitclock.owner": ""})]
    return sum(f":{started.process.pid}:" in owner for owner in every)
