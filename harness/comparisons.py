"""Comparisons that a test's assertions make, and how a probe lends them to the runner's plugin; pure.

In the probe `compared` an assertion stays as true as it was. Its comparisons are made by a function of the plugin,
which first makes the same comparison with changed values. A value that is what it should be is unequal to these; one
that equals everything is not, and shows, whichever assertion of the test it meets.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from harness.spans import Source, Span

FIRST = 4
"""What a mark is called with for the comparison 0; its numbers count the comparisons of a file."""

_OPERATORS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.In: "in",
}
EQUALS = frozenset(f"assert{kind}Equal" for kind in ("", "Sequence", "List", "Tuple", "Dict", "Set", "MultiLine"))
"""The assertions of unittest that are `==`."""
_METHODS = {
    **dict.fromkeys(EQUALS, "=="),
    "assertNotEqual": "!=",
    "assertLess": "<",
    "assertLessEqual": "<=",
    "assertGreater": ">",
    "assertGreaterEqual": ">=",
    "assertIn": "in",
}


@dataclass(frozen=True, slots=True)
class _Comparison:
    """Two sides, the bytes [start, end) that become a call, and how it is called: with a star for a pair of values."""

    left: ast.expr
    right: ast.expr
    start: int
    end: int
    how: str


def is_of_unittest(statement: ast.stmt) -> bool:
    """Whether it is one of unittest's comparisons: `self.assertEqual(A, B)` and its like."""
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr=name), args=[_, _, *_])):
            return name in _METHODS
    return False


def lent(statement: ast.stmt, source: Source, mark: str, number: int) -> list[Span]:
    """The statement's comparisons as calls of `mark`, numbered from `number`; empty where it makes none."""
    found = enumerate(_comparisons(statement, source), number)
    return [_call(comparison, source, f"{mark}({FIRST + at}") for at, comparison in found]


def _call(made: _Comparison, source: Source, begin: str) -> Span:
    (left_start, left_end), (right_start, right_end) = source.place(made.left), source.place(made.right)
    star = "*" if made.how.startswith("*") else ""
    new = b"".join(
        (
            f"{star}{begin}, (".encode() + source.lines(made.start, left_start),
            source.text(made.left) + b"), (" + source.lines(left_end, right_start),
            source.text(made.right) + source.lines(right_end, made.end),
            f'), "{made.how.lstrip("*")}"{", True" if star else ""})'.encode(),
        )
    )
    return Span(made.start, made.end, new)


def _comparisons(statement: ast.stmt, source: Source) -> Iterator[_Comparison]:
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr=name), args=[left, right, *_])):
            if name in _METHODS and _is_plain(statement, left, right, source):
                start, end = source.place(left)[0], source.place(right)[1]
                yield _Comparison(left, right, start, end, f"*{_METHODS[name]}")
        case ast.Assert(test=ast.BoolOp(op=ast.And(), values=parts)):
            for part in parts:
                yield from _sides(part, source)
        case ast.Assert(test=test):
            yield from _sides(test, source)


def _sides(test: ast.expr, source: Source) -> Iterator[_Comparison]:
    match test:
        case ast.Compare(left=left, ops=[operator], comparators=[right]) if type(operator) in _OPERATORS:
            yield _Comparison(left, right, *source.place(test), _OPERATORS[type(operator)])


def _is_plain(statement: ast.stmt, left: ast.expr, right: ast.expr, source: Source) -> bool:
    """Whether two arguments stand there without parentheses of their own, which no node tells of, and no star."""
    if isinstance(left, ast.Starred) or isinstance(right, ast.Starred):
        return False
    between = source.data[source.place(left)[1] : source.place(right)[0]]
    before = source.data[source.place(statement)[0] : source.place(left)[0]]
    after = source.data[source.place(right)[1] : source.place(statement)[1]]
    return bool(
        re.fullmatch(rb"[^(]*\(\s*", before) and re.fullmatch(rb"\s*,\s*", between) and re.match(rb"\s*[,)]", after)
    )
