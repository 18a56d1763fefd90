"""What a call may still spend holds while it streams: what passes that is cut, counted, and not asked again."""

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.clock import Clock, SystemClock
from harness.models.assembly import Moments
from harness.models.ceiling import Ceiling, under
from harness.models.contract import CallFailedError, Message, Model, Role
from harness.models.factory import APIS, open_model
from harness.models.faults import Fault
from harness.models.prices import Price
from harness.models.settings import ModelSettings
from harness.models.wire_file import FileWireLog
from harness.models.wire_log import recording
from harness.models.wire_model import WireModel
from harness.models.wire_past import State, read_wire
from harness.redact import Redactor
from harness.simulator.config import Pace
from harness.simulator.process import Simulator
from harness.simulator.stage import SCRIPT_HEADER
from tests.harness.models.answers import stream
from tests.harness.play import OpenModel, Play, calls

ASK = [Message(role=Role.USER, content="Go.")]
TOKENS = 1000
LONG = calls(("shell", {"command": "touch made; echo " + "four" * TOKENS}))

Opener = Callable[..., OpenModel]


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """One that takes half a second for its long turn, in pieces of one token or many."""
    paces = {str(size): Pace(tokens_per_s=2000, tokens_per_chunk=size) for size in (1, 50)}
    scripts = {"long": [LONG], "then_long": [calls(("read", {"path": "a.txt"})), LONG]}
    with Simulator(paces, scripts) as running:
        yield running


@pytest.fixture
def on(simulator: Simulator) -> Opener:
    """How a model is opened on a script over an API."""

    def script(name: str, api: str = "chat", size: int = 1) -> OpenModel:
        headers = {SCRIPT_HEADER: name}
        settings = ModelSettings(model=str(size), base_url=simulator.base_url, api=api, headers=headers)

        def opened(clock: Clock) -> Model:
            return open_model(settings, None, clock)

        return opened

    return script


@pytest.mark.parametrize("size", [1, 50])
@pytest.mark.parametrize("api", APIS)
def test_a_stream_that_passes_what_is_left_is_cut(on: Opener, api: str, size: int) -> None:
    """Soon after, whatever the pieces hold; asked once, and what came may be billed."""
    model = on("long", api, size)(SystemClock())
    ceiling = Ceiling(left=lambda: 100, fault=Fault.BUDGET, what="the run's output tokens were left")
    with under(ceiling), pytest.raises(CallFailedError, match="of the run's output tokens were left") as caught:
        model.reply(ASK, [])
    (attempt,) = caught.value.attempts
    assert (caught.value.fault, caught.value.fatal, attempt.may_be_billed) == ("budget", False, True)
    assert 100 / size < attempt.times.deltas < TOKENS / size
    model.close()


def test_an_answer_that_is_complete_is_kept(serve: Callable[..., str], open_at: Callable[..., WireModel]) -> None:
    """It is paid for already: all that a cut could do is to lose it."""
    said = json.dumps({"choices": [{"delta": {"content": "four" * TOKENS}}]})
    done = json.dumps({"choices": [{"delta": {}, "finish_reason": "stop"}]})
    model = open_at(serve(lambda handler: stream(handler, f"data: {said}\n\ndata: {done}\n\n".encode())))
    with under(Ceiling(left=lambda: 1, fault=Fault.BUDGET, what="")):
        assert model.reply(ASK, []).message.content == "four" * TOKENS


def test_the_lowest_of_ceilings_cuts(on: Opener) -> None:
    """Each is asked anew as tokens come, for others may spend from the same purse meanwhile."""
    model, left = on("long")(SystemClock()), itertools.count(60, -1)
    generous = Ceiling(left=lambda: 500, fault=Fault.TOKEN_LIMIT, what="the trial's")
    shared = Ceiling(left=lambda: next(left), fault=Fault.BUDGET, what="the run's")
    with under(generous), under(shared), pytest.raises(CallFailedError, match="of the run's") as caught:
        model.reply(ASK, [])
    assert caught.value.fault == "budget"
    assert caught.value.attempts[0].times.deltas < 60
    model.close()


@pytest.mark.parametrize(
    ("limits", "fault", "told"),
    [
        ({"output_tokens": 100}, "token_limit", ("limit:tokens", "the trial's output tokens")),
        ({"cost_usd": 0.0001}, "cost_limit", ("limit:cost", "the trial's cost limit")),
    ],
)
def test_a_trials_limit_holds_within_a_call(
    on: Opener, tmp_path: Path, limits: dict[str, Any], fault: str, told: tuple[str, str]
) -> None:
    """The trial ends as it does between two calls: what is there is graded, the half call counts as unanswered."""
    with recording(FileWireLog(tmp_path / "wire.jsonl", Redactor())):
        play = Play(tmp_path / "cache", on("then_long"), limits=limits, price=Price(input=0.0, output=1.0))
    transcript, (stop, what) = play.transcript, told
    assert (transcript.stop, transcript.turns, transcript.unanswered_calls) == (stop, 1, 1)
    assert transcript.unanswered_faults == ()
    assert f"of {what} were left" in transcript.error
    assert [row.tool for row in transcript.tool_calls] == ["read"]
    assert play.sub_phases_s()["wait.failed_call"] < 0.5
    last = read_wire(tmp_path / "wire.jsonl", 2)
    assert last is not None
    assert (last.state, last.in_doubt, [each.fault for each in last.failed]) == (State.FAILED, False, [fault])


def test_a_piece_is_a_token_or_its_characters_are() -> None:
    """Whichever gives more: tokens that come one by one, and several in one piece."""
    moments = Moments()
    for _ in range(5):
        moments.delta(1, 1, answered=True)
    assert moments.tokens == 5
    moments.delta(2, 80, answered=False)
    assert moments.tokens == 21
