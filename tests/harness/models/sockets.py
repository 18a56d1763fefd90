"""WebSocket servers that keep what they were sent, and conversations with them."""

import json
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from harness.models.contract import Message, Role
from harness.models.settings import RetryPolicy, Timeouts
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


ServeSocket = Callable[..., Server]
OpenSocket = Callable[..., WireModel]


def start(stack: ExitStack, say: Say, refuse: Callable[[int], Response | None] = lambda _: None) -> Server:
    """A server that deals with each request by `say`, until the stack is closed; `refuse` may answer a handshake."""
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
