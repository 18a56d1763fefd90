"""The class of work of a shell command line: parsed as a shell parses it, then looked up by program.

The command line is a model's text: whatever it holds, the answer comes at once and nothing is raised.
`harness.work_shell` finds the commands in it, `harness.work_programs` the programs in those, and `harness.work_tables`
says what they do.
"""

from collections.abc import Iterator

from harness.work_programs import CODE, classes
from harness.work_shell import parts
from harness.work_tables import DEAREST_FIRST, NOTHING

MOST_DEPTH = 4
"""Shells within shells that are looked into."""

_RANK = {work: rank for rank, work in enumerate(DEAREST_FIRST)}


def work_of(command: str) -> str:
    """The class of a command line, one of `record.WORK`: that of its dearest part, "other" where none is known."""
    return min(_classes(command, MOST_DEPTH), key=_RANK.__getitem__, default=NOTHING) or "other"


def _classes(command: str, depth: int) -> Iterator[str]:
    """The class of every part of a command line."""
    spent = ""
    for part in parts(command):
        if not part.words:
            yield "edit"
        stdin = "" if part.heredoc == spent else part.heredoc
        for work, text in classes(part.words, stdin):
            if work != CODE:
                yield work
            elif depth == 0:
                yield "other"
            else:
                spent = part.heredoc  # one shell reads it, not the next one too
                yield from _classes(text, depth - 1)
