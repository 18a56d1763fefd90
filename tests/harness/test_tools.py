"""What each tool does in a real (local) sandbox, and what the model is told."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.models.contract import ToolCall
from harness.tools.contract import Reach, ToolResult
from harness.tools.registry import TOOLS, BadCallError, resolve
from sandbox.contract import File, Sandbox
from sandbox.errors import FileAccessError
from tests.harness.boxes import local_box


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Sandbox]:
    """A local sandbox with a file, a folder and a binary."""
    files = (
        File(path="greet.py", data=b"def greet():\n    return 'hi'\n\n\ndef part():\n    return 'hi'\n"),
        File(path="pkg/long.txt", data=b"".join(b"line %d\n" % n for n in range(5000))),
        File(path="blob.bin", data=b"\x00\x01\x02"),
        File(path="run.sh", data=b"#!/bin/sh\necho run\n", executable=True),
    )
    with local_box(tmp_path, *files) as started:
        yield started


def call(box: Sandbox, name: str, /, **arguments: object) -> ToolResult:
    """Call a tool the way a model does: by name, with JSON arguments."""
    tool, checked = resolve(ToolCall(id="1", name=name, arguments=json.dumps(arguments)))
    return tool.run(Reach(sandbox=box, most_s=60), checked)


def test_shell_shows_output_and_exit_code(box: Sandbox) -> None:
    """Both streams in order, and how it ended."""
    result = call(box, "shell", command="echo out; echo err >&2; exit 3")
    assert result.content == "out\nerr\n[exit code 3]"
    assert result.failed


def test_shell_is_killed_at_its_deadline(box: Sandbox) -> None:
    """A command that hangs costs its time limit, not the trial."""
    result = call(box, "shell", command="echo begun; sleep 60", timeout_s=1)
    assert result.content == "begun\n[killed: still running after 1 s]"


def test_shell_text_is_safe_and_bounded(box: Sandbox) -> None:
    """Escapes and control characters are gone; a flood keeps its two ends."""
    assert call(box, "shell", command=r"printf '\033[31mred\033[0m\000\377'").content == "red�\n[exit code 0]"
    flood = call(box, "shell", command="seq 1 200000")
    assert flood.content.startswith("1\n2\n")
    assert "bytes cut" in flood.content
    assert flood.content.endswith("200000\n[exit code 0]")
    assert len(flood.content) < 25_000
    assert flood.produced_bytes == 1_288_895


def test_read_numbers_lines(box: Sandbox) -> None:
    """Lines carry their numbers; a range is a range."""
    assert call(box, "read", path="greet.py", first_line=5, last_line=6).content == (
        "5\tdef part():\n6\t    return 'hi'"
    )


def test_read_says_what_it_left_out(box: Sandbox) -> None:
    """A long file is not silently cut."""
    text = call(box, "read", path="pkg/long.txt").content
    assert text.endswith("[lines 1001 to 5000 not shown; ask for them with first_line]")
    assert "has 5000 lines" in call(box, "read", path="pkg/long.txt", first_line=9000).content


def test_read_lists_folders_and_names_binaries(box: Sandbox) -> None:
    """A folder gives its entries, a binary its size."""
    assert call(box, "read", path=".").content.split("\n") == ["blob.bin", "greet.py", "pkg/", "run.sh"]
    assert call(box, "read", path="blob.bin").content == "blob.bin is a binary file of 3 bytes"


def test_read_of_nothing_is_told(box: Sandbox) -> None:
    """A missing path is the model's business, not an error of ours."""
    with pytest.raises(FileAccessError):
        call(box, "read", path="nowhere.py")


def test_edit_replaces_the_single_occurrence(box: Sandbox) -> None:
    """Exactly one place, mode kept."""
    assert call(
        box, "edit", path="greet.py", old="def greet():\n    return 'hi'", new="def greet():\n    return 'hello'"
    )
    assert b"hello" in box.read("greet.py", 1000)
    call(box, "edit", path="run.sh", old="echo run", new="echo ran")
    assert box.stat("run.sh").executable


def test_edit_refuses_what_is_ambiguous(box: Sandbox) -> None:
    """Two places, or none: nothing changes."""
    before = box.read("greet.py", 1000)
    twice = call(box, "edit", path="greet.py", old="return 'hi'", new="x")
    never = call(box, "edit", path="greet.py", old="return 'bye'", new="x")
    assert (twice.failed, never.failed) == (True, True)
    assert "2 times" in twice.content
    assert box.read("greet.py", 1000) == before


def test_edit_creates_but_never_overwrites(box: Sandbox) -> None:
    """An empty `old` makes a new file, and only a new one."""
    assert not call(box, "edit", path="new/deep/file.py", old="", new="x = 1\n").failed
    assert box.read("new/deep/file.py", 100) == b"x = 1\n"
    assert call(box, "edit", path="greet.py", old="", new="x").failed


def test_edit_leaves_binaries_alone(box: Sandbox) -> None:
    """What is not UTF-8 text is not rewritten."""
    box.write(File(path="latin.txt", data="café".encode("latin-1")))
    assert "not UTF-8" in call(box, "edit", path="latin.txt", old="caf", new="x").content


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("delete", "{}", "the tools are: shell, read, edit, finish"),
        ("shell", '{"command": ', "not valid JSON"),
        ("shell", "[1]", "must be a JSON object"),
        ("shell", '{"cmd": "ls"}', "command: Field required"),
        ("shell", '{"command": "ls", "timeout_s": 100000}', "timeout_s"),
        ("shell", "[" * 100_000, "not valid JSON"),
    ],
)
def test_bad_calls_are_explained(name: str, arguments: str, says: str) -> None:
    """A wrong call tells the model what would be right."""
    with pytest.raises(BadCallError, match=says.replace("[", r"\[")):
        resolve(ToolCall(id="1", name=name, arguments=arguments))


def test_every_tool_has_a_plain_schema() -> None:
    """Schemas are objects that forbid unknown arguments, as strict servers want."""
    for tool in TOOLS.values():
        schema = tool.spec().parameters
        assert schema["type"] == "object"
        assert schema["additionalProperties"] is False
        assert "title" not in json.dumps(schema)


def test_half_a_character_is_told_before_it_reaches_a_request() -> None:
    """A lone surrogate, escaped in valid JSON, can be sent to no server: the model hears of it at once."""
    with pytest.raises(BadCallError, match="half a character"):
        resolve(ToolCall(id="1", name="read", arguments='{"path": "\\ud800"}'))
