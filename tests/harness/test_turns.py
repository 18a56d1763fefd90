"""Scripted turns: files, tokens, and what is said about bad ones."""

import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.clock import SystemClock
from harness.errors import ConfigError
from harness.models.contract import Message, Role
from harness.models.replay import ReplayModel
from harness.turns import ScriptedCall, ScriptedFault, Turn, count_tokens, dump_turns, parse_turns, read_turns

faults = st.builds(
    ScriptedFault,
    kind=st.sampled_from(["status", "handshake", "cut", "end", "stall", "keep_alive", "failed", "html"]),
    status=st.integers(400, 599),
    headers=st.dictionaries(st.text(), st.text(), max_size=2),
    after_tokens=st.integers(0, 9),
)

turns = st.builds(
    Turn,
    faults=st.lists(faults, max_size=2),
    ending=st.sampled_from(["", "length", "refusal"]),
    usage=st.sampled_from(["full", "missing"]),
    ids=st.sampled_from(["unique", "empty"]),
    reasoning=st.text(),
    content=st.text(),
    tool_calls=st.lists(
        st.builds(
            ScriptedCall,
            name=st.text(min_size=1),
            arguments=st.text() | st.dictionaries(st.text(), st.integers() | st.text()),
        ),
        max_size=2,
    ),
)


@given(st.lists(turns, min_size=1, max_size=4))
def test_dumped_turns_are_read_back(script: list[Turn]) -> None:
    """A script file holds exactly what was written, whatever the text."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "turns.jsonl"
        file.write_text(dump_turns(script), encoding="utf-8")
        assert read_turns(file) == tuple(script)


def test_every_bad_line_is_named() -> None:
    """All problems of a script at once, each with its line."""
    lines = ['{"content": "a"}', "", "{", '{"contents": "a"}', '{"tool_calls": [{"arguments": {}}]}']
    with pytest.raises(ConfigError) as caught:
        parse_turns(lines, "s.jsonl")
    assert [problem.split(": ")[0] for problem in caught.value.problems] == ["s.jsonl:3", "s.jsonl:4", "s.jsonl:5"]
    assert "tool_calls.0.name" in caught.value.problems[2]


def test_empty_and_unreadable_scripts_are_errors(tmp_path: Path) -> None:
    """A script without turns, or that is no text, is told."""
    file = tmp_path / "s.jsonl"
    for content in (b"\n\n", b"\xff\xfe"):
        file.write_bytes(content)
        with pytest.raises(ConfigError, match=r"s\.jsonl"):
            read_turns(file)
    with pytest.raises(ConfigError, match="absent"):
        read_turns(tmp_path / "absent")


def test_tokens_are_four_characters() -> None:
    """Each text is rounded up on its own; the parts of a turn add up."""
    assert [count_tokens(text) for text in ("", "a", "abcd", "abcde")] == [0, 1, 1, 2]
    turn = Turn(reasoning="a", content="abcde", tool_calls=(ScriptedCall(name="x"),))
    assert (turn.output_tokens, turn.reasoning_tokens, turn.finish_reason) == (4, 1, "tool_calls")
    assert Turn(content="a").finish_reason == "stop"


@pytest.mark.parametrize("ending", ["stop", "tool_calls", "length", "content_filter", "refusal"])
def test_ending_is_the_finish_reason(ending: Any) -> None:
    """A scripted ending takes the place of what would follow from the turn, in the replay model as well."""
    turn = Turn(content="a", tool_calls=(ScriptedCall(name="x"),), ending=ending)
    assert turn.finish_reason == ending
    reply = ReplayModel([turn], SystemClock()).reply((Message(role=Role.USER, content="hi"),), ())
    assert (reply.finish_reason, reply.message.content, len(reply.message.tool_calls)) == (ending, "a", 1)


@pytest.mark.parametrize(
    ("line", "where"),
    [
        ('{"faults": [{"kind": "nonsense"}]}', "faults.0.kind"),
        ('{"faults": [{"kind": "status", "status": 200}]}', "faults.0.status"),
        ('{"faults": [{"kind": "cut", "after_tokens": -1}]}', "faults.0.after_tokens"),
        ('{"ending": "eos"}', "ending"),
        ('{"usage": "none"}', "usage"),
    ],
)
def test_bad_faults_are_named(line: str, where: str) -> None:
    """What no provider can be made to do is told with its field."""
    with pytest.raises(ConfigError, match=rf"s\.jsonl:1: {re.escape(where)}: "):
        parse_turns([line], "s.jsonl")
