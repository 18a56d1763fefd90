"""What is broken is named: in one line before anything starts, or as that trial's verdict while the others go on."""

import os
import re
import signal
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.journal import Kind, read_records
from sandbox.engine import Engine
from sandbox.labels import NAME
from tests.end_to_end.desk import Desk, Started, by_model, journalled, until
from tests.end_to_end.servers import HEAD, refused, served, serving
from tests.end_to_end.targets import (
    APPLICATION,
    FINISH,
    SOLVE,
    FeatureFiles,
    TargetFiles,
    in_docker,
    matrix,
    say,
    shell,
    simulated,
)

pytestmark = pytest.mark.slow

SOLVED = FeatureFiles(turns={"demo": (SOLVE, FINISH)})
RUBBISH = HEAD + b"\x00\x01\xff{]} \x1b[31m[/nope]\n\n" * 20
BAD_KEY = (
    b"HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
    b'{"error": {"message": "no such key \\u001b[31m[/nope]", "code": "invalid_api_key"}}'
)


def local(desk: Desk, *features: FeatureFiles) -> tuple[str, ...]:
    """Lay out the target for sandboxes on this machine; returns the options that name it."""
    TargetFiles().write(desk.folder / "targets", *(features or (SOLVED,)))
    return ("--fixtures", str(desk.folder / "targets"), "--sandbox", "local")


@dataclass(frozen=True, slots=True, kw_only=True)
class AtWork:
    """A run that patiently tries servers again, while other tests go on."""

    desk: Desk
    started: Started


@pytest.fixture(scope="module", autouse=True)
def at_work(tmp_path_factory: pytest.TempPathFactory, shared_cache: Path) -> Iterator[AtWork]:
    """One model on a sound server and three on broken ones, begun before the first test of this module."""
    desk = Desk(folder=tmp_path_factory.mktemp("servers"), cache=shared_cache)
    options = local(desk)
    with serving(RUBBISH) as rubbish, serving(BAD_KEY) as closed:
        models = {
            "sound": simulated("demo"),
            "down": served(refused()),
            "rubbish": rubbish.table(),
            "closed": closed.table(),
        }
        started = desk.start("run", matrix(desk.folder / "faults.toml", models), *options)
        yield AtWork(desk=desk, started=started)
        started.send(signal.SIGTERM)
        started.wait()


@pytest.mark.docker
def test_sandbox_that_cannot_start_is_the_infrastructures_fault(docker_desk: Desk) -> None:
    """An image that goes away during the run: `error:infra` after a second try, the other target's trial passes."""
    desk, lost = docker_desk, f"lost-{uuid.uuid4().hex[:12]}"
    targets = desk.folder / "targets"
    waiting = (say("", shell("sleep 8")), SOLVE, FINISH)
    in_docker().write(targets, FeatureFiles(turns={"demo": waiting}))
    TargetFiles(name=lost, setup=(f"echo {lost}",), path="/usr/bin").write(targets, SOLVED)
    file = matrix(desk.folder / "infra.toml", {"m": simulated("demo")}, ["calc/double", f"{lost}/double"], trials=1)
    started = desk.start("run", file, "--fixtures", targets, "--out", "out")
    until(lambda: bool(journalled(desk.folder / "out", Kind.TOOL_START)), started, "the first tool call")
    engine = Engine.connect(desk.environment())
    doomed = engine.images({NAME: lost})
    assert len(doomed) == 2, "an environment and a checkout"
    for image in sorted(doomed, key=lambda one: "checkout" not in str(one.names)):
        for name in image.names:
            engine.remove_image(name)
    assert not engine.images({NAME: lost})
    engine.close()
    said = started.wait()
    found = {record.trial.feature: record for record in read_records(desk.folder / "out")}
    assert found["calc/double"].verdict == "pass", found["calc/double"].error
    broken = found[f"{lost}/double"]
    assert (broken.verdict, broken.attempt) == ("error:infra", 2)
    assert "image" in broken.error
    assert said.code == 4
    assert "1 of 2 trials ended in error:infra" in said.err


def test_missing_engine_is_one_line(desk: Desk) -> None:
    """No Docker: the error names it and the next step, exit code 4, and no run folder is made."""
    TargetFiles().write(desk.folder / "targets", SOLVED)
    socket = desk.folder / "dead.sock"
    deskless = Desk(folder=desk.folder, cache=desk.cache, variables={"DOCKER_HOST": f"unix://{socket}"})
    file = matrix(desk.folder / "none.toml", {"m": simulated("demo")})
    for command in (("run", file), ("validate", "calc")):
        said = deskless.give(*command, "--fixtures", desk.folder / "targets")
        assert said.code == 4
        assert said.out == ""
        assert "Traceback" not in said.err
        assert str(socket) in said.complaints[0]
        assert said.complaints == said.err.splitlines()
        assert said.complaints[1:] in ([], ["splitclock: `splitclock doctor` says what is missing"])
    assert desk.runs() == []


def test_missing_key_is_one_line(desk: Desk) -> None:
    """A model without its key: exit code 2, one line that names the variable, nothing started."""
    options = local(desk)
    models: dict[str, dict[str, object]] = {
        "paid": {"provider": "openai", "model": "gpt"},
        "sound": simulated("demo"),
    }
    said = desk.give("run", matrix(desk.folder / "key.toml", models), *options)
    assert (said.code, said.out, len(said.err.splitlines())) == (2, "", 1), said.err
    assert "OPENAI_API_KEY" in said.err
    assert "models.paid" in said.err
    assert desk.runs() == []


def test_all_problems_at_once(desk: Desk) -> None:
    """One line each for everything that is wrong with a matrix, before anything starts."""
    options = local(desk)
    models = {
        "paid": {"provider": "openai", "model": "gpt", "temprature": 1},
        "mute": {"provider": "simulator", "turns": "demo", "first_token_ms": 5},
    }
    text = matrix(
        desk.folder / "bad.toml",
        models,
        ["calc/*", "calc/tripel"],
        limits={"wall_s": -1},
    )
    said = desk.give("run", text, *options)
    assert said.code == 2
    expected = ["temprature", "OPENAI_API_KEY", "calc/tripel", "limits.wall_s", "mute.tokens_per_s"]
    lines = said.err.splitlines()
    assert all(any(word in line for line in lines) for word in expected), said.err
    assert all(re.match(r"splitclock: \S", line) for line in lines)
    assert "Traceback" not in said.err
    assert desk.runs() == []


def test_feature_without_manifest_is_refused(desk: Desk) -> None:
    """A trial that could not be graded is not begun: exit code 2, and the line says what to do."""
    options = local(desk, FeatureFiles(manifest=None, turns={"demo": (FINISH,)}))
    said = desk.give("run", matrix(desk.folder / "bare.toml", {"m": simulated("demo")}), *options)
    assert (said.code, len(said.err.splitlines()[-1:])) == (2, 1)
    assert "calc/double" in said.complaints[0]
    assert "splitclock validate calc/double" in said.complaints[0]
    assert desk.runs() == []


def test_set_up_that_fails_stops_the_run(desk: Desk) -> None:
    """An environment that cannot be built is everybody's: exit code 4 and the failing line, no trial begun."""
    broken = TargetFiles(setup=("mkdir -p $SPLITCLOCK_PREFIX", "echo no such package; exit 3"), application=APPLICATION)
    broken.write(desk.folder / "targets", SOLVED)
    file = matrix(desk.folder / "setup.toml", {"m": simulated("demo")})
    said = desk.give("run", file, "--fixtures", desk.folder / "targets", "--sandbox", "local")
    assert said.code == 4
    assert "no such package" in said.err
    assert "Traceback" not in said.err


def test_out_that_is_a_file(desk: Desk) -> None:
    """A run folder cannot be made where a file is, nor below one: one line, and the file stays."""
    options = local(desk)
    file = matrix(desk.folder / "out.toml", {"m": simulated("demo")})
    for out, code in (("out.toml", 2), ("out.toml/run", 4)):
        said = desk.give("run", file, *options, "--out", out)
        assert said.code == code
        assert len(said.complaints) == 1
        assert said.complaints[0].startswith(f"splitclock: {out}: ")
        assert "Traceback" not in said.err
    assert file.is_file()


def test_evidence_that_cannot_be_kept_ends_the_run(desk: Desk) -> None:
    """Where a trial's folder cannot be written, no further trial is begun: one line, exit code 4."""
    options = local(desk, FeatureFiles(turns={"demo": (say("", shell("sleep 3")), FINISH)}))
    file = matrix(desk.folder / "kept.toml", {"a": simulated("demo"), "b": simulated("demo")}, trials=1)
    out = desk.folder / "out"
    started = desk.start("run", file, *options, "--out", "out")
    until(lambda: bool(journalled(out, Kind.TOOL_START)), started, "the first tool call")
    (out / "trials" / journalled(out, Kind.TOOL_START)[0].trial / "transcript.jsonl").mkdir()
    said = started.wait()
    assert said.code == 4
    assert len(said.complaints) == 1
    assert "cannot be written" in said.complaints[0]
    assert len(journalled(out, Kind.TRIAL_STARTED)) == 1


def test_reader_that_leaves_is_no_failure(desk: Desk) -> None:
    """With standard output closed at the other end (`| head`), a table ends without a word."""
    argv = [*desk.argv, "plan", str(matrix(desk.folder / "pipe.toml", {"m": simulated("demo")})), *local(desk)]
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            argv, cwd=desk.folder, env=desk.environment(), stdout=writer, stderr=subprocess.PIPE, check=False
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("command", ["status", "board"])
def test_folder_that_is_no_run(desk: Desk, command: str) -> None:
    """A wrong folder is named in one line, exit code 2."""
    (desk.folder / "empty").mkdir()
    said = desk.give(command, Path("empty"))
    assert (said.code, said.out, len(said.err.splitlines())) == (2, "", 1)
    assert "empty" in said.err


def test_broken_servers_are_the_providers_fault(at_work: AtWork) -> None:
    """Down, talking rubbish, refusing the key: `error:provider` with a reason each; the sound model's trial goes on."""
    desk, said = at_work.desk, at_work.started.wait()
    assert said.code == 5, said.err
    found = by_model(desk.runs()[0])
    assert found.pop("sound").verdict == "pass"
    assert {record.verdict.value for record in found.values()} == {"error:provider"}
    assert {record.stop for record in found.values()} == {"error:provider"}
    assert all(record.error and "\n" not in record.error for record in found.values())
    assert all(sum(record.phases.values()) == record.wall_ns for record in found.values())
    assert found["down"].phases["wait"] > found["down"].phases["model"]
    assert "no such key" in found["closed"].error
    assert "3 of 4 trials ended in error:provider" in said.err
    assert "\x1b" not in said.out + said.err
    board = desk.must("board", desk.runs()[0], "--json").json()
    rows = {row["model"]: row for row in board["models"]}
    assert {name: (row["errors"], row["scored"]) for name, row in rows.items() if name != "sound"} == dict.fromkeys(
        found, (1, 0)
    )
    assert rows["down"]["pass_rate"] is None
    assert rows["sound"]["pass_rate"] == 1
