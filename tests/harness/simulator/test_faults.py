"""Every fault of a provider, over every wire, as OpenAI's own client meets it."""

import http.client
import itertools
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from harness.simulator.config import Pace
from harness.simulator.log import SentRow, read_attempts, read_log
from harness.simulator.process import Simulator
from harness.turns import ScriptedFault, Turn
from tests.harness.simulator.wires import WIRES, ask, client_of

pytestmark = pytest.mark.slow

TEXT = "one two three four five"
FAULTS = {
    "status": ScriptedFault(kind="status", status=429, headers={"retry-after": "7"}, code="rate_limit_exceeded"),
    "handshake": ScriptedFault(kind="handshake", status=503, headers={"retry-after": "2"}),
    "cut": ScriptedFault(kind="cut", after_tokens=2),
    "end": ScriptedFault(kind="end", after_tokens=2),
    "end_at_last": ScriptedFault(kind="end", after_tokens=1000),
    "error": ScriptedFault(kind="error_in_answer", after_tokens=2, code="server_error"),
    "failed": ScriptedFault(kind="failed", after_tokens=2, code="server_error"),
    "stall": ScriptedFault(kind="stall", after_tokens=2, seconds=0.3),
    "keep_alive": ScriptedFault(kind="keep_alive", seconds=0.5),
    "html": ScriptedFault(kind="html"),
    "empty": ScriptedFault(kind="empty"),
    "no_choices": ScriptedFault(kind="no_choices"),
    "overflow": ScriptedFault(kind="status", status=400, code="context_length_exceeded"),
}


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The log of this module's simulator."""
    return tmp_path_factory.mktemp("log") / "sent.jsonl"


@pytest.fixture(scope="module")
def simulator(log: Path) -> Iterator[Simulator]:
    """A script for each fault, whose first turn meets it once; and one that meets three in a row."""
    scripts = {name: [Turn(content=TEXT, faults=(fault,)), Turn(content="b")] for name, fault in FAULTS.items()}
    scripts["many"] = [Turn(content=TEXT, faults=(FAULTS["cut"], FAULTS["handshake"], FAULTS["status"]))]
    with Simulator({"m": Pace()}, scripts, log) as running:
        yield running


def attempts(log: Path, trial: str, count: int) -> list[SentRow]:
    """The lines of a trial's attempts at a turn, once there are this many: each is written after the client has all."""
    rows: list[SentRow] = []
    while len(rows) < count:
        rows = [row for row in read_attempts(log) if row.trial == trial]
        time.sleep(0.01)
    return sorted(rows, key=lambda row: row.attempt)


@pytest.mark.parametrize(
    ("fault", "wire", "failure", "text"),
    [
        ("status", "chat", "RateLimitError", ""),
        ("status", "responses", "RateLimitError", ""),
        ("status", "responses-websocket", "", ""),
        ("overflow", "chat", "BadRequestError", ""),
        ("overflow", "responses", "BadRequestError", ""),
        ("overflow", "responses-websocket", "", ""),
        ("handshake", "chat", "InternalServerError", ""),
        ("handshake", "responses", "InternalServerError", ""),
        ("handshake", "responses-websocket", "InvalidStatus", ""),
        ("cut", "chat", "APIConnectionError", TEXT[:8]),
        ("cut", "responses", "APIConnectionError", TEXT[:8]),
        ("cut", "responses-websocket", "ConnectionClosedError", TEXT[:8]),
        ("end", "chat", "", TEXT[:8]),
        ("end", "responses", "", TEXT[:8]),
        ("end", "responses-websocket", "ConnectionClosedOK", TEXT[:8]),
        ("end_at_last", "chat", "", TEXT),
        ("end_at_last", "responses", "", TEXT),
        ("end_at_last", "responses-websocket", "ConnectionClosedOK", TEXT),
        ("error", "chat", "APIError", TEXT[:8]),
        ("error", "responses", "", TEXT[:8]),
        ("error", "responses-websocket", "", TEXT[:8]),
        ("failed", "chat", "APIError", TEXT[:8]),
        ("failed", "responses", "", TEXT[:8]),
        ("failed", "responses-websocket", "", TEXT[:8]),
        ("html", "chat", "", ""),
        ("html", "responses", "", ""),
        ("html", "responses-websocket", "JSONDecodeError", ""),
        ("empty", "chat", "", ""),
        ("empty", "responses", "", ""),
        ("empty", "responses-websocket", "JSONDecodeError", ""),
        ("no_choices", "chat", "", ""),
    ],
)
def test_fault_then_answer(simulator: Simulator, log: Path, fault: str, wire: str, failure: str, text: str) -> None:  # noqa: PLR0913, PLR0917 - a table
    """The first request of a trial meets the fault and never completes, the second is answered; so for every trial."""
    for trial in (f"{fault}-{wire}-a", f"{fault}-{wire}-b"):
        with client_of(simulator, fault, trial) as client:
            first, second = ask(wire, client), ask(wire, client)
        assert (first.failure, first.text, first.complete) == (failure, text, False)
        assert (second.failure, second.text, second.complete) == ("", TEXT, True)
        failed, answered = attempts(log, trial, 2)
        assert (failed.api, failed.fault, failed.attempt, failed.complete) == (wire, FAULTS[fault].kind, 1, False)
        assert (answered.fault, answered.attempt, answered.complete, answered.status) == ("", 2, True, 200)
        assert answered.id in {row.id for row in read_log(log)}
        assert failed.id not in {row.id for row in read_log(log)}
        expected = FAULTS[fault].status if FAULTS[fault].kind in {"status", "handshake"} else 200
        assert failed.status == expected
        assert (failed.first_token_ns is None) == (not text)


@pytest.mark.parametrize("wire", WIRES)
def test_status_comes_with_headers_and_code(simulator: Simulator, wire: str) -> None:
    """Status and retry-after reach the client, in the headers or in the error event's place for them."""
    with client_of(simulator, "status", f"headers-{wire}") as client:
        seen = ask(wire, client)
    assert (seen.status, seen.retry_after) == (429, "7")


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(("fault", "least_ns"), [("stall", 300_000_000), ("keep_alive", 500_000_000)])
def test_silence_ends_and_the_answer_goes_on(
    simulator: Simulator, log: Path, wire: str, fault: str, least_ns: int
) -> None:
    """A pause no client minds: one request, answered, with a silence of tokens in it."""
    with client_of(simulator, fault, f"pause-{fault}-{wire}") as client:
        seen = ask(wire, client)
    assert (seen.failure, seen.text, seen.complete) == ("", TEXT, True)
    (row,) = attempts(log, f"pause-{fault}-{wire}", 1)
    assert (row.fault, row.complete) == (FAULTS[fault].kind, True)
    moments = [row.received_ns, *(at for at, _, tokens in row.chunks if tokens)]
    assert max(after - before for before, after in itertools.pairwise(moments)) >= least_ns
    assert row.id in {each.id for each in read_log(log)}


@pytest.mark.parametrize("wire", ["responses", "responses-websocket"])
def test_failed_and_empty_responses_are_well_formed(simulator: Simulator, wire: str) -> None:
    """A response that failed says why; one without output is completed and holds nothing."""
    with client_of(simulator, "failed", f"form-{wire}") as client:
        failed = ask(wire, client)
    assert failed.last.type == "response.failed"
    assert (failed.last.response.status, failed.last.response.error.code) == ("failed", "server_error")
    with client_of(simulator, "no_choices", f"form-{wire}") as client:
        nothing = ask(wire, client)
    assert (nothing.last.type, nothing.last.response.output) == ("response.completed", [])
    with client_of(simulator, "error", f"form-{wire}") as client:
        error = ask(wire, client)
    assert error.last.type == "error"
    numbers = error.last.sequence_number
    assert numbers == len(error.kinds) - 1


def test_several_faults_come_one_by_one(simulator: Simulator, log: Path) -> None:
    """Each request meets the next fault: a WebSocket is cut, its successor refused, the next answered with an error."""
    with client_of(simulator, "many", "t") as client:
        seen = [ask("responses-websocket", client) for _ in range(4)]
    assert [each.failure for each in seen] == ["ConnectionClosedError", "InvalidStatus", "", ""]
    assert [each.status for each in seen] == [0, 503, 429, 0]
    assert seen[1].retry_after == "2"
    assert [each.complete for each in seen] == [False, False, False, True]
    rows = attempts(log, "t", 4)
    assert [(row.attempt, row.fault) for row in rows] == [(1, "cut"), (2, "handshake"), (3, "status"), (4, "")]


def test_parallel_trials_each_meet_the_fault(simulator: Simulator) -> None:
    """Twelve trials at once, four on each wire: whatever the order, each is refused once and answered then."""

    def trial(number: int) -> list[tuple[int, str]]:
        wire = WIRES[number % len(WIRES)]
        with client_of(simulator, "status", f"parallel-{number}") as client:
            return [(seen.status, seen.text) for seen in (ask(wire, client), ask(wire, client))]

    with ThreadPoolExecutor(12) as pool:
        assert list(pool.map(trial, range(12))) == [[(429, ""), (0, TEXT)]] * 12


def test_other_turns_meet_no_fault(simulator: Simulator) -> None:
    """A fault is one turn's own."""
    with client_of(simulator, "status", "other") as client:
        assert ask("chat", client, answers=1).text == "b"


def raw(simulator: Simulator, path: str, script: str, *, stream: bool = False) -> tuple[str, bytes]:
    """Content type and body of a new trial's first request, as far as it came."""
    connection = http.client.HTTPConnection(urlsplit(simulator.base_url).netloc, timeout=30)
    asked = {"messages": [{"role": "user", "content": "hi"}]} if "chat" in path else {"input": "hi"}
    body = json.dumps({"model": "m", "stream": stream, **asked}).encode()
    headers = {"x-splitclock-script": script, "x-splitclock-trial": f"raw-{path}-{stream}"}
    try:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        return answer.getheader("content-type", ""), answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses"])
def test_faults_of_whole_answers(simulator: Simulator, path: str) -> None:
    """Without a stream: a page, nothing, half a body, a reset, an error in place of it, white space before it."""
    kind, page = raw(simulator, path, "html")
    assert kind.startswith("text/html")
    assert b"<html>" in page
    assert raw(simulator, path, "empty") == ("application/json", b"")
    with pytest.raises(ValueError, match=r"Expecting|Unterminated|delimiter"):
        json.loads(raw(simulator, path, "end")[1])
    with pytest.raises(OSError, match="reset"):
        raw(simulator, path, "cut")
    assert json.loads(raw(simulator, path, "error")[1])["error"]["code"] == "server_error"
    _, late = raw(simulator, path, "keep_alive")
    assert late.startswith(b"\n\n")
    assert json.loads(late)["model"] == "m"
    nothing = json.loads(raw(simulator, path, "no_choices")[1])
    assert nothing["choices" if "chat" in path else "output"] is None


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses"])
def test_signs_of_life_are_comments(simulator: Simulator, path: str) -> None:
    """What keeps a stream alive is no event."""
    _, body = raw(simulator, path, "keep_alive", stream=True)
    assert body.count(b": keep-alive\n\n") >= 2


def leave(simulator: Simulator, path: str, trial: str) -> None:
    """Begin to read an answer and go away; without a path, over a WebSocket."""
    if not path:
        with client_of(simulator, "s", trial) as client, client.responses.connect() as socket:
            socket.response.create(model="m", input="hi")
            socket.recv()
        return
    connection = http.client.HTTPConnection(urlsplit(simulator.base_url).netloc, timeout=30)
    asked = {"messages": [{"role": "user", "content": "hi"}]} if "chat" in path else {"input": "hi"}
    body = json.dumps({"model": "m", "stream": True, **asked}).encode()
    connection.request("POST", path, body, {"x-splitclock-script": "s", "x-splitclock-trial": trial})
    connection.getresponse().read(1)
    connection.close()


def test_client_that_leaves_a_stalled_answer_is_noticed(tmp_path: Path) -> None:
    """A stall of an hour is over when the client gives up: its line is in the log, the server is well."""
    script = (Turn(content=TEXT, faults=(ScriptedFault(kind="stall", seconds=3600), ScriptedFault(kind="keep_alive"))),)
    log = tmp_path / "sent.jsonl"
    with Simulator({"m": Pace()}, {"s": script}, log) as simulator:
        for wire, path in zip(WIRES, ("/v1/chat/completions", "/v1/responses", ""), strict=True):
            for _ in range(2):
                leave(simulator, path, wire)
            stalled, living = attempts(log, wire, 2)
            assert [(stalled.fault, stalled.complete), (living.fault, living.complete)] == [
                ("stall", False),
                ("keep_alive", False),
            ]
