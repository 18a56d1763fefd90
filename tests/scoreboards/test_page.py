"""The page as text: what it is allowed to do, what is in it, and how it grows into a folder."""

import base64
import gzip
import hashlib
import html
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.commands.report import command
from harness.journal import Journal
from harness.record import GradeRow, Hint, TamperRow
from scoreboards.board import build_board
from scoreboards.report.page.bodies import LONGEST, body_value
from scoreboards.report.page.data import tool_ns
from scoreboards.report.page.difference import difference_value
from scoreboards.report.page.inert import inert_json, packed, plain_value
from scoreboards.report.page.page import CHUNK, Options, make_page
from tests.scoreboards.browser.made import HOSTILE, PATCH, RAW, made
from tests.scoreboards.conftest import make_record, make_tool

SECRET = "proprietary-source"
QUOTES = {
    "error": SECRET,
    "grade": GradeRow(reason=SECRET, notes=(SECRET,), denied=(SECRET,), fail_to_pass={SECRET: "failed"}),
    "tamper": TamperRow(hints=(Hint(kind="reads", what=SECRET, where=SECRET),)),
    "tool_calls": (make_tool(summary=SECRET),),
}
RUNS = re.compile(r"([.a-z])(\d+)")


def unpacked(text: str) -> str:
    """What the page's own script makes of it."""
    return gzip.decompress(base64.b64decode(text)).decode()


def elements(page: str) -> dict[str, Any]:
    """The page's data by the identifier of their elements."""
    found = re.findall(r'<script type="application/json" id="([a-z0-9-]+)">(.*?)</script>', page)
    return {name: json.loads(text) for name, text in found}


def test_the_policy_knows_each_script_and_the_library(tmp_path: Path) -> None:
    """Every script that stands in the page, and the packed one, has its hash in the policy; nothing else is allowed."""
    page = made().page(tmp_path).read_text(encoding="utf-8")
    found = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert found is not None
    policy = html.unescape(found[1])
    scripts = [*re.findall(r"<script>(.*?)</script>", page, re.DOTALL), unpacked(elements(page)["library"])]
    hashes = {base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts}
    assert set(re.findall(r"'sha256-([^']+)'", policy)) == hashes
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-eval" not in policy
    assert "strict-dynamic" not in policy


def test_no_script_makes_markup() -> None:
    """The page's scripts set text and make elements: none of them parses markup, evaluates or fetches."""
    assets = Path(__file__).parents[2] / "scoreboards/report/page/assets"
    for path in assets.glob("*.js"):
        text = path.read_text(encoding="utf-8")
        for banned in (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "Function(",
            "fetch(",
        ):
            assert banned not in text, f"{path.name}: {banned}"
        assert len(text.splitlines()) <= 300


@given(st.recursive(st.text() | st.just(HOSTILE), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_data_end_no_element(value: Any) -> None:
    """Whatever the texts are, they come back as they were, and no character of the element's end stands in them."""
    text = inert_json(value)
    assert json.loads(text) == value
    assert text.isascii()
    assert not set(text) & set("<>&")


def test_texts_come_plain_into_a_body() -> None:
    """No control, no sequence, no turn of direction, no lone surrogate; long texts lose their middle, and say so."""
    trials = made(HOSTILE, RAW + "x" * LONGEST)
    text = json.dumps([body_value(*one) for one in zip(trials.stories, trials.spans, strict=True)], ensure_ascii=False)
    assert not set(json.loads(json.dumps(text))) & {"\x1b", "\x00", "\x9b", "\u202e", "\u2028", "\ud800"}
    assert "characters left out" in text
    deep = "[" * 100_000
    for story in trials.stories[:1]:
        story.turns[0].tools[0].arguments = json.dumps({"command": RAW, "n": float("inf"), "of": [1]})
        story.turns[0].tools[1].arguments = deep
        tools = body_value(story, ())["turns"][0]["tools"]
        assert [name for name, _ in tools[0]["asked"]] == ["command", "n", "of"]
        assert not set(tools[0]["asked"][0][1]) & {"\x1b", "\x00", "\x9b", "\u202e", "\u2028", "\ud800"}
        assert tools[1]["asked"][0][0] == "asked"
    assert plain_value({"a\x1b[1m": ["b\u202e", 1, None]}) == {"a": ["b", 1, None]}


def test_without_texts_nothing_quotes(tmp_path: Path) -> None:
    """A word that stands in every text, but in no name, is nowhere in the page: packed, or plain."""
    trials = made()
    stories = [story.record.model_copy(update=QUOTES) for story in trials.stories]
    board = build_board(stories)
    bodies = [
        json.dumps(body_value(replace(made(SECRET).stories[at], record=record), trials.spans[at], with_texts=False))
        for at, record in enumerate(board.trials)
    ]
    page = make_page(board, bodies, Options(title="none", with_texts=False)).html
    assert SECRET not in page
    assert SECRET not in "".join(unpacked(text) for name, text in elements(page).items() if "body" in name)
    assert SECRET in unpacked(elements(made(SECRET).page(tmp_path).read_text(encoding="utf-8"))["body-0"])


def test_what_is_too_much_becomes_a_folder() -> None:
    """Above the limit trials go into data files of about one size, each of them once, in order."""
    trials = made(repeats=2)
    bodies = [json.dumps({"rows": base64.b64encode(bytes([at]) * 999).decode()}) for at in range(16)]
    whole = make_page(trials.board, bodies, Options(title="t"))
    assert not whole.files
    folder = make_page(trials.board, bodies, Options(title="t", limit=len(whole.html) - 1))
    assert list(folder.files) == ["trials-000.js"]
    found = re.fullmatch(r"splitclock\.arrived\((.*)\);\n", folder.files["trials-000.js"])
    assert found is not None
    assert [unpacked(text) for text in json.loads(found[1]).values()] == bodies
    assert "'strict-dynamic'" in html.unescape(folder.html)
    assert elements(folder.html)["chunks"] == [0]


def test_data_files_stay_of_a_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """No data file holds much more than its share, and the page knows the first trial of each."""
    monkeypatch.setattr("scoreboards.report.page.page.CHUNK", CHUNK // 10_000)
    trials = made(repeats=2)
    bodies = [json.dumps({"rows": at}) for at in range(16)]
    page = make_page(trials.board, bodies, Options(title="t", folder=True))
    firsts = elements(page.html)["chunks"]
    assert len(page.files) == len(firsts) > 3
    held = [list(json.loads(text[len("splitclock.arrived(") : -3])) for text in page.files.values()]
    assert [int(own[0]) for own in held] == firsts
    assert [int(one) for own in held for one in own] == list(range(16))


def test_the_command_writes_what_it_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run folder becomes one page; -o without .html becomes a folder, whose old data files go."""
    with Journal.create(tmp_path / "run") as journal:
        for record in made().board.trials[:3]:
            journal.append_record(record)
    command([tmp_path / "run"], out=tmp_path / "a.html")
    assert "a.html: 3 trials" in capsys.readouterr().err.replace("\n", "")
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert [name for name in elements(page) if "body" in name] == ["body-0", "body-1", "body-2"]
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "trials-007.js").touch()
    (tmp_path / "site" / "notes.js").touch()
    command([tmp_path / "run"], out=tmp_path / "site", no_bodies=True)
    assert sorted(path.name for path in (tmp_path / "site").iterdir()) == ["index.html", "notes.js", "trials-000.js"]
    assert 'id="no-bodies"' in (tmp_path / "site" / "index.html").read_text(encoding="utf-8")


def test_tool_time_is_divided_exactly() -> None:
    """By tool and class of work, in the proportion of the calls' own times, and to the nanosecond."""
    calls = [
        make_tool(tool=tool, work=work, exec_ns=length)
        for tool, work, length in (
            ("shell", "test", 3),
            ("shell", "build", 3),
            ("read", "read", 1),
            ("edit", "edit", 0),
        )
    ]
    record = make_record({"tool": 1}, tool_calls=calls, sub_phases={"tool.transport": 1})
    found = tool_ns(record)
    assert list(found) == ["shell", "read"]
    assert sum(sum(works.values()) for works in found.values()) == 999_999_999
    assert tool_ns(make_record({"model": 1})) == {}
    assert tool_ns(make_record({"tool": 1})) == {"other": {"other": 10**9}}


def test_a_difference_is_read_line_by_line() -> None:
    """Files, counts, kinds of lines, and colours that fill each line."""
    found = difference_value(PATCH.replace("{what}", "é \U0001f600"))
    file = found["files"][0]
    assert (file["path"], file["added"], file["removed"], found["left_out"]) == ("app/calc.py", 2, 1, 0)
    assert [line[0] for line in file["lines"]] == ["@", " ", "-", "+", "+", " "]
    coloured = [line for line in file["lines"] if len(line) > 2]
    assert len(coloured) == 5
    for _, text, marks in coloured:
        assert sum(int(length) for _, length in RUNS.findall(marks)) == len(text.encode("utf-16-le")) // 2
    assert coloured[2][2] == ".4c6"


def test_a_difference_takes_no_line_for_a_head() -> None:
    """Removed and added lines that look like heads of files are lines; renames, new and binary files are told."""
    text = (
        "diff --git a/a b.txt b/a b.txt\n--- a/a b.txt\n+++ b/a b.txt\n@@ -1,2 +1 @@\n--- gone\n+++ come\n-x\n"
        "\\ No newline at end of file\ndiff --git a/x b/y\nsimilarity index 100%\nrename from x\nrename to y\n"
        "diff --git a/p.png b/p.png\nnew file mode 100644\nBinary files /dev/null and b/p.png differ\n"
    )
    files = difference_value(text)["files"]
    assert [file["path"] for file in files] == ["a b.txt", "y", "p.png"]
    assert [line[:2] for line in files[0]["lines"]][1:4] == [["-", "-- gone"], ["+", "++ come"], ["-", "x"]]
    assert [line[1] for line in files[1]["lines"]] == ["rename from x", "rename to y"]
    assert difference_value("")["files"] == []


@given(st.text())
def test_any_text_is_a_difference(text: str) -> None:
    """Nothing that a sandbox hands out breaks the page."""
    difference_value("diff --git a/a.py b/a.py\n@@ -1,9 +1,9 @@\n" + text)


@given(st.text())
def test_packing_is_lossless(text: str) -> None:
    """What is packed comes back, and the same text always packs the same."""
    assert unpacked(packed(text)) == text
    assert packed(text) == packed(text)
