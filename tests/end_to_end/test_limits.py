"""Limits end a trial, say which it was, and what is there is graded."""

from collections.abc import Mapping

import pytest

from harness.record import Record
from harness.turns import Turn
from tests.end_to_end.desk import Desk, by_model
from tests.end_to_end.targets import FINISH, SOLVE, FeatureFiles, TargetFiles, matrix, say, shell, simulated

pytestmark = pytest.mark.slow

LONG_S = 25
"""How long a turn or a tool call would take that a limit cuts short."""

TOKENS_PER_S = 400
TALK = say("word " * (LONG_S * TOKENS_PER_S * 4 // 5))
WORK = say("", shell(f"sleep {LONG_S}"))


def ran(
    desk: Desk, limits: dict[str, float], turns: Mapping[str, tuple[Turn, ...]], **more: object
) -> dict[str, Record]:
    """The records of one run with a model for each script."""
    feature = FeatureFiles(turns=turns)
    TargetFiles().write(desk.folder / "targets", feature)
    models = {name: simulated(name, TOKENS_PER_S) | more for name in turns}
    file = matrix(desk.folder / "limits.toml", models, limits=limits)
    desk.must("run", file, "--fixtures", desk.folder / "targets", "--sandbox", "local")
    found = by_model(desk.runs()[0])
    assert all(sum(record.phases.values()) == record.wall_ns for record in found.values())
    return found


def test_wall_ends_streams_and_tool_calls(desk: Desk) -> None:
    """Amid an answer, and amid a tool call: `limit:wall`, long before these would have ended by themselves."""
    scripts = {
        "talks": (SOLVE, TALK, FINISH),
        "works": (SOLVE, WORK, FINISH),
        "idles": (TALK, SOLVE, FINISH),
    }
    found = ran(desk, {"wall_s": 3}, scripts)
    assert {record.stop for record in found.values()} == {"limit:wall"}
    assert {name: record.verdict.value for name, record in found.items()} == {
        "talks": "pass",
        "works": "pass",
        "idles": "fail",
    }
    for record in found.values():
        assert 3e9 <= record.agent_wall_ns + 1 < LONG_S * 1e9
    assert found["talks"].phases["model"] > found["talks"].phases["tool"]
    assert found["works"].phases["tool"] > found["works"].phases["model"]
    assert found["works"].tool_calls[-1].timed_out


@pytest.mark.parametrize(
    ("limits", "more", "stop"),
    [
        ({"turns": 1}, {}, "limit:turns"),
        ({"output_tokens": SOLVE.output_tokens}, {}, "limit:tokens"),
        ({"cost_usd": 0.000001}, {"price": {"input": 10, "output": 0.01}}, "limit:cost"),
    ],
)
def test_limits_between_turns(desk: Desk, limits: dict[str, float], more: dict[str, object], stop: str) -> None:
    """Turns, tokens and cost: the turn that reaches the limit counts, the next one is not asked for, or cut off."""
    found = ran(desk, limits, {"solves": (SOLVE, FINISH), "idles": (say("", shell("true")), SOLVE, FINISH)}, **more)
    assert {record.stop for record in found.values()} == {stop}
    assert {record.turns for record in found.values()} == {1}
    assert {name: record.verdict.value for name, record in found.items()} == {"solves": "pass", "idles": "fail"}
