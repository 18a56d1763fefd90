"""The WebSocket mode of the Responses API: one connection, one response at a time, the last one kept in memory."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any

from websockets.datastructures import Headers
from websockets.http11 import Request
from websockets.server import ServerProtocol

from harness.simulator.channel import HttpChannel
from harness.simulator.log import Sent
from harness.simulator.play import Part, perform, refused
from harness.simulator.rejection import RejectedError, understood
from harness.simulator.responses import ResponsesAnswer
from harness.simulator.responses_request import Held, ResponsesRequest
from harness.simulator.stage import Audience, Stage
from harness.simulator.websocket_channel import WebSocketChannel

_API = "responses-websocket"


def serve(handler: BaseHTTPRequestHandler, stage: Stage, audience: Audience) -> None:
    """Answer the handshake, then every request, in the order they come, until the client leaves."""
    try:
        if _is_refused(handler, stage, audience) or not _shake_hands(handler):
            return
        session = _Session(stage=stage, audience=audience, channel=WebSocketChannel(handler))
        while True:
            session.answer(*session.channel.next_message())
    except OSError:
        return


def _is_refused(handler: BaseHTTPRequestHandler, stage: Stage, audience: Audience) -> bool:
    """Whether the script refuses this handshake; an attempt at a request, like any other fault."""
    refusal = stage.refusal(audience)
    if refusal is None:
        return False
    number, attempt, fault = refusal
    sent = _sent(stage, audience, time.monotonic_ns())
    sent.turn, sent.attempt, sent.fault, sent.status = number, attempt, fault.kind, fault.status
    try:
        HttpChannel(handler, stream=False).reject(refused(fault), sent.id)
    finally:
        sent.finished_ns = time.monotonic_ns()
        stage.log.ended(sent)
    return True


def _shake_hands(handler: BaseHTTPRequestHandler) -> bool:
    """Whether the connection is a WebSocket now."""
    request = Request(handler.path, Headers(list(handler.headers.items())))
    response = ServerProtocol().accept(request)
    handler.wfile.write(response.serialize())
    return response.status_code == HTTPStatus.SWITCHING_PROTOCOLS


def _sent(stage: Stage, audience: Audience, received_ns: int) -> Sent:
    return Sent(
        id=stage.next_id("resp_"), api=_API, received_ns=received_ns, script=audience.script, trial=audience.trial
    )


@dataclass(slots=True, kw_only=True)
class _Session:
    """One connection; `held` is its most recent response, forgotten when a request fails."""

    stage: Stage
    audience: Audience
    channel: WebSocketChannel
    held: Held | None = None

    def answer(self, text: str, received_ns: int) -> None:
        """Answer one request. Raises OSError once the client is gone."""
        sent = _sent(self.stage, self.audience, received_ns)
        held, self.held = self.held, None
        try:
            request = understood(lambda: _request(text, held))
            self._play(request, sent)
        except RejectedError as error:
            sent.status = error.status
            self.channel.reject(error, sent.id)
        finally:
            sent.finished_ns = time.monotonic_ns()
            self.stage.log.ended(sent)

    def _play(self, request: ResponsesRequest, sent: Sent) -> None:
        part = Part(
            audience=self.audience,
            model=request.model,
            number=request.turn,
            answer=lambda turn, pace: ResponsesAnswer(request=request, turn=turn, pace=pace, id=sent.id),
        )
        answer = perform(self.stage, part, self.channel, sent)
        if sent.complete and isinstance(answer, ResponsesAnswer):
            self.held = answer.held()


def _request(text: str, held: Held | None) -> ResponsesRequest:
    raw: Any = json.loads(text)
    kind = raw.get("type") if isinstance(raw, Mapping) else None
    if kind != "response.create":
        raise RejectedError(HTTPStatus.BAD_REQUEST, f"Unknown event type: {kind!r}.", "unknown_event_type", "type")
    if raw.get("stream_id") is not None:
        raise RejectedError(HTTPStatus.BAD_REQUEST, "one stream a connection", "unsupported_parameter", "stream_id")
    return replace(ResponsesRequest.read(raw, held), stream=True)
