"""The tables inside the phases, of calls and of tool work: in the terminal, as Markdown and as JSON."""

import io
import json
import re
from collections.abc import Callable

import pytest
from rich.cells import cell_len
from rich.console import Console

from harness.record import WORK, CallRow, Record, ToolRow
from scoreboards.board import Board, build_board
from scoreboards.report.call_tables import calls_grid
from scoreboards.report.inside_table import inside_grid
from scoreboards.report.machine import board_json
from scoreboards.report.markdown import board_markdown
from scoreboards.report.notes import notes
from scoreboards.report.terminal import Asked, print_board
from scoreboards.report.tool_tables import By, tool_grids

SECOND = 1_000_000_000
Make = Callable[..., Record]
MakeCall = Callable[..., CallRow]
MakeTool = Callable[..., ToolRow]
HOSTILE = "[/red]\x1b[31mevil\u202e|`@x\n| <img> [bold]"
BOTH = (By.CLASS, By.TOOL)
SUBS = {
    "setup.image": 1,
    "setup.checkout": 2,
    "setup.start": 3,
    "model.connect": 11,
    "model.first_token": 740,
    "model.decode": 4000,
    "tool.exec": 90_000,
    "tool.transport": 95,
    "wait.failed_call": 130,
    "wait.backoff": 20,
    "wait.rate_limit": 30,
    "wait.model_slot": 40,
    "wait.tool_slot": 50,
    "grade.export": 1,
    "grade.start": 2,
    "grade.suite": 4000,
    "grade.probes": 5,
    "grade.second": 0,
    "grade.slot": 725,
}
"""Seconds, many of them with long words ("12 min 05 s")."""


@pytest.fixture
def board(record: Make, call: MakeCall, tool: MakeTool) -> Board:
    """One model with everything a record can say, one with hostile names, one old record that says little."""
    phases: dict[str, float] = {}
    for key, seconds in SUBS.items():
        phases[key.split(".")[0]] = phases.get(key.split(".")[0], 0) + seconds
    tools = [
        tool(work=work, total_ns=725 * SECOND, exec_ns=724 * SECOND, cpu_s=700.5, output_bytes=98_765_432)
        for work in WORK
    ]
    loop = [tool(work="test", tool="shell", signature="s", failed=True, total_ns=61 * SECOND)] * 4
    calls = [
        call(1, served_model="gpt-x-2026-01-01", api="responses", transport="websocket", service_tier="priority"),
        call(2, served_model="tiny", faults=("rate_limit",), attempts=2, wait_ns=3 * SECOND, largest_gap_ns=9),
        call(3, server_timings={"prompt_ms": 400, "predicted_ms": 2050}, first_chunk_ns=SECOND, first_answer_ns=5),
    ]
    return build_board(
        [
            record(
                phases,
                model="full",
                requested_model="gpt-x",
                sub_phases={key: seconds * SECOND for key, seconds in SUBS.items()},
                summed={phase: round(seconds * SECOND * 2) for phase, seconds in phases.items()},
                calls=calls,
                tool_calls=[*tools, *loop],
                unanswered_faults=("server_error",) * 6,
            ),
            record(
                {"tool": 5},
                model=HOSTILE,
                sub_phases={"tool.exec": 5 * SECOND},
                noisy=True,
                noise=(HOSTILE,),
                requested_model=HOSTILE,
                calls=[call(served_model=f"other {HOSTILE}", faults=(HOSTILE,), wait_ns=1, transport=HOSTILE)],
                tool_calls=[tool(tool=HOSTILE, work=HOSTILE)],
            ),
            record(
                {"model": 3},
                model="old",
                calls=[call()],
                tool_calls=[ToolRow(turn=1, tool="shell", total_ns=SECOND)],
            ),
        ]
    )


def shown(board: Board, width: int) -> str:
    """What a terminal without colour prints, with all that can be asked for."""
    out = io.StringIO()
    asked = Asked(inside=True, features=True, kinds=BOTH)
    print_board(board, Console(file=out, width=width, color_system=None), asked)
    return out.getvalue()


@pytest.mark.parametrize("width", [20, 40, 59, 60, 70, 80, 100, 120, 160, 240])
def test_every_width_shows_every_figure(board: Board, width: int) -> None:
    """No line is too long, nothing is cut, at any width; below 60 columns tables are lists."""
    text = shown(board, width)
    assert max(cell_len(line) for line in text.splitlines()) <= width
    assert "…" not in text
    plain = " ".join(text.split())
    for figure in ("25 h 00 min", "12 min 05 s", "12 min 04 s", "98.8 MB", "97 %", "11.0 s", "95.0 s"):
        assert figure in plain
    assert ("──" in text) == (width >= 60)


def test_each_figure_inside_the_phases_has_its_name(board: Board) -> None:
    """A line each, under its phase; models side by side where they fit, one below the other where not."""
    inside = shown(board, 160).split("Inside the phases")[1].split("Model calls")[0]
    lines = [line for line in inside.splitlines() if line.startswith("  first token")]
    assert len(lines) == 1
    assert re.findall(r"12 min 20 s|<?\d+ %", lines[0]) == ["0 %", "12 min 20 s", "12 min 20 s", "1 %"]
    narrow = shown(board, 60).split("Inside the phases")[1].split("Model calls")[0]
    assert narrow.count("\n  first token") == 3
    assert narrow.index("full") > narrow.index("old")


def test_tool_tables_are_shown_when_asked_for(board: Board) -> None:
    """One a model and kind; without being asked for there is none."""
    out = io.StringIO()
    print_board(board, Console(file=out, width=80, color_system=None))
    assert "Tool work" not in out.getvalue()
    titles = [line.split(":")[0] for line in shown(board, 80).splitlines() if line.startswith("Tool work by")]
    assert titles == ["Tool work by class", "Tool work by tool"] * 3
    assert [grid.title for grid in tool_grids(board, [By.TOOL])] == ["Tool work by tool"] * 3


def test_lines_below_the_tool_tables(board: Board) -> None:
    """The share of `other`, the study's figure of long calls, and retry loops."""
    old, _, full = (grid.lines for grid in tool_grids(board, [By.CLASS]))
    assert full[:2] == (
        "Of class other, work that nobody can tell: 8 % of calls, 11 % of tool time.",
        "Calls longer than a minute: 100 % of calls, 100 % of tool time.",
    )
    assert full[2].startswith(
        "Retry loops (a call that failed 3 times or more in a row): 1; 3 repeats took 3 min 03 s, "
    )
    assert old[0] == "The classes of work are not in these records."
    assert "not known" in old[2]


def test_tool_tables_without_tool_calls(record: Make) -> None:
    """Models that called no tool are named, and nothing is divided by nothing."""
    grids = tool_grids(build_board([record({"model": 1})]), BOTH)
    assert [(grid.title, len(grid.rows)) for grid in grids] == [("Tool work", 1)]
    assert tool_grids(build_board([record({"model": 1})]), ()) == ()


def test_lines_below_the_calls(board: Board) -> None:
    """Who answered, how, what failed first, and the server's clock."""
    lines = calls_grid(board).lines
    assert "full: was served by tiny in 1 of 3 calls, where gpt-x was asked for." in notes(board)
    assert "full: asked for as gpt-x, served as gpt-x-2026-01-01 in 1 of 3 calls." in lines
    assert "full: calls by responses over websocket (1); service tier priority (1)." in lines
    assert "full: 1 failed try before 1 call (rate_limit) took 3.00 s of waiting." in lines
    assert "full: 6 failed tries of calls that were given up (server_error (6))." in lines
    assert (
        "full: our clock against the server's (llama.cpp in 1 call):"
        " to the first token 500 ms against 400 ms (+100 ms, median +100 ms a call);"
        " decode 2.00 s against 2.05 s (-50 ms, median -50 ms a call);"
        " whole calls 2.50 s against 2.45 s (+50 ms, median +50 ms a call)."
    ) in lines
    said = "2 min 10 s failing, 20.0 s backing off, 30.0 s rate-limited"
    assert f"full: waiting for its provider, answered or not: {said}." in lines
    assert not [line for line in lines if line.startswith("old:")]


def test_inside_says_what_ran_at_once_and_what_is_not_split(board: Board) -> None:
    """Summed work where it differs, unsplit phases, waiting by its reason; unknown is a dash."""
    grid = inside_grid(board, shares=True)
    assert "full: model work adds up to 2 h 38 min in a phase of 1 h 19 min: some of it ran at once." in grid.lines
    assert "old: not split by its records: 3.00 s of model." in grid.lines
    assert [row[1] for row in grid.rows] == ["sum", "median", "share"] * 3
    full = dict(zip(grid.heads[2:], grid.rows[6][2:], strict=True))
    assert [full[f"wait: {name}"] for name in ("failed call", "back-off", "rate limit", "model queue")] == [
        "2 min 10 s",
        "20.0 s",
        "30.0 s",
        "40.0 s",
    ]
    share = dict(zip(grid.heads[2:], grid.rows[8][2:], strict=True))
    assert (share["tool: exec"], share["wait: tool queue"], share["set-up"]) == ("95 %", "", "")
    old = dict(zip(grid.heads[2:], grid.rows[0][2:], strict=True))
    assert (old["model"], old["model: decode"], old["tool: exec"]) == ("3.00 s", "\u2013", "0 s")


def test_hostile_names_are_text(board: Board) -> None:
    """No escape, no bidirectional control, no markup, no new column: in the terminal and in Markdown."""
    markdown = board_markdown(board, BOTH)
    for view in (shown(board, 240), markdown):
        assert not set(view) & {"\x1b", "\u202e"}
        assert "/red" in view
    for table in markdown.split("### ")[1:]:
        rows = [line for line in table.splitlines() if line.startswith("|")]
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) == 1
    bare = re.sub(r"`[^`]*`", "", re.sub(r"\\.", "", markdown))
    assert "<img>" not in bare
    assert "@x" not in bare


def test_markdown_has_every_table(board: Board) -> None:
    """Also those of tool work, when asked for."""
    titles = re.findall(r"^### (.*)$", board_markdown(board, BOTH), re.MULTILINE)
    assert titles[:4] == ["Models", "Where the agent's wall-clock went", "Inside the phases", "Model calls"]
    assert titles[4:6] == ["Tool work by class: `old`", "Tool work by tool: `old`"]
    assert titles[-1] == "Features"


def test_json_carries_all_of_it(board: Board) -> None:
    """Sub-phases per model, per feature and per trial; tool work, loops and calls per model; loops per trial."""
    value = json.loads(board_json(board))
    full = next(row for row in value["models"] if row["model"] == "full")
    trial = next(row for row in value["trials"] if row["model"] == "full")
    feature = next(row for own in value["features"] for row in own["models"] if row["model"] == "full")
    sums = {key: seconds * SECOND for key, seconds in SUBS.items()}
    assert trial["sub_phases"] == sums
    sums["setup.replay"] = 0  # nothing was resumed
    for row in (full, feature):
        assert row["sub_phases"] == sums
    assert full["sub_phase_medians_ns"] == sums
    assert full["summed"]["model"] == 2 * full["phases"]["model"]
    assert {group["name"] for group in full["by_class"]} == set(WORK)
    assert [group["name"] for group in full["by_tool"]] == ["shell"]
    loops = {"loops": 1, "repeats": 3, "repeat_ns": 183 * SECOND}
    for row in (full, trial):
        assert {name: row["retry_loops"][name] for name in loops} == loops
        assert row["retry_loops"]["share"] == pytest.approx(183 / 95_026)
    calls = full["model_calls"]
    assert [row for row in calls["served"] if row["served"]] == [
        {"requested": "gpt-x", "served": "gpt-x-2026-01-01", "calls": 1, "other": False},
        {"requested": "gpt-x", "served": "tiny", "calls": 1, "other": True},
    ]
    assert (calls["faults"], calls["failed_attempts"]) == ({"server_error": 6, "rate_limit": 1}, 7)
    assert calls["unanswered_faults"] == {"server_error": 6}
    assert calls["server_time"]["stretches"]["generation"]["difference_ns"] == -50_000_000
    assert trial["requested_model"] == "gpt-x"


def test_json_of_old_records_is_null_where_they_say_nothing(board: Board) -> None:
    """Neither 0 nor a guess."""
    old = next(row for row in json.loads(board_json(board))["models"] if row["model"] == "old")
    assert old["sub_phases"]["model.decode"] is None
    assert old["sub_phase_shares"]["model.decode"] is None
    assert old["unsplit"]["model"] == 3 * SECOND
    assert old["by_class"][0]["name"] is None
    assert old["retry_loops"] == {"loops": None, "repeats": None, "repeat_ns": None, "share": None}
    assert old["model_calls"]["largest_gap_ns"] is None
    assert old["model_calls"]["server_time"] is None
