"""How test files become probes: their assertions changed in place; pure.

Functions and changed assertions call a function that the runner's plugin lends them (`Probe.mark`), so that a test
which passes can be told from one that never came to its assertions.

An assertion's message gives way too: what it is made of need not be there where the test was to pass.

Only spans of the source change, none of its lines, so that a failure's line names the assertion.
"""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random

from harness.comparisons import is_of_unittest, lent
from harness.expected_names import Function, change_early, compared
from harness.probes import Probe, ProbeKind
from harness.runners.contract import Reached
from harness.spans import Source, Span
from sandbox.contract import File

_WORD = "abcdefghijklmnopqrstuvwxyz"


def make_probe(kind: ProbeKind, files: Iterable[File], seed: str) -> Probe:
    """Change what can be changed in Python test files; the others are left out. `seed` decides the new literals."""
    random = Random(seed)  # noqa: S311 - unlike from run to run, not secret: the code under test can read the file
    changed: list[File] = []
    lines: dict[str, frozenset[int]] = {}
    mark = f"_{''.join(random.choices(_WORD, k=16))}"
    for file in files:
        edit = _edited(kind, file.data, random, mark)
        if edit is not None:
            changed.append(File(path=file.path, data=edit[0], executable=file.executable))
            lines[file.path] = edit[1]
    return Probe(kind=kind, files=tuple(changed), lines=lines, mark=mark)


def _edited(kind: ProbeKind, data: bytes, random: Random, mark: str) -> tuple[bytes, frozenset[int]] | None:
    """The file with its assertions changed, and their lines; None where there is nothing to change."""
    try:
        data.decode("utf-8")  # the parser counts in bytes of it
        tree = ast.parse(data)
    except (SyntaxError, ValueError):
        return None
    source = Source.of(data)
    edit = _Edit(kind=kind, source=source, random=random, mark=mark)
    changed, spans = edit.of(tree)
    if not spans:
        return None
    spans += [source.before(statement, f"{mark}({Reached.ASSERTION:d}); ") for statement in changed]
    spans += [span for function in _functions(tree) for span in _entry(function.body, source, mark)]
    lines = (range(one.lineno, (one.end_lineno or one.lineno) + 1) for one in changed)
    new = source.edited(spans)
    return (new, frozenset(line for some in lines for line in some)) if _parses(new) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Edit:
    """What one kind of probe makes of one file."""

    kind: ProbeKind
    source: Source
    random: Random
    mark: str

    def of(self, tree: ast.Module) -> tuple[list[ast.stmt], list[Span]]:
        """The assertions that change, and how."""
        if self.kind is ProbeKind.LAST:
            parts = [self._last(function) for function in _outermost(tree)]
        else:
            parts, number = [], 0
            for statement in _assertions(_functions(tree)):
                spans = self._spans(statement, number)
                number += len(spans)
                parts.append(([statement], spans))
        changed = {id(one): one for statements, spans in parts if spans for one in statements}
        return list(changed.values()), [span for _, spans in parts for span in spans]

    def _spans(self, statement: ast.stmt, number: int) -> list[Span]:
        if self.kind is ProbeKind.COMPARED:
            return lent(statement, self.source, self.mark, number)
        inverted = self.kind is ProbeKind.INVERTED
        changes = _inverted(statement, self.source) if inverted else _perturbed(statement, self.source, self.random)
        return _with_message(list(changes), statement, self.source)

    def _last(self, function: Function) -> tuple[list[ast.stmt], list[Span]]:
        """The last assertion that can be changed; by its literal only where that is not what `perturbed` does too."""
        asserted = _assertions([function])
        for statement in reversed(asserted):
            spans = list(_perturbed(statement, self.source, self.random))
            if spans:
                alone = asserted == [statement]
                return ([], []) if alone else ([statement], _with_message(spans, statement, self.source))
            early, statements = change_early(function, asserted, statement, self.source, self.mark)
            if early:
                messages = (span for one in statements for span in _with_message([], one, self.source, early))
                return statements, [*early, *messages]
        return [], []


def _entry(body: list[ast.stmt], source: Source, mark: str) -> Iterator[Span]:
    """Tell that a body was entered, at its first statement: before it, or where it evaluates its first expression."""
    for statement in body:
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                continue  # says nothing: its decorators may stand before it
            case ast.For(iter=first) | ast.AsyncFor(iter=first) | ast.If(test=first) | ast.While(test=first):
                yield from _wrapped(first, source, mark)
            case ast.With(items=[item, *_]) | ast.AsyncWith(items=[item, *_]):
                yield from _wrapped(item.context_expr, source, mark)
            case ast.Match(subject=first):
                yield from _wrapped(first, source, mark)
            case ast.Try(body=inner):
                yield from _entry(inner, source, mark)
            case _:
                yield source.before(statement, f"{mark}({Reached.FUNCTION:d}); ")
        return


def _wrapped(first: ast.expr, source: Source, mark: str) -> Iterator[Span]:
    start, end = source.place(first)
    yield Span(start, start, f"{mark}({Reached.FUNCTION:d}, (".encode())
    yield Span(end, end, b"))")


def _parses(data: bytes) -> bool:
    try:
        ast.parse(data)
    except (SyntaxError, ValueError):
        return False
    return True


def _assertions(functions: Iterable[Function]) -> list[ast.stmt]:
    """Those within functions, as they stand: at a module's level one would keep the tests from being collected."""
    nodes = {id(node): node for one in functions for node in ast.walk(one) if isinstance(node, ast.Assert | ast.Expr)}
    known = (node for node in nodes.values() if isinstance(node, ast.Assert) or is_of_unittest(node))
    return sorted(known, key=lambda node: (node.lineno, node.col_offset))


def _functions(tree: ast.Module) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def _outermost(node: ast.AST) -> Iterator[Function]:
    """Functions that stand in no other one."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function):
            yield child
        else:
            yield from _outermost(child)


def _with_message(spans: list[Span], statement: ast.stmt, source: Source, elsewhere: Iterable[Span] = ()) -> list[Span]:
    """An assertion's changes, with its message out of the way where there are any, or are some elsewhere."""
    if isinstance(statement, ast.Assert) and statement.msg is not None and (spans or elsewhere):
        start, end = source.place(statement.msg)
        return [*spans, Span(start, end, b"(None" + source.lines(start, end) + b")")]
    return spans


def _inverted(statement: ast.stmt, source: Source) -> Iterator[Span]:
    if isinstance(statement, ast.Assert):
        start, end = source.place(statement.test)
        yield Span(start, start, b"not (")
        yield Span(end, end, b")")


def _perturbed(statement: ast.stmt, source: Source, random: Random) -> Iterator[Span]:
    for sides in compared(statement):
        literal = next((side for side in reversed(sides) if any(True for _ in _constants(side))), None)
        for constant in _constants(literal) if literal is not None else ():
            if constant.lineno == constant.end_lineno:
                start, end = source.place(constant)
                new = repr(_other(ast.literal_eval(constant), random))
                yield Span(start, end, new.encode("utf-8", "backslashreplace"))


def _constants(node: ast.expr) -> Iterator[ast.expr]:
    """The values that a literal is made of, empty ones too; keys stay, and so does what is computed."""
    match node:
        case (
            ast.List(elts=[])
            | ast.Dict(keys=[])
            | ast.Constant(value=bool() | int() | float() | str() | bytes() | None)
            | ast.UnaryOp(op=ast.USub(), operand=ast.Constant())
        ):
            yield node
        case _:
            for part in _parts(node):
                yield from _constants(part)


def _parts(node: ast.expr) -> list[ast.expr]:
    match node:
        case ast.List(elts=elements) | ast.Tuple(elts=elements) | ast.Set(elts=elements):
            return elements
        case ast.Dict(values=values):
            return values
        case ast.Call(func=function, args=[first], keywords=[]) if _is_approx(function):
            return [first]
    return []


def _is_approx(function: ast.expr) -> bool:
    """Without a tolerance of its own: with a wide one another number might do as well."""
    return ast.unparse(function).rpartition(".")[2] == "approx"


def _other(value: object, random: Random) -> object:
    """A literal of the same type that is not equal to it, nor nearly."""
    word = "".join(random.choices(_WORD, k=6))
    match value:
        case bool():
            return not value
        case int() | float():
            return value + (1 + abs(value)) * random.randint(1, 9)
        case bytes():
            return value + word.encode("ascii")
        case str():
            return value + word
        case list() | dict():
            return [word] if isinstance(value, list) else {word: word}
    return word  # for None
