"""The Responses API over one WebSocket for each trial, through the SDK's own connection."""

import logging
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import openai
from openai.resources.responses.responses import ResponsesConnection
from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection

from harness.models.contract import Message, Reply
from harness.models.exchange import Exchange, Talk
from harness.models.faults import Fault
from harness.models.history import History
from harness.models.line import Line, is_loopback, shut, tls, unwatched
from harness.models.reading import MAX_BODY_BYTES
from harness.models.reception import Reception
from harness.models.responses_request import untouched
from harness.models.settings import ModelSettings

_PING_S = 20.0
_FRAMES_AHEAD = 4096
_MOST_LOSSES = 2
_ASKED_ANEW = (Fault.EXPIRED, Fault.LOST_STATE, Fault.BAD_REQUEST)
_OF_HTTP_ONLY = ("stream", "stream_options", "background")

_SILENT = logging.Logger(__name__, logging.CRITICAL + 1)  # noqa: LOG001 - no configuration may reach it
"""The library logs the headers of a handshake, and the key with them, where anything listens for debugging."""


class Link:
    """One open connection. Its own thread does nothing but read, so that each message is stamped as it arrives.

    Whatever ends the reading ends the connection: what nobody reads would pile up.
    """

    def __init__(self, connection: ResponsesConnection, wire: socket.socket) -> None:
        self._connection = connection
        self._wire = wire
        self._listener: Exchange | None = None
        self._error: Exception | None = None
        self._lock = threading.Lock()
        threading.Thread(target=self._read, name="model-link", daemon=True).start()

    @property
    def alive(self) -> bool:
        """Whether nothing has ended it yet."""
        return self._error is None

    def ask(self, body: bytes, listener: Exchange) -> None:
        """Send a request; what comes from now on is told to `listener`. Raises what ended the connection."""
        with self._lock:
            self._listener = listener
            if self._error is not None:
                raise self._error
        self._connection.send_raw(body.decode())

    def _read(self) -> None:
        try:
            while True:
                data = self._connection.recv_bytes()
                if self._listener is not None:
                    self._listener.data(data)
        except Exception as error:  # noqa: BLE001 - a thread's error must reach the one who waits for it
            shut(self._wire)
            with self._lock:
                self._error = error
                if self._listener is not None:
                    self._listener.broke(error)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """What the server holds for this connection: its last answer, which came after `length` messages."""

    response_id: str
    message: Message
    length: int

    def continued_by(self, history: History) -> bool:
        """Whether the history goes on from there: nothing before has changed, and the answer stands as it was given."""
        if not self.response_id or len(history) <= self.length + 1 or history.kept < self.length:
            return False
        answer = history[self.length]
        return answer.items is self.message.items and untouched(answer)


class WebSocketCarrier:
    """A `Carrier` of `response.create` events.

    While the last answer on the connection is the last one of the history, a request holds only what came after it; in
    all other cases, after any failure included, it holds everything. Opening the connection, where a request needs
    that, counts from its moment of sending; otherwise that is the moment before its frame goes out. The moment of the
    headers is the first event of the answer.
    """

    transport = "websocket"

    def __init__(self, settings: ModelSettings, key: str | None) -> None:
        self._line = Line(settings, key)
        self._settings = settings
        self._link: Link | None = None
        self._held: _Held | None = None
        self._losses = 0
        self._refusal: InvalidStatus | None = None

    def talk(self, history: History, options: Mapping[str, Any]) -> Talk:
        """One event, on the open connection or a new one."""
        link = self._link if self._link is not None and self._link.alive else None
        held = self._held if link is not None and self._losses < _MOST_LOSSES else None
        event: dict[str, Any] = {"type": "response.create", **options}
        event = {name: value for name, value in event.items() if name not in _OF_HTTP_ONLY}
        since = 0
        if held is not None and held.continued_by(history):
            event["previous_response_id"], since = held.response_id, held.length + 1
        body = history.body(event, "input", since)

        refusal, self._refusal = self._refusal, None

        def ask(exchange: Exchange) -> None:
            exchange.sending()
            if refusal is not None:
                raise refusal
            open_link = link or self._open()
            if link is not None:
                exchange.sending()
            exchange.sent()
            open_link.ask(body, exchange)

        return ask

    def answered(self, reply: Reply, length: int) -> None:
        """Remember what the server holds now."""
        self._held = _Held(response_id=reply.attempts[-1].request_id, message=reply.message, length=length)

    def failed(self, reception: Reception, fault: Fault) -> None:
        """Forget what the server held; break the connection unless it said itself why there is no answer.

        Also where it is asked anew at once: what else it says of the failed request would be taken for the answer.
        """
        self._held = None
        self._losses += fault is Fault.LOST_STATE
        if not reception.reading.told_error or fault in _ASKED_ANEW:
            self.cut()

    def warm(self) -> None:
        """Open the connection. A server that refuses it has said so once: the first request fails with that."""
        try:
            with unwatched():
                self._open()
        except InvalidStatus as error:
            self._refusal = error
        except (openai.OpenAIError, WebSocketException, OSError, EOFError):
            return  # the first call will tell what is wrong, on the record

    def cut(self) -> None:
        """Break the connection."""
        self._link = None
        self._line.cut()

    def close(self) -> None:
        """Break and release it."""
        self._link = None
        self._line.close()

    def _open(self) -> Link:
        """A new connection, which takes the place of the old one. The SDK's own reconnecting is off."""
        local, opened = is_loopback(self._settings.base_url), _Opened(self._line)
        options = {
            "create_connection": opened,
            "open_timeout": self._settings.timeouts.connect_s,
            "max_size": MAX_BODY_BYTES,
            "max_queue": _FRAMES_AHEAD,
            "compression": None,
            "logger": _SILENT,
            "ping_interval": _PING_S,
            "ping_timeout": None,  # a call's own patience decides when to give up; pings only keep a line open
            **({"ssl": tls()} if self._line.client.base_url.scheme == "https" else {}),
            **({"proxy": None} if local else {}),
        }
        manager = self._line.client.responses.connect(websocket_connection_options=cast("Any", options), max_retries=0)
        self._link = Link(manager.enter(), opened.wires[-1])
        return self._link


class _Opened:
    """Makes the library's connections; each one's socket can be broken from another thread, in the handshake too."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self.wires: list[socket.socket] = []

    def __call__(self, *args: Any, **options: Any) -> ClientConnection:
        connection = ClientConnection(*args, **options)
        self._line.hold(connection.socket)
        self.wires.append(connection.socket)
        return connection
