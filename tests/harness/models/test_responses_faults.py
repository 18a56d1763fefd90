"""The Responses API over HTTP, against servers that do what the simulator does not."""

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from harness.clock import SystemClock
from harness.models.contract import CallFailedError, Message, Role
from harness.models.health import ProviderHealth
from harness.models.responses import open_responses
from harness.models.settings import ModelSettings, RetryPolicy, Timeouts
from harness.models.wire_model import WireModel
from tests.harness.models.answers import send_json, stream
from tests.harness.models.conftest import SHORT

Serve = Callable[[Callable[[BaseHTTPRequestHandler], None]], str]

ASK = [Message(role=Role.USER, content="hello")]
SAID = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "hi"}]}
THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}


def event(kind: str, **fields: Any) -> bytes:
    """One event, named as OpenAI names it in its frame too."""
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


COMPLETED = event("response.completed", response={"id": "resp_1", "status": "completed", "output": [SAID]})
ALIVE = event("response.in_progress", response={"id": "resp_1", "status": "in_progress"})
DELTA = event("response.output_text.delta", output_index=0, delta="h")
THINKS = event("response.output_item.added", output_index=0, item=THOUGHT)


@pytest.fixture
def ask(serve: Serve) -> Callable[..., Any]:
    """The outcome of one call to a server that answers so: a reply, or how it failed."""

    def call(answer: Callable[[BaseHTTPRequestHandler], None], timeouts: Timeouts = SHORT, attempts: int = 1) -> Any:
        retry = RetryPolicy(attempts=attempts, base_s=0.01)
        settings = ModelSettings(model="m", base_url=serve(answer), api="responses", timeouts=timeouts, retry=retry)
        model: WireModel = open_responses(settings, None, SystemClock(), ProviderHealth())
        try:
            return model.reply(ASK, [])
        except CallFailedError as error:
            return error
        finally:
            model.close()

    return call


Ask = Callable[..., Any]


@pytest.mark.parametrize(
    ("pieces", "fault"),
    [
        ((ALIVE, DELTA), "truncated"),
        ((DELTA, b"data: [DONE]\n\n"), "truncated"),
        ((DELTA, event("error", code="server_error", message="oops")), "server_error"),
        ((DELTA, event("error", code="rate_limit_exceeded", message="slow down")), "rate_limit"),
        ((event("response.failed", response={"error": {"code": "server_error", "message": "x"}}),), "server_error"),
        ((event("response.failed", response={"error": {"code": "rate_limit_exceeded"}}),), "rate_limit"),
        ((event("response.failed", response={"error": {"code": "context_length_exceeded"}}),), "context_length"),
        ((event("response.failed", response={"error": {"code": "invalid_prompt"}}),), "refused"),
        ((event("response.failed", response=None),), "server_error"),
        ((b'data: {"choices": []}\n\n',), "malformed"),
        ((b"data: {oops\n\n",), "malformed"),
        ((b": only a comment\n\n",), "malformed"),
    ],
)
def test_broken_streams_are_faults(ask: Ask, pieces: tuple[bytes, ...], fault: str) -> None:
    """A stream that is no complete answer is a fault, whatever came before."""
    caught = ask(lambda handler: stream(handler, *pieces))
    assert (caught.fault, caught.attempts[0].status) == (fault, 200)


def test_a_complete_answer_needs_no_end(ask: Ask) -> None:
    """The last event has everything: nothing is waited for after it."""
    reply = ask(lambda handler: stream(handler, DELTA, COMPLETED, 2.0))
    assert (reply.message.content, reply.transport, reply.finish_reason) == ("hi", "http", "stop")
    assert reply.times.end - reply.times.send < 1_500_000_000


def test_signs_of_life_are_no_progress(ask: Ask) -> None:
    """Events without content do not put a stall off."""
    pieces = [DELTA, *(piece for _ in range(50) for piece in (ALIVE, 0.02))]
    assert ask(lambda handler: stream(handler, *pieces), Timeouts(idle_s=0.2)).fault == "stalled"


def test_reasoning_in_silence_is_no_stall(ask: Ask) -> None:
    """While hidden reasoning goes on after a first token, the patience is that for a first token."""
    answer = (DELTA, THINKS, 0.6, COMPLETED)
    assert ask(lambda handler: stream(handler, *answer), Timeouts(idle_s=0.2)).message.content == "hi"
    caught = ask(lambda handler: stream(handler, *answer), Timeouts(idle_s=0.2, first_token_s=0.4))
    assert caught.fault == "stalled"


def test_an_option_that_is_rejected_is_dropped(ask: Ask) -> None:
    """A server that does not encrypt reasoning is asked again without that."""
    count = iter(range(9))
    told = {"error": {"message": "Encrypted content is not supported with this model.", "param": "include"}}

    def once(handler: BaseHTTPRequestHandler) -> None:
        if next(count) == 0:
            send_json(handler, 400, told | {"error": {**told["error"], "message": "no `include` here"}})
        else:
            stream(handler, COMPLETED)

    reply = ask(once, attempts=2)
    assert [attempt.fault for attempt in reply.attempts] == ["unsupported_option", ""]
    assert reply.message.content == "hi"


def test_a_response_that_is_not_streamed(ask: Ask) -> None:
    """A server that does not stream still answers; one that failed so is a fault."""
    body = {"object": "response", "id": "resp_1", "status": "completed", "output": [SAID], "error": None}
    assert ask(lambda handler: send_json(handler, 200, body)).message.content == "hi"
    failed = {**body, "status": "failed", "error": {"code": "server_error", "message": "x"}}
    assert ask(lambda handler: send_json(handler, 200, failed)).fault == "server_error"


def test_a_kept_word_on_whose_request_it_was(ask: Ask) -> None:
    """The header of the answer where there is one, else the id of the response."""
    assert ask(lambda handler: stream(handler, DELTA, COMPLETED)).attempts[0].request_id == "resp_1"
