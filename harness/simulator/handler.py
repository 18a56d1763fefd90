"""The HTTP side of the simulator: chat completions over HTTP/1.1, written chunk by chunk at the moment each is due."""

import json
import time
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from harness.simulator.config import Pace
from harness.simulator.log import Sent
from harness.simulator.request import ChatRequest
from harness.simulator.script import schedule, usage, whole_message
from harness.turns import Turn

if TYPE_CHECKING:
    from harness.simulator.server import SimulatorServer

SCRIPT_HEADER = "x-splitclock-script"
"""The request header that names the script."""

_MAX_REQUEST_BYTES = 64 * 1024 * 1024


class RejectedError(Exception):
    """A request that gets an error for an answer."""

    def __init__(self, status: HTTPStatus, message: str, code: str = "invalid_request_error") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class Handler(BaseHTTPRequestHandler):
    """One connection, in a thread of its own."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "SimulatorServer"

    def do_GET(self) -> None:
        """`GET /v1/models`."""
        if self.path.rstrip("/") == "/v1/models":
            models = [{"id": name, "object": "model", "owned_by": "splitclock"} for name in self.server.models]
            self._json(HTTPStatus.OK, {"object": "list", "data": models})
        else:
            self._json(HTTPStatus.NOT_FOUND, _error(f"no such path: {self.path}", "not_found"))

    def do_POST(self) -> None:
        """`POST /v1/chat/completions`."""
        received_ns = time.monotonic_ns()
        try:
            self._answer(self._request(), received_ns)
        except RejectedError as error:
            self._json(error.status, _error(str(error), error.code))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Keep quiet: the log of sent bytes is the record."""

    def _request(self) -> ChatRequest:
        body = self._body()
        if self.path.rstrip("/") != "/v1/chat/completions":
            raise RejectedError(HTTPStatus.NOT_FOUND, f"no such path: {self.path}", "not_found")
        return _parsed(body)

    def _body(self) -> bytes:
        length = self.headers.get("content-length", "")
        if not length.isdecimal() or int(length) > _MAX_REQUEST_BYTES:
            self.close_connection = True
            raise RejectedError(HTTPStatus.BAD_REQUEST, f"a content-length up to {_MAX_REQUEST_BYTES} is needed")
        return self.rfile.read(int(length))

    def _answer(self, request: ChatRequest, received_ns: int) -> None:
        key = self.headers.get(SCRIPT_HEADER, "")
        pace, turn = self._pace(request.model), self._turn(key, request.turn)
        sent = Sent(
            id=self.server.next_id(), model=request.model, script=key, turn=request.turn, received_ns=received_ns
        )
        self.server.log.begun(sent)
        try:
            if request.stream:
                self._stream(request, turn, pace, sent)
            else:
                self._whole(request, turn, pace, sent)
        except OSError:
            self.close_connection = True  # the client went away, as it may
        finally:
            sent.finished_ns = time.monotonic_ns()
            self.server.log.answered(sent)

    def _pace(self, model: str) -> Pace:
        try:
            return self.server.models[model]
        except KeyError:
            known = ", ".join(sorted(self.server.models))
            message = f"no model {model!r}; known: {known}"
            raise RejectedError(HTTPStatus.NOT_FOUND, message, "model_not_found") from None

    def _turn(self, key: str, number: int) -> Turn:
        try:
            turns = self.server.scripts[key]
        except KeyError:
            known = ", ".join(sorted(self.server.scripts))
            message = f"no script {key!r} (header {SCRIPT_HEADER}); known: {known}"
            raise RejectedError(HTTPStatus.BAD_REQUEST, message) from None
        if number >= len(turns):
            message = f"script {key!r} ends after {len(turns)} turns; turn {number + 1} was asked for"
            raise RejectedError(HTTPStatus.BAD_REQUEST, message)
        return turns[number]

    def _stream(self, request: ChatRequest, turn: Turn, pace: Pace, sent: Sent) -> None:
        self._head(HTTPStatus.OK, {"content-type": "text/event-stream", "transfer-encoding": "chunked"}, sent.id)
        sent.headers_ns = time.monotonic_ns()
        base = _completion(request, sent, "chat.completion.chunk")
        first_ns = sent.received_ns + round(pace.first_token_ms * 1e6)
        self._event(_choice(base, {"role": "assistant", "content": ""}), sent)
        for chunk in schedule(turn, pace, sent.id):
            frame = _frame(_choice(base, chunk.delta))
            _sleep_until(first_ns + chunk.due_ns)
            self._write(frame, sent, chunk.tokens)
        if not turn.output_tokens:
            _sleep_until(first_ns)
        self._event(_choice(base, {}, turn.finish_reason), sent)
        if request.wants_usage:
            self._event({**base, "choices": [], "usage": usage(turn, request.raw)}, sent)
        self._write(_chunked(b"data: [DONE]\n\n") + b"0\r\n\r\n", sent)

    def _whole(self, request: ChatRequest, turn: Turn, pace: Pace, sent: Sent) -> None:
        chunks = list(schedule(turn, pace, sent.id))
        last_ns = chunks[-1].due_ns if chunks else 0
        choice = {"index": 0, "message": whole_message(turn, sent.id), "finish_reason": turn.finish_reason}
        body = json.dumps(
            {**_completion(request, sent, "chat.completion"), "choices": [choice], "usage": usage(turn, request.raw)}
        ).encode()
        _sleep_until(sent.received_ns + round(pace.first_token_ms * 1e6) + last_ns)
        self._head(HTTPStatus.OK, {"content-type": "application/json", "content-length": str(len(body))}, sent.id)
        sent.headers_ns = time.monotonic_ns()
        self._write(body, sent, turn.output_tokens)

    def _event(self, event: Mapping[str, Any], sent: Sent) -> None:
        self._write(_frame(event), sent)

    def _write(self, data: bytes, sent: Sent, tokens: int = 0) -> None:
        """Send at once; the moment is the one at which the kernel has taken the bytes."""
        self.wfile.write(data)
        sent.chunks.append((time.monotonic_ns(), len(data), tokens))

    def _json(self, status: HTTPStatus, value: Mapping[str, Any]) -> None:
        body = json.dumps(value).encode()
        self._head(status, {"content-type": "application/json", "content-length": str(len(body))}, "")
        self.wfile.write(body)

    def _head(self, status: HTTPStatus, fields: Mapping[str, str], identity: str) -> None:
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name, value)
        if identity:
            self.send_header("x-request-id", identity)
        self.end_headers()


def _parsed(body: bytes) -> ChatRequest:
    try:
        return ChatRequest.from_json(body)
    except (ValidationError, ValueError, RecursionError) as error:
        raise RejectedError(HTTPStatus.BAD_REQUEST, " ".join(str(error).split())[:500]) from error


def _completion(request: ChatRequest, sent: Sent, kind: str) -> dict[str, Any]:
    return {"id": sent.id, "object": kind, "created": 0, "model": request.model, "system_fingerprint": "simulator"}


def _choice(base: Mapping[str, Any], delta: Mapping[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
    return {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]}


def _error(message: str, code: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "code": code}}


def _frame(event: Mapping[str, Any]) -> bytes:
    return _chunked(f"data: {json.dumps(event, separators=(',', ':'))}\n\n".encode())


def _chunked(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _sleep_until(moment_ns: int) -> None:
    """Sleep on the absolute schedule: being late once does not make the rest late."""
    left_ns = moment_ns - time.monotonic_ns()
    if left_ns > 0:
        time.sleep(left_ns / 1e9)
