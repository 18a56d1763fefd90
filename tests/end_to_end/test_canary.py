"""A key that a provider echoes, and that a model was given, is nowhere: not in the run folder, nor on the terminal.

The canary is of characters that every encoding changes.
"""

import json
import shlex
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest

from harness.journal import Kind, read_records
from harness.simulator.config import Pace
from harness.simulator.log import read_attempts
from harness.turns import ScriptedCall, ScriptedFault, Turn
from tests.end_to_end.desk import Desk, Said, Started, journalled, until
from tests.end_to_end.leaks import forms, leaks, leaks_in_folder
from tests.end_to_end.outside import Outside, outside
from tests.end_to_end.targets import FINISH, SOLVE, FeatureFiles, TargetFiles, in_docker, matrix, shell

pytestmark = pytest.mark.slow

KEY = 'sk-cAn/aRy+0f=This"Te\\st&%7E-~9Qz'
PATIENCE_S = 60


def _fault(kind: str, **more: Any) -> ScriptedFault:
    return ScriptedFault.model_validate({"kind": kind, "echo": True, **more})


def _after(*faults: ScriptedFault) -> tuple[Turn, ...]:
    """An answer after these failures."""
    return (Turn(content="All the same.", tool_calls=SOLVE.tool_calls, faults=faults), FINISH)


QUOTED = shlex.quote(KEY)
SPREAD = (
    f"printf %s {QUOTED} > key.txt; printf %s {QUOTED} | base64 -w0 > key.b64; printf %s {QUOTED} | od -An -tx1 > hex;"
    f"printf 'Basic %s' \"$(printf 'user:%s' {QUOTED} | base64 -w0)\"; cat key.txt key.b64; echo {QUOTED} >&2; exit 3"
)
TOLD = Turn(
    reasoning=f"The key is {KEY}.",
    content=f"I was given {KEY}, so I say {KEY} again.",
    tool_calls=(
        shell(SPREAD),
        ScriptedCall(name="edit", arguments={"path": f"no-{KEY.replace('/', '')}", "old": KEY, "new": KEY}),
        ScriptedCall(name=KEY, arguments=f'{{"broken {KEY}'),
    ),
)
SCRIPTS: Mapping[str, tuple[Turn, ...]] = {
    "told": (TOLD, *_after()),
    "long": (TOLD, Turn(tool_calls=(shell("sleep 15"),)), FINISH),
    "busy": _after(_fault("status", status=429), _fault("status", status=503), _fault("error_in_answer")),
    "failed": _after(_fault("failed", after_tokens=2), _fault("status", status=500)),
    "refused": (Turn(content="never", faults=(_fault("status", status=401, code="invalid_api_key"),) * 9),),
    "wrong": (Turn(content="never", faults=(_fault("status", status=400),) * 9),),
    "handshake": _after(_fault("handshake", status=503), _fault("error_in_answer")),
}
MODELS = {
    "told": ("chat", "told"),
    "told-responses": ("responses", "told"),
    "told-socket": ("responses-websocket", "told"),
    "busy": ("chat", "busy"),
    "busy-socket": ("responses-websocket", "handshake"),
    "failed": ("responses", "failed"),
    "wrong": ("chat", "wrong"),
    "refused": ("chat", "refused"),
}
VARIABLES = {"CANARY_KEY": KEY, "OTHER_CANARY": KEY, "OPENAI_LOG": "debug"}
"""The provider that refuses has a variable of its own, so that it is lost for its own model only."""


@pytest.fixture
def canary_desk(desk: Desk) -> Desk:
    """A desk at which the keys are set, and the SDK is asked to log all it does."""
    return Desk(folder=desk.folder, cache=desk.cache, variables=VARIABLES)


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Outside]:
    """A provider that echoes; its own files are not those of a run."""
    (tmp_path / "provider").mkdir()
    scripts = {f"calc/double:{name}": turns for name, turns in SCRIPTS.items()}
    with outside(tmp_path / "provider", dict.fromkeys([*MODELS, "long"], Pace(tokens_per_chunk=40)), scripts) as one:
        yield one


def _table(provider: Outside, name: str, api: str, turns: str) -> Mapping[str, object]:
    return provider.table(turns, api, key_env="OTHER_CANARY" if name == "refused" else "CANARY_KEY")


def _tables(provider: Outside) -> dict[str, Mapping[str, object]]:
    return {name: _table(provider, name, api, turns) for name, (api, turns) in MODELS.items()}


ALL_IN_ONE = """
import json, sys
from harness.cli import main
for arguments in json.loads(sys.argv[1]):
    try:
        main(arguments)
    except SystemExit as end:
        if end.code:
            print(arguments, end.code)
            raise
"""
"""Gives many commands in one process, which starts once."""


def said_of(desk: Desk, run: Path) -> Said:
    """Everything that can be asked about a run, for people and for machines."""
    commands = [["status", run], ["board", run], ["board", run, "--inside", "--features", "--by-class", "--by-tool"]]
    for record in read_records(run):
        commands += [["show", run, record.trial.id, "--full"], ["timeline", run, record.trial.id, "--all"]]
    given = [[*map(str, command), *more] for command in commands for more in ((), ("--json",))]
    return replace(desk, argv=(sys.executable, "-c", ALL_IN_ONE)).must(json.dumps(given))


def leaks_of(desk: Desk, run: Path, *said: tuple[str, Said]) -> list[str]:
    """Where the key is found: in the folder, or in what these and all other commands say of it."""
    spoken = [*said, ("what is told of a run", said_of(desk, run))]
    found = [line for name, each in spoken for line in leaks(f"{name}: stdout", each.out, KEY)]
    found += [line for name, each in spoken for line in leaks(f"{name}: stderr", each.err, KEY)]
    return leaks_in_folder(run, KEY) + found


def test_the_search_finds_what_it_is_for(tmp_path: Path) -> None:
    """Every form is found in a file, and the provider really sends it."""
    for name, form in forms(KEY).items():
        (tmp_path / name.replace("/", "-")).write_bytes(b"x" + form)
    found = leaks_in_folder(tmp_path, KEY)
    assert {line.partition(": ")[2] for line in found} >= set(forms(KEY))


def test_a_key_is_nowhere(canary_desk: Desk, provider: Outside) -> None:
    """After a run in which it was echoed over every wire and said by models, written to files and to a shell."""
    TargetFiles().write(canary_desk.folder / "targets", FeatureFiles(turns=SCRIPTS))
    file = matrix(canary_desk.folder / "canary.toml", _tables(provider))
    given = ("--fixtures", "targets", "--sandbox", "local")
    said = canary_desk.give("--debug", "run", file, *given, "--out", "run")
    assert said.code == 5, said.err
    played = {(row.model or "handshake", row.fault) for row in read_attempts(provider.log) if row.fault}
    assert played == {
        *(("busy", kind) for kind in ("status", "error_in_answer")),
        ("handshake", "handshake"),
        ("busy-socket", "error_in_answer"),
        *(("failed", kind) for kind in ("failed", "status")),
        ("wrong", "status"),
        ("refused", "status"),
    }
    plan = canary_desk.must("plan", file, *given, "--json")
    run = canary_desk.folder / "run"
    assert leaks_of(canary_desk, run, ("run", said), ("plan", plan)) == []
    assert "[redacted]" in said.err
    assert {record.verdict.value for record in read_records(run)} == {"pass", "error:provider"}


@pytest.mark.nightly
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_a_key_is_nowhere_in_what_is_left_at_once(canary_desk: Desk, provider: Outside, end: signal.Signals) -> None:
    """While the write-ahead log is still there, after a kill, and after Ctrl-C."""
    TargetFiles().write(canary_desk.folder / "targets", FeatureFiles(turns=SCRIPTS))
    apis = ("chat", "responses", "responses-websocket")
    tables = {f"long-{api}": {**_table(provider, "long", api, "long"), "model": "long"} for api in apis}
    file = matrix(canary_desk.folder / "canary.toml", tables)
    run = canary_desk.folder / "run"
    started = canary_desk.start("run", file, "--fixtures", "targets", "--sandbox", "local", "--out", run)
    until(lambda: _asleep(run) == len(tables), started, "the last tool calls")
    assert (run / "journal.sqlite-wal").stat().st_size
    assert leaks_in_folder(run, KEY) == []
    started.send(end)
    said = started.wait()
    assert leaks_of(canary_desk, run, ("run", said)) == []


def _asleep(run: Path) -> int:
    """How many trials have begun the tool call that takes long."""
    return sum("sleep 15" in json.dumps(row.body) for row in journalled(run, Kind.TOOL_START))


@pytest.mark.docker
def test_a_key_is_in_no_container(docker_desk: Desk, provider: Outside) -> None:
    """By all that the engine tells of the containers of agent and suite while they live, and of their images."""
    desk = Desk(folder=docker_desk.folder, cache=docker_desk.cache, variables=VARIABLES)
    slow = {
        "tests/test_double.py": "import time\n\nfrom calc import double\n\n\ndef test_double():\n    time.sleep(2)\n"
    }
    in_docker().write(desk.folder / "targets", FeatureFiles(turns=SCRIPTS, hidden=slow))
    file = matrix(desk.folder / "canary.toml", {"told": _table(provider, "told", "chat", "told")})
    started = desk.start("run", file, "--fixtures", "targets", "--out", "run")
    seen = _inspected(started)
    said = started.wait()
    assert said.code == 0, said.err
    assert {role for role, _ in seen} == {"agent", "grade"}
    assert [line for _, text in seen for line in leaks("inspection", text, KEY)] == []
    assert leaks_of(desk, desk.folder / "run", ("run", said)) == []


def _inspected(started: Started) -> list[tuple[str, str]]:
    """What the engine tells of each container of the command, by role, as long as the command is at work."""
    seen: list[tuple[str, str]] = []
    engine = docker.APIClient()
    try:
        deadline = time.monotonic() + 10 * PATIENCE_S
        while started.process.poll() is None and time.monotonic() < deadline:
            for row in engine.containers(all=True, filters={"label": ["splitclock.owner"]}):
                if (
                    f":{started.process.pid}:" in row["Labels"]["splitclock.owner"]
                    and "splitclock.role" in row["Labels"]
                ):
                    seen += _told(engine, row)
            time.sleep(0.1)
    finally:
        engine.close()
    return seen


def _told(engine: docker.APIClient, row: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Inspection, image and its history; nothing of a container that is gone meanwhile. Containers keep no log."""
    role = row["Labels"]["splitclock.role"]
    api: Any = engine  # whose half that is about images has no types
    try:
        about = [engine.inspect_container(row["Id"])]
        about += [api.inspect_image(row["ImageID"]), api.history(row["ImageID"])]
    except docker.errors.APIError:
        return []
    return [(role, json.dumps(one)) for one in about]
