"""A unified difference as files and lines, with the colours of each file's language. Pure.

The colours come from Pygments at render time, as runs of characters beside the text: no markup is ever made of it.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_for_filename
from pygments.token import Comment, Keyword, Name, Number, String, _TokenType
from pygments.util import ClassNotFound

MOST_LINES = 5_000
"""Lines of a difference that are kept: what is longer says how much is left out."""

MOST_COLOURED = 2_000
"""Characters of a line that may be coloured: minified files are not worth their lexing."""

_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")
_HEADS = ("--- ", "+++ ", "index ", "similarity ", "dissimilarity ")
_COLOURS = (
    (Comment, "c"),
    (String, "s"),
    (Keyword, "k"),
    (Number, "n"),
    (Name.Function, "f"),
    (Name.Class, "f"),
    (Name.Tag, "k"),
    (Name.Builtin, "b"),
    (Name.Decorator, "b"),
)


@dataclass(slots=True, kw_only=True)
class _File:
    """A file's lines as (kind, text): kind is "+", "-", " ", "@" for a hunk's head, or "i" for what else is said."""

    path: str
    lines: list[tuple[str, str]] = field(default_factory=list)


def difference_value(text: str) -> dict[str, Any]:
    """JSON-able: "files" with "path", "added", "removed" and "lines" of [kind, text, colours]; "left_out" lines.

    Colours are runs such as "k3.1f4": a letter for the kind of word ("." for none), then its UTF-16 units.
    """
    lines = text.split("\n")
    files = list(_files(lines[:MOST_LINES]))
    return {"files": [_file(one) for one in files], "left_out": max(0, len(lines) - MOST_LINES)}


def _files(lines: Iterable[str]) -> Iterator[_File]:
    """Files by their "diff --git" lines; the counts of a hunk's head tell its lines from heads of files."""
    file = _File(path="")
    old = new = 0
    for line in lines:
        if old > 0 or new > 0:
            kind, text = _line(line)
            old -= kind in (" ", "-")
            new -= kind in (" ", "+")
            file.lines.append((kind, text))
        elif line.startswith("diff --git "):
            yield from [file] if file.path else []
            file = _File(path=_path(line))
        elif hunk := _HUNK.match(line):
            old, new = int(hunk[1] or 1), int(hunk[2] or 1)
            file.lines.append(("@", line))
        elif line and not line.startswith(_HEADS):
            file.lines.append(("i", line))
    yield from [file] if file.path else []


def _line(line: str) -> tuple[str, str]:
    """A line within a hunk; a backslash says that a file's last line does not end."""
    kind = line[:1]
    if kind == "\\":
        return "i", line
    return (kind, line[1:]) if kind in ("+", "-") else (" ", line[1:])


def _path(line: str) -> str:
    """The new name in "diff --git a/x b/x"; both are the same but for renames."""
    rest = line.removeprefix("diff --git ")
    half = len(rest) // 2
    if rest[:1] == "a" and rest[2:half] == rest[half + 3 :]:
        return rest[half + 3 :]
    return rest.rpartition(" b/")[2].strip('"')


def _file(file: _File) -> dict[str, Any]:
    kinds = [kind for kind, _ in file.lines]
    marks = _marks(file)
    lines = [[kind, text, marks[at]] if at in marks else [kind, text] for at, (kind, text) in enumerate(file.lines)]
    return {"path": file.path, "added": kinds.count("+"), "removed": kinds.count("-"), "lines": lines}


def _marks(file: _File) -> dict[int, str]:
    """Each line's colours by its place: both sides are lexed, each as the text that it is."""
    try:
        lexer = get_lexer_for_filename(file.path, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return {}
    found: dict[int, str] = {}
    for side in ("-", "+"):
        places = [at for at, (kind, text) in enumerate(file.lines) if kind in (" ", side) and _worth(text)]
        found |= dict(zip(places, _coloured(lexer, [file.lines[at][1] for at in places]), strict=False))
    return {at: runs for at, runs in found.items() if runs.strip(".0123456789")}


def _worth(text: str) -> bool:
    return len(text) <= MOST_COLOURED


def _coloured(lexer: Lexer, lines: list[str]) -> Iterator[str]:
    """One run-length text for each line."""
    runs: list[str] = []
    for token, text in lexer.get_tokens("\n".join(lines)):
        for number, piece in enumerate(text.split("\n")):
            if number:
                yield "".join(runs)
                runs = []
            if piece:
                runs.append(f"{_letter(token)}{_units(piece)}")
    yield "".join(runs)


def _letter(token: _TokenType) -> str:
    return next((letter for kind, letter in _COLOURS if kind in _above(token)), ".")


def _above(token: _TokenType) -> list[_TokenType]:
    """The kinds that a kind of word belongs to."""
    return token.split()


def _units(text: str) -> int:
    """Its length as JavaScript counts it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
