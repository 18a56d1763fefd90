"""`splitclock board` on a journal: what is asked for is what is shown."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from harness.cli import command_line
from harness.journal import Journal
from harness.record import CallRow, Record, ToolRow

SECOND = 1_000_000_000


@pytest.fixture
def run(
    tmp_path: Path, record: Callable[..., Record], call: Callable[..., CallRow], tool: Callable[..., ToolRow]
) -> Path:
    """A run with one trial, in which the tests were run and a file was read."""
    tools = [
        tool(work="test", signature="a", exec_ns=SECOND - 5, cpu_s=0.5),
        tool(tool="read", work="read", total_ns=SECOND // 100),
    ]
    trial = record(
        {"model": 2.5, "tool": 1.01},
        sub_phases={"model.decode": 2_500_000_000, "tool.exec": SECOND, "tool.transport": SECOND // 100},
        calls=[call()],
        tool_calls=tools,
    )
    with Journal.create(tmp_path / "run") as journal:
        journal.append_record(trial)
    return tmp_path / "run"


def board(run: Path, *options: str) -> Result:
    """The command's outcome at 80 columns."""
    return CliRunner().invoke(command_line(), ["board", str(run), *options], env={"COLUMNS": "80"})


def test_both_tool_tables_when_both_are_asked_for(run: Path) -> None:
    """One by class, one by tool; what a record says of a call's work outlives the journal."""
    shown = board(run, "--by-tool", "--by-class").output
    assert shown.index("Tool work by class: fast") < shown.index("Tool work by tool: fast")
    by_class = shown[shown.index("Tool work by class") :]
    assert by_class.index("test ") < by_class.index("read ")
    assert "(not recorded)" not in shown
    assert max(map(len, shown.splitlines())) <= 80


@pytest.mark.parametrize(("option", "by"), [("--by-class", "class"), ("--by-tool", "tool")])
def test_one_tool_table_when_one_is_asked_for(run: Path, option: str, by: str) -> None:
    """And none without; the share of `other` is said wherever classes are."""
    shown = board(run, option).output
    assert shown.count("Tool work by") == 1
    assert f"Tool work by {by}: fast" in shown
    assert ("Nothing is in other" in shown) == (by == "class")
    assert "Retry loops" in shown
    assert "Tool work" not in board(run).output


def test_markdown_has_them_too(run: Path) -> None:
    """As further sections."""
    assert "### Tool work by tool: `fast`" in board(run, "--markdown", "--by-tool").output


def test_json_always_has_them(run: Path) -> None:
    """Fields are only added, whatever is asked for."""
    plain, asked = (json.loads(board(run, "--json", *more).stdout) for more in ((), ("--by-tool", "--by-class")))
    assert plain == asked
    model = plain["models"][0]
    assert [(group["name"], group["calls"]) for group in model["by_class"]] == [("test", 1), ("read", 1)]
    assert [(group["name"], group["total_ns"]) for group in model["by_tool"]] == [
        ("shell", SECOND),
        ("read", SECOND // 100),
    ]
    assert model["sub_phases"]["tool.transport"] == SECOND // 100
    assert model["retry_loops"]["loops"] == 0
    assert model["model_calls"]["answered"] == 1


def test_a_folder_of_runs_is_their_board(run: Path) -> None:
    """The runs in it, unless they began before what is asked for."""
    value = json.loads(board(run.parent, "--json", "--since", "30d").output)
    assert [trial["run"] for trial in value["trials"]] == ["runs/test"]
    late = board(run.parent, "--since", "2999-01-01")
    assert "no run is as new" in str(late.exception)


def test_runs_of_one_name_do_not_hide_each_other(tmp_path: Path, record: Callable[..., Record]) -> None:
    """The same trial in two runs whose folders have the same name is two trials."""
    for night in ("monday", "tuesday"):
        with Journal.create(tmp_path / night / "run") as journal:
            journal.append_record(record({"model": 1}, run="run"))
    shown = CliRunner().invoke(command_line(), ["board", str(tmp_path / "monday"), str(tmp_path / "tuesday"), "--json"])
    value = json.loads(shown.output)
    assert [trial["run"] for trial in value["trials"]] == [
        str(tmp_path / "monday" / "run"),
        str(tmp_path / "tuesday" / "run"),
    ]


def test_models_mixed_under_one_name_are_told(tmp_path: Path, record: Callable[..., Record]) -> None:
    """Two runs asked for different models under the same name: the figures are of neither, and it is said."""
    with Journal.create(tmp_path / "run") as journal:
        for repeat, requested in enumerate(("a-1", "a-2"), 1):
            journal.append_record(record({"model": 1}, repeat=repeat, requested_model=requested))
    shown = " ".join(board(tmp_path / "run").output.split())
    assert "fast: several models were asked for under this name, and are mixed: a-1, a-2." in shown
