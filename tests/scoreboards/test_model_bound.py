"""What bounds a model's agent wall, in a sentence that any reader can act on."""

from scoreboards.board import build_board
from scoreboards.model_bound import bound_by, bound_sentence, wall_parts
from tests.scoreboards.conftest import SECOND, make_call, make_record, make_tool


def test_the_parts_are_exclusive_and_sum_to_the_wall() -> None:
    """Processes by class of work, as their calls' own times are; own queues are no part of it."""
    record = make_record(
        {"model": 4, "tool": 3, "wait": 2, "harness": 1, "grade": 9},
        sub_phases={
            "model.connect": SECOND // 2,
            "model.first_token": SECOND // 2,
            "model.decode": 3 * SECOND,
            "tool.exec": 2 * SECOND,
            "tool.transport": SECOND,
            "wait.backoff": SECOND // 2,
            "wait.tool_slot": 3 * SECOND // 2,
        },
        tool_calls=[make_tool(work="test", exec_ns=3 * SECOND), make_tool(work="build", exec_ns=SECOND)],
    )
    row = build_board([record]).models[0]
    assert wall_parts(row) == {
        "decoding": 3 * SECOND,
        "first tokens": SECOND,
        "the sandbox's transport": SECOND,
        "the harness itself": SECOND,
        "waiting for the provider": SECOND // 2,
        "tools (test)": 3 * SECOND // 2,
        "tools (build)": SECOND // 2,
    }
    assert sum(wall_parts(row).values()) == record.agent_wall_ns
    assert bound_by(row) == ("decoding", 3 / 8.5)


def test_nobody_at_work_is_bound_by_nothing() -> None:
    """Errors only: no sentence; names are text and nothing else."""
    assert bound_sentence(build_board([make_record({"wait": 3}, verdict="error:provider")])) == ""
    hostile = build_board([make_record({"tool": 1}, model="a`\x1b[31mb")])
    assert bound_sentence(hostile) == "Over all scored trials `a'b` is bound by tools (other), 100 % of its agent wall."


def test_the_faster_of_a_pair_is_told_first() -> None:
    """And what bounds the slower one behind it."""
    slow = make_record({"model": 9, "tool": 1}, model="slow", calls=[make_call(decode_ns=8 * SECOND)])
    fast = make_record({"model": 1, "tool": 9}, model="fast", calls=[make_call(decode_ns=SECOND // 2)])
    assert bound_sentence(build_board([slow, fast])) == (
        "Over all scored trials `fast` is bound by tools (other), 90 % of its agent wall; `slow` by decoding, 90 %."
    )
