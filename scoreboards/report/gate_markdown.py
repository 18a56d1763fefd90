"""A gate as GitHub-flavoured Markdown: the answer first, what it rests on folded away, never longer than a comment."""

from collections.abc import Iterator, Sequence

from harness.untrusted import one_line
from scoreboards.gate.findings import Criterion, Gate, Seen
from scoreboards.report import gate_notes, gate_words
from scoreboards.report.gate_outcome import Outcome
from scoreboards.report.gate_tables import criteria_grids
from scoreboards.report.gate_view import blame_lines
from scoreboards.report.grid import Cell, Grid
from scoreboards.report.markdown import escaped, in_html

LIMIT = 65_536
"""What GitHub takes as a comment, in characters; here of bytes in UTF-8, which are never fewer."""

MARK = "<!-- splitclock gate -->"
"""The first line, by which a job finds its own comment of an earlier push."""

_CUT = "_Cut at the length of a comment: `splitclock gate --json` has all of it._"
_LONGEST_COMMAND = 1000
_OPEN, _CLOSED = "<details>", "</details>"


def gate_markdown(outcome: Outcome, limit: int = LIMIT) -> str:
    """The comment, at most `limit` bytes long, with a line that says so where something had to be left out.

    Text from outside stays text: no markup, link or mention, nor an end of what is folded.
    """
    gate = outcome.gate
    if gate is None:
        return bounded(
            [MARK, "### ERROR: nothing could be judged", "", *(f"- {_prose(line)}" for line in outcome.errors)], limit
        )
    return bounded([MARK, f"### {_prose(gate_words.headline(gate))}", "", *_body(gate, outcome)], limit)


def bounded(lines: Sequence[str], limit: int) -> str:
    """As many of the lines as fit, what they leave open closed, and a line that says that some are missing."""
    if _size(lines) <= limit:
        return "".join(f"{line}\n" for line in lines)
    kept: list[str] = []
    room, is_open = limit - _size(["", _CUT]), False
    for line in lines:
        still = line == _OPEN or (is_open and line != _CLOSED)
        if _size([line]) + _size(["", _CLOSED]) * still > room:
            break
        kept.append(line)
        room, is_open = room - _size([line]), still
    ending = ["", _CLOSED] if is_open else []
    return "".join(f"{line}\n" for line in (*kept, *ending, "", _CUT))


def _size(lines: Sequence[str]) -> int:
    return sum(len(line.encode("utf-8", "replace")) + 1 for line in lines)


def _body(gate: Gate, outcome: Outcome) -> Iterator[str]:
    grids = tuple(criteria_grids(gate, outcome.policy))
    for grid in grids:
        yield from _table(grid, is_titled=len(grids) > 1)
    for one in gate_words.ranked(gate.criteria):
        yield from _where(gate, one)
    sections = (
        ("Why", gate_notes.reasons(gate, passing=True)),
        ("What would decide", gate_notes.undecided(gate)),
        ("What differs between the runs", gate_notes.differences(gate)),
        ("How to read it", gate_notes.notes(gate, outcome.policy)),
    )
    for title, told in sections:
        yield from _folded(title, [f"- {_prose(line)}" for line in told])


def _table(grid: Grid, *, is_titled: bool) -> Iterator[str]:
    if is_titled:
        yield from (f"**{_prose(grid.title)}**", "")
    rule = ["---"] * 2 + ["---:"] * (len(grid.heads) - 2)
    for cells in (grid.heads, rule, *grid.rows):
        yield f"| {' | '.join(map(_cell, cells))} |"
    yield ""


def _cell(cell: Cell) -> str:
    text = cell if isinstance(cell, str) else cell.text
    if text.strip("-:") == "":
        return text
    return f"**{text}**" if text == "FAIL" else _prose(text)


def _where(gate: Gate, one: Criterion) -> Iterator[str]:
    """What a change is made of: the sentence in sight, its parts and its trials folded."""
    if one.blame is None and not one.look_at:
        return
    title = f"Where it comes from: {gate_words.short(gate, one)}"
    lines = [] if one.blame is None else [_prose(line) for line in blame_lines(one.blame)]
    if lines:
        yield from (f"{_prose(gate_words.TITLES[one.metric])}: {lines[0]}", "")
    yield from _folded(title, [f"- {line}" for line in (*lines[1:], *map(_look_at, one.look_at))])


def _look_at(seen: Seen) -> str:
    command = one_line(gate_words.show_command(seen), _LONGEST_COMMAND).replace("`", "'")
    return f"`{command}`: {_prose(seen.why)}"


def _folded(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield from (_OPEN, f"<summary>{in_html(gate_words.sentence(title))}</summary>", "", *lines, "", _CLOSED, "")


def _prose(text: str) -> str:
    return escaped(gate_words.sentence(text))
