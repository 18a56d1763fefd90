"""A transcript and a record become turns, whatever a model wrote."""

from typing import Any

from harness.blame import SENTENCES, Blame, blame_of
from harness.record import CallRow, Record, ToolRow, TrialRow, Verdict
from harness.story import brief_of, turns_of

RECORD = Record(
    run="r",
    trial=TrialRow(id="0123456789ab", model="m", feature="t/f", repeat=1),
    started_utc="",
    stop="finished",
    verdict=Verdict.PASS,
    wall_ns=0,
    phases={},
    sub_phases={},
    summed={},
    calls=(CallRow(turn=1, total_ns=1), CallRow(turn=3, total_ns=1)),
    tool_calls=(ToolRow(turn=1, tool="read", total_ns=1), ToolRow(turn=1, tool="shell", total_ns=2)),
)


def test_turns_have_their_calls_and_answers() -> None:
    """Rows in the order of the answers, raw arguments instead of those sent again, the harness at its turn."""
    calls = [{"id": "a", "name": "read", "arguments": "{}"}, {"id": "b", "name": "shell", "arguments": '{"x": 1}'}]
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "Build it."},
        {"role": "assistant", "content": "hm", "reasoning": "think", "tool_calls": calls},
        {"role": "tool", "content": "one", "tool_call_id": "a"},
        {"role": "tool", "content": "two", "tool_call_id": "b"},
        {"role": "assistant", "content": "only talk"},
        {"role": "user", "content": "go on"},
        {"role": "assistant", "content": "", "tool_calls": [{"id": "c", "name": "shell", "arguments": "{}"}]},
    ]
    first, second, third = turns_of(messages, RECORD, {(1, "a"): "{broken"})
    assert brief_of(messages) == "Build it."
    assert (first.content, first.reasoning, first.call) == ("hm", "think", RECORD.calls[0])
    told = [(tool.tool, tool.arguments, tool.output, tool.row) for tool in first.tools]
    assert told == [
        ("read", "{broken", "one", RECORD.tool_calls[0]),
        ("shell", '{"x": 1}', "two", RECORD.tool_calls[1]),
    ]
    assert (second.told, second.tools, second.call) == (["go on"], [], None)
    assert [(tool.output, tool.row) for tool in third.tools] == [(None, None)]
    assert third.call == RECORD.calls[1]


def test_odd_transcripts_are_told_too() -> None:
    """Answers to calls that nobody made, fields of other types, no message at all."""
    odd: list[dict[str, Any]] = [
        {"role": "tool", "content": "lost"},
        {"role": "assistant", "content": None, "tool_calls": "none"},
        {"role": "tool", "content": "found", "tool_call_id": 7},
        {},
    ]
    (turn,) = turns_of(odd, RECORD, {})
    assert [(tool.tool, tool.output) for tool in turn.tools] == [("read", "found")]
    assert turns_of([], RECORD, {}) == ()
    assert brief_of([]) == ""


def test_every_verdict_is_somebodys() -> None:
    """What is scored is the model's; what a retry may mend is not; every blame has its sentence."""
    expected = {
        Verdict.PASS: Blame.MODEL,
        Verdict.FAIL: Blame.MODEL,
        Verdict.UNSTABLE: Blame.MODEL,
        Verdict.TAMPERED: Blame.MODEL,
        Verdict.ERROR_INFRA: Blame.INFRASTRUCTURE,
        Verdict.ERROR_PROVIDER: Blame.PROVIDER,
        Verdict.NOT_RUN: Blame.USER,
    }
    assert {verdict: blame_of(verdict, "") for verdict in Verdict} == expected
    assert blame_of(Verdict.NOT_RUN, "deferred") is Blame.PROVIDER
    assert set(SENTENCES) == set(Blame)
