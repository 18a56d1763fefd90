"""Assertion probes: test files in which an honest solution must fail, by an assertion of the test's own; pure.

Two kinds. `inverted`: every `assert X` within a function becomes `assert not (X)`. `perturbed`: in `assert A == B` a
literal B (or A) becomes another one, and so in `self.assertEqual(A, B)` and its like. A pass that its assertions made
turns into their failure; one that the code under test made some other way (a bent runner, forged events, an object
equal to everything) stays a pass, and shows.

Functions and changed assertions call a function that the runner's plugin lends them (`Probe.mark`), so that a test
which passes can be told from one that never came to its assertions.

An assertion's message gives way too: what it is made of need not be there where the test was to pass.

Only spans of the source change, none of its lines, so that a failure's line names the assertion.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import cast

from harness.runners.contract import CaseResult, Outcome, Reached, SuiteReport
from sandbox.contract import File

_UNITTEST = {f"assert{kind}Equal" for kind in ("", "Sequence", "List", "Tuple", "Dict", "Set", "MultiLine")}
_WORD = "abcdefghijklmnopqrstuvwxyz"


class ProbeKind(StrEnum):
    """How the assertions of a probe were changed."""

    INVERTED = "inverted"
    PERTURBED = "perturbed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """Changed test files of one kind; `lines` are, by path, those on which a changed assertion stands.

    `mark` is the name of the function that they call.
    """

    kind: ProbeKind
    files: tuple[File, ...]
    lines: Mapping[str, frozenset[int]]
    mark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeFinding:
    """What one kind of probe found, of the tests that can be probed so.

    `failed` failed by a changed assertion, as they must; `passed` passed in spite of it, or without having run at all;
    `vacuous` ran and passed, and came to no changed assertion; `strange` did none of these.
    """

    kind: ProbeKind
    failed: frozenset[str] = frozenset()
    passed: frozenset[str] = frozenset()
    vacuous: frozenset[str] = frozenset()
    strange: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Span:
    """Bytes [start, end) of one file, and what takes their place."""

    start: int
    end: int
    new: bytes


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


def read_probe(probe: Probe, ids: Iterable[str], report: SuiteReport) -> ProbeFinding:
    """Sort the ids by what a run of the changed files made of them."""
    results = {one: report.results.get(one, CaseResult(outcome=Outcome.MISSING)) for one in ids}
    failed = frozenset(one for one, result in results.items() if _by_assertion(probe, result))
    passes = {one: result.reached for one, result in results.items() if result.outcome is Outcome.PASSED}
    vacuous = frozenset(one for one, reached in passes.items() if reached is Reached.FUNCTION)
    rest = sorted(results.keys() - failed - passes.keys())
    return ProbeFinding(
        kind=probe.kind,
        failed=failed,
        passed=frozenset(passes) - vacuous,
        vacuous=vacuous,
        strange={one: _why(report, results[one]) for one in rest},
    )


def both(first: ProbeFinding, second: ProbeFinding) -> ProbeFinding:
    """What two runs of one kind say together: a pass and a failure of one test are strange, a pass needs both."""
    passed, failed = first.passed & second.passed, first.failed | second.failed
    once = (first.passed | second.passed) - passed
    strange = {one: why for one, why in second.strange.items() if one not in failed | once}
    return ProbeFinding(
        kind=first.kind,
        failed=failed - once,
        passed=passed,
        vacuous=second.vacuous - failed - once,
        strange={**strange, **dict.fromkeys(sorted(once), "passes in one run, and not in another")},
    )


def file_of(test_id: str) -> str:
    """The file that a test's id names."""
    return test_id.partition("::")[0]


def _why(report: SuiteReport, result: CaseResult) -> str:
    broken = next((problem.detail for problem in report.problems if not problem.kind.harmless), "")
    said = result.raised.kind if result.raised else broken
    return f"{result.outcome.value} ({said})" if said else result.outcome.value


def _by_assertion(probe: Probe, result: CaseResult) -> bool:
    """Whether an AssertionError came from a changed line itself (or from unittest for it), not from what it called."""
    raised = result.raised
    if result.outcome not in {Outcome.FAILED, Outcome.ERROR} or raised is None:
        return False
    lines = next((lines for path, lines in probe.lines.items() if f"/{raised.path}".endswith(f"/{path}")), frozenset())
    return raised.kind == "AssertionError" and raised.line in lines


def _edited(kind: ProbeKind, data: bytes, random: Random, mark: str) -> tuple[bytes, frozenset[int]] | None:
    """The file with its assertions changed, and their lines; None where there is nothing to change."""
    try:
        data.decode("utf-8")  # the parser counts in bytes of it
        tree = ast.parse(data)
    except (SyntaxError, ValueError):
        return None
    starts = [0]
    for line in data.split(b"\n"):
        starts.append(starts[-1] + len(line) + 1)
    spans: list[_Span] = []
    lines: set[int] = set()
    for statement in _assertions(tree):
        found = list(_spans(kind, statement, starts, random))
        spans += found
        if found:
            spans.append(_call(starts, statement, mark, Reached.ASSERTION))
            lines |= set(range(statement.lineno, (statement.end_lineno or statement.lineno) + 1))
    if spans:
        spans += [span for function in _functions(tree) for span in _entry(function.body, starts, mark)]
    for span in sorted(spans, key=lambda span: span.start, reverse=True):
        data = data[: span.start] + span.new + data[span.end :]
    return (data, frozenset(lines)) if spans and _parses(data) else None


def _call(starts: list[int], statement: ast.stmt, mark: str, what: Reached) -> _Span:
    """Tell, just before a simple statement, that it was reached."""
    start = starts[statement.lineno - 1] + statement.col_offset
    return _Span(start, start, f"{mark}({what:d}); ".encode())


def _entry(body: list[ast.stmt], starts: list[int], mark: str) -> Iterator[_Span]:
    """Tell that a body was entered, at its first statement: before it, or where it evaluates its first expression."""
    for statement in body:
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                continue  # says nothing: its decorators may stand before it
            case ast.For(iter=first) | ast.AsyncFor(iter=first) | ast.If(test=first) | ast.While(test=first):
                yield from _wrapped(first, starts, mark)
            case ast.With(items=[item, *_]) | ast.AsyncWith(items=[item, *_]):
                yield from _wrapped(item.context_expr, starts, mark)
            case ast.Match(subject=first):
                yield from _wrapped(first, starts, mark)
            case ast.Try(body=inner):
                yield from _entry(inner, starts, mark)
            case _:
                yield _call(starts, statement, mark, Reached.FUNCTION)
        return


def _wrapped(first: ast.expr, starts: list[int], mark: str) -> Iterator[_Span]:
    start, end = _place(first, starts)
    yield _Span(start, start, f"{mark}({Reached.FUNCTION:d}, (".encode())
    yield _Span(end, end, b"))")


def _parses(data: bytes) -> bool:
    try:
        ast.parse(data)
    except (SyntaxError, ValueError):
        return False
    return True


def _assertions(tree: ast.Module) -> Iterator[ast.stmt]:
    """Those within functions: at a module's level one would keep the tests from being collected."""
    nodes = {
        id(node): node for one in _functions(tree) for node in ast.walk(one) if isinstance(node, ast.Assert | ast.Expr)
    }
    return iter(nodes.values())


def _functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def _spans(kind: ProbeKind, statement: ast.stmt, starts: list[int], random: Random) -> Iterator[_Span]:
    changes = _inverted(statement, starts) if kind is ProbeKind.INVERTED else _perturbed(statement, starts, random)
    found = list(changes)
    yield from found
    if found and isinstance(statement, ast.Assert) and statement.msg is not None:
        start, end = _place(statement.msg, starts)
        lines = cast("int", statement.msg.end_lineno) - statement.msg.lineno
        yield _Span(start, end, b"(None" + b"\n" * lines + b")")


def _inverted(statement: ast.stmt, starts: list[int]) -> Iterator[_Span]:
    if isinstance(statement, ast.Assert):
        start, end = _place(statement.test, starts)
        yield _Span(start, start, b"not (")
        yield _Span(end, end, b")")


def _perturbed(statement: ast.stmt, starts: list[int], random: Random) -> Iterator[_Span]:
    for sides in _compared(statement):
        literal = next((side for side in reversed(sides) if any(True for _ in _constants(side))), None)
        for constant in _constants(literal) if literal is not None else ():
            if constant.lineno == constant.end_lineno:
                start, end = _place(constant, starts)
                new = repr(_other(ast.literal_eval(constant), random))
                yield _Span(start, end, new.encode("utf-8", "backslashreplace"))


def _place(node: ast.expr, starts: list[int]) -> tuple[int, int]:
    end_line, end_column = cast("int", node.end_lineno), cast("int", node.end_col_offset)
    return starts[node.lineno - 1] + node.col_offset, starts[end_line - 1] + end_column


def _compared(statement: ast.stmt) -> Iterator[list[ast.expr]]:
    """The two sides of each comparison that must hold: `==` of an assertion, joined by `and` at most; unittest's."""
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr=name), args=[left, right, *_])):
            if name in _UNITTEST:
                yield [left, right]
        case ast.Assert(test=ast.BoolOp(op=ast.And(), values=parts)):
            yield from (_sides(part) for part in parts)
        case ast.Assert(test=test):
            yield _sides(test)


def _sides(test: ast.expr) -> list[ast.expr]:
    match test:
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]):
            return [left, right]
    return []


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
