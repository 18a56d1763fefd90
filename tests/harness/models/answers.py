"""Answers of servers that misbehave, over HTTP."""

import json
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler


def send(handler: BaseHTTPRequestHandler, status: int, body: bytes, fields: Mapping[str, str]) -> None:
    """A whole answer with a length."""
    handler.send_response(status)
    for name, value in fields.items():
        handler.send_header(name, value)
    handler.send_header("content-length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def send_json(handler: BaseHTTPRequestHandler, status: int, value: object, **fields: str) -> None:
    """A whole answer of JSON; `retry_after` becomes `retry-after`."""
    named = {name.replace("_", "-"): field for name, field in fields.items()}
    send(handler, status, json.dumps(value).encode(), {"content-type": "application/json", **named})


def stream(handler: BaseHTTPRequestHandler, *pieces: bytes | float) -> None:
    """An event stream of these bytes, with pauses in seconds in between; closed at its end."""
    handler.send_response(200)
    handler.send_header("content-type", "text/event-stream")
    handler.send_header("connection", "close")
    handler.end_headers()
    for piece in pieces:
        if isinstance(piece, bytes):
            handler.wfile.write(piece)
        else:
            time.sleep(piece)


def torn(handler: BaseHTTPRequestHandler, piece: bytes, pause_s: float) -> None:
    """The beginning of an event stream whose connection is reset before its end."""
    handler.send_response(200)
    handler.send_header("content-type", "text/event-stream")
    handler.send_header("transfer-encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
    time.sleep(pause_s)
    handler.close_connection = True
