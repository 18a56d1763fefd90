"""What goes wrong with a provider, over every wire API, played by the simulator: one kind of fault, one way out."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count

import pytest

from harness.clock import SystemClock
from harness.models.contract import CallFailedError, Message, Model, Role, ToolSpec, Usage
from harness.models.factory import APIS, open_model
from harness.models.settings import ModelSettings, RetryPolicy, Timeouts
from harness.models.timing import call_row, spans
from harness.simulator.config import Pace
from harness.simulator.process import Simulator
from harness.turns import ScriptedCall, ScriptedFault, Turn

ASK = (Message(role=Role.SYSTEM, content="You work."), Message(role=Role.USER, content="Build it."))
TOOLS = (ToolSpec(name="shell", description="Run it.", parameters={"type": "object"}),)
SWIFT = RetryPolicy(attempts=3, base_s=0.01, cap_s=0.01)
IMPATIENT = Timeouts(connect_s=5, first_token_s=0.5, idle_s=0.5, total_s=20, tail_s=0.2)
TEXT = "one two three four five"
CALL = ScriptedCall(name="shell", arguments={"command": "ls"})

PASSING = {
    "rate_limit": ScriptedFault(kind="status", status=429, headers={"retry-after": "0.05"}, code="rate_limit_exceeded"),
    "server_error": ScriptedFault(kind="status", status=529),
    "server_error of a handshake": ScriptedFault(kind="handshake", status=503, headers={"retry-after": "0.05"}),
    "server_error in the answer": ScriptedFault(kind="error_in_answer", after_tokens=3, code="server_error"),
    "server_error at its end": ScriptedFault(kind="failed", after_tokens=3, code="server_error"),
    "rate_limit in the answer": ScriptedFault(kind="error_in_answer", status=429, code="rate_limit_exceeded"),
    "connection": ScriptedFault(kind="cut", after_tokens=3),
    "truncated": ScriptedFault(kind="end", after_tokens=3),
    "truncated at its end": ScriptedFault(kind="end", after_tokens=1000),
    "stalled": ScriptedFault(kind="stall", after_tokens=3, seconds=5),
    "stalled before a token": ScriptedFault(kind="stall", seconds=5),
    "stalled but alive": ScriptedFault(kind="keep_alive", after_tokens=3, seconds=5),
    "malformed": ScriptedFault(kind="html"),
    "malformed, nothing at all": ScriptedFault(kind="empty"),
}
FINAL = {
    "authentication": ScriptedFault(kind="status", status=401, code="invalid_api_key"),
    "authentication of a handshake": ScriptedFault(kind="handshake", status=401, code="invalid_api_key"),
    "permission": ScriptedFault(kind="status", status=403),
    "no_such_model": ScriptedFault(kind="status", status=404, code="model_not_found"),
    "no_quota": ScriptedFault(kind="status", status=429, code="insufficient_quota"),
    "context_length": ScriptedFault(kind="status", status=400, code="context_length_exceeded"),
    "refused": ScriptedFault(kind="status", status=400, code="content_filter"),
    "bad_request": ScriptedFault(kind="status", status=400),
}
FATAL = {"authentication", "permission", "no_such_model", "no_quota"}
BENT = {
    "length": Turn(content=TEXT, tool_calls=(CALL,), ending="length"),
    "content_filter": Turn(content=TEXT, ending="content_filter"),
    "refusal": Turn(content=TEXT, ending="refusal"),
    "usage missing": Turn(content=TEXT, usage="missing"),
    "usage negative": Turn(content=TEXT, usage="negative"),
    "usage text": Turn(content=TEXT, usage="text"),
    "ids repeated": Turn(tool_calls=(CALL, CALL), ids="repeated"),
    "ids empty": Turn(tool_calls=(CALL, CALL), ids="empty"),
    "ids missing": Turn(tool_calls=(CALL, CALL), ids="missing"),
    "fallback": Turn(content=TEXT, served_model="another", service_tier="flex"),
    "malformed arguments": Turn(reasoning="Hm, so.", tool_calls=(ScriptedCall(name="shell", arguments='{"cut'),)),
}

TRIALS = count()
OpenScript = Callable[..., Model]


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """A script for each fault, whose first turn meets it once, and one for each bent turn."""
    faults = PASSING | FINAL | {"no choices": ScriptedFault(kind="no_choices")}
    scripts = {name: [Turn(content=TEXT, faults=(fault,)), Turn(content="b")] for name, fault in faults.items()}
    scripts |= {name: [turn, Turn(content="b")] for name, turn in BENT.items()}
    with Simulator({"m": Pace()}, scripts) as running:
        yield running


@pytest.fixture(params=APIS)
def api(request: pytest.FixtureRequest) -> str:
    """Each wire API."""
    name: str = request.param
    return name


@pytest.fixture
def open_script(simulator: Simulator, api: str) -> Iterator[OpenScript]:
    """Open a model on a script, as a trial of its own, so that it meets the script's faults."""
    with ExitStack() as stack:

        def start(script: str, timeouts: Timeouts = IMPATIENT) -> Model:
            headers = {"x-splitclock-script": script, "x-splitclock-trial": f"{api} {script} {next(TRIALS)}"}
            settings = ModelSettings(
                model="m", base_url=simulator.base_url, api=api, headers=headers, retry=SWIFT, timeouts=timeouts
            )
            model = open_model(settings, None, SystemClock())
            stack.callback(model.close)
            return model

        yield start


@pytest.mark.slow
@pytest.mark.parametrize("script", PASSING)
def test_passing_faults_are_tried_again(open_script: OpenScript, script: str) -> None:
    """The second attempt is answered in full; the first is named, and booked as waiting with all it brought."""
    reply = open_script(script).reply(ASK, TOOLS)
    assert [each.fault for each in reply.attempts] == [script.split(maxsplit=1)[0].strip(","), ""]
    assert reply.message.content == TEXT
    row = call_row(reply, 1, None)
    failed, pause = reply.attempts[0], reply.pauses[0]
    assert row.wait_ns == failed.times.end - failed.times.send + pause.t1 - pause.t0
    assert row.wait_ns == sum(span.t1 - span.t0 for span in spans(reply, 1) if span.phase == "wait")
    assert row.unfinished_deltas == failed.times.deltas
    assert bool(row.unfinished_deltas) == bool(PASSING[script].after_tokens)


def test_statuses_are_kept(open_script: OpenScript) -> None:
    """The attempt says what status it failed with, also where that came inside a WebSocket or instead of one."""
    assert open_script("rate_limit").reply(ASK, TOOLS).attempts[0].status == 429
    refused = open_script("server_error of a handshake").reply(ASK, TOOLS)
    assert refused.attempts[0].status == 503
    assert refused.pauses[0].t1 - refused.pauses[0].t0 >= 50_000_000
    assert refused.pauses[0].reason == "rate_limit"


def test_an_answer_without_any_choice_is_a_fault(open_script: OpenScript) -> None:
    """What holds nothing at all is no answer."""
    reply = open_script("no choices").reply(ASK, TOOLS)
    assert reply.attempts[0].fault in {"malformed", "truncated"}
    assert reply.message.content == TEXT


@pytest.mark.parametrize("script", FINAL)
def test_final_faults_are_asked_once(open_script: OpenScript, script: str) -> None:
    """What will fail again is not paid for again."""
    with pytest.raises(CallFailedError) as caught:
        open_script(script).reply(ASK, TOOLS)
    fault = script.split(maxsplit=1)[0]
    assert (caught.value.fault, caught.value.fatal, len(caught.value.attempts)) == (fault, fault in FATAL, 1)
    assert caught.value.attempts[0].status == FINAL[script].status


@pytest.mark.parametrize("script", ["length", "content_filter", "refusal"])
def test_endings_have_one_word_each(open_script: OpenScript, script: str) -> None:
    """Whatever an API calls it."""
    reply = open_script(script).reply(ASK, TOOLS)
    assert (reply.finish_reason, reply.message.content, len(reply.attempts)) == (script, TEXT, 1)


@pytest.mark.parametrize("script", ["usage missing", "usage negative", "usage text"])
def test_usage_that_is_none_is_unknown(open_script: OpenScript, script: str) -> None:
    """Unknown, and never zero."""
    assert open_script(script).reply(ASK, TOOLS).usage == Usage()


def test_a_cut_turn_goes_back_without_its_calls(open_script: OpenScript) -> None:
    """Calls that the agent drops from a message cut by length are not sent again; strict servers agree."""
    model = open_script("length")
    message = model.reply(ASK, TOOLS).message
    cut = Message(role=Role.ASSISTANT, content=message.content, items=message.items)
    assert model.reply((*ASK, cut, Message(role=Role.USER, content="cut")), TOOLS).message.content == "b"


@pytest.mark.parametrize("script", ["ids repeated", "ids empty", "ids missing"])
def test_ids_are_unique_in_what_goes_back(open_script: OpenScript, script: str) -> None:
    """A strict server takes the history with the answers to each call; items keep what came."""
    model = open_script(script)
    message = model.reply(ASK, TOOLS).message
    assert len({call.id for call in message.tool_calls} - {""}) == 2
    came = {item.get("call_id") for item in message.items}
    assert len(came) <= 1
    results = (Message(role=Role.TOOL, content="ok", tool_call_id=call.id) for call in message.tool_calls)
    second = model.reply((*ASK, message, *results), TOOLS)
    assert (second.message.content, len(second.attempts)) == ("b", 1)


def test_malformed_arguments_go_back_mended(open_script: OpenScript) -> None:
    """The history holds an empty object in their place, after the reasoning that led to them."""
    model = open_script("malformed arguments")
    message = model.reply(ASK, TOOLS).message
    assert message.tool_calls[0].arguments == '{"cut'
    result = Message(role=Role.TOOL, content="no JSON", tool_call_id=message.tool_calls[0].id)
    assert model.reply((*ASK, message, result), TOOLS).message.content == "b"


def test_what_served_is_recorded(open_script: OpenScript, api: str) -> None:
    """Another model than was asked for, its tier, the API, the transport, and the provider's name of the request."""
    row = call_row(open_script("fallback").reply(ASK, TOOLS), 1, None)
    assert (row.served_model, row.service_tier, row.api) == ("another", "flex", api)
    assert row.transport == ("websocket" if api == "responses-websocket" else "http")
    assert row.request_id
