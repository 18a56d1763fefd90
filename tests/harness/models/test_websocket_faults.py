"""The Responses API over a WebSocket, against servers that do what the simulator does not."""

import json
import logging
import threading
import time
from dataclasses import replace
from http import HTTPStatus

import pytest
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Response
from websockets.sync.server import ServerConnection

from harness.models.contract import CallFailedError
from harness.models.settings import RetryPolicy
from tests.harness.models.sockets import KEY, OPENING, SHORT, OpenSocket, Say, ServeSocket, answer, error, played, send


def test_signs_of_life_are_no_progress(serve_socket: ServeSocket, open_socket: OpenSocket) -> None:
    """Events without content, and pings, do not put a stall off."""

    def dawdle(connection: ServerConnection, _number: int) -> None:
        send(connection, "response.output_text.delta", output_index=0, delta="a")
        for _ in range(100):
            send(connection, "response.in_progress", response={"id": "resp_1"})
            connection.ping()
            time.sleep(0.02)

    server = serve_socket(dawdle)
    model = open_socket(server.url, timeouts=replace(SHORT, idle_s=0.2), retry=RetryPolicy(attempts=1))
    with pytest.raises(CallFailedError) as caught:
        model.reply(OPENING, ())
    assert (caught.value.fault, caught.value.attempts[0].times.deltas) == ("stalled", 1)


@pytest.mark.parametrize(
    ("say", "fault"),
    [
        (lambda connection, _: connection.close(), "truncated"),
        (lambda connection, _: connection.close(1011, "oops"), "connection"),
        (lambda connection, _: connection.send("{oops"), "malformed"),
        (lambda connection, _: connection.send(b"\xff"), "malformed"),
        (lambda connection, _: send(connection, "response.completed"), "malformed"),
        (lambda connection, _: error(connection, "invalid_api_key", 401), "authentication"),
        (lambda connection, _: send(connection, "error", message="overloaded"), "server_error"),
        (lambda connection, _: send(connection, "response.failed", response={"error": None}), "server_error"),
        (
            lambda connection, _: send(connection, "response.failed", response={"error": {"code": "invalid_prompt"}}),
            "refused",
        ),
    ],
)
def test_what_is_no_answer_has_a_kind(serve_socket: ServeSocket, open_socket: OpenSocket, say: Say, fault: str) -> None:
    """Whatever comes instead of an answer is a typed fault."""
    model = open_socket(serve_socket(say).url, retry=RetryPolicy(attempts=1))
    with pytest.raises(CallFailedError) as caught:
        model.reply(OPENING, ())
    assert caught.value.fault == fault
    assert "\n" not in str(caught.value)


def refusal(status: int, **fields: str) -> Response:
    """An HTTP answer in place of a WebSocket."""
    body = json.dumps({"error": {"message": "no", "code": "x"}}).encode()
    told = {name.replace("_", "-"): value for name, value in fields.items()}
    return Response(status, HTTPStatus(status).phrase, Headers({"content-length": str(len(body)), **told}), body)


@pytest.mark.parametrize(
    ("status", "fault"),
    [(401, "authentication"), (404, "no_such_model"), (429, "rate_limit"), (503, "server_error"), (200, "malformed")],
)
def test_refused_handshakes_have_kinds(
    serve_socket: ServeSocket, open_socket: OpenSocket, status: int, fault: str
) -> None:
    """As over HTTP, with the status that was told."""
    server = serve_socket(answer, lambda _: refusal(status))
    with pytest.raises(CallFailedError) as caught:
        open_socket(server.url, retry=RetryPolicy(attempts=1)).reply(OPENING, ())
    assert (caught.value.fault, caught.value.attempts[0].status) == (fault, status)
    assert caught.value.attempts[0].times.headers is None


def test_a_refusal_while_warming_is_told_once(serve_socket: ServeSocket, open_socket: OpenSocket) -> None:
    """What the server said before the clock ran is the first attempt's fault, and its Retry-After is obeyed."""
    server = serve_socket(answer, lambda number: refusal(429, retry_after="0.2") if number == 1 else None)
    model = open_socket(server.url)
    model.warm()
    reply = model.reply(OPENING, ())
    assert ([each.fault for each in reply.attempts], server.opened) == (["rate_limit", ""], 2)
    assert sum(pause.t1 - pause.t0 for pause in reply.pauses) >= 200_000_000


def test_retry_after_in_an_error_event_is_obeyed(serve_socket: ServeSocket, open_socket: OpenSocket) -> None:
    """The headers that an HTTP answer would have come with the error."""

    def limited(connection: ServerConnection, number: int) -> None:
        if number == 1:
            error(connection, "rate_limit_exceeded", 429, headers={"Retry-After": "0.2"})
        else:
            answer(connection, number)

    reply = open_socket(serve_socket(limited).url).reply(OPENING, ())
    assert [attempt.fault for attempt in reply.attempts] == ["rate_limit", ""]
    assert sum(pause.t1 - pause.t0 for pause in reply.pauses) >= 200_000_000


def test_an_option_that_is_rejected_is_dropped(serve_socket: ServeSocket, open_socket: OpenSocket) -> None:
    """A server that does not encrypt reasoning is asked again without that at once, and never with it again."""

    def strict(connection: ServerConnection, number: int) -> None:
        if "include" in server.requests[-1]:
            error(connection, "unsupported_value", message="Encrypted content is not supported: encrypted_content")
        else:
            answer(connection, number)

    server = serve_socket(strict)
    model = open_socket(server.url)
    played(model, 2)
    assert ["include" in request for request in server.requests] == [True, False, False]


def test_warming_up_never_fails(open_socket: OpenSocket) -> None:
    """A server that is down is told by the first call."""
    model = open_socket("http://127.0.0.1:9/v1", retry=RetryPolicy(attempts=1))
    model.warm()
    with pytest.raises(CallFailedError) as caught:
        model.reply(OPENING, ())
    assert caught.value.fault == "connection"


def test_the_key_is_not_logged(
    serve_socket: ServeSocket, open_socket: OpenSocket, caplog: pytest.LogCaptureFixture
) -> None:
    """Not even where everything is logged."""
    caplog.set_level(logging.DEBUG)
    reply = open_socket(serve_socket(answer).url).reply(OPENING, ())
    assert reply.finish_reason == "tool_calls"
    ours = [record for record in caplog.records if not record.name.startswith("websockets.server")]
    assert not [record for record in ours if KEY in record.getMessage()]


@pytest.mark.parametrize("moment", ["in the handshake", "before events", "between events"])
def test_close_ends_a_blocked_call(serve_socket: ServeSocket, open_socket: OpenSocket, moment: str) -> None:
    """A call that waits for a server ends at once when the model is closed by another thread."""
    reached, release = threading.Event(), threading.Event()

    def hold() -> None:
        reached.set()
        release.wait(20)

    def shake(_number: int) -> None:
        if moment == "in the handshake":
            hold()

    def say(connection: ServerConnection, _number: int) -> None:
        if moment == "between events":
            send(connection, "response.output_text.delta", output_index=0, delta="a")
        hold()

    model = open_socket(serve_socket(say, shake).url)

    def close() -> None:
        reached.wait(20)
        time.sleep(0.1)
        model.close()

    closer = threading.Thread(target=close)
    closer.start()
    with pytest.raises(CallFailedError) as caught:
        model.reply(OPENING, ())
    closer.join()
    assert not release.is_set()  # the server still holds its answer back: nothing but the close ended the call
    release.set()
    assert (caught.value.fault, len(caught.value.attempts)) == ("interrupted", 1)


def test_what_follows_an_answer_is_not_kept(serve_socket: ServeSocket, open_socket: OpenSocket) -> None:
    """A server that goes on after its end is left, and the next request goes over a new connection."""
    left = threading.Event()

    def endless(connection: ServerConnection, number: int) -> None:
        answer(connection, number)
        try:
            while number == 1:
                send(connection, "response.in_progress", junk="x" * 8192)
        except ConnectionClosed:
            left.set()

    server = serve_socket(endless)
    model = open_socket(server.url)
    history = played(model, 1)
    assert left.wait(10)
    model.reply(history, ())
    assert server.connections == [1, 2]
