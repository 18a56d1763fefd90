"""Names that a test compares with, and nothing else: what they hold can be changed before the code under test runs.

`expected` of a parametrized test is one, and what a loop over pairs calls so. An answer that was looked up in the
test's frame then equals the changed value, where an honest one does not; pure.
"""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from harness.comparisons import EQUALS
from harness.spans import Source, Span

CHANGE = 3
"""What a mark is called with for another value than the one that it is given."""

Function = ast.FunctionDef | ast.AsyncFunctionDef
_COMPOUND = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.If,
    ast.With,
    ast.AsyncWith,
    ast.Try,
    ast.TryStar,
    ast.Match,
)


@dataclass(frozen=True, slots=True)
class _Binding:
    """Where a name gets its value: an expression to wrap, or a statement to change it before. `rank`: the least first.

    What is given comes before what is written out, and that before what a call computes, perhaps the answer itself.
    """

    rank: int
    wrap: ast.expr | None = None
    before: ast.stmt | None = None


def compared(statement: ast.stmt) -> Iterator[tuple[ast.expr, ast.expr]]:
    """The two sides of each equality that must hold: `==` of an assertion, joined by `and` at most; unittest's."""
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr=name), args=[left, right, *_])):
            if name in EQUALS:
                yield left, right
        case ast.Assert(test=ast.BoolOp(op=ast.And(), values=parts)):
            yield from (sides for part in parts for sides in _sides(part))
        case ast.Assert(test=test):
            yield from _sides(test)


def change_early(
    function: Function, asserted: Iterable[ast.stmt], statement: ast.stmt, source: Source, mark: str
) -> tuple[list[Span], list[ast.stmt]]:
    """Change one name that the statement compares with, where it gets its value; with all statements that compare it.

    Empty where there is no such name. `asserted` are the function's assertions.
    """
    every = list(asserted)
    found: list[tuple[int, str, list[_Binding]]] = []
    for side in (side for sides in compared(statement) for side in reversed(sides)):
        if isinstance(side, ast.Name):
            bound = _bindings(function, every, side.id)
            found += [(max(one.rank for one in bound), side.id, bound)] if bound else []
    if not found:
        return [], []
    _, name, bindings = min(found, key=lambda one: one[0])
    spans = [span for binding in bindings for span in _changed(binding, name, source, mark)]
    return spans, [one for one in every if any(_named(side, name) for sides in compared(one) for side in sides)]


def _changed(binding: _Binding, name: str, source: Source, mark: str) -> Iterator[Span]:
    if binding.before is not None:
        yield source.before(binding.before, f"{name} = {mark}({CHANGE}, {name}); ")
    if binding.wrap is not None:
        start, end = source.place(binding.wrap)
        yield Span(start, start, f"{mark}({CHANGE}, (".encode())
        yield Span(end, end, b"))")


def _sides(test: ast.expr) -> Iterator[tuple[ast.expr, ast.expr]]:
    match test:
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]):
            yield left, right


def _named(side: ast.expr, name: str) -> bool:
    return isinstance(side, ast.Name) and side.id == name


def _bindings(function: Function, asserted: Iterable[ast.stmt], name: str) -> list[_Binding]:
    """Every place that gives the name a value; empty unless all can be changed, and it is compared and nothing else."""
    sides = {id(side) for one in asserted for both in compared(one) for side in both}
    nodes = list(ast.walk(function))
    names = [node for node in nodes if isinstance(node, ast.Name) and node.id == name]
    stored = [node for node in names if not isinstance(node.ctx, ast.Load)]
    if any(id(node) not in sides for node in names if isinstance(node.ctx, ast.Load)) or _elsewhere(nodes, name):
        return []
    given = [node for node in nodes if isinstance(node, ast.arg) and node.arg == name]
    own = [arg for arg in _arguments(function) if arg.arg == name]
    found = [one for node in nodes if isinstance(node, ast.stmt) for one in _binding(node, name)]
    if own and not isinstance(function.body[0], _COMPOUND):
        found.append(_Binding(0, before=function.body[0]))
    return found if len(found) == len(stored) + len(given) and len(own) == len(given) else []


def _binding(node: ast.stmt, name: str) -> Iterator[_Binding]:
    match node:
        case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == name:
            computed = any(isinstance(one, ast.Call | ast.Await) for one in ast.walk(value))
            yield _Binding(2 if computed else 1, wrap=value)
        case ast.For(target=target, body=[first, *_]) if not isinstance(first, _COMPOUND):
            if any(isinstance(one, ast.Name) and one.id == name for one in ast.walk(target)):
                yield _Binding(0, before=first)


def _elsewhere(nodes: Iterable[ast.AST], name: str) -> bool:
    """Whether the name belongs to another scope too, or is bound in a way that is not looked at."""
    for node in nodes:
        match node:
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                if name in names:
                    return True
            case ast.ExceptHandler(name=other) | ast.MatchAs(name=other) | ast.MatchStar(name=other):
                if other == name:
                    return True
            case ast.alias(name=imported, asname=other):
                if name in {imported, other}:
                    return True
    return False


def _arguments(function: Function) -> list[ast.arg]:
    return [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
