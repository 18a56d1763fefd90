"""A trial's story as machines read it: texts uncut, null for what there is not."""

import json
from typing import Any

from harness.blame import blame_of
from harness.story import Story, ToolStory, TurnStory
from scoreboards.report.machine import trial_value

SCHEMA = 1
"""Number of the form; goes up when a field changes its meaning, fields are only added."""


def story_value(story: Story) -> dict[str, Any]:
    """The story as a JSON object: "schema", "trial", "brief", "turns", "difference", "tests", "tamper", "grade" ..."""
    record = story.record
    return {
        "schema": SCHEMA,
        "trial": trial_value(record),
        "brief": story.brief,
        "turns": [_turn(turn) for turn in story.turns],
        "difference": story.difference,
        "tests": story.tests,
        "flaky": list(story.flaky),
        "tamper": None if record.tamper is None else record.tamper.model_dump(mode="json"),
        "grade": record.grade.model_dump(mode="json"),
        "error": record.error or None,
        "blame": blame_of(record.verdict, record.stop).value,
        "failures": list(story.failures),
        "attempts": [
            {"attempt": one.attempt, "stop": one.stop, "verdict": one.verdict.value, "error": one.error or None}
            for one in story.others
        ],
        "files": {name: str(path) for name, path in story.files.items()},
    }


def story_json(story: Story) -> str:
    """The story as JSON text that no terminal can be steered by: everything but ASCII is escaped."""
    return json.dumps(story_value(story), indent=2, allow_nan=False)


def _turn(turn: TurnStory) -> dict[str, Any]:
    return {
        "turn": turn.number,
        "content": turn.content,
        "reasoning": turn.reasoning or None,
        "call": None if turn.call is None else turn.call.model_dump(mode="json"),
        "tools": [_tool(tool) for tool in turn.tools],
        "told": list(turn.told),
    }


def _tool(tool: ToolStory) -> dict[str, Any]:
    return {
        "tool": tool.tool,
        "arguments": tool.arguments,
        "output": tool.output,
        "row": None if tool.row is None else tool.row.model_dump(mode="json"),
    }
