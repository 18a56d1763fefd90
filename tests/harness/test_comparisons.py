"""Comparisons with changed values: how they come into a test file, and what they find out."""

import ast
import builtins
from collections.abc import Iterator
from typing import Any

import pytest

from harness.probe_files import make_probe
from harness.probes import Probe, ProbeKind, read_comparisons
from harness.runners.contract import CaseResult, Outcome, Reached, SuiteReport
from harness.runners.pytest_events_compare import Comparisons, changed
from sandbox.contract import File

PATH = "tests/test_a.py"
TEST = f"{PATH}::test_a"


class Yes:
    """Equal to everything."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        """Always."""
        return True


class Once:
    """Equal to what it is asked for first, and to nothing after that."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self) -> None:
        self.asked = 0

    def __eq__(self, other: object) -> bool:
        """The first time."""
        self.asked += 1
        return self.asked == 1


class Angry:
    """Raises whenever it is compared with another type."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        """Only with its own type."""
        if not isinstance(other, Angry):
            raise TypeError
        return True


def probe(kind: ProbeKind, body: str) -> Probe:
    """The probe of one test."""
    return make_probe(kind, [File(path=PATH, data=body.encode())], "seed")


def run(probe: Probe, **names: Any) -> Comparisons:
    """Run the changed test with what its mark does in the sandbox; what it compared."""
    made = Comparisons()

    def mark(what: int, value: Any = None, right: Any = None, how: str = "", pair: Any = None) -> Any:
        if what == 3:
            return next(changed(value))
        if what < 4:
            return value
        if pair:
            made.probe(what - 4, value, right, how)
            return value, right
        return made.compare(what - 4, value, right, how)

    space: dict[str, Any] = {"__builtins__": {**vars(builtins), probe.mark: mark}, **names}
    exec(compile(probe.files[0].data, PATH, "exec"), space)  # noqa: S102 - the test's own file
    space["test_a"]()
    return made


@pytest.mark.parametrize(
    ("assertion", "honest"),
    [
        ("f() == 6", 6),
        ("(f()) == (\n        6)", 6),
        ("6 == f()", 6),
        ("True and f() == 'x'", "x"),
        ("[f(), 1] == [6, 1]", 6),
        ("{'k': (f(),)} == {'k': (6,)}", 6),
        ("f() in [1, 6]", 6),
        ("f() == None", None),
    ],
)
def test_what_equals_everything_shows(assertion: str, honest: object) -> None:
    """On either side, deep in containers; and also where it says so once only. The right value does not."""
    text = f"def test_a():\n    assert {assertion}, 'why'\n"
    made = probe(ProbeKind.COMPARED, text)
    assert made.files[0].data.count(b"\n") == text.count("\n")
    assert (run(made, f=lambda: honest).compared, run(made, f=lambda: honest).fooled) == ({0}, set())
    assert run(made, f=Yes).fooled == {0}


def test_only_comparisons_that_lie_are_found() -> None:
    """The second of three; in unittest's form too, whose arguments are evaluated once."""
    answers: Iterator[object] = iter([6, Yes(), 20])
    text = "def test_a():\n    assert f() == 6\n    self.assertEqual(f(), 56, 'why')\n    assert f() <= 20\n"
    unit = type("Unit", (), {"assertEqual": staticmethod(lambda left, right, _why: left == right)})
    found = run(probe(ProbeKind.COMPARED, text), f=lambda: next(answers), self=unit)
    assert (found.compared, found.fooled) == ({0, 1, 2}, {1})


def test_an_answer_that_is_given_once_only_is_found() -> None:
    """The changed values come first."""
    made = Comparisons()
    made.compare(0, Once(), 6, "==")
    assert made.fooled == {0}


def test_an_error_is_no_answer() -> None:
    """An honest value may refuse to be compared with another type."""
    made = Comparisons()
    assert made.compare(0, Angry(), Angry(), "==")
    assert (made.compared, made.fooled) == (set(), set())


@pytest.mark.parametrize(
    "value",
    [1, 0, -2.5, float("inf"), True, None, "", "x", b"x", [], [1, [2]], (), (1,), {}, {"a": 1}, set(), {1}, Once],
)
def test_a_changed_value_is_another(value: object) -> None:
    """Of the same type where that is a plain one, each and every."""
    every = list(changed(value))
    assert every
    for other in every:
        assert other != value
        assert value is None or value is Once or type(other) is type(value)


EARLY = [
    "def test_a(expected=6):\n    assert f() == expected\n",
    "def test_a():\n    expected = 6\n    assert f() == expected, 'why'\n",
    "def test_a():\n    for x, expected in [(1, 6)]:\n        assert f() == expected\n",
    "def test_a():\n    result = f()\n    expected = 6\n    assert result == expected\n",
]


@pytest.mark.parametrize("text", EARLY)
def test_an_expected_name_is_changed_before_it_is_compared(text: str) -> None:
    """So an honest answer fails by that assertion, and its line."""
    made = probe(ProbeKind.LAST, text)
    with pytest.raises(AssertionError) as failed:
        run(made, f=lambda: 6)
    assert failed.tb.tb_next is not None
    line = failed.traceback[-1].lineno + 1
    assert line in made.lines[PATH]
    assert "assert" in text.split("\n")[line - 1]


@pytest.mark.parametrize(
    "text",
    [
        "def test_a(expected):\n    assert f(expected) == expected\n",
        "def test_a(expected):\n    with a:\n        assert f() == expected\n",
        "def test_a():\n    expected, other = 1, 2\n    assert f() == expected\n",
        "def test_a():\n    global expected\n    expected = 1\n    assert f() == expected\n",
        "def test_a():\n    assert f() == expected\n",
        "def test_a():\n    assert f() == 1\n",
    ],
)
def test_a_name_with_other_uses_stays(text: str) -> None:
    """Changing it would change the test; and a lone literal is another probe's."""
    assert probe(ProbeKind.LAST, text).files == ()


def test_the_last_assertion_alone_changes() -> None:
    """The ones before stay as they are."""
    text = "def test_a():\n    assert f(1) == 2\n    assert f(2) == 4, 'why'\n    assert g()\n"
    made = probe(ProbeKind.LAST, text)
    assert made.lines == {PATH: frozenset({3})}
    ast.parse(made.files[0].data)
    assert b"assert f(1) == 2\n" in made.files[0].data


def test_comparisons_are_read_against_the_references() -> None:
    """Those that the reference makes count, and no others; a test that never began passed by something else."""
    made, known = probe(ProbeKind.COMPARED, "def test_a():\n    assert x == 1\n"), {TEST: frozenset({0, 1})}

    def found(outcome: Outcome = Outcome.PASSED, **case: Any) -> tuple[bool, bool, bool, bool]:
        case = {"reached": Reached.ASSERTION, "compared": frozenset({0, 1}), **case}
        report = SuiteReport(results={TEST: CaseResult(outcome=outcome, **case)})
        told = read_comparisons(made, known, report)
        return (TEST in told.failed, TEST in told.passed, TEST in told.vacuous, TEST in told.strange)

    assert found() == (True, False, False, False)
    assert found(fooled=frozenset({1})) == (False, True, False, False)
    assert found(fooled=frozenset({2})) == (True, False, False, False)
    assert found(reached=Reached.NOTHING, compared=frozenset()) == (False, True, False, False)
    assert found(reached=Reached.FUNCTION, compared=frozenset()) == (False, False, True, False)
    assert found(outcome=Outcome.FAILED) == (False, False, False, True)
