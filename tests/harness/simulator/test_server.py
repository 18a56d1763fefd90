"""The simulator as a server of its own process, over plain HTTP."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from harness.errors import ConfigError, InfraError
from harness.simulator.config import Pace, read_config
from harness.simulator.log import read_log
from harness.simulator.process import Simulator
from harness.turns import ScriptedCall, Turn, dump_turns

pytestmark = pytest.mark.slow

SCRIPT = (Turn(reasoning="hm", content="hello", tool_calls=(ScriptedCall(name="shell", arguments={"a": 1}),)),)
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The log of this module's simulator."""
    return tmp_path_factory.mktemp("log") / "sent.jsonl"


@pytest.fixture(scope="module")
def simulator(log: Path) -> Iterator[Simulator]:
    """A simulator at full speed; one script is a file."""
    file = log.with_name("turns.jsonl")
    file.write_text(dump_turns(SCRIPT), encoding="utf-8")
    with Simulator({"m": Pace(), "timed": Pace(first_token_ms=150)}, {"s": SCRIPT, "file": file}, log) as running:
        yield running


def post(simulator: Simulator, body: Any, script: str = "s", path: str = "/v1/chat/completions") -> tuple[int, bytes]:
    """Status and body of a POST."""
    connection = http.client.HTTPConnection(urlsplit(simulator.base_url).netloc, timeout=30)
    try:
        text = body if isinstance(body, str) else json.dumps(body)
        connection.request("POST", path, text.encode(), {"x-splitclock-script": script})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def ask(**fields: Any) -> dict[str, Any]:
    """A request of one user message."""
    return {"model": "m", "messages": [{"role": "user", "content": "hi"}], **fields}


@pytest.mark.parametrize("script", ["s", "file"])
def test_whole_answer(simulator: Simulator, script: str) -> None:
    """Without `stream` the answer is one JSON object, from a script given inline or as a file."""
    status, body = post(simulator, ask(), script)
    answer = json.loads(body)
    message = answer["choices"][0]["message"]
    assert (status, message["content"], message["reasoning_content"]) == (200, "hello", "hm")
    assert message["tool_calls"][0]["function"] == {"name": "shell", "arguments": '{"a": 1}'}
    assert answer["usage"]["completion_tokens"] == SCRIPT[0].output_tokens


def test_stream_ends_as_the_protocol_says(simulator: Simulator) -> None:
    """Role first, then reasoning, content and tool calls, the finish reason, usage only where asked, and the end."""
    _, body = post(simulator, ask(stream=True))
    events = [line.removeprefix("data: ") for line in body.decode().split("\n\n") if line]
    assert events[-1] == "[DONE]"
    chunks = [json.loads(event) for event in events[:-1]]
    deltas = [set(chunk["choices"][0]["delta"]) for chunk in chunks]
    assert deltas == [{"role", "content"}, {"reasoning_content"}, *[{"content"}] * 2, *[{"tool_calls"}] * 2, set()]
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"
    _, body = post(simulator, ask(stream=True, stream_options={"include_usage": True}))
    assert b'"usage"' in body


@pytest.mark.parametrize(
    ("body", "script", "status", "told"),
    [
        ("{", "s", 400, "JSON"),
        ({"model": "m"}, "s", 400, "messages"),
        (ask(model="other"), "s", 404, "known: m, timed"),
        (ask(), "none", 400, "known: file, s"),
        (ask(messages=[{"role": "assistant", "content": "a"}]), "s", 400, "ends after 1 turns"),
        (ask(messages=[{"role": "tool", "content": "a", "tool_call_id": "x"}]), "s", 400, "no open tool call"),
        (
            ask(messages=[{"role": "assistant", "tool_calls": [{"id": "x", "function": {"name": "f"}}]}]),
            "s",
            400,
            "without an answer: x",
        ),
    ],
)
def test_bad_requests_are_told(simulator: Simulator, body: Any, script: str, status: int, told: str) -> None:
    """What is wrong with a request is said in one error object, as a strict provider would."""
    got, answer = post(simulator, body, script)
    assert got == status
    assert told in json.loads(answer)["error"]["message"]


def test_other_paths_are_not_found(simulator: Simulator) -> None:
    """There is one thing to post to."""
    assert post(simulator, ask(), path="/v1/completions")[0] == 404


def test_models_are_listed(simulator: Simulator) -> None:
    """`GET /v1/models` names the simulated models."""
    connection = http.client.HTTPConnection(urlsplit(simulator.base_url).netloc, timeout=30)
    connection.request("GET", "/v1/models")
    listed = json.loads(connection.getresponse().read())
    connection.close()
    assert [model["id"] for model in listed["data"]] == ["m", "timed"]


def test_log_tells_what_was_sent(simulator: Simulator, log: Path) -> None:
    """Each answered request has a line: moments in order, bytes as received, no token before its time."""
    before = len(read_log(log))
    _, body = post(simulator, ask(model="timed", stream=True))
    rows = read_log(log)
    while len(rows) == before:  # the line is written after the client has all
        time.sleep(0.01)
        rows = read_log(log)
    row = rows[-1]
    moments = [row.received_ns, row.headers_ns, *(at for at, _, _ in row.chunks), row.finished_ns]
    assert moments == sorted(moments)
    assert row.first_token_ns is not None
    assert row.first_token_ns - row.received_ns >= 150_000_000
    framing = sum(size for _, size, _ in row.chunks) - len(body)
    assert 0 < framing < 12 * len(row.chunks)
    assert sum(tokens for _, _, tokens in row.chunks) == SCRIPT[0].output_tokens
    begun = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    assert {"event": "begun", "id": row.id}.items() <= next(line for line in begun if line["id"] == row.id).items()


def test_client_that_leaves_harms_nobody(simulator: Simulator) -> None:
    """A connection that is dropped in the middle leaves the server serving."""
    connection = http.client.HTTPConnection(urlsplit(simulator.base_url).netloc, timeout=30)
    body = json.dumps(ask(model="timed", stream=True)).encode()
    connection.request("POST", "/v1/chat/completions", body, {"x-splitclock-script": "s"})
    connection.getresponse()
    connection.close()
    assert post(simulator, ask())[0] == 200


@pytest.mark.slow
def test_simulator_ends_with_its_parent(tmp_path: Path) -> None:
    """A parent that is killed leaves no simulator behind."""
    program = (
        "import time\nfrom harness.simulator.process import Simulator\nfrom harness.simulator.config import Pace\n"
        "simulator = Simulator({'m': Pace()}, {})\nprint(simulator._process.pid, flush=True)\ntime.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    for _ in range(1000):
        if not _lives(child):
            return
        time.sleep(0.01)
    raise AssertionError(f"process {child} of {tmp_path} outlived its parent")


def _lives(process: int) -> bool:
    """Whether it runs; one that is dead and only waits to be reaped does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        pass
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return not Path("/proc/self").exists()


def test_failed_start_says_why(tmp_path: Path) -> None:
    """A script that cannot be read ends the start with its own error."""
    with pytest.raises(InfraError, match=r"absent\.jsonl"):
        Simulator({"m": Pace()}, {"s": tmp_path / "absent.jsonl"})


def test_configuration_errors_name_the_field(tmp_path: Path) -> None:
    """All that is wrong with a configuration is told at once."""
    file = tmp_path / "c.json"
    file.write_text('{"models": {"m": {"tokens_per_s": -1, "speed": 3}}, "scripts": {}}', encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_config(file)
    assert len(caught.value.problems) == 2
    assert "models.m.tokens_per_s" in str(caught.value)
