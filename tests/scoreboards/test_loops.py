"""Retry loops: the same failing call three times or more in a row."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.record import Record, ToolRow
from scoreboards.loops import Loops, loops_of, retry_loops

SECOND = 1_000_000_000
MakeTool = Callable[..., ToolRow]


def calls(tool: MakeTool, signs: str) -> list[ToolRow]:
    """A letter a call: capitals failed, and "." has no signature and failed; the n-th takes n seconds."""
    return [
        tool(
            turn=place,
            signature="" if sign == "." else sign.lower(),
            failed=not sign.islower(),
            total_ns=place * SECOND,
        )
        for place, sign in enumerate(signs, 1)
    ]


@pytest.mark.parametrize(
    ("signs", "loops", "repeats", "seconds"),
    [
        ("", 0, 0, 0),
        ("AA", 0, 0, 0),
        ("AAA", 1, 2, 5),
        ("AAAA", 1, 3, 9),
        ("aaa", 0, 0, 0),
        ("AAaA", 0, 0, 0),
        ("AABA", 0, 0, 0),
        ("AAABBB", 2, 4, 16),
        ("AAAbAAA", 2, 4, 18),
        ("....", 0, 0, 0),
        ("AA.A", 0, 0, 0),
    ],
)
def test_loops(tool: MakeTool, signs: str, loops: int, repeats: int, seconds: int) -> None:
    """Runs of one failing call; any other call, a success or one without a signature ends them."""
    expected = Loops(loops=loops, repeats=repeats, repeat_ns=seconds * SECOND)
    assert retry_loops(calls(tool, signs)) == expected


def test_old_records_cannot_tell(record: Callable[..., Record], tool: MakeTool) -> None:
    """A call from before signatures existed makes the loops unknown, for its trial and for the sum."""
    old = ToolRow(turn=1, tool="shell", total_ns=1, failed=True)
    assert retry_loops([old] * 3) is None
    with_loop = record({"tool": 6}, repeat=1, tool_calls=calls(tool, "AAA"))
    assert loops_of([with_loop, record({"tool": 1}, repeat=2, tool_calls=[old])]) is None
    assert loops_of([with_loop, with_loop]) == Loops(loops=2, repeats=4, repeat_ns=10 * SECOND)


def test_a_loop_does_not_go_on_in_the_next_trial(record: Callable[..., Record], tool: MakeTool) -> None:
    """Two failures at one trial's end and one at the next's beginning are no loop."""
    ends = [record({}, repeat=n, tool_calls=calls(tool, "AA")) for n in (1, 2)]
    assert loops_of(ends) == Loops()


@given(st.text("aAbB.", max_size=30))
def test_repeats_never_exceed_the_failures(signs: str) -> None:
    """Each loop leaves its first call out, and has at least two repeats."""
    rows = [
        ToolRow(turn=1, tool="t", total_ns=7, work="run", signature="" if s == "." else s.lower(), failed=s.isupper())
        for s in signs
    ]
    found = retry_loops(rows)
    assert found is not None
    assert 2 * found.loops <= found.repeats <= sum(sign.isupper() for sign in signs)
    assert found.repeat_ns == 7 * found.repeats
