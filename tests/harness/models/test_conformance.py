"""The Model seam: the same script through every implementation gives the same conversation."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from harness.clock import SystemClock
from harness.models.contract import CallFailedError, Message, Model, Role, ToolCall, ToolSpec
from harness.models.factory import APIS, open_model
from harness.models.replay import ReplayModel
from harness.models.settings import ModelSettings, RetryPolicy
from harness.models.timing import spans
from harness.simulator.config import Pace
from harness.simulator.process import Simulator
from harness.turns import ScriptedCall, Turn

SCRIPT = (
    Turn(
        reasoning="First the tests, then the change.",
        content="I look around.",
        tool_calls=(
            ScriptedCall(name="shell", arguments={"command": "ls -la /workspace && cat README.md"}),
            ScriptedCall(name="read", arguments='{"path": "ünïcode 漢字 🙂.py"'),
            ScriptedCall(name="finish"),
        ),
    ),
    Turn(content="Done: naïve 🙂 text."),
    Turn(),
)
ASK = (Message(role=Role.SYSTEM, content="You work."), Message(role=Role.USER, content="Build it."))
SAID = (Message(role=Role.ASSISTANT, content="so"), Message(role=Role.USER, content="And?"))
TOOLS = (ToolSpec(name="shell", description="Run it.", parameters={"type": "object", "required": ["command"]}),)

OpenModel = Callable[[], Model]


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """One simulator for this module: full speed and a few sizes of chunk."""
    models = {"whole": Pace(tokens_per_chunk=10_000), "fine": Pace(), "coarse": Pace(tokens_per_chunk=7)}
    with Simulator(models, {"script": SCRIPT}) as running:
        yield running


@pytest.fixture(params=["replay", *(f"{api} {pace}" for api in APIS for pace in ("whole", "fine", "coarse"))])
def model(request: pytest.FixtureRequest, simulator: Simulator) -> Iterator[Model]:
    """Each implementation, opened on the same script."""
    opened: Model
    if request.param == "replay":
        opened = ReplayModel(SCRIPT, SystemClock())
    else:
        api, pace = request.param.split()
        settings = ModelSettings(
            model=pace,
            base_url=simulator.base_url,
            api=api,
            headers={"x-splitclock-script": "script"},
            retry=RetryPolicy(attempts=2),
        )
        opened = open_model(settings, None, SystemClock())
    yield opened
    opened.close()


def answered(calls: tuple[ToolCall, ...]) -> tuple[Message, ...]:
    """A tool message for each call."""
    return tuple(Message(role=Role.TOOL, content="ok", tool_call_id=call.id) for call in calls)


def test_turns_are_played_as_written(model: Model) -> None:
    """Reasoning, content and every tool call come through whole, also where arguments are no JSON."""
    message = model.reply(ASK, TOOLS).message
    assert message.role is Role.ASSISTANT
    assert (message.reasoning, message.content) == (SCRIPT[0].reasoning, SCRIPT[0].content)
    assert [(call.name, call.arguments) for call in message.tool_calls] == [
        (call.name, call.arguments_text()) for call in SCRIPT[0].tool_calls
    ]
    assert len({call.id for call in message.tool_calls}) == 3


def test_next_turn_follows_the_history(model: Model) -> None:
    """The turn is the number of assistant messages: a conversation can be asked again from any point."""
    first = model.reply(ASK, TOOLS)
    history = (*ASK, first.message, *answered(first.message.tool_calls))
    second = model.reply(history, TOOLS)
    assert (second.message.content, second.finish_reason) == (SCRIPT[1].content, "stop")
    assert model.reply(history, TOOLS).message.content == SCRIPT[1].content
    assert model.reply(ASK, TOOLS).finish_reason == first.finish_reason == "tool_calls"


def test_usage_follows_the_token_rule(model: Model) -> None:
    """Four characters are a token, on either side of the wire."""
    replay = ReplayModel(SCRIPT, SystemClock())
    first = replay.reply(ASK, TOOLS)
    history = (*ASK, first.message, *answered(first.message.tool_calls))
    usage = model.reply(ASK, TOOLS).usage
    assert replace(usage, cached_input_tokens=None) == first.usage
    assert not usage.cached_input_tokens
    assert usage.output_tokens == SCRIPT[0].output_tokens
    assert usage.reasoning_tokens == 9
    later = model.reply(history, TOOLS).usage.input_tokens
    assert later is not None
    assert usage.input_tokens is not None
    assert later > usage.input_tokens


def test_moments_are_in_order(model: Model) -> None:
    """Every moment of a call lies between its sending and its end, and the spans cover the call without a gap."""
    clock = SystemClock()
    before = clock.now_ns()
    reply = model.reply(ASK, TOOLS)
    times = reply.times
    moments = [times.send, times.headers, times.first_chunk, times.first_token, times.first_answer]
    known = [moment for moment in (*moments, times.last_token, times.end) if moment is not None]
    assert len(known) == 7
    assert known == sorted(known)
    assert before <= times.send
    assert times.end <= clock.now_ns()
    assert sum(span.t1 - span.t0 for span in spans(reply, 1)) == times.end - times.send


def test_empty_turn_is_an_empty_reply(model: Model) -> None:
    """A model may say nothing at all: there is no first token then."""
    history = (*ASK, *SAID, *SAID)
    reply = model.reply(history, ())
    assert (reply.message.content, reply.message.tool_calls, reply.times.first_token) == ("", (), None)
    assert reply.usage.output_tokens == 0


def test_end_of_the_script_is_told(model: Model) -> None:
    """Past its end a script gives an error that says so, after one attempt."""
    history = (*ASK, *SAID, *SAID, *SAID)
    with pytest.raises(CallFailedError, match="ends after 3 turns") as caught:
        model.reply(history, ())
    assert caught.value.fault == "bad_request"
    assert len(caught.value.attempts) == 1
    assert not caught.value.fatal


def test_closed_model_is_interrupted(model: Model) -> None:
    """After `close`, which may come twice, no call is made."""
    model.close()
    model.close()
    with pytest.raises(CallFailedError) as caught:
        model.reply(ASK, TOOLS)
    assert caught.value.fault == "interrupted"
