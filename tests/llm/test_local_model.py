"""Our clock against the one of a server that nobody here wrote, and a whole trial with a model that really thinks."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from harness.clock import SystemClock
from harness.models.contract import Message, Model, Reply, Role, ToolSpec
from harness.models.factory import open_model
from harness.models.settings import ModelSettings
from harness.record import Record
from tests.bench.figures import Details, median
from tests.end_to_end.desk import Desk, by_model
from tests.end_to_end.targets import FeatureFiles, in_docker, matrix
from tests.llm.conftest import CONTEXT

pytestmark = [pytest.mark.llm, pytest.mark.slow]

QUESTIONS = (
    "Tell me about the sea.",
    "What is a clock, and who needs one?",
    "Write a short story of a fox.",
    "Explain how bread is made.",
    "Describe a small town in winter.",
    "What do gardeners do in spring?",
)
TOKENS = 80
SHELL = ToolSpec(
    name="shell",
    description="Run a command line.",
    parameters={
        "type": "object",
        "properties": {"command": {"type": "string", "maxLength": 40}},
        "required": ["command"],
        "additionalProperties": False,
    },
)
COMMANDS = tuple(f"Call the function shell with the command {command}." for command in ("ls", "pwd", "date", "whoami"))
BEGUN = "<tool_call>\n"
"""The beginning of an answer that the server goes on with: from here on its grammar allows nothing but calls."""

ALLOWED_SHARE = 0.05
"""By how much a median may miss the server's figure; the table shows what it really is."""


Row = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Client and server on one answer, in milliseconds from sending; `prompt` and `predicted` are the server's."""

    first_chunk: float
    first_token: float
    last_token: float
    end: float
    prompt: float
    predicted: float

    @property
    def decode(self) -> float:
        """First to last token, by the client's clock."""
        return self.last_token - self.first_token


Opens = Callable[[str], Model]


@pytest.fixture
def open_api(base_url: str) -> Iterator[Opens]:
    """Opens the local model over a wire API, warmed by one call."""
    with ExitStack() as stack:

        def opened(api: str) -> Model:
            parameters = {"max_output_tokens": TOKENS, "temperature": 0, "tool_choice": "required"}
            settings = ModelSettings(model="smollm2", base_url=base_url, api=api, parameters=parameters)
            model = open_model(settings, None, SystemClock())
            stack.callback(model.close)
            model.reply([Message(role=Role.USER, content="Hello.")], [])
            return model

        yield opened


def pair(reply: Reply) -> Pair:
    """What both clocks say of an answer."""
    times, server = reply.times, reply.server_timings
    moments = (times.first_chunk, times.first_token, times.last_token, times.end)
    chunk, first, last, end = ((moment - times.send) / 1e6 for moment in moments if moment is not None)
    return Pair(
        first_chunk=chunk,
        first_token=first,
        last_token=last,
        end=end,
        prompt=server["prompt_ms"],
        predicted=server["predicted_ms"],
    )


def row(what: str, pairs: Sequence[Pair], measured: Callable[[Pair], float], truth: Callable[[Pair], float]) -> Row:
    """A line of the table: medians of both, and of their difference, which is also shown at its worst."""
    errors = [measured(each) - truth(each) for each in pairs]
    return (
        what,
        f"{median(map(measured, pairs)):,.1f} ms",
        f"{median(map(truth, pairs)):,.1f} ms",
        f"{median(errors):+,.1f} ms",
        f"{max(errors, key=abs):+,.1f} ms",
        f"{len(pairs)}",
    )


def table(title: str, *rows: Row) -> Details:
    """One table of these lines."""
    columns = ("what", "client", "server", "difference, median", "worst", "of")
    return Details(title=title, columns=columns, rows=rows)


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_text_agrees_with_the_servers_clock(open_api: Opens, api: str, tables: list[Details]) -> None:
    """Tokens are the server's; decode is `predicted_ms`, the first chunk follows `prompt_ms`; nothing is too short."""
    model = open_api(api)
    replies = [model.reply([Message(role=Role.USER, content=each)], []) for each in QUESTIONS]
    pairs = [pair(reply) for reply in replies]
    tables.append(
        table(
            f"text over {api}: client's clock against llama.cpp's own timings",
            row("first chunk, prompt_ms", pairs, lambda p: p.first_chunk, lambda p: p.prompt),
            row("first token, prompt_ms", pairs, lambda p: p.first_token, lambda p: p.prompt),
            row("decode (first to last token), predicted_ms", pairs, lambda p: p.decode, lambda p: p.predicted),
            row("whole call, sum of both", pairs, lambda p: p.end, lambda p: p.prompt + p.predicted),
        )
    )
    assert [reply.usage.output_tokens for reply in replies] == [r.server_timings["predicted_n"] for r in replies]
    assert all(each.first_chunk >= each.prompt for each in pairs)
    assert all(each.end >= each.prompt + each.predicted for each in pairs)
    assert median(abs(each.decode / each.predicted - 1) for each in pairs) <= ALLOWED_SHARE


def test_first_token_of_a_tool_call_comes_late(open_api: Opens, tables: list[Details]) -> None:
    """The server holds a call back until its parser knows it: the first chunk tells of the prompt, the first token not.

    So first to last token covers only a part of the generation; all of it is in first chunk to end.
    """
    model = open_api("chat")
    asked = [[Message(role=Role.USER, content=c), Message(role=Role.ASSISTANT, content=BEGUN)] for c in COMMANDS]
    replies = [model.reply(messages, [SHELL]) for messages in asked]
    assert all(call.name == "shell" for reply in replies for call in reply.message.tool_calls)
    assert all(reply.message.tool_calls for reply in replies)
    pairs = [pair(reply) for reply in replies]
    tables.append(
        table(
            "tool calls under a grammar: the server withholds tokens",
            row("first chunk, prompt_ms", pairs, lambda p: p.first_chunk, lambda p: p.prompt),
            row("first token, prompt_ms", pairs, lambda p: p.first_token, lambda p: p.prompt),
            row("decode (first to last token), predicted_ms", pairs, lambda p: p.decode, lambda p: p.predicted),
            row("first chunk to end, predicted_ms", pairs, lambda p: p.end - p.first_chunk, lambda p: p.predicted),
        )
    )
    assert [reply.usage.output_tokens for reply in replies] == [r.server_timings["predicted_n"] for r in replies]
    assert all(each.first_token > each.first_chunk >= each.prompt for each in pairs)
    assert all(each.decode < each.predicted for each in pairs)
    assert median((p.end - p.first_chunk) / p.predicted - 1 for p in pairs) <= ALLOWED_SHARE


@pytest.mark.docker
def test_whole_trial(desk: Desk, base_url: str, tables: list[Details]) -> None:
    """`splitclock run` with a model that thinks for itself: whatever it does, a clean stop, exact sums, its timings."""
    in_docker().write(desk.folder / "targets", FeatureFiles())
    smol = {
        "provider": "llamacpp",
        "model": "smollm2",
        "base_url": base_url,
        "context_window": CONTEXT,
        "parameters": {"max_output_tokens": TOKENS, "temperature": 0},
    }
    file = matrix(desk.folder / "llm.toml", {"smol": smol}, limits={"turns": 3}, trials=1)
    desk.must("run", file, "--fixtures", desk.folder / "targets", "--out", "out")
    record = by_model(desk.folder / "out")["smol"]
    tables += [_calls(record), _board(desk)]
    assert record.stop in {"finished", "limit:turns", "limit:malformed_calls"}, record.error
    assert record.verdict in {"pass", "fail"}, record.error
    assert sum(record.phases.values()) == record.wall_ns
    assert 1 <= len(record.calls) == record.turns <= 3
    for call in record.calls:
        assert call.output_tokens == call.server_timings["predicted_n"]
        assert call.total_ns >= (call.server_timings["prompt_ms"] + call.server_timings["predicted_ms"]) * 1e6
        assert call.attempts == 1


def _calls(record: Record) -> Details:
    """The calls of the trial, by both clocks."""
    rows = tuple(
        (
            f"{call.turn}",
            f"{call.input_tokens} / {call.output_tokens}",
            f"{(call.first_token_ns or 0) / 1e6:,.0f} ms",
            f"{call.server_timings['prompt_ms']:,.0f} ms",
            f"{(call.decode_ns or 0) / 1e6:,.0f} ms",
            f"{call.server_timings['predicted_ms']:,.0f} ms",
            call.finish_reason,
        )
        for call in record.calls
    )
    columns = ("turn", "tokens in / out", "first token", "prompt_ms", "decode", "predicted_ms", "ended as")
    title = f"a whole trial: {record.stop}, {record.verdict}, {len(record.tool_calls)} tool calls"
    return Details(title=title, columns=columns, rows=rows)


def _board(desk: Desk) -> Details:
    """What the board of the run says of the model, and of both clocks."""
    lines = desk.must("board", "out").out.splitlines()
    block = lines[: lines.index("") if "" in lines else None]
    block += [line for line in lines if line.startswith(("smol: ", "whole calls "))]
    return Details(title="", columns=("splitclock board",), rows=tuple((line,) for line in block))
