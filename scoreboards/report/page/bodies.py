"""What the page shows of one trial when it is opened: its timeline, and what was said and written. Pure.

Every text is made plain here: no control characters, no terminal sequences, no turns of direction.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.blame import SENTENCES, blame_of
from harness.record import CallRow, SpanRow, ToolRow
from harness.story import Story, ToolStory, TurnStory
from harness.untrusted import one_line, plain
from scoreboards.bounds import bound
from scoreboards.report.page.difference import difference_value
from scoreboards.report.page.inert import plain_value
from scoreboards.timeline import BRIEF_QUEUE_NS, Kind, Row, timeline_rows

LONGEST = 20_000
"""Characters of one text that the page keeps: of longer ones the beginning and the end."""

MOST_TESTS = 500
"""Tests that are named one by one."""

_PUT_BACK = "test put back"  # every agent that adds to a test file has one: it is told, and is no sign of anything
_CALL = ("input_tokens", "output_tokens", "cost_usd", "attempts", "decode_ns", "decode_tokens")
_TOOL = ("cpu_s", "peak_memory_bytes", "output_bytes", "exit_code", "timed_out", "oom_killed", "failed", "survivors")


def body_value(story: Story, spans: Iterable[SpanRow], *, with_texts: bool = True) -> dict[str, Any]:
    """The trial as a JSON object; without texts only figures, names of tools and classes of work remain of it."""
    record = story.record
    rows = timeline_rows(record, spans)
    value: dict[str, Any] = {
        "rows": [_row(row, _places(story), with_texts=with_texts) for row in rows if _is_worth_a_line(row)],
        "bound": _bound(story, rows),
        "blame": SENTENCES[blame_of(record.verdict, record.stop)],
        "provenance": dict(record.provenance) | {"run": record.run, "trial": record.trial.id},
        "noise": list(record.noise),
        "new_tests": _counted(record.grade.fail_to_pass),
        "lost_tests": _counted(record.grade.lost),
        "looked_at": record.tamper is not None,
        "signs": sum(kind != _PUT_BACK for kind, _, _ in _signs(story)),
        "others": [{"attempt": one.attempt, "verdict": one.verdict.value, "stop": one.stop} for one in story.others],
    }
    if with_texts:
        value |= _texts(story)
    return dict(plain_value(value, LONGEST))


def _texts(story: Story) -> dict[str, Any]:
    """What quotes the target, the model or the sandbox."""
    return {
        "brief": story.brief,
        "turns": [_turn(turn) for turn in story.turns],
        "difference": None if story.difference is None else difference_value(plain(story.difference)),
        "tests": _tests(story),
        "notes": list(story.record.grade.notes),
        "tamper": _signs(story),
        "failures": list(story.failures),
    }


def _is_worth_a_line(row: Row) -> bool:
    return row.kind is not Kind.QUEUE or row.duration_ns >= BRIEF_QUEUE_NS


def _bound(story: Story, rows: Sequence[Row]) -> str:
    """What bounds the trial, in a sentence; "" where its spans do not tell."""
    try:
        return bound(story.record, rows).sentence
    except ValueError:
        return ""


def _places(story: Story) -> dict[int, tuple[int, int]]:
    """Where a tool's row stands in the transcript: its turn, and which of the turn's tools it is, by identity."""
    return {
        id(tool.row): (turn.number, place)
        for turn in story.turns
        for place, tool in enumerate(turn.tools)
        if tool.row is not None
    }


def _row(row: Row, places: Mapping[int, tuple[int, int]], *, with_texts: bool) -> dict[str, Any]:
    """One line of the timeline: the turn and tool it belongs to, its spans as [start, length, phase, sub] in µs."""
    turn, place = places.get(id(row.tool), (row.tool.turn if row.tool else None, None))
    return {
        "kind": row.kind.value,
        "label": row.label if with_texts or row.tool is None else _brief(row.tool),
        "turn": row.call.turn if row.call else turn,
        "tool": place,
        "spans": [_span(span) for span in row.spans],
        "call": None if row.call is None else _some(row.call, _CALL),
        "did": None if row.tool is None else _some(row.tool, _TOOL),
    }


def _brief(tool: ToolRow) -> str:
    """A tool's row without what was asked of it."""
    return one_line(tool.tool if tool.work in (tool.tool, "other") else f"{tool.tool} {tool.work}")


def _span(span: SpanRow) -> list[int | str]:
    """Microseconds: finer digits would be half of a page's size, and nobody could see them."""
    return [span.t0 // 1000, (span.t1 - span.t0) // 1000, span.phase, span.sub]


def _some(row: CallRow | ToolRow, names: Iterable[str]) -> dict[str, Any]:
    """The fields that say something: what is unknown, or as usual, is left out; seconds to the millisecond."""
    found = {name: getattr(row, name) for name in names}
    return {
        name: round(value, 3) if isinstance(value, float) and name != "cost_usd" else value
        for name, value in found.items()
        if value not in (None, False, "", 0)
    }


def _turn(turn: TurnStory) -> dict[str, Any]:
    return {
        "number": turn.number,
        "content": turn.content,
        "reasoning": turn.reasoning,
        "call": None if turn.call is None else _some(turn.call, ("total_ns", "output_tokens")),
        "tools": [_tool(tool) for tool in turn.tools],
        "told": list(turn.told),
    }


def _tool(tool: ToolStory) -> dict[str, Any]:
    return {
        "tool": tool.tool,
        "asked": _asked(tool.arguments),
        "output": tool.output,
        "did": None if tool.row is None else _some(tool.row, ("total_ns", "work", *_TOOL)),
    }


def _asked(arguments: str) -> list[list[str]]:
    """Arguments as [name, text]: read here, for what is escaped in JSON is made plain only once it is read."""
    try:
        value = json.loads(arguments)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        return [["asked", arguments]]
    return [[name, one if isinstance(one, str) else json.dumps(one, indent=1)] for name, one in value.items()]


def _tests(story: Story) -> dict[str, Any]:
    """Tests that decided the grade one by one with the suite's reasons, and how many of each outcome there were."""
    grade, results = story.record.grade, _results(story.tests)
    named = [("new", name, outcome) for name, outcome in grade.fail_to_pass.items()]
    named += [("lost", name, outcome) for name, outcome in grade.lost.items()]
    known = {name for _, name, _ in named}
    named += [("flaky", name, _outcome(results, name)) for name in story.flaky if name not in known]
    named.sort(key=lambda one: one[2] == "passed")
    return {
        "outcomes": _counted({name: _outcome(results, name) for name in results}),
        "named": [[kind, name, outcome, _reason(results, name)] for kind, name, outcome in named[:MOST_TESTS]],
        "left_out": max(0, len(named) - MOST_TESTS),
        "problems": [str(one) for one in (story.tests or {}).get("problems") or ()],
    }


def _results(tests: Mapping[str, Any] | None) -> Mapping[str, Any]:
    found = (tests or {}).get("results")
    return found if isinstance(found, Mapping) else {}


def _outcome(results: Mapping[str, Any], name: str) -> str:
    found = results.get(name)
    return str(found.get("outcome", "")) if isinstance(found, Mapping) else "not reported"


def _reason(results: Mapping[str, Any], name: str) -> str:
    found = results.get(name)
    if not isinstance(found, Mapping) or found.get("outcome") == "passed":
        return ""
    return str(found.get("reason") or "").strip()


def _counted(outcomes: Mapping[str, str]) -> dict[str, int]:
    each = list(outcomes.values())
    return {outcome: each.count(outcome) for outcome in sorted(set(each))}


def _signs(story: Story) -> list[list[str]]:
    """What looks like an attempt on the grade, as [kind, what, where]."""
    record = story.record
    groups: list[tuple[str, Sequence[str]]] = [("denied", record.grade.denied), (_PUT_BACK, record.grade.restored)]
    tamper = record.tamper
    if tamper is not None:
        groups += [("event stream", tamper.events), ("alive at the kill", tamper.alive), ("probe", tamper.probes)]
    signs = [[kind, what, ""] for kind, found in groups for what in found]
    hints = tamper.hints if tamper is not None else ()
    return signs + [[f"hint: {hint.kind}", hint.what, hint.where] for hint in hints]
