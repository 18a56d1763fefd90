"""The Responses API of the simulator over HTTP and in WebSocket mode, read by OpenAI's own client."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import APIStatusError, OpenAI
from websockets.sync.client import connect

from harness.simulator.config import Pace
from harness.simulator.log import SentRow, read_attempts
from harness.simulator.process import Simulator
from harness.turns import ScriptedCall, Turn
from tests.harness.simulator.wires import SEALED, TOOLS, WIRES, ask, client_of, conversation

pytestmark = pytest.mark.slow

CALLS = (ScriptedCall(name="shell", arguments={"a": 1}), ScriptedCall(name="nosuch", arguments='{"broken'))
SCRIPT = (Turn(reasoning="let me think", content="hello there", tool_calls=CALLS), Turn(), Turn(content="done"))
BENT = (
    Turn(content="a", ending="length", usage="missing"),
    Turn(content="b", ending="content_filter", usage="negative"),
    Turn(content="I cannot", ending="refusal", usage="text", served_model="other", service_tier="priority"),
    Turn(reasoning="cut in thought", ending="length"),
    Turn(tool_calls=CALLS, ids="repeated"),
)
USER: dict[str, Any] = {"role": "user", "content": "hi"}


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The log of this module's simulator."""
    return tmp_path_factory.mktemp("log") / "sent.jsonl"


@pytest.fixture(scope="module")
def simulator(log: Path) -> Iterator[Simulator]:
    """One model at full speed, one that lets wait for its first token, and one that tells its times."""
    ids = [Turn(tool_calls=CALLS, ids=kind) for kind in ("repeated", "empty", "missing")]
    models = {
        "m": Pace(tokens_per_chunk=2),
        "slow": Pace(first_token_ms=300),
        "timed": Pace(tokens_per_s=500, timings=True),
    }
    with Simulator(models, {"s": SCRIPT, "bent": BENT, "ids": ids}, log) as running:
        yield running


@pytest.fixture
def client(simulator: Simulator) -> Iterator[OpenAI]:
    """A client of the plain script."""
    with client_of(simulator) as opened:
        yield opened


def sent_back(response: Any) -> list[Any]:
    """The output of a response as input of the next one, with an answer to each call."""
    calls = [item.call_id for item in response.output if item.type == "function_call"]
    output = [item.to_dict() for item in response.output]
    return output + [{"type": "function_call_output", "call_id": each, "output": "ok"} for each in calls]


def test_stream_is_put_together_by_the_client(client: OpenAI) -> None:
    """The client's own accumulation of the events is the response that was completed, numbers rising by one."""
    with client.responses.stream(model="m", input="hi", include=SEALED) as stream:
        events: list[Any] = list(stream)
        final = stream.get_final_response()
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert [item.type for item in final.output] == ["reasoning", "message", "function_call", "function_call"]
    assert final.output_text == "hello there"
    assert [item.arguments for item in final.output if item.type == "function_call"] == ['{"a": 1}', '{"broken']
    deltas = dict.fromkeys(("reasoning_text", "output_text", "function_call_arguments"), "")
    for event in events:
        part, _, rest = event.type.removeprefix("response.").partition(".")
        if rest == "delta":
            deltas[part] += event.delta
    assert list(deltas.values()) == ["let me think", "hello there", '{"a": 1}{"broken']
    kinds = [event.type for event in events]
    assert kinds[:2] == ["response.created", "response.in_progress"]
    for part in ("output_item", "content_part"):
        assert kinds.count(f"response.{part}.added") == kinds.count(f"response.{part}.done") > 0


def test_whole_response_equals_the_streamed_one(client: OpenAI) -> None:
    """With and without a stream the same items, usage in the API's own names."""
    whole = client.responses.create(model="m", input="hi", tools=TOOLS, instructions="12345678")
    events: list[Any] = list(client.responses.create(model="m", input="hi", stream=True))
    streamed = events[-1].response
    assert [item.type for item in whole.output] == [item.type for item in streamed.output]
    assert whole.output_text == streamed.output_text
    assert whole.usage is not None
    assert whole.usage.output_tokens == SCRIPT[0].output_tokens
    assert whole.usage.output_tokens_details.reasoning_tokens == 3
    assert whole.usage.input_tokens > streamed.usage.input_tokens == 1
    assert whole.usage.input_tokens_details.cached_tokens == 0


def test_conversation_over_http(client: OpenAI) -> None:
    """Turns follow each other as answers come back, also after one that said nothing."""
    items: list[Any] = [USER]
    texts = []
    for _ in SCRIPT:
        response = client.responses.create(model="m", input=items, include=SEALED)
        texts.append(response.output_text)
        items += [*sent_back(response), USER]
    assert texts == ["hello there", "", "done"]
    with pytest.raises(APIStatusError, match="ends after 3 turns"):
        client.responses.create(model="m", input=items, include=SEALED)


def test_conversation_over_a_websocket(client: OpenAI) -> None:
    """New items and the last response's id are enough; the usage counts the whole history, most of it cached."""
    with conversation(client) as turn:
        first = turn([USER]).response
        outputs = [item for item in sent_back(first) if item["type"] == "function_call_output"]
        second = turn(outputs, previous_response_id=first.id).response
        third = turn([USER], previous_response_id=second.id).response
        assert [each.status for each in (first, second, third)] == ["completed"] * 3
        assert third.output[0].content[0].text == "done"
        assert third.usage.input_tokens_details.cached_tokens == second.usage.input_tokens
        assert first.usage.input_tokens < second.usage.input_tokens < third.usage.input_tokens
        gone = turn([USER], previous_response_id=first.id)
        assert (gone.type, gone.status, gone.error.code) == ("error", 400, "previous_response_not_found")
        gone = turn([USER], previous_response_id=third.id)
        assert gone.error.code == "previous_response_not_found"  # a failed request forgets
        assert turn([USER]).response.status == "completed"
    with conversation(client) as turn:
        assert turn([USER], previous_response_id=third.id).error.code == "previous_response_not_found"


def test_full_history_is_the_same_over_both(client: OpenAI) -> None:
    """A history that came from one wire is gone on with over the other, encryption included."""
    first = client.responses.create(model="m", input=[USER], include=SEALED)  # type: ignore[list-item]
    with conversation(client) as turn:
        second = turn([USER, *sent_back(first)], include=SEALED).response
        third = client.responses.create(model="m", input=[USER, *sent_back(first), *sent_back(second), USER])  # type: ignore[list-item]
    assert third.output_text == "done"


def test_requests_wait_their_turn_and_pings_are_answered(simulator: Simulator) -> None:
    """Two requests at once are answered one after the other; a ping meanwhile gets its pong."""
    url = simulator.base_url.replace("http", "ws") + "/responses"
    asked = json.dumps({"type": "response.create", "model": "slow", "input": "hi"})
    with connect(url, additional_headers={"x-splitclock-script": "s"}, compression=None) as connection:
        connection.send(asked)
        connection.send(asked)
        assert json.loads(connection.recv(30))["type"] == "response.created"
        assert connection.ping().wait(30)
        ended: list[str] = []
        running = 1
        while len(ended) < 2:
            event = json.loads(connection.recv(30))
            running += event["type"] == "response.created"
            if event["type"] == "response.completed":
                ended.append(event["response"]["id"])
            assert running - len(ended) in {0, 1}
    assert len(set(ended)) == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "JSON"),
        ("[]", "Unknown event type"),
        ('{"type": "response.steer"}', "Unknown event type: 'response.steer'"),
        ('{"type": "response.create", "model": "m"}', "input"),
        ('{"type": "response.create", "model": "x", "input": "hi"}', "known: m, slow, timed"),
        ('{"type": "response.create", "model": "m", "input": "hi", "stream_id": "a"}', "one stream"),
    ],
)
def test_bad_messages_are_told(simulator: Simulator, text: str, told: str) -> None:
    """An error event for each, and the connection lives on."""
    url = simulator.base_url.replace("http", "ws") + "/responses"
    with connect(url, additional_headers={"x-splitclock-script": "s"}) as connection:
        for _ in range(2):
            connection.send(text)
            event = json.loads(connection.recv(30))
            assert (event["type"], event["error"]["type"]) == ("error", "invalid_request_error")
            assert told in event["error"]["message"]


@pytest.mark.parametrize("wire", ["chat", "responses", "responses-websocket"])
def test_endings_and_what_is_wrong_with_answers(simulator: Simulator, wire: str) -> None:
    """Cut, filtered, refused: each as its API says it; usage, model and tier as scripted."""
    with client_of(simulator, "bent", wire) as client:
        cut, filtered, refused = (ask(wire, client, answers).last for answers in range(3))
        told = client.chat.completions.create(
            model="m",
            messages=[USER, *[{"role": "assistant", "content": "x"}] * 2],  # type: ignore[list-item]
        )
    if wire == "chat":
        assert [cut.choices[0].finish_reason, filtered.choices[0].finish_reason] == ["length", "content_filter"]
        assert (told.choices[0].finish_reason, told.choices[0].message.refusal) == ("stop", "I cannot")
        assert (refused.model, refused.service_tier) == ("other", "priority")
        return
    reasons = [each.response.incomplete_details.reason for each in (cut, filtered)]
    assert reasons == ["max_output_tokens", "content_filter"]
    assert [cut.type, filtered.type, refused.type] == ["response.incomplete"] * 2 + ["response.completed"]
    assert cut.response.output[-1].status == "incomplete"
    assert refused.response.output[0].content[0].to_dict() == {"type": "refusal", "refusal": "I cannot"}
    assert (refused.response.model, refused.response.service_tier) == ("other", "priority")
    assert cut.response.usage is None
    assert filtered.response.usage.output_tokens == -2
    assert refused.response.usage.output_tokens == "2"


@pytest.mark.parametrize("wire", ["responses", "responses-websocket"])
def test_answer_cut_in_thought_still_counts(simulator: Simulator, wire: str) -> None:
    """It ends with its reasoning; a client goes on with an assistant message in its place, or on the connection."""
    with client_of(simulator, "bent", f"thought-{wire}") as client:
        assert ask(wire, client, 3).last.response.output[-1].type == "reasoning"
        calls = ask(wire, client, 4).last.response.output
        assert len({call.call_id for call in calls}) == 1
        if wire == "responses-websocket":
            with conversation(client) as turn:
                history = [USER, *[each for _ in range(3) for each in ({"role": "assistant", "content": ""}, USER)]]
                cut = turn(history).response
                assert turn([USER], previous_response_id=cut.id).response.output[0].type == "function_call"


def test_ids_of_calls_can_be_wrong(simulator: Simulator) -> None:
    """Repeated, empty and missing ids, alike in both APIs."""
    with client_of(simulator, "ids") as client:
        for number, expected in enumerate([{"call"}, {""}, {None}]):
            history: Any = [USER, *[{"role": "assistant", "content": "a"}, USER] * number]
            response = client.responses.create(model="m", input=history)
            completion = client.chat.completions.create(model="m", messages=history)
            items: list[Any] = list(response.output)
            ids = [item.to_dict().get("call_id") for item in items]
            assert {each and each[:4] for each in ids} == expected
            assert len(set(ids)) == 1
            calls: Any = completion.choices[0].message.tool_calls
            assert {(each := call.to_dict().get("id")) and each[:4] for call in calls} == expected


@pytest.mark.parametrize("wire", WIRES)
def test_server_tells_its_own_times(simulator: Simulator, log: Path, wire: str) -> None:
    """Where the model's pace says so, the last event has what the log has, in milliseconds."""
    with client_of(simulator, trial=f"timed-{wire}") as client:
        last = ask(wire, client, model="timed").last.to_dict()
        assert "timings" not in ask(wire, client).last.to_dict()
    rows: list[SentRow] = []
    while len(rows) < 2:
        rows = [row for row in read_attempts(log) if row.trial == f"timed-{wire}"]
        time.sleep(0.01)
    first_ns, last_ns = rows[0].first_token_ns, rows[0].last_token_ns
    assert first_ns is not None
    assert last_ns is not None
    assert last["timings"] == {
        "prompt_ms": (first_ns - rows[0].received_ns) / 1e6,
        "predicted_n": SCRIPT[0].output_tokens,
        "predicted_ms": (last_ns - first_ns) / 1e6,
    }


def test_log_tells_of_every_api(simulator: Simulator, log: Path) -> None:
    """Each response has a line under its own id: the tokens of its turn, none before its time."""
    with client_of(simulator, trial="logged") as client, conversation(client) as turn:
        ids = {
            turn([USER]).response.id: "responses-websocket",
            client.responses.create(model="m", input="hi").id: "responses",
        }
    rows: dict[str, SentRow] = {}
    while len(rows) < len(ids):
        rows = {row.id: row for row in read_attempts(log) if row.id in ids}
        time.sleep(0.01)
    for identity, api in ids.items():
        row = rows[identity]
        assert (row.api, row.script, row.trial, row.model) == (api, "s", "logged", "m")
        assert sum(tokens for _, _, tokens in row.chunks) == SCRIPT[0].output_tokens
        moments = [row.received_ns, *(at for at, _, _ in row.chunks), row.finished_ns]
        assert moments == sorted(moments)
