"""The HTTP side of the simulator: both APIs over HTTP/1.1, and the way into the WebSocket mode of one of them."""

import json
import socket
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import BaseServer
from typing import Any

from harness.simulator.channel import HttpChannel
from harness.simulator.chat import ChatAnswer
from harness.simulator.chat_request import ChatRequest
from harness.simulator.log import Sent
from harness.simulator.play import Part, perform
from harness.simulator.rejection import RejectedError, understood
from harness.simulator.responses import ResponsesAnswer
from harness.simulator.responses_request import ResponsesRequest
from harness.simulator.stage import SCRIPT_HEADER, TRIAL_HEADER, Audience, Stage
from harness.simulator.websocket import serve

__all__ = ("SCRIPT_HEADER", "TRIAL_HEADER", "Handler")

_MAX_REQUEST_BYTES = 64 * 1024 * 1024

_APIS = {"/v1/chat/completions": ("chat", ""), "/v1/responses": ("responses", "resp_")}
"""The name and the prefix of ids of what can be posted to."""


class Handler(BaseHTTPRequestHandler):
    """One connection, in a thread of its own."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def __init__(self, stage: Stage, request: socket.socket, address: Any, server: BaseServer) -> None:
        self._stage = stage
        super().__init__(request, address, server)

    def do_GET(self) -> None:
        """`GET /v1/models`, and `GET /v1/responses` as a WebSocket."""
        path = self.path.partition("?")[0].rstrip("/")
        if path == "/v1/models":
            models = [{"id": name, "object": "model", "owned_by": "splitclock"} for name in self._stage.models]
            HttpChannel(self, stream=False).send(HTTPStatus.OK, {"object": "list", "data": models})
        elif path == "/v1/responses" and self.headers.get("upgrade", "").lower() == "websocket":
            self.close_connection = True
            serve(self, self._stage, self._audience())
        else:
            self._no_such_path()

    def do_POST(self) -> None:
        """`POST /v1/chat/completions` and `POST /v1/responses`."""
        received_ns = time.monotonic_ns()
        api, prefix = _APIS.get(self.path.partition("?")[0].rstrip("/"), ("", ""))
        if not api:
            self._drained()
            self._no_such_path()
            return
        audience = self._audience()
        sent = Sent(id=self._stage.next_id(prefix), api=api, received_ns=received_ns)
        sent.script, sent.trial = audience.script, audience.trial
        try:
            self._answer(audience, sent)
        except RejectedError as error:
            sent.status = error.status
            self._rejected(error, sent.id)
        except OSError:
            self.close_connection = True  # the client went away, as it may
        finally:
            sent.finished_ns = time.monotonic_ns()
            self._stage.log.ended(sent)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Keep quiet: the log of sent bytes is the record."""

    def _answer(self, audience: Audience, sent: Sent) -> None:
        body = self._body()
        if sent.api == "chat":
            part, stream, done = *_chat(body, audience, sent.id), b"data: [DONE]\n\n"
        else:
            part, stream, done = *_response(body, audience, sent.id), b""
        perform(self._stage, part, HttpChannel(self, stream=stream, done=done), sent)

    def _audience(self) -> Audience:
        return Audience(
            script=self.headers.get(SCRIPT_HEADER, ""),
            trial=self.headers.get(TRIAL_HEADER, ""),
            authorization=self.headers.get("authorization", ""),
        )

    def _body(self) -> bytes:
        length = self.headers.get("content-length", "")
        if not length.isdecimal() or int(length) > _MAX_REQUEST_BYTES:
            self.close_connection = True
            raise RejectedError(HTTPStatus.BAD_REQUEST, f"a content-length up to {_MAX_REQUEST_BYTES} is needed")
        return self.rfile.read(int(length))

    def _drained(self) -> None:
        """Read what came with a request that nobody wants, so that the next one can be read."""
        try:
            self._body()
        except RejectedError:
            self.close_connection = True

    def _rejected(self, error: RejectedError, identity: str) -> None:
        try:
            HttpChannel(self, stream=False).reject(error, identity)
        except OSError:
            self.close_connection = True

    def _no_such_path(self) -> None:
        self._rejected(RejectedError(HTTPStatus.NOT_FOUND, f"no such path: {self.path}", "not_found"), "")


def _chat(body: bytes, audience: Audience, identity: str) -> tuple[Part, bool]:
    request = understood(lambda: ChatRequest.from_json(body))
    part = Part(
        audience=audience,
        model=request.model,
        number=request.turn,
        answer=lambda turn, pace: ChatAnswer(request=request, turn=turn, pace=pace, id=identity),
    )
    return part, request.stream


def _response(body: bytes, audience: Audience, identity: str) -> tuple[Part, bool]:
    request = understood(lambda: ResponsesRequest.read(json.loads(body)))
    part = Part(
        audience=audience,
        model=request.model,
        number=request.turn,
        answer=lambda turn, pace: ResponsesAnswer(request=request, turn=turn, pace=pace, id=identity),
    )
    return part, request.stream
