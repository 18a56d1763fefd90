"""The Responses API over a WebSocket: what is sent, and what is gone on from."""

import time
from dataclasses import replace

from websockets.sync.server import ServerConnection

from tests.harness.models.sockets import OPENING, OpenSocket, ServeSocket, answer, error, played, whole


def test_only_what_is_new_is_sent(serve_socket: ServeSocket, open_socket: OpenSocket) -> None:
    """The first request holds everything, each later one the results since the response it goes on from."""
    server = serve_socket(answer)
    played(open_socket(server.url), 3)
    first, second, third = server.requests
    assert whole(first)
    assert [second["previous_response_id"], third["previous_response_id"]] == ["resp_1", "resp_2"]
    assert second["input"] == [{"type": "function_call_output", "call_id": "c1", "output": "ok"}]
    assert {request["instructions"] for request in server.requests} == {"You work."}
    assert {request["type"] for request in server.requests} == {"response.create"}
    assert not {"stream", "background"} & set(first)
    assert (first["store"], server.opened) == (False, 1)


def test_a_shortened_history_is_sent_whole(serve_socket: ServeSocket, open_socket: OpenSocket) -> None:
    """Where an old output was shortened the server's own copy is another history."""
    server = serve_socket(answer)
    model = open_socket(server.url)
    history = played(model, 2)
    model.reply((*history[:3], replace(history[3], content="short"), *history[4:]), ())
    assert whole(server.requests[2])
    assert [item["type"] for item in server.requests[2]["input"]] == [
        "message",
        *("function_call", "function_call_output") * 2,
    ]


def test_mended_arguments_are_sent_whole(serve_socket: ServeSocket, open_socket: OpenSocket) -> None:
    """Arguments that no strict server takes back are not what the server holds."""
    server = serve_socket(lambda connection, number: answer(connection, number, '{"cut'))
    played(open_socket(server.url), 2)
    assert whole(server.requests[1])
    assert server.requests[1]["input"][1]["arguments"] == "{}"


def test_an_earlier_question_is_sent_whole(serve_socket: ServeSocket, open_socket: OpenSocket) -> None:
    """The same history again, or a shorter one, does not go on from the last response."""
    server = serve_socket(answer)
    model = open_socket(server.url)
    played(model, 1)
    model.reply(OPENING, ())
    assert whole(server.requests[1])


def test_a_connection_that_ended_between_turns_is_replaced(serve_socket: ServeSocket, open_socket: OpenSocket) -> None:
    """A server may close an idle connection: the next call opens another and sends everything, without a fault."""

    def close_after(connection: ServerConnection, number: int) -> None:
        answer(connection, number)
        connection.close()

    server = serve_socket(close_after)
    model = open_socket(server.url)
    history = played(model, 1)
    time.sleep(0.1)
    assert [attempt.fault for attempt in model.reply(history, ()).attempts] == [""]
    assert whole(server.requests[1])
    assert server.connections == [1, 2]


def test_lost_state_is_sent_again_whole(serve_socket: ServeSocket, open_socket: OpenSocket) -> None:
    """A server that does not know its own last response is told everything, over a connection without a past."""

    def forget(connection: ServerConnection, number: int) -> None:
        if number == 2:
            error(connection, "previous_response_not_found")
        else:
            answer(connection, number)

    server = serve_socket(forget)
    model = open_socket(server.url)
    reply = model.reply(played(model, 1), ())
    assert [(attempt.fault, attempt.status) for attempt in reply.attempts] == [("lost_state", 400), ("", None)]
    assert whole(server.requests[2])
    assert server.connections == [1, 1, 2]


def test_a_server_without_memory_is_not_asked_to_remember(serve_socket: ServeSocket, open_socket: OpenSocket) -> None:
    """After two losses every request is whole."""

    def never(connection: ServerConnection, number: int) -> None:
        if whole(server.requests[-1]):
            answer(connection, number)
        else:
            error(connection, "previous_response_not_found")

    server = serve_socket(never)
    played(open_socket(server.url), 6)
    assert sum(not whole(request) for request in server.requests) == 2


def test_an_expired_connection_is_replaced(serve_socket: ServeSocket, open_socket: OpenSocket) -> None:
    """The limit of a connection's age is no failure of the provider: a new one takes its place."""

    def expire(connection: ServerConnection, number: int) -> None:
        if number == 2:
            error(connection, "websocket_connection_limit_reached")
        else:
            answer(connection, number)

    server = serve_socket(expire)
    model = open_socket(server.url)
    reply = model.reply(played(model, 1), ())
    assert [attempt.fault for attempt in reply.attempts] == ["connection_expired", ""]
    assert whole(server.requests[2])
    assert server.connections == [1, 1, 2]


def test_opening_counts_where_a_call_needs_it(serve_socket: ServeSocket, open_socket: OpenSocket) -> None:
    """A connection that was warmed is not opened again; without one, opening it is part of the call."""
    server = serve_socket(answer)
    model = open_socket(server.url)
    model.warm()
    assert server.opened == 1
    reply = model.reply(OPENING, ())
    assert server.opened == 1
    assert reply.transport == "websocket"
    assert reply.times.headers is not None
    assert reply.times.headers == reply.times.first_chunk
