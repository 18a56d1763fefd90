"""Made-up trials with everything that a page can show of them, harmless and hostile."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.record import CallRow, GradeRow, Hint, Record, SpanRow, TamperRow, ToolRow
from harness.story import Story, ToolStory, TurnStory
from scoreboards.board import Board, build_board
from scoreboards.report.page.bodies import body_value
from scoreboards.report.page.page import Options, make_page
from tests.scoreboards.conftest import SECOND, make_call, make_record, make_tool

PATCH = """diff --git a/app/calc.py b/app/calc.py
index 1111111..2222222 100644
--- a/app/calc.py
+++ b/app/calc.py
@@ -1,3 +1,4 @@
 def double(a):
-    return a
+    # {what}
+    return 2 * a
 print("end")
"""

HACK = "window.hacked = 1"
HOSTILE = (
    f"</script><script>{HACK}</script><img src=x onerror='{HACK}'><a href=\"javascript:{HACK}\">x</a>"
    f"<svg onload='{HACK}'><iframe srcdoc='<script>parent.{HACK}</script>'></iframe><style>@import 'http://e.example/'</style>"
    "<br><b>bold</b>{{ 7 * 7 }}${7}<!--]]>\u2028\u202e"
)
"""Markup of a page and of the chart library, templates, and what ends lines or turns the direction of writing."""

RAW = HOSTILE + "\x1b[31m\x1b]8;;http://e.example/\x07\x00\x9b2J\ud800"
"""The same with what only terminals and decoders mind; no journal holds it, transcripts may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A board, and of each of its trials the story and the spans."""

    board: Board
    stories: tuple[Story, ...]
    spans: tuple[tuple[SpanRow, ...], ...]

    def page(self, to: Path, **options: Any) -> Path:
        """The page as it would be written below a folder; what to open."""
        wanted = Options(title=options.pop("title", "Made up"), **options)
        bodies = (
            json.dumps(body_value(story, spans, with_texts=wanted.with_texts))
            for story, spans in zip(self.stories, self.spans, strict=True)
        )
        page = make_page(self.board, bodies, wanted)
        to.mkdir(parents=True, exist_ok=True)
        for name, text in {"index.html": page.html, **page.files}.items():
            (to / name).write_text(text, encoding="utf-8")
        return to / "index.html"


def made(word: str = "plain", raw: str = "", *, repeats: int = 1) -> Made:
    """Two models on two features in two runs; `word` is in every name and text, `raw` in what comes from sandboxes."""
    records = [
        _record(word, model, feature, repeat, run)
        for run in ("one", "two")
        for model in ("fast", "slow")
        for feature in ("add", "mend")
        for repeat in range(1, repeats + 1)
    ]
    board = build_board(records)
    return Made(
        board=board,
        stories=tuple(_story(record, word + raw) for record in board.trials),
        spans=tuple(_spans(record) for record in board.trials),
    )


def _record(word: str, model: str, feature: str, repeat: int, run: str) -> Record:
    decode = 2 if model == "fast" else 20
    failed = feature == "mend" and model == "slow"
    calls = tuple(_call(turn, decode, word) for turn in (1, 2))
    tools = (_tool(1, "shell", word), _tool(1, "read", word), _tool(2, "shell", word))
    return make_record(
        {"setup": 1, "model": 2 + 2 * decode, "tool": 9 if run == "one" else 8, "wait": 1, "grade": 5, "harness": 0.25},
        id=f"{run}{model}{feature}{repeat}",
        run=f"{run} {word}",
        model=f"{model} {word}",
        feature=f"target/{feature} {word}",
        repeat=repeat,
        simulated=model == "fast",
        claimed_tokens_per_s=50 if model == "fast" else 5,
        sub_phases={
            "model.connect": 200_000_000,
            "model.first_token": 1_800_000_000,
            "model.decode": 2 * decode * SECOND,
            "tool.exec": 8 * SECOND - SECOND // 10,
            "tool.transport": SECOND // 10,
        },
        calls=calls,
        tool_calls=tools,
        turns=2,
        verdict="fail" if failed else "pass",
        cost_usd=0.75 if model == "fast" else 0.25,
        error=word if failed else "",
        grade=GradeRow(
            rung="R1",
            reason=f"reason {word}",
            fail_to_pass={f"tests/test_{word}.py::new": "failed" if failed else "passed"},
            notes=(f"note {word}",),
        ),
        tamper=TamperRow(hints=(Hint(kind="reads", what=f"hint {word}", where=word),)),
        provenance={"sandbox": f"local {word}", f"key {word}": "1"},
    )


def _call(turn: int, decode: int, word: str) -> CallRow:
    return make_call(turn, decode_ns=decode * SECOND, total_ns=(decode + 1) * SECOND, served_model=word)


def _tool(turn: int, name: str, word: str) -> ToolRow:
    figures = {"exec_ns": 2 * SECOND, "cpu_s": 1.5, "peak_memory_bytes": 64_000_000, "output_bytes": 3000}
    return make_tool(turn, tool=name, summary=f"summary {word}", work="test", total_ns=3 * SECOND, **figures)


def _spans(record: Record) -> tuple[SpanRow, ...]:
    """Set-up, then in each turn a call and its tools, then grading; as long as they need to be to be seen."""
    spans: list[SpanRow] = []

    def add(phase: str, sub: str, seconds: float, name: str = "", **details: int) -> None:
        start = spans[-1].t1 if spans else 0
        end = start + round(seconds * SECOND)
        spans.append(SpanRow(phase=phase, sub=sub, t0=start, t1=end, name=name, details=dict(details)))

    add("setup", "start", 1)
    for turn, tools in ((1, ("shell", "read")), (2, ("shell",))):
        add("model", "connect", 0.1, f"call {turn}")
        add("model", "first_token", 0.9, f"call {turn}")
        add("model", "decode", (record.calls[0].decode_ns or 0) / SECOND, f"call {turn}")
        for index, name in enumerate(tools):
            add("tool", "transport", 0.5, name, turn=turn, index=index)
            add("tool", "exec", 2, name, turn=turn, index=index)
    add("wait", "tool_slot", 1)
    add("grade", "suite", 5)
    return tuple(spans)


def _story(record: Record, word: str) -> Story:
    rows = iter(record.tool_calls)
    said = [
        TurnStory(
            number=turn,
            content=f"content {word}",
            reasoning=f"reasoning {word}",
            call=record.calls[turn - 1],
            tools=[
                ToolStory(tool=name, arguments=arguments, output=f"output {word}\n" * 40, row=next(rows))
                for name, arguments in tools
            ],
            told=[f"told {word}"],
        )
        for turn, tools in (
            (1, (("shell", json.dumps({"command": f"command {word}"})), ("read", f"no JSON {word}"))),
            (2, ((f"shell {word}", "{}"),)),
        )
    ]
    names = record.grade.fail_to_pass
    return Story(
        record=record,
        brief=f"brief {word}",
        turns=tuple(said),
        difference=PATCH.replace("{what}", word.replace("\n", " ")),
        tests={"results": {name: {"outcome": names[name], "reason": f"why {word}"} for name in names}},
        flaky=(f"flaky {word}",),
        failures=(f"failure {word}",),
    )
