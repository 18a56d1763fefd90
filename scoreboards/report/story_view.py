"""One trial's story in the terminal: brief, turns, difference, tests, signs of tampering, verdict, files."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from harness.story import Story, ToolStory, TurnStory
from harness.untrusted import one_line, plain, rich_text
from scoreboards import words
from scoreboards.report.story_grade import grade_lines, tamper_lines, tests_lines, verdict_lines
from scoreboards.report.waterfall import trial_header

LEAST_WIDTH = 60
"""Columns that a story needs."""

_INDENT = 2
_PATCH_LINES = 80
_PROSE = 800
_PATCH_STYLES = (("+++", "bold"), ("---", "bold"), ("+", "color(28)"), ("-", "color(160)"), ("@@", "color(37)"))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cut:
    """How texts are shortened, unless `is_full`: first and last lines are kept, none of code longer than `width`."""

    width: int
    is_full: bool

    def lines(self, text: str, head: int, tail: int = 0, most: int | None = None) -> list[str]:
        """So many lines of a text, each of at most `most` characters: one screen line, where nothing else is said."""
        found = plain(text).expandtabs(4).strip("\n").split("\n")
        if self.is_full:
            return found
        if len(found) > head + tail + 1:
            note = f"… {len(found) - head - tail:,} lines left out; --full shows them"
            found = [*found[:head], note, *(found[-tail:] if tail else [])]
        limit = most or self.width
        return [line if len(line) <= limit else f"{line[: limit - 1]}…" for line in found]

    def prose(self, text: str, head: int, tail: int = 0) -> list[str]:
        """The same for sentences, which are folded where the screen ends."""
        return self.lines(text, head, tail, _PROSE)

    def one(self, text: str, taken: int = 0) -> str:
        return plain(text) if self.is_full else one_line(text, max(20, self.width - taken))


def print_story(story: Story, console: Console, *, is_full: bool) -> None:
    """Print it at the console's width; the console decides on colour (NO_COLOR, not a terminal)."""
    console.print(story_view(story, console.width, is_full=is_full))


def story_view(story: Story, width: int, *, is_full: bool) -> RenderableType:
    """The whole story for `width` columns; texts are shortened unless `is_full`."""
    cut = _Cut(width=width - 2 * _INDENT, is_full=is_full)
    return Group(
        *trial_header(story.record, width),
        *_section("Brief", [Text(line) for line in cut.prose(story.brief, 12)] if story.brief else []),
        *_turns(story, cut),
        *_section("Difference", _patch(story.difference, cut)),
        *_section("Tests", [*grade_lines(story.record), *tests_lines(story, is_full=is_full)]),
        *_section("Tamper report (hints prove nothing)", tamper_lines(story.record, is_full=is_full)),
        *_section("Verdict", verdict_lines(story)),
        *_section("Files", [rich_text(str(path), "dim") for path in story.files.values()]),
    )


def _section(title: str, lines: Iterable[Text]) -> Iterator[RenderableType]:
    shown = list(lines)
    if shown:
        yield Text()
        yield Text(title, style="bold")
        yield Padding(Group(*shown), (0, 0, 0, _INDENT), expand=False)


def _turns(story: Story, cut: _Cut) -> Iterator[RenderableType]:
    for turn in story.turns:
        yield Text()
        yield Text.assemble((f"Turn {turn.number}", "bold"), (_of_call(turn), "dim"))
        yield Padding(Group(*_turn_lines(turn, cut)), (0, 0, 0, _INDENT), expand=False)


def _of_call(turn: TurnStory) -> str:
    call = turn.call
    if call is None:
        return ""
    parts = [words.duration(call.total_ns)]
    if call.output_tokens is not None:
        parts.append(f"{words.count(call.output_tokens)} tokens")
    if call.attempts > 1:
        parts.append(f"{call.attempts} attempts ({', '.join(map(one_line, call.faults))})")
    if call.finish_reason not in {"", "stop", "tool_calls"}:
        parts.append(f"ended by {one_line(call.finish_reason, 40)}")
    return "  " + " · ".join(parts)


def _turn_lines(turn: TurnStory, cut: _Cut) -> Iterator[Text]:
    if turn.reasoning:
        yield from (Text(line, style="italic dim") for line in cut.prose(turn.reasoning, 3))
    if turn.content:
        yield from (Text(line) for line in cut.prose(turn.content, 10, 3))
    for tool in turn.tools:
        yield from _tool_lines(tool, cut)
    for told in turn.told:
        yield from (Text(f"harness: {line}", style="color(136)") for line in cut.prose(told, 3))


def _tool_lines(tool: ToolStory, cut: _Cut) -> Iterator[Text]:
    name = one_line(tool.tool, 40) or "?"
    asked = _asked(tool)
    if cut.is_full and any("\n" in str(value) for value in asked.values()):
        yield Text.assemble(("> ", "bold"), (name, "bold"))
        yield from _whole(asked)
    else:
        yield Text.assemble(("> ", "bold"), (name, "bold"), f" {_arguments(tool, asked, cut, len(name) + 3)}")
    if tool.row is not None:
        failed = tool.row.failed or tool.row.exit_code not in {0, None}
        yield Text("  " + _ended(tool), style="color(160)" if failed else "dim")
    if tool.output is None:
        yield Text("  it never ended", style="color(160)")
    elif tool.output:
        yield from (Text(f"  {line}", style="dim") for line in _narrower(cut).lines(tool.output, 6, 3))


def _narrower(cut: _Cut) -> _Cut:
    return _Cut(width=cut.width - 2, is_full=cut.is_full)


def _asked(tool: ToolStory) -> dict[str, Any]:
    """The arguments by name; empty where they are no JSON object."""
    try:
        asked = json.loads(tool.arguments)
    except (ValueError, RecursionError):
        return {}
    return asked if isinstance(asked, dict) else {}


def _whole(asked: dict[str, Any]) -> Iterator[Text]:
    for name, value in asked.items():
        yield Text(f"  {plain(name)}:", style="bold dim")
        yield from (Text(f"    {line}") for line in plain(str(value)).expandtabs(4).split("\n"))


def _arguments(tool: ToolStory, asked: dict[str, Any], cut: _Cut, taken: int) -> str:
    """A shell call's command as it is; of others the arguments, name by name."""
    if not asked:
        return cut.one("" if tool.arguments == "{}" else tool.arguments, taken)
    if "command" in asked:
        beside = "".join(f"  [{name}={value!r}]" for name, value in asked.items() if name != "command")
        return cut.one(str(asked["command"]), taken + len(beside)) + cut.one(beside)
    return cut.one(", ".join(f"{name}={value!r}" for name, value in asked.items()), taken)


def _ended(tool: ToolStory) -> str:
    row = tool.row
    if row is None:
        return ""
    parts = [one_line(row.work, 20), words.duration(row.total_ns)]
    if row.exit_code is not None:
        parts.append(f"exit code {row.exit_code}")
    if row.signal is not None:
        parts.append(f"signal {row.signal}")
    parts += [text for text, is_so in _flags(tool) if is_so]
    parts.append(words.size(row.output_bytes))
    return " · ".join(parts)


def _flags(tool: ToolStory) -> Iterator[tuple[str, bool]]:
    row = tool.row
    if row is not None:
        yield "timed out", row.timed_out
        yield "out of memory", row.oom_killed
        yield f"left {row.survivors} processes", row.survivors > 0
        yield "refused", row.failed and row.exit_code is None and row.signal is None and not row.timed_out


def _patch(patch: str | None, cut: _Cut) -> Iterator[Text]:
    if patch is None:
        return
    if not patch.strip():
        yield Text("nothing was changed", style="dim")
        return
    for line in cut.lines(patch, _PATCH_LINES):
        style = next((style for sign, style in _PATCH_STYLES if line.startswith(sign)), "")
        yield Text(line, style=style)
