"""The Responses API over a WebSocket, against real servers that keep what they were sent."""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any

import pytest
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from harness.clock import SystemClock
from harness.models.contract import CallFailedError, Message, Role
from harness.models.health import ProviderHealth
from harness.models.responses import open_responses_websocket
from harness.models.settings import ModelSettings, RetryPolicy, Timeouts
from harness.models.wire_model import WireModel

Say = Callable[[ServerConnection, int], None]
"""What a server does about the request of this number, from 1 on."""

OPENING = (Message(role=Role.SYSTEM, content="You work."), Message(role=Role.USER, content="Go."))
KEY = "sk-canary-123456"
SHORT = Timeouts(connect_s=5, first_token_s=5, idle_s=5, total_s=10)
SWIFT = RetryPolicy(attempts=3, base_s=0.01, cap_s=0.01)


def send(connection: ServerConnection, kind: str, **fields: Any) -> None:
    """One event."""
    connection.send(json.dumps({"type": kind, **fields}))


def error(connection: ServerConnection, code: str, status: int = 400, **fields: Any) -> None:
    """An error event."""
    told = {"type": "invalid_request_error", "code": code, "message": f"no: {code}", **fields}
    send(connection, "error", status=status, error=told)


def call_item(number: int, arguments: str = "{}") -> dict[str, Any]:
    """A call, as an output item."""
    named = {"call_id": f"c{number}", "name": "shell", "arguments": arguments}
    return {"type": "function_call", "id": f"fc_{number}", "status": "completed", **named}


def answer(connection: ServerConnection, number: int, arguments: str = "{}") -> None:
    """A whole answer: one call."""
    item = call_item(number, arguments)
    send(connection, "response.created", response={"id": f"resp_{number}", "status": "in_progress"})
    send(connection, "response.output_item.added", output_index=0, item={**item, "arguments": ""})
    send(connection, "response.function_call_arguments.delta", output_index=0, item_id=item["id"], delta=arguments)
    send(connection, "response.output_item.done", output_index=0, item=item)
    response = {"id": f"resp_{number}", "status": "completed", "output": [item]}
    send(connection, "response.completed", response=response)


@dataclass(slots=True)
class Server:
    """A server, the requests it got, and the connection that each came on, counted from 1."""

    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    connections: list[int] = field(default_factory=list)
    opened: int = 0


@pytest.fixture
def serve_socket() -> Iterator[Callable[..., Server]]:
    """Start a server that deals with each request by this function; `refuse` may answer a handshake."""
    with ExitStack() as stack:

        def start(say: Say, refuse: Callable[[int], Response | None] = lambda _: None) -> Server:
            found = Server()

            def shake(_connection: ServerConnection, _request: Request) -> Response | None:
                found.opened += 1
                return refuse(found.opened)

            def talk(connection: ServerConnection) -> None:
                mine = found.opened
                for text in connection:
                    found.requests.append(json.loads(text))
                    found.connections.append(mine)
                    try:
                        say(connection, len(found.requests))
                    except ConnectionClosed:
                        return

            server = stack.enter_context(serve(talk, "127.0.0.1", 0, process_request=shake, close_timeout=0.1))
            threading.Thread(target=server.serve_forever, daemon=True).start()
            found.url = f"http://127.0.0.1:{server.socket.getsockname()[1]}/v1"
            return found

        yield start


ServeSocket = Callable[..., Server]


@pytest.fixture
def open_at() -> Iterator[Callable[..., WireModel]]:
    """Open a model at this base URL."""
    with ExitStack() as stack:

        def start(url: str, *, timeouts: Timeouts = SHORT, retry: RetryPolicy = SWIFT) -> WireModel:
            settings = ModelSettings(model="m", base_url=url, api="responses-websocket", timeouts=timeouts, retry=retry)
            model = open_responses_websocket(settings, KEY, SystemClock(), ProviderHealth())
            stack.callback(model.close)
            return model

        yield start


OpenAt = Callable[..., WireModel]


def goes_on(history: tuple[Message, ...], message: Message) -> tuple[Message, ...]:
    """The history with this answer, and results of its calls."""
    results = (Message(role=Role.TOOL, content="ok", tool_call_id=call.id) for call in message.tool_calls)
    return (*history, message, *results)


def played(model: WireModel, turns: int) -> tuple[Message, ...]:
    """The history after some turns."""
    history: tuple[Message, ...] = OPENING
    for _ in range(turns):
        history = goes_on(history, model.reply(history, ()).message)
    return history


def whole(request: dict[str, Any]) -> bool:
    """Whether a request begins at the beginning."""
    return "previous_response_id" not in request and request["input"][0].get("role") == "user"


def test_only_what_is_new_is_sent(serve_socket: ServeSocket, open_at: OpenAt) -> None:
    """The first request holds everything, each later one the results since the response it goes on from."""
    server = serve_socket(answer)
    played(open_at(server.url), 3)
    first, second, third = server.requests
    assert whole(first)
    assert [second["previous_response_id"], third["previous_response_id"]] == ["resp_1", "resp_2"]
    assert second["input"] == [{"type": "function_call_output", "call_id": "c1", "output": "ok"}]
    assert {request["instructions"] for request in server.requests} == {"You work."}
    assert {request["type"] for request in server.requests} == {"response.create"}
    assert not {"stream", "background"} & set(first)
    assert (first["store"], server.opened) == (False, 1)


def test_a_shortened_history_is_sent_whole(serve_socket: ServeSocket, open_at: OpenAt) -> None:
    """Where an old output was shortened the server's own copy is another history."""
    server = serve_socket(answer)
    model = open_at(server.url)
    history = played(model, 2)
    model.reply((*history[:3], replace(history[3], content="short"), *history[4:]), ())
    assert whole(server.requests[2])
    assert [item["type"] for item in server.requests[2]["input"]] == [
        "message",
        *("function_call", "function_call_output") * 2,
    ]


def test_mended_arguments_are_sent_whole(serve_socket: ServeSocket, open_at: OpenAt) -> None:
    """Arguments that no strict server takes back are not what the server holds."""
    server = serve_socket(lambda connection, number: answer(connection, number, '{"cut'))
    played(open_at(server.url), 2)
    assert whole(server.requests[1])
    assert server.requests[1]["input"][1]["arguments"] == "{}"


def test_an_earlier_question_is_sent_whole(serve_socket: ServeSocket, open_at: OpenAt) -> None:
    """The same history again, or a shorter one, does not go on from the last response."""
    server = serve_socket(answer)
    model = open_at(server.url)
    played(model, 1)
    model.reply(OPENING, ())
    assert whole(server.requests[1])


def test_a_connection_that_ended_between_turns_is_replaced(serve_socket: ServeSocket, open_at: OpenAt) -> None:
    """A server may close an idle connection: the next call opens another and sends everything, without a fault."""

    def close_after(connection: ServerConnection, number: int) -> None:
        answer(connection, number)
        connection.close()

    server = serve_socket(close_after)
    model = open_at(server.url)
    history = played(model, 1)
    time.sleep(0.1)
    assert [attempt.fault for attempt in model.reply(history, ()).attempts] == [""]
    assert whole(server.requests[1])
    assert server.connections == [1, 2]


def test_lost_state_is_sent_again_whole(serve_socket: ServeSocket, open_at: OpenAt) -> None:
    """A server that does not know its own last response is told everything, on the same connection."""

    def forget(connection: ServerConnection, number: int) -> None:
        if number == 2:
            error(connection, "previous_response_not_found")
        else:
            answer(connection, number)

    server = serve_socket(forget)
    model = open_at(server.url)
    reply = model.reply(played(model, 1), ())
    assert [(attempt.fault, attempt.status) for attempt in reply.attempts] == [("lost_state", 400), ("", None)]
    assert whole(server.requests[2])
    assert server.connections == [1, 1, 1]


def test_a_server_without_memory_is_not_asked_to_remember(serve_socket: ServeSocket, open_at: OpenAt) -> None:
    """After two losses every request is whole."""

    def never(connection: ServerConnection, number: int) -> None:
        if whole(server.requests[-1]):
            answer(connection, number)
        else:
            error(connection, "previous_response_not_found")

    server = serve_socket(never)
    played(open_at(server.url), 6)
    assert sum(not whole(request) for request in server.requests) == 2


def test_an_expired_connection_is_replaced(serve_socket: ServeSocket, open_at: OpenAt) -> None:
    """The limit of a connection's age is no failure of the provider: a new one takes its place."""

    def expire(connection: ServerConnection, number: int) -> None:
        if number == 2:
            error(connection, "websocket_connection_limit_reached")
        else:
            answer(connection, number)

    server = serve_socket(expire)
    model = open_at(server.url)
    reply = model.reply(played(model, 1), ())
    assert [attempt.fault for attempt in reply.attempts] == ["connection_expired", ""]
    assert whole(server.requests[2])
    assert server.connections == [1, 1, 2]


def test_signs_of_life_are_no_progress(serve_socket: ServeSocket, open_at: OpenAt) -> None:
    """Events without content, and pings, do not put a stall off."""

    def dawdle(connection: ServerConnection, _number: int) -> None:
        send(connection, "response.output_text.delta", output_index=0, delta="a")
        for _ in range(100):
            send(connection, "response.in_progress", response={"id": "resp_1"})
            connection.ping()
            time.sleep(0.02)

    server = serve_socket(dawdle)
    model = open_at(server.url, timeouts=replace(SHORT, idle_s=0.2), retry=RetryPolicy(attempts=1))
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
def test_what_is_no_answer_has_a_kind(serve_socket: ServeSocket, open_at: OpenAt, say: Say, fault: str) -> None:
    """Whatever comes instead of an answer is a typed fault."""
    model = open_at(serve_socket(say).url, retry=RetryPolicy(attempts=1))
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
def test_refused_handshakes_have_kinds(serve_socket: ServeSocket, open_at: OpenAt, status: int, fault: str) -> None:
    """As over HTTP, with the status that was told."""
    server = serve_socket(answer, lambda _: refusal(status))
    with pytest.raises(CallFailedError) as caught:
        open_at(server.url, retry=RetryPolicy(attempts=1)).reply(OPENING, ())
    assert (caught.value.fault, caught.value.attempts[0].status) == (fault, status)
    assert caught.value.attempts[0].times.headers is None


def test_a_refusal_while_warming_is_told_once(serve_socket: ServeSocket, open_at: OpenAt) -> None:
    """What the server said before the clock ran is the first attempt's fault, and its Retry-After is obeyed."""
    server = serve_socket(answer, lambda number: refusal(429, retry_after="0.2") if number == 1 else None)
    model = open_at(server.url)
    model.warm()
    reply = model.reply(OPENING, ())
    assert ([each.fault for each in reply.attempts], server.opened) == (["rate_limit", ""], 2)
    assert sum(pause.t1 - pause.t0 for pause in reply.pauses) >= 200_000_000


def test_retry_after_in_an_error_event_is_obeyed(serve_socket: ServeSocket, open_at: OpenAt) -> None:
    """The headers that an HTTP answer would have come with the error."""

    def limited(connection: ServerConnection, number: int) -> None:
        if number == 1:
            error(connection, "rate_limit_exceeded", 429, headers={"Retry-After": "0.2"})
        else:
            answer(connection, number)

    reply = open_at(serve_socket(limited).url).reply(OPENING, ())
    assert [attempt.fault for attempt in reply.attempts] == ["rate_limit", ""]
    assert sum(pause.t1 - pause.t0 for pause in reply.pauses) >= 200_000_000


def test_an_option_that_is_rejected_is_dropped(serve_socket: ServeSocket, open_at: OpenAt) -> None:
    """A server that does not encrypt reasoning is asked again without that at once, and never with it again."""

    def strict(connection: ServerConnection, number: int) -> None:
        if "include" in server.requests[-1]:
            error(connection, "unsupported_value", message="Encrypted content is not supported: encrypted_content")
        else:
            answer(connection, number)

    server = serve_socket(strict)
    model = open_at(server.url)
    played(model, 2)
    assert ["include" in request for request in server.requests] == [True, False, False]


def test_opening_counts_where_a_call_needs_it(serve_socket: ServeSocket, open_at: OpenAt) -> None:
    """A connection that was warmed is not opened again; without one, opening it is part of the call."""
    server = serve_socket(answer)
    model = open_at(server.url)
    model.warm()
    assert server.opened == 1
    reply = model.reply(OPENING, ())
    assert server.opened == 1
    assert reply.transport == "websocket"
    assert reply.times.headers is not None
    assert reply.times.headers == reply.times.first_chunk


def test_warming_up_never_fails(open_at: OpenAt) -> None:
    """A server that is down is told by the first call."""
    model = open_at("http://127.0.0.1:9/v1", retry=RetryPolicy(attempts=1))
    model.warm()
    with pytest.raises(CallFailedError) as caught:
        model.reply(OPENING, ())
    assert caught.value.fault == "connection"


def test_the_key_is_not_logged(serve_socket: ServeSocket, open_at: OpenAt, caplog: pytest.LogCaptureFixture) -> None:
    """Not even where everything is logged."""
    caplog.set_level(logging.DEBUG)
    reply = open_at(serve_socket(answer).url).reply(OPENING, ())
    assert reply.finish_reason == "tool_calls"
    ours = [record for record in caplog.records if not record.name.startswith("websockets.server")]
    assert not [record for record in ours if KEY in record.getMessage()]


@pytest.mark.parametrize("moment", ["in the handshake", "before events", "between events"])
def test_close_ends_a_blocked_call(serve_socket: ServeSocket, open_at: OpenAt, moment: str) -> None:
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

    model = open_at(serve_socket(say, shake).url)

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
