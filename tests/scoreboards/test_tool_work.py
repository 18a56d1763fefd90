"""Where tool time goes: exact figures by class of work and by tool."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.record import WORK, Record, ToolRow, TrialRow, Verdict
from scoreboards.board import build_board
from scoreboards.tool_work import tool_work

SECOND = 1_000_000_000
Make = Callable[..., Record]
MakeTool = Callable[..., ToolRow]


def test_a_class_by_hand(record: Make, tool: MakeTool) -> None:
    """Three runs of the tests and a read: every figure."""
    tests = [
        tool(work="test", total_ns=2 * SECOND, exec_ns=SECOND, cpu_s=0.5, output_bytes=10, failed=True),
        tool(work="test", total_ns=4 * SECOND, exec_ns=3 * SECOND, cpu_s=4.5, output_bytes=20),
        tool(work="test", total_ns=90 * SECOND, exec_ns=86 * SECOND, cpu_s=40, timed_out=True, failed=True),
    ]
    found = tool_work([record({"tool": 99}, tool_calls=[*tests, tool(tool="read", work="read", total_ns=4 * SECOND)])])
    first, second = found.by_class
    assert (first.name, first.calls, first.calls_share, first.total_ns, first.time_share) == (
        "test",
        3,
        0.75,
        96 * SECOND,
        0.96,
    )
    assert (first.median_ns, first.p90_ns, first.max_ns) == (4 * SECOND, 90 * SECOND, 90 * SECOND)
    assert (first.exec_ns, first.transport_ns, first.output_bytes) == (90 * SECOND, 6 * SECOND, 30)
    assert (first.cpu_ns.value, first.cpu_share) == (45 * SECOND, 0.5)
    assert (first.io_ns.value, first.io_ns.is_lower_bound) == (46.5 * SECOND, False)
    assert (first.failed, first.timed_out, first.long_calls, first.long_ns) == (2, 1, 1, 90 * SECOND)
    assert (second.name, second.exec_ns, second.transport_ns, second.cpu_share) == ("read", 0, 4 * SECOND, None)
    assert found.other is None
    assert found.whole is not None
    assert (found.whole.calls, found.whole.time_share) == (4, 1)
    assert [(group.name, group.calls) for group in found.by_tool] == [("shell", 3), ("read", 1)]


def test_a_minute_is_not_longer_than_a_minute(record: Make, tool: MakeTool) -> None:
    """The boundary itself is no long call."""
    whole = tool_work([record({}, tool_calls=[tool(total_ns=60 * SECOND), tool(total_ns=60 * SECOND + 1)])]).whole
    assert whole is not None
    assert (whole.long_calls, whole.long_ns) == (1, 60 * SECOND + 1)


def test_unknown_cpu_is_a_lower_bound(record: Make, tool: MakeTool) -> None:
    """The share is of the calls whose CPU is known; with none of them it is unknown."""
    rows = [tool(exec_ns=SECOND, cpu_s=0.25), tool(exec_ns=9 * SECOND)]
    both, none = (tool_work([record({}, tool_calls=own)]).whole for own in (rows, rows[1:]))
    assert both is not None
    assert none is not None
    assert (both.cpu_share, both.cpu_ns.value, both.cpu_ns.is_lower_bound) == (0.25, SECOND / 4, True)
    assert (none.cpu_share, none.cpu_ns.value, none.io_ns.value) == (None, None, None)


def test_old_records_have_no_class(record: Make, tool: MakeTool) -> None:
    """A row that was written before classes existed is not `other`: nobody looked."""
    old = ToolRow(turn=1, tool="shell", total_ns=SECOND)
    found = tool_work([record({}, tool_calls=[old, tool(work="other", total_ns=3 * SECOND)])])
    assert [(group.name, group.time_share) for group in found.by_class] == [("other", 0.75), (None, 0.25)]
    assert found.other is not None
    assert found.other.calls_share == 0.5


def test_only_scored_trials_count(record: Make, tool: MakeTool) -> None:
    """As in the wall-clock that the tool time is a part of."""
    error = record({"tool": 9}, verdict="error:infra", tool_calls=[tool()])
    assert build_board([error]).figures("fast").tools.whole is None
    assert tool_work([]).by_class == ()


ROWS = st.builds(
    lambda work, name, total, part, cpu: ToolRow(
        turn=1, tool=name, total_ns=total, exec_ns=part and total // part, cpu_s=cpu, work=work, signature=""
    ),
    st.sampled_from(WORK),
    st.sampled_from(["shell", "read", "edit"]),
    st.integers(0, 10**12),
    st.none() | st.integers(1, 9),
    st.none() | st.floats(0, 100),
)


@given(st.lists(ROWS, min_size=1, max_size=30))
def test_groups_add_up_to_all_calls(rows: list[ToolRow]) -> None:
    """Calls, time, exec, transport and shares: nothing is lost and nothing counted twice, by class or by tool."""
    trial = TrialRow(id="t", model="m", feature="a/b", repeat=1)
    phases = dict.fromkeys(("setup", "model", "tool", "overlap", "wait", "grade", "harness"), 0)
    record = Record(
        run="r",
        trial=trial,
        started_utc="",
        stop="finished",
        verdict=Verdict.PASS,
        wall_ns=0,
        phases=phases,
        sub_phases={},
        summed={},
        tool_calls=tuple(rows),
    )
    found = tool_work([record])
    assert found.whole is not None
    for groups in (found.by_class, found.by_tool):
        assert sum(group.calls for group in groups) == len(rows)
        assert sum(group.total_ns for group in groups) == sum(row.total_ns for row in rows)
        assert sum(group.exec_ns + group.transport_ns for group in groups) == found.whole.total_ns
        assert sum(group.calls_share or 0 for group in groups) == pytest.approx(1)
        assert sum(group.time_share or 0 for group in groups) == pytest.approx(1 if found.whole.total_ns else 0)
        assert all(0 <= group.median_ns <= group.p90_ns <= group.max_ns for group in groups)
