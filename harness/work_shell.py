"""The commands in a shell command line, wherever they stand in it; the only door to the parser.

The parser is tree-sitter's bash grammar: tolerant, so that broken text gives what can still be recognised. The text is
a model's: size, pipes, nesting and the parser's time are bounded, and nothing is raised.
"""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Language, Node

MOST_CHARACTERS = 65_536
"""Characters of a command line that are looked at; what is longer is mostly a file in a heredoc."""

FEWER_CHARACTERS = 4_096
"""What is looked at instead when the whole is too tangled for the parser."""

MOST_PIPES = 500
"""Pipes that the parser is given: its time and memory grow with their square."""

PARSER_S = 0.1
"""CPU seconds after which the parser is stopped; ordinary text of the full length takes a tenth of that."""

MOST_NODES = 50_000
MOST_PARTS = 1_000
MOST_WORDS = 200
"""Bounds of one command line: nodes of its tree, commands and redirections, words of a command."""

_BEYOND = re.compile("[^\x00-\xff]")
_WRITES = frozenset({">", ">>", "&>", "&>>", ">|"})
_ESCAPES = {'\\"': '"', "\\\\": "\\", "\\$": "$", "\\`": "`", "\\\n": ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A command as its words, without quotes and with expansions as written; or no words: output goes into a file.

    `heredoc` is the text that stands ready as standard input of this command or of one beside it.
    """

    words: tuple[str, ...] = ()
    heredoc: str = ""


def parts(command: str) -> Iterator[Part]:
    """Every command and every redirection into a file, in order; of substitutions, loops and functions too."""
    text = _bounded(command)
    tree = _parsed(text) or (_parsed(text[:FEWER_CHARACTERS]) if len(text) > FEWER_CHARACTERS else None)
    return tree.parts() if tree is not None else iter(())


def _bounded(command: str) -> str:
    """At most so many characters and pipes; no NUL, over which the parser stumbles for seconds; nothing past Latin-1.

    The grammar's scanner asks C's `isalpha` and its like about every character: beyond 255 that reads outside of a
    table, and far beyond it ends the process.
    """
    text = _BEYOND.sub("_", command[:MOST_CHARACTERS].replace("\0", " "))
    return "|".join(text.split("|", MOST_PIPES)[:MOST_PIPES])


@cache
def _language() -> "Language":
    import tree_sitter_bash
    from tree_sitter import Language

    return Language(tree_sitter_bash.language())


def _parsed(text: str) -> "_Tree | None":
    """The text's tree; None when the parser had to be stopped."""
    from tree_sitter import Parser

    data = text.encode("utf-8", errors="replace")
    view = memoryview(data)  # the binding keeps each piece that it is given, for ever: let it be a small one
    until = time.thread_time() + PARSER_S
    try:
        tree = Parser(_language()).parse(
            lambda offset, _point: view[offset:], progress_callback=lambda _offset, _error: time.thread_time() > until
        )
    except ValueError:
        return None
    return _Tree(data, tree.root_node)


class _Tree:
    """A parsed text; nodes are asked for their place only, since the binding would read their text wrongly."""

    def __init__(self, data: bytes, root: "Node") -> None:
        self._data = data
        self._root = root

    def parts(self) -> Iterator[Part]:
        heredoc, left = "", MOST_PARTS
        for node in self._nodes():
            if left == 0:
                return
            if node.type == "redirected_statement":
                heredoc = self._heredoc(node) or heredoc
            elif node.type == "command":
                left -= 1
                yield Part(words=tuple(self._words(node)), heredoc=heredoc)
            elif node.type == "file_redirect":
                left -= 1
                if self._writes_file(node):
                    yield Part()

    def _nodes(self) -> Iterator["Node"]:
        """All nodes in order; without recursion, for a tree may be as deep as its text is long."""
        cursor = self._root.walk()
        for _ in range(MOST_NODES):
            if cursor.node is not None:
                yield cursor.node
            if cursor.goto_first_child():
                continue
            while not cursor.goto_next_sibling():
                if not cursor.goto_parent():
                    return

    def _text(self, node: "Node") -> str:
        return self._data[node.start_byte : node.end_byte].decode("utf-8", errors="replace")

    def _words(self, command: "Node") -> Iterator[str]:
        """The program's name and its arguments, as far as they can be told without running anything."""
        for child in command.children[: 2 * MOST_WORDS]:
            if child.type == "command_name":
                yield self._literal(child.children[0] if child.children else child)
            elif child.type != "variable_assignment" and not child.type.endswith("_redirect"):
                yield self._literal(child)

    def _literal(self, node: "Node") -> str:
        """A word without its quotes."""
        pieces = node.children if node.type == "concatenation" else [node]
        return "".join(self._piece(piece) for piece in pieces[:MOST_WORDS])

    def _piece(self, node: "Node") -> str:
        text = self._text(node)
        if node.type == "raw_string":
            return text[1:-1]
        if node.type == "ansi_c_string":
            return text[2:-1]
        if node.type == "string":
            return _unescaped(text[1:-1])
        return text.replace("\\", "") if node.type == "word" else text

    def _writes_file(self, redirect: "Node") -> bool:
        """Whether standard output goes into a file; a stream of errors is no work of its own."""
        operators = {child.type for child in redirect.children[:MOST_WORDS]}
        target = redirect.child_by_field_name("destination")
        descriptor = redirect.child_by_field_name("descriptor")
        if target is None or not operators & _WRITES or (descriptor is not None and self._text(descriptor) != "1"):
            return False
        return not self._literal(target).startswith("/dev/")

    def _heredoc(self, statement: "Node") -> str:
        """The text that a redirected statement reads, if it stands right there."""
        for redirect in statement.children[:MOST_WORDS]:
            if redirect.type == "heredoc_redirect":
                bodies = [child for child in redirect.children[:MOST_WORDS] if child.type == "heredoc_body"]
                return self._text(bodies[0]) if bodies else ""
        return ""


def _unescaped(text: str) -> str:
    """What stands between double quotes, as a program gets it."""
    for written, meant in _ESCAPES.items():
        text = text.replace(written, meant)
    return text
