"""What a wire brings is written down as it comes: nothing that was paid for is lost, and no key is kept."""

import json
import resource
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from itertools import count, pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.clock import SystemClock
from harness.errors import InfraError
from harness.files import DiskFullError
from harness.lock import boot_id
from harness.models.chat import ChatDialect
from harness.models.contract import CallFailedError, Message, Model, Reply, Role, ToolSpec
from harness.models.dialect import Dialect
from harness.models.factory import APIS, open_model
from harness.models.replay import ReplayModel
from harness.models.responses import MessageDialect, ResponsesDialect
from harness.models.settings import ModelSettings, RetryPolicy, Timeouts
from harness.models.wire_file import FileWireLog
from harness.models.wire_lines import READERS
from harness.models.wire_log import NoWireLog, recording, wire_log
from harness.models.wire_model import WireModel
from harness.models.wire_past import LastRequest, State, promoted, read_wire
from harness.redact import REDACTED, Redactor
from harness.simulator.config import Pace
from harness.simulator.process import Simulator
from harness.turns import ScriptedCall, ScriptedFault, Turn
from tests.harness.models.answers import send_json, stream

KEY = "sk-canary-0123456789"
SHA = "5" * 64
TOOLS = (ToolSpec(name="shell", description="Run it.", parameters={"type": "object"}),)
ASK = (
    Message(role=Role.SYSTEM, content="You work."),
    Message(role=Role.USER, content="Build it."),
)
CALL = ScriptedCall(name="shell", arguments={"command": "ls 漢字 🙂"})
FULL = Turn(reasoning="First this, then that.", content="I look around: naïve 🙂 text.", tool_calls=(CALL, CALL))
FAULTS = (
    ScriptedFault(kind="status", status=429, headers={"retry-after": "0.01"}),
    ScriptedFault(kind="cut", after_tokens=3),
)
SCRIPTS = {
    "full": [FULL],
    "repeated ids": [FULL.model_copy(update={"ids": "repeated"})],
    "no ids": [FULL.model_copy(update={"ids": "missing"})],
    "no usage": [FULL.model_copy(update={"usage": "missing"})],
    "cut": [FULL.model_copy(update={"ending": "length"})],
    "refused": [Turn(content="I will not.", ending="refusal")],
    "another model": [Turn(content="one two", served_model="another", service_tier="flex")],
    "shaky": [FULL.model_copy(update={"faults": FAULTS})],
}
TRIALS = count()
BEFORE = Turn(tool_calls=(CALL,), ids="repeated")
"""A first turn whose call has the id that repeated ones have in the second."""

OpenScript = Callable[..., Model]


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """Fine and coarse pieces, and the server's own timings."""
    models = {"fine": Pace(), "coarse": Pace(tokens_per_chunk=7, timings=True), "whole": Pace(tokens_per_chunk=10_000)}
    with Simulator(models, {name: [BEFORE, *turns] for name, turns in SCRIPTS.items()}) as running:
        yield running


@pytest.fixture
def open_script(simulator: Simulator) -> Iterator[OpenScript]:
    """Open a model on a script over an API, as a trial of its own."""
    with ExitStack() as stack:

        def start(api: str, pace: str, script: str) -> Model:
            headers = {"x-splitclock-script": script, "x-splitclock-trial": f"{script} {next(TRIALS)}"}
            settings = ModelSettings(
                model=pace,
                base_url=simulator.base_url,
                api=api,
                headers=headers,
                retry=RetryPolicy(attempts=4, base_s=0.01, cap_s=0.01),
            )
            model = open_model(settings, None, SystemClock())
            stack.callback(model.close)
            return model

        yield start


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the log lies; its folder is not there yet."""
    return tmp_path / "trials" / "t" / "wire.jsonl"


@contextmanager
def log_at(path: Path, redactor: Redactor | None = None) -> Iterator[FileWireLog]:
    """A log of this thread's calls, the third turn begun."""
    log = FileWireLog(path, redactor or Redactor([KEY]))
    with recording(log):
        log.begin(3, SHA)
        yield log


def second_turn(model: Model) -> Reply:
    """What the model says after its first call, which nobody recorded."""
    log = wire_log()
    with recording(NoWireLog()):
        first = model.reply(ASK, TOOLS).message
    answers = (Message(role=Role.TOOL, content="ok", tool_call_id=call.id) for call in first.tool_calls)
    assert wire_log() is log
    return model.reply((*ASK, first, *answers), TOOLS)


def last_of(path: Path) -> LastRequest:
    """What the file tells, which is there."""
    last = read_wire(path, 3)
    assert last is not None
    return last


def promoted_beside(last: LastRequest, reply: Reply) -> Reply:
    """The promoted reply on the timeline of the one that the call returned."""
    found = promoted(last, reply.times.send - last.answer.sent)
    assert found is not None
    return found


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("pace", ["fine", "coarse", "whole"])
@pytest.mark.parametrize("api", APIS)
def test_a_recorded_answer_is_the_same_reply(
    open_script: OpenScript, path: Path, api: str, pace: str, script: str
) -> None:
    """To the last field and nanosecond: ids of calls, items, usage, failed attempts, pauses, the server's words."""
    with log_at(path):
        reply = second_turn(open_script(api, pace, script))
        last = last_of(path)
    assert (last.state, last.request, last.attempt) == (State.COMPLETE, SHA, len(reply.attempts))
    assert (last.deltas, last.received_bytes) == (reply.times.deltas, reply.times.received_bytes)
    assert promoted_beside(last, reply) == reply
    assert not last.in_doubt
    if script == "shaky":
        assert [attempt.fault for attempt in last.failed] == ["rate_limit", "connection"]
        assert len(last.pauses) == 2


@pytest.mark.parametrize("api", APIS)
def test_whatever_a_kill_leaves_is_whole_or_in_doubt(open_script: OpenScript, path: Path, api: str) -> None:
    """Cut between all lines and amid each: the answer is promoted as it was, or not at all."""
    with log_at(path):
        reply = second_turn(open_script(api, "coarse", "full"))
        data = path.read_bytes()
    lines = [0, *(place for place, byte in enumerate(data, 1) if byte == ord("\n"))]
    places = {*lines, *((start + end) // 2 for start, end in pairwise(lines)), *(end - 1 for end in lines[1:])}
    states = []
    for length in sorted(places):
        path.write_bytes(data[:length])
        last = last_of(path)
        states.append(last.state)
        found = promoted(last)
        assert (found is None) == (last.state is not State.COMPLETE)
        assert last.in_doubt == (last.state is State.PARTIAL)
        if found is not None:
            assert (found.message, found.finish_reason) == (reply.message, reply.finish_reason)
            assert found.usage in {reply.usage, replace(reply.usage, **dict.fromkeys(reply.usage.__slots__))}
    assert states == sorted(states, key=[State.NOTHING, State.PARTIAL, State.COMPLETE].index)
    assert set(states) == {State.NOTHING, State.PARTIAL, State.COMPLETE}


def test_what_came_of_half_an_answer_is_counted(open_script: OpenScript, path: Path) -> None:
    """Bytes and deltas, for whoever has to guess what it cost."""
    with log_at(path):
        second_turn(open_script("chat", "fine", "full"))
        lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[: len(lines) // 2]))
    last = last_of(path)
    assert last.state is State.PARTIAL
    assert last.received_bytes == sum(len(json.loads(line).get("data", "")) for line in lines[: len(lines) // 2])
    assert 0 < last.deltas < 40


def test_a_settled_call_leaves_nothing(open_script: OpenScript, path: Path) -> None:
    """The file goes back to its first line, and goes away with the attempt."""
    with log_at(path) as log:
        second_turn(open_script("chat", "fine", "full"))
        log.settle()
        assert [list(json.loads(line)) for line in path.read_bytes().splitlines()] == [["wire", "boot"]]
        assert last_of(path).state is State.NOTHING
    assert not path.exists()


def test_a_model_without_a_wire_leaves_no_file(path: Path) -> None:
    """Nobody is paid, so no call of it can ever be in doubt."""
    with log_at(path):
        ReplayModel([FULL], SystemClock()).reply(ASK, TOOLS)
        assert read_wire(path) is None
    assert not path.parent.exists()


def test_a_call_lets_go_what_an_earlier_life_left(open_script: OpenScript, path: Path) -> None:
    """Once a call begins, what was under way before is settled."""
    with log_at(path):
        second_turn(open_script("chat", "fine", "full"))
    assert last_of(path).state is State.COMPLETE
    with log_at(path):
        assert last_of(path).state is State.NOTHING


def test_another_turns_answer_is_nothing(open_script: OpenScript, path: Path) -> None:
    """A file that a kill left between an answer's row and its own end tells nothing of the next call."""
    with log_at(path):
        second_turn(open_script("chat", "fine", "full"))
        found = read_wire(path, 4)
        assert found is not None
        assert (found.state, found.in_doubt, promoted(found)) == (State.NOTHING, False, None)


def test_failed_calls_are_not_under_way(
    serve: Callable[..., str], open_at: Callable[..., WireModel], path: Path
) -> None:
    """Refused, or cut off at a part that may be billed: both are known."""
    first = b'data: {"choices": [{"delta": {"content": "Hel"}}]}\n\n'
    refused = serve(lambda handler: send_json(handler, 400, {"error": {"message": f"no: {KEY}"}}))
    for url, billable in ((refused, False), (serve(lambda handler: stream(handler, first)), True)):
        with log_at(path):
            with pytest.raises(CallFailedError) as caught:
                open_at(url, key=KEY).reply(ASK, [])
            last = last_of(path)
        assert (last.state, last.in_doubt, promoted(last)) == (State.FAILED, False, None)
        assert [attempt.may_be_billed for attempt in last.failed] == [billable]
        assert [attempt.message for attempt in last.failed] == [str(caught.value)]
        assert KEY not in path.read_text(encoding="utf-8")


def test_a_key_that_two_pieces_share_is_taken_out(
    serve: Callable[..., str], open_at: Callable[..., WireModel], path: Path
) -> None:
    """A server that repeats the key, cut in two on its way: neither the file nor what is read from it has it."""
    said = json.dumps({"choices": [{"delta": {"content": f"<{KEY}>"}, "finish_reason": "stop"}]}).encode()
    start, end = said.split(KEY[9:].encode())

    def answer(handler: BaseHTTPRequestHandler) -> None:
        stream(handler, b"data: " + start, 0.05, KEY[9:].encode() + end + b"\n\n", b"data: [DONE]\n\n")

    with log_at(path):
        reply = open_at(serve(answer), key=KEY).reply(ASK, [])
        written = path.read_text(encoding="utf-8")
        last = last_of(path)
    assert reply.message.content == f"<{KEY}>"
    told = "".join(json.loads(line).get("data", "") for line in written.splitlines())
    assert KEY not in told
    assert promoted_beside(last, reply).message.content == f"<{REDACTED}>"


def test_an_answer_in_one_piece_is_read_again(
    serve: Callable[..., str], open_at: Callable[..., WireModel], path: Path
) -> None:
    """JSON without a stream, and an event stream without its last line's end."""
    whole = {"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]}
    usage = {"usage": {"prompt_tokens": 2, "completion_tokens": 1}}
    for answer in (
        lambda handler: send_json(handler, 200, whole | usage, content_type="application/json", x_request_id="r-1"),
        lambda handler: stream(
            handler, f"data: {json.dumps(whole)}\n\n".encode(), f"data: {json.dumps({'choices': []} | usage)}".encode()
        ),
    ):
        with log_at(path):
            reply = open_at(serve(answer)).reply(ASK, [])
            assert promoted_beside(last_of(path), reply) == reply
        assert reply.usage.output_tokens == 1
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(line for line in lines if b'{"closed"' not in line and b'{"end"' not in line))
        found = promoted(last_of(path))
        assert found is not None
        assert found.message == reply.message


def test_an_answer_that_its_server_never_ends_took_as_long(
    serve: Callable[..., str], open_at: Callable[..., WireModel], path: Path
) -> None:
    """The wait for usage that never comes is in the record of the wire too."""
    said = json.dumps({"choices": [{"delta": {"content": "hi"}, "finish_reason": "stop"}]})
    url = serve(lambda handler: stream(handler, f"data: {said}\n\n".encode(), 1.0))
    with log_at(path):
        reply = open_at(url, timeouts=Timeouts(tail_s=0.1)).reply(ASK, [])
        assert promoted_beside(last_of(path), reply) == reply


def test_after_a_start_of_the_machine_nobody_knows(open_script: OpenScript, path: Path) -> None:
    """Lines may be lost with it: what is not complete is in doubt, but for a file that was closed."""
    with log_at(path):
        second_turn(open_script("chat", "fine", "full"))
        data = path.read_bytes().replace(boot_id().encode(), b"another-start")
    lines = data.splitlines(keepends=True)
    path.write_bytes(data)
    assert (last_of(path).rebooted, last_of(path).in_doubt, last_of(path).state) == (True, False, State.COMPLETE)
    path.write_bytes(lines[0])
    assert (last_of(path).in_doubt, last_of(path).state) == (True, State.NOTHING)
    path.write_bytes(lines[0] + b'{"left":true}\n')
    assert (last_of(path).in_doubt, last_of(path).rebooted) == (False, False)
    path.write_bytes(b"")
    assert not last_of(path).in_doubt


@pytest.mark.parametrize("api", APIS)
def test_readers_are_those_of_the_dialects(api: str) -> None:
    """What reads a recorded answer is what reads a live one."""
    settings = ModelSettings(model="m", base_url="http://localhost")
    dialects: dict[str, Dialect] = {
        "chat": ChatDialect(settings),
        "responses": ResponsesDialect(settings),
        "responses-websocket": MessageDialect(settings),
    }
    assembly, parser = READERS[api]
    assert (type(dialects[api].assembly()), type(dialects[api].parser())) == (assembly, parser)


def test_an_answer_that_cannot_be_written_down_is_not_given(open_script: OpenScript, path: Path) -> None:
    """The disk gives out amid an answer: the call ends with that, and nothing acts on what was not kept."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    model = open_script("chat", "fine", "full")
    with log_at(path):
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
            with pytest.raises(InfraError, match=r"wire\.jsonl: cannot be written"):
                model.reply(ASK, TOOLS)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        with pytest.raises(InfraError, match="cannot be written"):
            model.reply(ASK, TOOLS)
        assert last_of(path).in_doubt
        assert path.stat().st_size == 2000


def test_no_request_goes_out_to_a_full_disk(open_script: OpenScript, tmp_path: Path) -> None:
    """What cannot be announced is not sent."""
    (tmp_path / "wire.jsonl").symlink_to("/dev/full")
    log = FileWireLog(tmp_path / "wire.jsonl", Redactor())
    model = open_script("chat", "fine", "full")
    with recording(log), pytest.raises(DiskFullError, match=r"wire\.jsonl: no space left on the disk"):
        log.begin(1, SHA)
        model.reply(ASK, TOOLS)


def test_other_threads_and_later_calls_are_not_recorded(path: Path) -> None:
    """Outside of the body nobody is told."""
    with log_at(path) as log:
        assert wire_log() is log
    assert wire_log() is not log


SENDING = {"sending": 3, "attempt": 1, "request": SHA, "since": 0, "asked": {"api": "chat", "transport": "http"}}
CAME = (
    {"sent": 1},
    {"head": 200, "fields": {"content-type": "text/event-stream"}, "at": 5},
    {"at": 6, "data": 'data: {"choices": [{"delta": {"content": "x"}, "finish_reason": "stop"}]}\n\n'},
    {"closed": 7},
    {"end": 7},
)
FAILED = (
    {"failed": "truncated", "billable": True, "attempt": {"times": {"send": 1, "end": 2}, "fault": "truncated"}},
    {"pause": "backoff", "t0": 1, "t1": 2},
)
LINES = ({"wire": 1, "boot": "b"}, SENDING, *FAILED, SENDING | {"attempt": 2}, *CAME, {"left": True})
JUNK: st.SearchStrategy[object] = st.sampled_from(
    [None, True, 0, -1, 10**30, 1.5, float("nan"), "", "x", "€", [[]], {}]
)


@st.composite
def logs(draw: st.DrawFn) -> list[bytes]:
    """The lines of a log, some left out, some with other values, some that are none."""
    lines = []
    for told in LINES:
        line: dict[str, object] = dict(told)
        fate = draw(st.integers(0, 9))
        if fate < 2:
            line[draw(st.sampled_from(sorted(line)))] = draw(JUNK)
        if fate < 9:
            lines.append(json.dumps(line).encode() if fate else draw(st.binary(max_size=20)))
    return lines


@settings(deadline=None)  # files are written
@given(lines=logs())
def test_a_file_that_makes_no_sense_is_harmless(tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]) -> None:
    """Values of other kinds, figures without end, bytes that are no text: never an exception, never half an answer."""
    path = tmp_path_factory.getbasetemp() / "wire.jsonl"
    path.write_bytes(b"\n".join(lines) + b"\n")
    last = read_wire(path)
    assert last is not None
    found = promoted(last)
    assert (found is not None) == (last.state is State.COMPLETE)
    assert found is None or found.message.content.strip("x") == ""


def test_nesting_without_end_is_harmless(path: Path) -> None:
    """What no parser survives is no line."""
    path.parent.mkdir(parents=True)
    path.write_bytes(b"".join(json.dumps(line).encode() + b"\n" for line in (SENDING, *CAME)) + b"[" * 10**6 + b"\n")
    assert last_of(path).state is State.PARTIAL
