"""Places in a Python source, in bytes, and what is to stand there instead; pure."""

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes [start, end) of one file, and what takes their place."""

    start: int
    end: int
    new: bytes


@dataclass(frozen=True, slots=True)
class Source:
    """One file: its bytes, and where each of its lines starts."""

    data: bytes
    starts: tuple[int, ...]

    @classmethod
    def of(cls, data: bytes) -> "Source":
        """The source with its lines counted as Python's parser counts them."""
        starts = [0]
        for line in data.split(b"\n"):
            starts.append(starts[-1] + len(line) + 1)
        return cls(data, tuple(starts))

    def place(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """Where the node begins and ends."""
        end_line, end_column = cast("int", node.end_lineno), cast("int", node.end_col_offset)
        return self.starts[node.lineno - 1] + node.col_offset, self.starts[end_line - 1] + end_column

    def text(self, node: ast.expr) -> bytes:
        """The node as it is written, without the parentheses around it."""
        start, end = self.place(node)
        return self.data[start:end]

    def before(self, node: ast.stmt, new: str) -> Span:
        """Something put before a statement, on its line."""
        start, _ = self.place(node)
        return Span(start, start, new.encode())

    def lines(self, start: int, end: int) -> bytes:
        """The line ends of a piece that goes, so that what comes after it keeps its line."""
        return b"\n" * self.data.count(b"\n", start, end)

    def edited(self, spans: Iterable[Span]) -> bytes:
        """The source with these in place."""
        data = self.data
        for span in sorted(spans, key=lambda span: span.start, reverse=True):
            data = data[: span.start] + span.new + data[span.end :]
        return data
