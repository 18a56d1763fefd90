"""One trial as a timeline: rows from spans, the exact ledger, pieces, the sentence, the views."""

import io
import json
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from harness.clock import Phase, Span, partition
from harness.record import Record, SpanRow
from scoreboards.bounds import bound, pieces
from scoreboards.report.axis import SHADES, Axis, clock
from scoreboards.report.timeline_machine import timeline_json, timeline_value
from scoreboards.report.waterfall import LEAST_WIDTH, MOST_LINES, Waterfall, print_waterfall
from scoreboards.timeline import Gap, Kind, Row, folded, timeline_rows
from tests.scoreboards.conftest import make_call, make_record, make_tool

MS = 1_000_000
SECOND = 1000 * MS
HOSTILE = "[/red]\x1b[31mevil\u202e\u009b2J\r\n`x` [bold]"


def span(where: str, t0: float, t1: float, name: str = "", **details: Any) -> SpanRow:
    """A span of "phase.sub" between two moments in milliseconds."""
    phase, _, sub = where.partition(".")
    return SpanRow(phase=phase, sub=sub, t0=round(t0 * MS), t1=round(t1 * MS), name=name, details=details)


def call_spans(turn: int, t0: float, first: float, t1: float) -> list[SpanRow]:
    """An answered call: 10 ms to the headers, then to the first token, then to its end."""
    name = f"call {turn}"
    return [
        span("model.connect", t0, t0 + 10, name),
        span("model.first_token", t0 + 10, first, name),
        span("model.decode", first, t1, name),
    ]


def tool_spans(name: str, t0: float, t1: float, edge: float = 1, **place: int) -> list[SpanRow]:
    """A tool call whose process runs all but `edge` milliseconds at both ends."""
    pieces_of_it = (("transport", t0, t0 + edge), ("exec", t0 + edge, t1 - edge), ("transport", t1 - edge, t1))
    return [span(f"tool.{sub}", a, b, name, **place) for sub, a, b in pieces_of_it if a < b]


def of_spans(spans: Iterable[SpanRow], wall_ms: float, **changes: Any) -> Record:
    """The record that these spans make."""
    known = [Span(phase=Phase(one.phase), sub=one.sub, t0=one.t0, t1=one.t1) for one in spans]
    split = partition(known, 0, round(wall_ms * MS))
    seconds = {str(phase): ns / SECOND for phase, ns in split.phases.items()}
    return make_record(seconds, sub_phases=dict(split.sub_phases), **changes)


SPANS = [
    span("setup.image", 0, 100),
    span("setup.start", 100, 1000),
    *call_spans(1, 1000, 1500, 3500),
    span("wait.tool_slot", 3500, 3500.02, "slot"),
    *tool_spans("shell", 3501, 6501, turn=1, index=0),
    span("tool.transport", 6510, 6530, "read", turn=1, index=1),
    span("tool.transport", 6511, 6540, "read", turn=1, index=2),
    span("wait.failed_call", 6600, 6700, "call 2", fault="rate_limit", status=429),
    span("wait.rate_limit", 6700, 7700, "call 2"),
    *call_spans(2, 7700, 8000, 8500),
    span("wait.tool_slot", 8500, 9500, "slot"),
    *tool_spans("shell", 9500, 10_500, turn=2, index=0),
    span("grade.export", 10_600, 10_700),
    span("grade.slot", 10_700, 10_701, "slot"),
    span("grade.start", 10_701, 11_000),
    span("grade.suite", 11_000, 12_000),
    span("grade.start", 12_000, 12_100, "remove"),
]
"""A small trial with everything in it: 12.2 s."""

TOOLS = (
    make_tool(1, total_ns=3000 * MS, exec_ns=2998 * MS, work="test", signature="s", summary="pytest -q", failed=True),
    make_tool(1, tool="read", total_ns=20 * MS, work="read", summary="a.py"),
    make_tool(1, tool="read", total_ns=29 * MS, work="read", summary="b.py"),
    make_tool(2, total_ns=1000 * MS, exec_ns=998 * MS, work="test", signature="s", summary="pytest -q"),
)
CALLS = (
    make_call(1, output_tokens=412, first_token_ns=500 * MS, decode_tokens=411, decode_ns=2 * SECOND),
    make_call(2, output_tokens=1, attempts=2, first_token_ns=300 * MS, decode_tokens=None, decode_ns=None),
)


def small(**changes: Any) -> Record:
    """The record of the small trial."""
    return of_spans(SPANS, 12_200, **{"calls": CALLS, "tool_calls": TOOLS, "turns": 2, **changes})


def shown(record: Record, spans: Iterable[SpanRow], width: int, **options: bool) -> str:
    """What a terminal without colour prints."""
    rows = timeline_rows(record, spans)
    view = Waterfall(record=record, rows=rows, pieces=pieces(record, rows), bound=bound(record, rows), **options)
    out = io.StringIO()
    print_waterfall(view, Console(file=out, width=width, color_system=None))
    return out.getvalue()


def test_each_span_has_its_row() -> None:
    """A call with its waits, a tool with its pieces, queues, set-up and grading, in order of time."""
    rows = timeline_rows(small(), reversed(SPANS))
    assert [(row.kind.value, row.label, row.t0 // MS, row.duration_ns / MS) for row in rows] == [
        ("setup", "set-up: image", 0, 100),
        ("setup", "set-up: start", 100, 900),
        ("call", "call 1 · 412 tokens", 1000, 2500),
        ("queue", "queue: tool slot", 3500, 0.02),
        ("tool", "✗ shell test: pytest -q", 3501, 3000),
        ("tool", "read: a.py", 6510, 20),
        ("tool", "read: b.py", 6511, 29),
        ("call", "call 2 · 1 token · 2 attempts", 6600, 1900),
        ("queue", "queue: tool slot", 8500, 1000),
        ("tool", "shell test: pytest -q", 9500, 1000),
        ("grade", "grading: export", 10_600, 100),
        ("queue", "grading: queue", 10_700, 1),
        ("grade", "grading: start", 10_701, 299),
        ("grade", "grading: suite", 11_000, 1000),
        ("grade", "grading: remove", 12_000, 100),
    ]
    assert sorted(one.model_dump_json() for row in rows for one in row.spans) == sorted(
        one.model_dump_json() for one in SPANS
    )
    assert [row.tool for row in rows if row.kind is Kind.TOOL] == list(TOOLS)
    assert [row.call for row in rows if row.kind is Kind.CALL] == list(CALLS)


def test_spans_of_older_runs_find_their_tool() -> None:
    """Without turn and index the name and the exact length tell, also for reads at once that ended otherwise."""
    spans = [
        *tool_spans("shell", 0, 30),
        *tool_spans("shell", 30, 60, edge=2),
        span("tool.transport", 100, 110, "read"),
        span("tool.transport", 101, 105, "read"),
        span("tool.transport", 105, 109, "read"),
        span("tool.transport", 110, 120, "read"),
    ]
    tools = (
        make_tool(1, total_ns=30 * MS, exec_ns=28 * MS, summary="first"),
        make_tool(1, total_ns=30 * MS, exec_ns=26 * MS, summary="second"),
        make_tool(2, tool="read", total_ns=8 * MS, summary="short"),
        make_tool(2, tool="read", total_ns=20 * MS, summary="long"),
    )
    rows = timeline_rows(of_spans(spans, 120, tool_calls=tools), spans)
    assert [(row.label, row.duration_ns // MS) for row in rows] == [
        ("shell: first", 30),
        ("shell: second", 30),
        ("read: long", 20),
        ("read: short", 8),
    ]


def test_what_has_no_result_says_so() -> None:
    """A call that was never answered, a tool whose sandbox was lost: no row of the record is theirs."""
    spans = [
        *tool_spans("shell", 0, 50, turn=1, index=0),
        *tool_spans("shell", 50, 60),
        span("wait.failed_call", 60, 90, "call 2", fault="timeout", status=None),
        span("wait.backoff", 90, 95, "call 2"),
    ]
    rows = timeline_rows(of_spans(spans, 100), spans)
    assert [row.label for row in rows] == ["shell · no result", "shell · no result", "call 2 · no answer: timeout"]


def test_the_small_trial_is_bound_by_its_suite() -> None:
    """The class of work with the largest part of the agent wall, its share and its count."""
    found = bound(small(), timeline_rows(small(), SPANS))
    assert found.sentence == "Bound by `test`: 46 % of agent wall in 2 runs of the suite."
    assert sum(portion.ns for portion in found.portions) == small().agent_wall_ns
    assert found.portions[0].ns == 3996 * MS


def test_what_bounds_a_trial() -> None:
    """Each kind of bound, from the record's own figures."""
    spoken = [*call_spans(1, 0, 50, 900), *call_spans(2, 1000, 1050, 1900)]
    waited = [*call_spans(1, 0, 900, 950), *call_spans(2, 1000, 1900, 1950)]
    refused = [
        span("wait.failed_call", 0, 100, "call 1", fault="rate_limit"),
        span("wait.rate_limit", 100, 900, "call 1"),
        *call_spans(1, 900, 950, 1000),
    ]
    searched = tool_spans("shell", 100, 902)
    search = make_tool(total_ns=802 * MS, exec_ns=800 * MS, work="search")
    calls = [make_call(1), make_call(2, first_token_ns=None, decode_ns=None, decode_tokens=None)]
    cases: dict[str, tuple[list[SpanRow], int, dict[str, Any]]] = {
        "Bound by decode: 57 % of agent wall in 2 calls at 50.0 tokens/s.": (spoken, 3000, {"calls": calls}),
        "Bound by time to first token: 60 % of agent wall in 2 calls, median 500 ms.": (waited, 3000, {"calls": calls}),
        "Bound by waiting for the provider: 90 % of agent wall in 2 waits, most of it rate limit.": (refused, 1000, {}),
        "Bound by `search`: 80 % of agent wall in 1 command.": (searched, 1000, {"tool_calls": [search]}),
        "Bound by `other`: 80 % of agent wall in 1 command.": (searched, 1000, {}),
    }
    for sentence, (spans, wall_ms, changes) in cases.items():
        assert said(of_spans(spans, wall_ms, **changes), spans) == sentence


def test_transport_harness_and_overlap_can_bound_it_too() -> None:
    """Reads that start no process are the sandbox's price; what no span covers is the harness's."""
    reads = [span("tool.transport", at, at + 8, "read", turn=1, index=at // 10) for at in range(0, 100, 10)]
    tools = [make_tool(1, tool="read", total_ns=8 * MS) for _ in reads]
    by_transport = of_spans(reads, 100, tool_calls=tools, turns=1)
    assert said(by_transport, reads) == "Bound by sandbox transport: 80 % of agent wall in 10 tool calls."
    by_harness = of_spans(reads, 1000, tool_calls=tools, turns=1)
    assert said(by_harness, reads) == "Bound by the harness itself: 92 % of agent wall in 1 turn."
    both = [*call_spans(1, 0, 20, 100), *tool_spans("shell", 10, 90)]
    overlapping = of_spans(both, 100, turns=1)
    assert said(overlapping, both) == "Bound by model and tools at once: 80 % of agent wall in 1 turn."


def said(record: Record, spans: Iterable[SpanRow]) -> str:
    """The sentence of a trial."""
    return bound(record, timeline_rows(record, spans)).sentence


def test_where_nothing_dominates_two_share_it() -> None:
    """Below 40 % for the largest part, the two largest are named."""
    spans = [
        *call_spans(1, 0, 300, 650),
        *tool_spans("shell", 650, 1000, turn=1, index=0),
    ]
    tool = make_tool(1, total_ns=350 * MS, exec_ns=348 * MS, work="build")
    record = of_spans(spans, 1000, calls=[make_call(1)], tool_calls=[tool], turns=1)
    found = bound(record, timeline_rows(record, spans))
    assert found.sentence == (
        "Nothing dominates: decode has 35 % of agent wall (in 1 call at 50.0 tokens/s), `build` 35 % (in 1 command)."
    )
    assert [portion.name for portion in found.named] == ["decode", "`build`"]


def test_an_agent_that_never_came_to_work_is_bound_by_nothing() -> None:
    """Set-up alone: no share of nothing is told, in no view."""
    spans = [span("setup.start", 0, 100)]
    record = of_spans(spans, 100, verdict="error:infra", stop="error:infra", error="no engine")
    assert said(record, spans) == "The agent did not come to work, so nothing bounds it."
    text = shown(record, spans, 80)
    assert "The agent asked nothing and ran nothing." in text
    assert "why: no engine" in text


def test_our_own_queue_bounds_nobody() -> None:
    """Waiting for a slot is outside the agent wall, as on the board."""
    spans = [span("wait.tool_slot", 0, 900, "slot"), *tool_spans("shell", 900, 1000, turn=1, index=0)]
    record = of_spans(spans, 1000, tool_calls=[make_tool(1, total_ns=100 * MS, work="vcs")], turns=1)
    assert said(record, spans) == "Bound by `vcs`: 98 % of agent wall in 1 command."
    assert [piece.share for piece in pieces(record, timeline_rows(record, spans))] == [1.0]


def test_spans_that_are_not_the_records_are_refused() -> None:
    """A sentence from another trial's spans would be worse than none."""
    record = small()
    with pytest.raises(ValueError, match="do not add up"):
        bound(record, timeline_rows(record, SPANS[1:]))


MOMENTS = st.lists(st.integers(0, 500), min_size=2, max_size=24, unique=True).map(sorted)
PLACES = ("model.decode", "tool.exec", "tool.transport", "wait.backoff", "wait.tool_slot", "setup.start", "grade.suite")


@given(MOMENTS, st.lists(st.sampled_from(PLACES), min_size=24, max_size=24), st.integers(0, 200))
def test_portions_sum_to_the_agent_wall(moments: list[int], places: list[str], stretch: int) -> None:
    """Whatever overlaps, each nanosecond of the agent wall is in one portion, and every span in one row."""
    spans = [
        span(place, a, min(b + stretch, 700), "call 1" if place.startswith(("model", "wait")) else "shell")
        for place, (a, b) in zip(places, pairwise(moments), strict=False)
    ]
    record = of_spans(spans, 700)
    rows = timeline_rows(record, spans)
    assert sum(portion.ns for portion in bound(record, rows).portions) == record.agent_wall_ns
    assert sum(len(row.spans) for row in rows) == len(spans)


def test_pieces_are_told_the_dearest_first() -> None:
    """Identical commands are one piece; a call's first token, decode and waits are pieces of their own."""
    found = pieces(small(), timeline_rows(small(), SPANS))
    assert [(piece.what, piece.phase, piece.ns // MS, piece.count) for piece in found] == [
        ("2 runs of `pytest -q`", "test", 4000, 2),
        ("call 1 · 412 tokens", "decode", 2000, 1),
        ("call 2 · 1 token · 2 attempts", "rate limit", 1000, 1),
        ("call 1 · 412 tokens", "first token", 500, 1),
        ("call 2 · 1 token · 2 attempts", "decode", 500, 1),
        ("call 2 · 1 token · 2 attempts", "first token", 300, 1),
        ("call 2 · 1 token · 2 attempts", "failed call", 100, 1),
        ("read b.py", "read", 29, 1),
        ("read a.py", "read", 20, 1),
    ]
    assert found[0].share == 4000 * MS / small().agent_wall_ns


@pytest.mark.parametrize(
    ("first", "second", "count"),
    [
        ({"signature": "a", "summary": "x"}, {"signature": "a", "summary": "x"}, 2),
        ({"signature": "a", "summary": "x"}, {"signature": "b", "summary": "x"}, 1),
        ({"summary": "make"}, {"summary": "make"}, 2),
        ({"summary": "make"}, {"summary": "make test"}, 1),
        ({"summary": "x" * 99 + "…"}, {"summary": "x" * 99 + "…"}, 1),
        ({"summary": "a.py", "tool": "edit", "exec_ns": None}, {"summary": "a.py", "tool": "edit", "exec_ns": None}, 1),
    ],
)
def test_identical_commands_are_one_piece(first: dict[str, Any], second: dict[str, Any], count: int) -> None:
    """By signature; where a record has none, by the whole command, which a cut summary is not."""
    spans = [*tool_spans("shell", 0, 10, turn=1, index=0), *tool_spans("shell", 10, 20, turn=1, index=1)]
    tools = [make_tool(1, **{"total_ns": 10 * MS, "exec_ns": 8 * MS, **changes}) for changes in (first, second)]
    record = of_spans(spans, 20, tool_calls=tools)
    assert [piece.count for piece in pieces(record, timeline_rows(record, spans))] == ([2] if count > 1 else [1, 1])


def test_ten_pieces_at_most() -> None:
    """Of a hundred commands the ten longest."""
    spans = [one for n in range(100) for one in tool_spans("shell", n * 100, n * 100 + n + 3, turn=n, index=0)]
    tools = [make_tool(n, total_ns=(n + 3) * MS, exec_ns=MS, summary=f"c{n}") for n in range(100)]
    record = of_spans(spans, 10_200, tool_calls=tools)
    found = pieces(record, timeline_rows(record, spans))
    assert [piece.what for piece in found] == [f"`c{n}`" for n in range(99, 89, -1)]


def queue_free(lengths: Iterable[int]) -> list[Row]:
    """Rows of tools with these lengths in milliseconds, one after the other."""
    spans, at = [], 0
    for length in lengths:
        spans.append(span("tool.exec", at, at + length, "shell", turn=at, index=0))
        at += length
    return list(timeline_rows(of_spans(spans, at), spans))


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=120), st.integers(1, 50))
def test_long_trials_fold(lengths: list[int], most: int) -> None:
    """No more lines than wanted; every row in one of them, in order; what stands alone is among the longest."""
    rows = queue_free(lengths)
    lines = folded(rows, most)
    assert 1 <= len(lines) <= most
    assert [row for line in lines for row in (line.rows if isinstance(line, Gap) else (line,))] == rows
    assert all(len(line.rows) > 1 for line in lines if isinstance(line, Gap))
    if len(rows) <= most:
        assert list(lines) == rows


def test_gaps_say_how_many_and_how_long() -> None:
    """Of 200 rows at most forty lines, and all with --all."""
    spans = []
    for n in range(100):
        spans += tool_spans("shell", n * 100, n * 100 + (90 if n % 10 == 0 else 5), turn=n, index=0)
    record = of_spans(spans, 10_000, tool_calls=[make_tool(n, total_ns=1, summary=f"c{n}") for n in range(100)])
    text, whole = shown(record, spans, 100), shown(record, spans, 100, is_whole=True)
    table = text[text.index("Timeline") : text.index("▓▓ exec")]
    assert len(table.strip().splitlines()) <= MOST_LINES + 3
    assert "… 9 shorter, together" in table
    assert " 45 ms " in table
    assert "--all shows each" in text
    assert whole.count("shell: c") == 100
    assert "shorter" not in whole


def test_brief_queues_are_left_out_unless_asked_for() -> None:
    """A slot that was free is no row, and the view says so; a wait that was one is shown."""
    text, whole = shown(small(), SPANS, 100), shown(small(), SPANS, 100, is_whole=True)
    assert (text.count("queue: tool slot"), whole.count("queue: tool slot")) == (1, 2)
    assert "Waits of less than 1.00 ms for a slot are left out" in text
    assert "left out" not in whole


@pytest.mark.parametrize("width", [LEAST_WIDTH, 80, 100, 140, 200])
def test_the_view_fits(width: int) -> None:
    """No line is too long; figures are never cut."""
    hostile = small(model=HOSTILE * 3, feature=HOSTILE * 3, verdict="fail", error="why " * 100)
    for record in (small(), hostile):
        text = shown(record, SPANS, width)
        assert max(cell_len(line) for line in text.splitlines()) <= width
        for figure in ("3.00 s", "3.50", "12.2 s", "46 %"):
            assert figure in text
    assert "fast on bookings/waitlist, repeat 1: pass, finished" in shown(small(), SPANS, width)


def test_bars_share_one_axis() -> None:
    """Each bar starts and ends at its own time; parallel reads overlap; phases have shades of their own."""
    axis = Axis(wall_ns=100 * MS, cells=50)
    assert axis.bar(call_spans(1, 0, 50, 100)).plain == "▁" * 5 + "▄" * 20 + "█" * 25
    assert axis.bar(tool_spans("shell", 20, 80, edge=10)).plain == " " * 10 + "━" * 5 + "▓" * 20 + "━" * 5
    reads = [span("tool.transport", 40, 60), span("tool.transport", 44, 64)]
    assert [axis.bar([read]).plain for read in reads] == [" " * 20 + "━" * 10, " " * 22 + "━" * 10]
    parts = [span("wait.failed_call", 0, 20), span("wait.backoff", 20, 40), span("wait.rate_limit", 40, 60)]
    assert axis.bar(parts).plain == "×" * 10 + "┄" * 10 + "▒" * 10  # noqa: RUF001 - a glyph
    assert axis.bar([span("tool.exec", 99.9, 100)]).plain == " " * 49 + "▓"
    assert axis.bar([span("tool.exec", 0, 10), span("tool.exec", 20, 30)]).plain == "▓" * 5 + " " * 5 + "▓" * 5
    assert len({shade.glyph for shade in SHADES.values()}) == len(SHADES)


@given(st.lists(st.integers(0, 10**13), min_size=4, max_size=4, unique=True).map(sorted), st.integers(1, 200))
def test_no_bar_leaves_the_axis(moments: list[int], cells: int) -> None:
    """At least one cell, never past the last one."""
    *moments, wall_ns = moments
    axis = Axis(wall_ns=wall_ns, cells=cells)
    first, second = (SpanRow(phase="tool", sub="exec", t0=a, t1=b) for a, b in pairwise(moments))
    for one in (first, second):
        bar = axis.bar([one]).plain
        assert 1 <= len(bar) <= cells
        assert bar.endswith("▓")


@pytest.mark.parametrize(
    ("seconds", "wall_s", "text"),
    [
        (0.0421, 9, "0.042"),
        (12.345, 59, "12.35"),
        (67.34, 99, "1:07.34"),
        (67.34, 3000, "1:07.3"),
        (59.99, 3000, "1:00.0"),
        (3725.4, 9000, "1:02:05"),
        (3599.9, 9000, "1:00:00"),
    ],
)
def test_starts_read_like_a_clock(seconds: float, wall_s: float, text: str) -> None:
    """Digits after the trial's length; nothing is ever sixty."""
    assert clock(round(seconds * SECOND), round(wall_s * SECOND)) == text


def test_totals_add_up_as_they_are_shown() -> None:
    """The seven phases in seconds sum to the wall on the screen, and each phase's own parts to it."""
    lines = [line.strip() for line in shown(small(), SPANS, 200).splitlines() if " = " in line]
    assert lines[0].startswith("12.200 s = set-up 1.000 + model 3.300 + tool 4.0")
    for line in lines:
        whole, _, parts = line.partition(" = ")
        figures = [round(float(part.split()[-1]) * 1000) for part in parts.split(" + ")]
        assert sum(figures) == round(float(whole.removesuffix(" s").split()[-1]) * 1000)
    assert any(line.startswith("wait 2.100 = failed call 0.100 + rate limit 1.000 + tool slot 1.000") for line in lines)


def test_the_header_says_what_must_be_known() -> None:
    """Simulated, attempt, verdict and stop, why, noisy, resumed."""
    record = small(
        simulated=True,
        attempt=2,
        verdict="fail",
        stop="limit:wall",
        error="2 tests fail",
        noisy=True,
        noise=("load 9",),
        resumed=True,
    )
    head = shown(record, SPANS, 100).split("Timeline")[0]
    assert "fast (simulated) on bookings/waitlist, repeat 1: fail, limit:wall" in head
    assert "attempt 2 of runs/test" in head
    assert "wall 12.2 s: agent 8.70 s, set-up 1.00 s, queues 1.00 s, grading 1.50 s" in head
    assert "why: 2 tests fail" in head
    assert "noisy, its times say less: load 9" in head
    assert "resumed after an interruption" in head


def test_hostile_text_is_text() -> None:
    """No terminal sequence, markup or direction mark of a model, a command or a provider reaches a terminal."""
    spans = [
        *tool_spans(HOSTILE, 0, 50, turn=1, index=0),
        *tool_spans(HOSTILE, 50, 60, turn=1, index=1),
        span("wait.failed_call", 60, 90, "call 2", fault=HOSTILE),
        *call_spans(2, 90, 110, 120),
        span("wait.failed_call", 120, 140, "call 3", fault=HOSTILE),
    ]
    tool = make_tool(1, tool=HOSTILE, total_ns=50 * MS, exec_ns=48 * MS, summary=HOSTILE, work=HOSTILE)
    changes: dict[str, Any] = {"model": HOSTILE, "feature": HOSTILE, "id": HOSTILE, "run": HOSTILE, "stop": HOSTILE}
    record = of_spans(spans, 150, tool_calls=[tool], calls=[make_call(2)], noisy=True, noise=[HOSTILE], **changes)
    rows = timeline_rows(record, spans)
    document = timeline_json(record, rows, pieces(record, rows), bound(record, rows))
    for text in (shown(record, spans, 100), shown(record, spans, 200, is_whole=True), document):
        assert all(letter == "\n" or letter.isprintable() for letter in text)
        assert "evil" in text
    assert "[bold]" in shown(record, spans, 200)


def test_colour_only_where_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal gets colours; NO_COLOR takes them away and leaves the shades."""
    rows = timeline_rows(small(), SPANS)
    view = Waterfall(record=small(), rows=rows, pieces=pieces(small(), rows), bound=bound(small(), rows))
    monkeypatch.delenv("NO_COLOR", raising=False)
    coloured, bare = io.StringIO(), io.StringIO()
    print_waterfall(view, Console(file=coloured, width=100, force_terminal=True, color_system="256"))
    monkeypatch.setenv("NO_COLOR", "1")
    print_waterfall(view, Console(file=bare, width=100, force_terminal=True, color_system="256"))
    assert "38;5;33m" in coloured.getvalue()
    assert "38;5;" not in bare.getvalue()
    assert {"█", "▄", "▓", "▒", "▌", "▙", "·"} <= set(bare.getvalue())


def test_json_is_stable() -> None:
    """Schema 1: the trial as the board's JSON has it, a row for each span, pieces, and the bound."""
    rows = timeline_rows(small(), SPANS)
    value = timeline_value(small(), rows, pieces(small(), rows), bound(small(), rows))
    assert value == json.loads(timeline_json(small(), rows, pieces(small(), rows), bound(small(), rows)))
    assert set(value) == {"schema", "trial", "rows", "pieces", "bound"}
    assert (value["schema"], value["trial"]["id"], len(value["rows"])) == (1, "fast-bookings-waitlist-1", len(SPANS))
    shell = [row for row in value["rows"] if row["name"] == "shell"]
    assert shell[0] == {
        "t0_ns": 3501 * MS,
        "t1_ns": 3502 * MS,
        "phase": "tool",
        "sub": "transport",
        "name": "shell",
        "row": 4,
        "kind": "tool",
        "label": "✗ shell test: pytest -q",
        "turn": 1,
        "output_tokens": None,
        "work": "test",
        "summary": "pytest -q",
        "failed": True,
    }
    assert value["pieces"][0]["what"] == "2 runs of `pytest -q`"
    assert value["bound"]["sentence"] == "Bound by `test`: 46 % of agent wall in 2 runs of the suite."
    assert value["bound"]["dominates"] is True
    assert value["bound"]["by"] == value["bound"]["portions"][:1]
    assert sum(portion["ns"] for portion in value["bound"]["portions"]) == value["trial"]["agent_wall_ns"]
