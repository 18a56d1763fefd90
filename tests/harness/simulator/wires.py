"""The three wires as OpenAI's own client speaks them: one question, and what came of it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from openai import OpenAI

from harness.simulator.process import Simulator

WIRES = ("chat", "responses", "responses-websocket")
TOOLS: Any = [{"type": "function", "name": "shell", "parameters": {"type": "object"}, "strict": False}]
SEALED: Any = ["reasoning.encrypted_content"]


@dataclass(slots=True, kw_only=True)
class Seen:
    """What a client saw: the text, whether the answer said that it is complete, its raw last event, and what failed."""

    model: str
    text: str = ""
    complete: bool = False
    last: Any = None
    kinds: list[str] = field(default_factory=list)
    failure: str = ""
    status: int = 0
    retry_after: str = ""


def client_of(simulator: Simulator, script: str = "s", trial: str = "") -> OpenAI:
    """A client that repeats nothing by itself; a context manager."""
    headers = {"x-splitclock-script": script, "x-splitclock-trial": trial}
    return OpenAI(api_key="k", base_url=simulator.base_url, default_headers=headers, max_retries=0, timeout=30)


def ask(wire: str, client: OpenAI, answers: int = 0, model: str = "m") -> Seen:
    """Ask one streamed question whose history holds this many answers."""
    history: Any = [{"role": "user", "content": "hi"}]
    for number in range(answers):
        history += [{"role": "assistant", "content": f"a{number}"}, {"role": "user", "content": "on"}]
    seen = Seen(model=model)
    try:
        _ASK[wire](client, history, seen)
    except Exception as error:  # noqa: BLE001 - whatever the client raises is what is looked at
        seen.failure = type(error).__name__
        response = getattr(error, "response", None)
        seen.status = getattr(response, "status_code", 0)
        seen.retry_after = response.headers.get("retry-after", "") if response is not None else ""
    return seen


def _chat(client: OpenAI, history: Any, seen: Seen) -> None:
    for chunk in client.chat.completions.create(model=seen.model, messages=history, stream=True):
        seen.last = chunk
        for choice in chunk.choices or ():
            seen.text += choice.delta.content or ""
            seen.complete = seen.complete or choice.finish_reason is not None


def _responses(client: OpenAI, history: Any, seen: Seen) -> None:
    with client.responses.create(model=seen.model, input=history, stream=True) as events:
        for event in events:
            _look(event, seen)


def _websocket(client: OpenAI, history: Any, seen: Seen) -> None:
    with client.responses.connect() as connection:
        connection.response.create(model=seen.model, input=history)
        for event in _until_end(connection.recv):
            _look(event, seen)


_ASK: dict[str, Callable[[OpenAI, Any, Seen], None]] = {
    "chat": _chat,
    "responses": _responses,
    "responses-websocket": _websocket,
}


def _look(event: Any, seen: Seen) -> None:
    seen.last = event
    seen.kinds.append(event.type)
    if event.type == "response.output_text.delta":
        seen.text += event.delta
    if event.type in {"response.completed", "response.incomplete"}:
        seen.complete = True
    if event.type == "error":
        seen.status = getattr(event, "status", None) or 0
        seen.retry_after = (getattr(getattr(event, "error", None), "headers", None) or {}).get("retry-after", "")


def _until_end(receive: Callable[[], Any]) -> Iterator[Any]:
    while True:
        event = receive()
        yield event
        if event.type in {"error", "response.completed", "response.incomplete", "response.failed"}:
            return


@contextmanager
def conversation(client: OpenAI) -> Iterator[Callable[..., Any]]:
    """A function that asks over one WebSocket and returns the last event of each answer."""
    with client.responses.connect() as connection:

        def turn(items: Sequence[Any], **fields: Any) -> Any:
            connection.response.create(model="m", input=list(items), tools=TOOLS, **fields)
            return list(_until_end(connection.recv))[-1]

        yield turn
