"""Chat completions against real servers that misbehave: each fault has its kind, and none passes for an answer."""

import base64
import contextlib
import json
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler
from itertools import pairwise
from typing import Any

import pytest

from harness.models.contract import CallFailedError, Message, Reply, Role
from harness.models.settings import Quirks, RetryPolicy, Timeouts
from harness.models.wire_model import WireModel
from tests.harness.models.answers import send, send_json, stream, torn

Answer = Callable[[BaseHTTPRequestHandler], None]
Serve = Callable[[Answer], str]
OpenAt = Callable[..., WireModel]

ASK = [Message(role=Role.USER, content="hello")]
SWIFT = RetryPolicy(attempts=3, base_s=0.01, cap_s=0.01)


def event(delta: Mapping[str, Any] | None = None, finish: str | None = None, **rest: Any) -> bytes:
    """One chunk of a stream."""
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return b"data: " + json.dumps({"model": "m-2", "choices": choices, **rest}).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"
GOOD = event({"role": "assistant", "content": ""}) + event({"content": "hi"}) + event({}, "stop") + DONE


def failure(model: WireModel) -> CallFailedError:
    """How a call fails."""
    with pytest.raises(CallFailedError) as caught:
        model.reply(ASK, [])
    return caught.value


def close_after(moment: threading.Event, model: WireModel) -> None:
    """Close the model soon after this moment, when its caller is asleep."""
    moment.wait(20)
    time.sleep(0.1)
    model.close()


def error_body(message: str = "no", code: str | int | None = None) -> dict[str, Any]:
    """An error as OpenAI words it."""
    return {"error": {"message": message, "type": "invalid_request_error", "code": code}}


STATUSES: list[tuple[int, object, str]] = [
    (401, error_body("Incorrect API key provided", "invalid_api_key"), "authentication"),
    (403, error_body("not for you"), "permission"),
    (404, error_body("The model `m` does not exist", "model_not_found"), "no_such_model"),
    (402, error_body("Insufficient credits", 402), "no_quota"),
    (429, error_body("You exceeded your current quota", "insufficient_quota"), "no_quota"),
    (429, [{"error": {"message": "You exceeded your current quota", "status": "RESOURCE_EXHAUSTED"}}], "rate_limit"),
    (429, error_body("Rate limit reached for m", "rate_limit_exceeded"), "rate_limit"),
    (500, error_body("oops"), "server_error"),
    (503, error_body("Loading model", 503), "server_error"),
    (529, error_body("overloaded"), "server_error"),
    (400, error_body("maximum context length is 8192 tokens", "context_length_exceeded"), "context_length"),
    (400, {"error": {"code": 400, "message": "x", "type": "exceed_context_size_error"}}, "context_length"),
    (400, error_body("filtered", "content_filter"), "refused"),
    (400, error_body("temperature must be a number"), "bad_request"),
    (422, {"detail": [{"loc": ["body"], "msg": "field required"}]}, "bad_request"),
]

FATAL = {"authentication", "permission", "no_such_model", "no_quota"}


@pytest.mark.parametrize(("status", "body", "fault"), STATUSES)
def test_error_statuses_have_kinds(serve: Serve, open_at: OpenAt, status: int, body: object, fault: str) -> None:
    """An error status is told apart by its status and by what its body says."""
    caught = failure(open_at(serve(lambda handler: send_json(handler, status, body))))
    assert (caught.fault, caught.fatal) == (fault, fault in FATAL)
    assert len(caught.attempts) == 1
    assert caught.attempts[0].status == status
    assert str(status) in str(caught)


def test_fatal_faults_are_asked_once(serve: Serve, open_at: OpenAt) -> None:
    """No second call is paid for with a wrong key."""
    url = serve(lambda handler: send_json(handler, 401, error_body()))
    assert len(failure(open_at(url, retry=SWIFT)).attempts) == 1


def test_passing_faults_are_tried_again(serve: Serve, open_at: OpenAt) -> None:
    """Every attempt and pause up to the answer is in the reply, in order."""
    answers: list[Answer] = [
        lambda handler: send_json(handler, 429, error_body("slow down"), retry_after="0.02"),
        lambda handler: send_json(handler, 502, error_body("bad gateway")),
        lambda handler: stream(handler, GOOD),
    ]

    def next_answer(handler: BaseHTTPRequestHandler) -> None:
        answers.pop(0)(handler)

    model = open_at(serve(next_answer), retry=SWIFT)
    reply = model.reply(ASK, [])
    assert [attempt.fault for attempt in reply.attempts] == ["rate_limit", "server_error", ""]
    assert [pause.reason for pause in reply.pauses] == ["rate_limit", "backoff"]
    assert reply.message.content == "hi"
    for (before, after), pause in zip(pairwise(reply.attempts), reply.pauses, strict=True):
        assert before.times.end <= pause.t0 <= pause.t1 <= after.times.send


def test_attempts_are_bounded(serve: Serve, open_at: OpenAt) -> None:
    """A server that never recovers ends the call after the policy's attempts, with the last fault."""
    caught = failure(open_at(serve(lambda handler: send_json(handler, 500, error_body())), retry=SWIFT))
    assert (len(caught.attempts), len(caught.pauses), caught.fault) == (3, 2, "server_error")


BROKEN_STREAMS: dict[str, tuple[tuple[bytes | float, ...], str]] = {
    "empty": ((), "malformed"),
    "only comments": ((b": ping\n\n",), "malformed"),
    "no finish reason": ((event({"content": "hi"}),), "truncated"),
    "no finish reason but done": ((event({"content": "hi"}), DONE), "truncated"),
    "not JSON": ((b"data: {oops\n\n",), "malformed"),
    "JSON of another kind": ((b"data: [1, 2]\n\n",), "malformed"),
    "choices null": ((b'data: {"choices": null}\n\n',), "malformed"),
    "error event": (
        (event({"content": "h"}), b'data: {"error": {"message": "gone", "code": 502}}\n\n'),
        "server_error",
    ),
    "error event named": ((b'event: error\ndata: {"message": "overloaded"}\n\n',), "server_error"),
    "error event of a limit": ((b'data: {"error": {"message": "slow", "code": "429"}}\n\n',), "rate_limit"),
    "deep nesting": ((b"data: " + b"[" * 100_000 + b"\n\n",), "malformed"),
    "endless number": ((b'data: {"choices": ' + b"9" * 10_000 + b"}\n\n",), "malformed"),
}


@pytest.mark.parametrize("name", BROKEN_STREAMS)
def test_broken_streams_are_faults(serve: Serve, open_at: OpenAt, name: str) -> None:
    """A stream that is no complete answer is a fault, whatever came before."""
    pieces, fault = BROKEN_STREAMS[name]
    caught = failure(open_at(serve(lambda handler: stream(handler, *pieces))))
    assert caught.fault == fault
    assert caught.attempts[0].status == 200


BROKEN_BODIES: dict[str, tuple[bytes, str, str]] = {
    "web page": (b"<html>Welcome</html>", "text/html", "malformed"),
    "empty JSON body": (b"", "application/json", "malformed"),
    "cut JSON body": (b'{"choices": [', "application/json", "malformed"),
    "error with 200": (json.dumps(error_body("nope")).encode(), "application/json", "server_error"),
    "error text with 200": (b'{"error": "model is overloaded"}', "application/json", "server_error"),
    "null choices": (b'{"choices": null}', "application/json", "malformed"),
    "no choice": (b'{"choices": []}', "application/json", "truncated"),
    "text": (b"hello", "text/plain", "malformed"),
}


@pytest.mark.parametrize("name", BROKEN_BODIES)
def test_rubbish_with_200_is_a_fault(serve: Serve, open_at: OpenAt, name: str) -> None:
    """A good status with a body that holds no answer is a typed fault, never an exception of a parser."""
    body, kind, fault = BROKEN_BODIES[name]
    url = serve(lambda handler: send(handler, 200, body, {"content-type": kind}))
    assert failure(open_at(url)).fault == fault


def test_reset_in_mid_stream_is_a_connection_fault(serve: Serve, open_at: OpenAt) -> None:
    """What was streamed before a reset is not an answer."""

    def cut(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("content-type", "text/event-stream")
        handler.send_header("transfer-encoding", "chunked")
        handler.end_headers()
        piece = event({"content": "half"})
        handler.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        handler.close_connection = True

    caught = failure(open_at(serve(cut)))
    assert caught.fault == "connection"
    assert caught.attempts[0].times.deltas == 1


def test_refused_connection_is_a_connection_fault(open_at: OpenAt) -> None:
    """A server that is down is told in one line."""
    caught = failure(open_at("http://127.0.0.1:9/v1"))
    assert caught.fault == "connection"
    assert "\n" not in str(caught)
    assert not caught.attempts[0].may_be_billed


def test_a_reset_before_the_headers_may_be_billed(serve: Serve, open_at: OpenAt) -> None:
    """The server had the request: nobody knows what it made of it."""

    def hang_up(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True

    caught = failure(open_at(serve(hang_up)))
    assert (caught.fault, caught.attempts[0].times.headers) == ("connection", None)
    assert caught.attempts[0].may_be_billed


def test_silence_after_a_token_is_a_stall(serve: Serve, open_at: OpenAt) -> None:
    """Comments that keep the connection alive are no progress."""
    pieces: list[bytes | float] = [event({"content": "a"})]
    for _ in range(40):
        pieces += [b": keep-alive\n\n", event({}), 0.05]
    url = serve(lambda handler: stream(handler, *pieces, GOOD))
    caught = failure(open_at(url, timeouts=Timeouts(idle_s=0.2)))
    assert caught.fault == "stalled"


def test_no_first_token_is_a_stall(serve: Serve, open_at: OpenAt) -> None:
    """The wait for the first token has a limit of its own."""
    url = serve(lambda handler: stream(handler, 2.0, GOOD))
    assert failure(open_at(url, timeouts=Timeouts(first_token_s=0.1))).fault == "stalled"


def test_total_deadline_ends_an_endless_answer(serve: Serve, open_at: OpenAt) -> None:
    """Tokens that never stop coming run into the total deadline."""
    drip = [piece for _ in range(100) for piece in (event({"content": "a"}), 0.02)]
    url = serve(lambda handler: stream(handler, *drip))
    assert failure(open_at(url, timeouts=Timeouts(total_s=0.2))).fault == "timeout"


def test_missing_end_after_the_finish_reason_is_tolerated(serve: Serve, open_at: OpenAt) -> None:
    """An answer that is complete counts, although its server never closes it; the wait for that is part of the call."""
    url = serve(lambda handler: stream(handler, event({"content": "hi"}), event({}, "stop"), 2.0))
    reply = open_at(url, timeouts=Timeouts(tail_s=0.2)).reply(ASK, [])
    assert reply.message.content == "hi"
    assert reply.usage.output_tokens is None
    assert reply.times.last_token is not None
    assert reply.times.end - reply.times.last_token >= 200_000_000


def test_a_line_that_breaks_after_the_finish_reason_ends_the_answer(serve: Serve, open_at: OpenAt) -> None:
    """What is complete counts, and the call is as long as its server kept it open: none of that is our own overhead."""
    url = serve(lambda handler: torn(handler, event({"content": "hi"}, "stop"), 0.2))
    reply = open_at(url, timeouts=Timeouts(tail_s=5)).reply(ASK, [])
    assert reply.times.last_token is not None
    assert 150_000_000 <= reply.times.end - reply.times.last_token < 5_000_000_000


def test_what_follows_an_answer_is_not_kept(serve: Serve, open_at: OpenAt) -> None:
    """A server that goes on after its end is left: else it would fill the memory while tools are at work."""
    left = threading.Event()

    def endless(handler: BaseHTTPRequestHandler) -> None:
        try:
            stream(handler, GOOD, *(b": junk\n" * 8192 for _ in range(1000)))
        except OSError:
            left.set()

    model = open_at(serve(endless))
    assert model.reply(ASK, []).message.content == "hi"
    assert left.wait(10)


@pytest.mark.parametrize("status", [200, 500])
def test_an_error_body_without_end_is_not_read_to_the_end(serve: Serve, open_at: OpenAt, status: int) -> None:
    """Neither an error nor an answer is kept in memory without bound."""

    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("content-type", "application/json")
        handler.end_headers()
        with contextlib.suppress(OSError):
            while True:
                handler.wfile.write(b"x" * 1_000_000)

    caught = failure(open_at(serve(endless), timeouts=Timeouts(total_s=60)))
    assert caught.fault == "malformed"
    assert "bytes" in str(caught)


@pytest.mark.parametrize("moment", ["before headers", "before tokens", "between tokens"])
def test_close_ends_a_blocked_call(serve: Serve, open_at: OpenAt, moment: str) -> None:
    """A call that waits for a server ends at once when the model is closed by another thread."""
    reached, release = threading.Event(), threading.Event()

    def hold(handler: BaseHTTPRequestHandler) -> None:
        if moment != "before headers":
            stream(handler, event({"content": "a"}) if moment == "between tokens" else b"")
        reached.set()
        release.wait(20)

    model = open_at(serve(hold), retry=SWIFT)
    closer = threading.Thread(target=close_after, args=(reached, model))
    closer.start()
    caught = failure(model)
    closer.join()
    assert not release.is_set()  # the server still holds its answer back: nothing but the close ended the call
    release.set()
    assert (caught.fault, len(caught.attempts)) == ("interrupted", 1)
    assert failure(model).fault == "interrupted"


def test_close_ends_a_pause(serve: Serve, open_at: OpenAt) -> None:
    """A sleep between attempts ends early, and no further attempt is made."""
    asked = threading.Event()

    def limit(handler: BaseHTTPRequestHandler) -> None:
        send_json(handler, 429, error_body(), retry_after="60")
        asked.set()

    model = open_at(serve(limit), retry=RetryPolicy(attempts=5))
    closer = threading.Thread(target=close_after, args=(asked, model))
    closer.start()
    caught = failure(model)
    closer.join()
    assert (caught.fault, len(caught.attempts), len(caught.pauses)) == ("interrupted", 1, 1)


def test_stream_options_are_dropped_where_they_are_rejected(serve: Serve, open_at: OpenAt) -> None:
    """A server that does not know them is asked again without them at once, and never with them afterwards."""
    count = iter(range(100))

    def once(handler: BaseHTTPRequestHandler) -> None:
        if next(count) == 0:
            send_json(handler, 400, error_body("Unknown parameter: 'stream_options'"))
        else:
            stream(handler, GOOD)

    model = open_at(serve(once))
    with pytest.raises(CallFailedError) as caught:
        model.reply(ASK, [])
    assert caught.value.fault == "unsupported_option"
    assert len(model.reply(ASK, []).attempts) == 1


def test_key_never_shows(serve: Serve, open_at: OpenAt) -> None:
    """A key that a server repeats in its error is taken out, and the model's own text form has none."""
    key = "sk-canary-123456"
    said = f"Incorrect key: {key}, or Bearer {base64.b64encode(f'Bearer {key}'.encode()).decode()}"
    model = open_at(serve(lambda handler: send_json(handler, 401, error_body(said))), key=key)
    caught = failure(model)
    shown = str(caught) + repr(caught.attempts) + repr(model)
    assert key not in shown
    assert base64.b64encode(key.encode()).decode()[3:-4] not in shown
    assert base64.b64encode(f"Bearer {key}".encode()).decode()[12:-4] not in shown
    assert "[redacted]" in str(caught)


def test_a_redirect_is_not_followed(serve: Serve, open_at: OpenAt) -> None:
    """The history goes nowhere but where the user said; the error names the other address, and is not tried again."""
    asked: list[str] = []

    def elsewhere(handler: BaseHTTPRequestHandler) -> None:
        asked.append("elsewhere")
        stream(handler, GOOD)

    other = serve(elsewhere)
    caught = failure(open_at(serve(lambda handler: send(handler, 307, b"", {"location": other}))))
    assert (caught.fault, len(caught.attempts), asked) == ("bad_request", 1, [])
    assert f"redirects to {other}" in str(caught)


def test_an_answer_without_end_is_left_when_the_model_is_closed(serve: Serve, open_at: OpenAt) -> None:
    """A server that sends faster than it is read cannot hold up who wants to leave."""

    def flood(handler: BaseHTTPRequestHandler) -> None:
        stream(handler, *[event({"content": "x" * 1000})] * 50_000)

    model = open_at(serve(flood))
    closing = threading.Timer(0.5, model.close)
    closing.start()
    with pytest.raises(CallFailedError) as caught:
        model.reply(ASK, [])
    closing.join()
    assert caught.value.fault == "interrupted"


def test_whole_answer_is_accepted(serve: Serve, open_at: OpenAt) -> None:
    """A server that does not stream still answers; all of it came at one moment."""
    message = {"role": "assistant", "content": "hi", "reasoning": "hm"}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    body = {"model": "m-2", "choices": [choice], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}
    reply: Reply = open_at(serve(lambda handler: send_json(handler, 200, body))).reply(ASK, [])
    assert (reply.message.content, reply.message.reasoning, reply.usage.output_tokens) == ("hi", "hm", 2)
    assert reply.times.first_token == reply.times.last_token


def test_quirk_without_stream_options(serve: Serve, open_at: OpenAt) -> None:
    """Where a preset says so, they are never sent, and an answer without usage is whole."""
    reply = open_at(serve(lambda handler: stream(handler, GOOD)), quirks=Quirks(stream_usage=False)).reply(ASK, [])
    assert reply.usage.input_tokens is None
    assert reply.served_model == "m-2"


def test_connection_is_kept_between_calls(serve: Serve, open_at: OpenAt) -> None:
    """Neither a second call nor a second attempt connects again: that time would be booked to the model."""
    ports = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        ports.append(handler.client_address[1])
        if len(ports) == 1:
            send_json(handler, 429, error_body())
        else:
            send(handler, 200, GOOD, {"content-type": "text/event-stream"})

    model = open_at(serve(answer), retry=SWIFT)
    for _ in range(3):
        model.reply(ASK, [])
        time.sleep(0.05)
    assert len(ports) == 4
    assert len(set(ports)) == 1


def test_what_is_sent(serve: Serve, open_at: OpenAt) -> None:
    """Model, messages, the wish for usage and the key go out as the API wants them, and nothing of the SDK's own."""
    seen: list[dict[str, str]] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        seen.append(dict(handler.headers.items()))
        stream(handler, GOOD)

    open_at(serve(answer), key="sk-canary").reply(ASK, [])
    fields = {name.lower(): value for name, value in seen[0].items()}
    assert fields["authorization"] == "Bearer sk-canary"
    assert fields["content-type"] == "application/json"
    assert "openai-organization" not in fields
    assert fields.get("x-stainless-retry-count", "0") == "0"
