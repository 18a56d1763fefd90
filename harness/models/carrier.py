"""What carries requests to a provider and their answers back; HTTP is the plain one."""

import threading
from collections.abc import Mapping
from typing import Any, Protocol

import httpx2
import openai

from harness.models.contract import Reply
from harness.models.dialect import Dialect
from harness.models.exchange import Exchange, Talk
from harness.models.faults import Fault
from harness.models.history import History
from harness.models.line import Line, unwatched
from harness.models.reception import Reception
from harness.models.settings import ModelSettings

MOST_WARM_S = 5.0
"""A server that leaves the list of models unanswered may hold up the start of a trial, and Ctrl-C, for no longer."""


class Carrier(Protocol):
    """Carries one request at a time, for one trial; `cut` and `close` may come from any thread."""

    @property
    def transport(self) -> str:
        """What `Reply.transport` says of it."""
        ...

    def talk(self, history: History, options: Mapping[str, Any]) -> Talk:
        """What makes this request; the history is not looked at any more once this returns."""
        ...

    def answered(self, reply: Reply, length: int) -> None:
        """The request with the first `length` messages of the history was answered."""
        ...

    def failed(self, reception: Reception, fault: Fault) -> None:
        """The request was not answered: what it left behind on the wire must not disturb the next one."""
        ...

    def warm(self) -> None:
        """Have a connection open before a clock runs, if that can be had soon; never an error."""
        ...

    def cut(self) -> None:
        """Break every connection at once; new ones may be opened."""
        ...

    def close(self) -> None:
        """Break and release all connections."""
        ...


class HttpCarrier:
    """A `Carrier` of POST requests whose answers are streamed."""

    transport = "http"

    def __init__(self, settings: ModelSettings, key: str | None, dialect: Dialect) -> None:
        self._line = Line(settings, key)
        self._dialect = dialect
        self._warm_s = min(settings.timeouts.connect_s, MOST_WARM_S)

    def talk(self, history: History, options: Mapping[str, Any]) -> Talk:
        """One POST."""
        body = history.body({"stream": True, **options}, self._dialect.field)

        def post(exchange: Exchange) -> None:
            with self._line.post(self._dialect.path, body) as answer:
                exchange.head(answer.status_code, answer.headers)
                for data in answer.iter_bytes():
                    exchange.data(data)
            exchange.end()

        return post

    def answered(self, reply: Reply, length: int) -> None:
        """Requests over HTTP leave nothing behind."""

    def failed(self, reception: Reception, fault: Fault) -> None:  # noqa: ARG002 - any fault may leave it in use
        """Break a connection that its server still writes to."""
        if not reception.ended:
            self._line.cut()

    def warm(self) -> None:
        """Ask for the list of models, for the sake of the connection; whatever comes back is fine."""
        deadline = threading.Timer(self._warm_s, self._line.cut)
        deadline.daemon = True
        deadline.start()
        try:
            with unwatched():
                self._line.client.get("/models", cast_to=httpx2.Response, options={"timeout": self._warm_s})
        except (openai.OpenAIError, httpx2.HTTPError, OSError):
            return  # the first call will tell what is wrong, on the record
        finally:
            deadline.cancel()

    def cut(self) -> None:
        """Break the connections."""
        self._line.cut()

    def close(self) -> None:
        """Break and release them."""
        self._line.close()
