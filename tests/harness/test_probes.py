"""Test files with changed assertions, and what a run of them says."""

import ast

import pytest

from harness.probe_files import make_probe
from harness.probes import Probe, ProbeFinding, ProbeKind, both, read_probe
from harness.runners.contract import CaseResult, Outcome, Problem, ProblemKind, Raised, Reached, SuiteReport
from sandbox.contract import File

PATH = "tests/test_a.py"
TEST = f"{PATH}::test_a"


def probe(kind: ProbeKind, text: str) -> Probe:
    """The probe of one file."""
    return make_probe(kind, [File(path=PATH, data=text.encode())], "seed")


def changed(kind: ProbeKind, assertion: str) -> str:
    """What becomes of the assertion, in a test of its own; "" when nothing does."""
    made = probe(kind, f"def test_a():\n    {assertion}\n")
    if not made.files:
        return ""
    line = made.files[0].data.decode().replace(f"{made.mark}(1); ", "").split("\n", 1)[1].strip()
    assert line.startswith(f"{made.mark}(2); ")
    return line.removeprefix(f"{made.mark}(2); ")


@pytest.mark.parametrize(
    ("assertion", "inverted"),
    [
        ("assert x", "assert not (x)"),
        ("assert x, answer.json()['why']", "assert not (x), (None)"),
        ("assert x, (\n    'a'\n    f'b {c}'\n)  # d", "assert not (x), (\n    (None\n)\n)  # d"),
        ("assert (x)", "assert (not (x))"),
        ("assert not x", "assert not (not x)"),
        ("assert 'größe' in x  # still", "assert not ('größe' in x)  # still"),
        ("assert a if b else c", "assert not (a if b else c)"),
        ("assert f(\n    1) == 2", "assert not (f(\n    1) == 2)"),
        ("x = 1", ""),
    ],
)
def test_assertions_are_inverted_in_place(assertion: str, inverted: str) -> None:
    """Only the condition and the message change, which may fail where the test was to pass; lines and comments stay."""
    assert changed(ProbeKind.INVERTED, assertion) == inverted


@pytest.mark.parametrize(
    "literal", ["1", "0", "-1", "2.5", "True", "None", "'x'", "b'x'", "[]", "{}", "[1, 'a']", "(1,)", "{'k': 1}", "1e9"]
)
@pytest.mark.parametrize(
    "form", ["assert x == {}", "assert {} == x", "assert y and x == {}", "self.assertEqual(x, {})"]
)
def test_literals_are_perturbed(literal: str, form: str) -> None:
    """The new one is a literal too, and not equal."""
    before, _, rest = form.replace("{}", "@").partition("@")
    new = changed(ProbeKind.PERTURBED, before + literal + rest).removeprefix(before).removesuffix(rest)
    assert ast.literal_eval(new) != ast.literal_eval(literal)


def test_messages_of_perturbed_assertions_give_way() -> None:
    """Where nothing is perturbed they stay, for nothing need fail there."""
    assert changed(ProbeKind.PERTURBED, "assert x == 1, answer.json()").endswith(", (None)")
    assert changed(ProbeKind.PERTURBED, "assert x, y") == ""


def test_numbers_move_out_of_any_tolerance() -> None:
    """What is nearly equal would still pass."""
    new = changed(ProbeKind.PERTURBED, "assert x == pytest.approx(1000000000.0)")
    assert float(new.partition("approx(")[2].rstrip(")")) >= 2e9


@pytest.mark.parametrize(
    "assertion",
    [
        "assert x != 1",
        "assert x == 1 or y",
        "assert not x == 1",
        "assert x == y",
        "assert x < 1",
        "assert 1 == x == 1",
        "assert x == approx(1, abs=9)",
        "assert x == f(1)",
        "self.assertTrue(x, 1)",
        "x.assertEqual(y, 1)",
    ],
)
def test_what_need_not_fail_is_not_perturbed(assertion: str) -> None:
    """A literal that another one may stand for without harm would accuse the honest."""
    assert changed(ProbeKind.PERTURBED, assertion) == ""


@pytest.mark.parametrize("text", ["assert x == 1\n", "class A:\n    assert x == 1\n", "def test_a(:\n", ""])
@pytest.mark.parametrize("kind", list(ProbeKind))
def test_what_cannot_be_changed_is_left_out(kind: ProbeKind, text: str) -> None:
    """A module's own assertions would keep its tests from being collected; what cannot be read stays as it is."""
    assert probe(kind, text).files == ()


@pytest.mark.parametrize("kind", list(ProbeKind))
def test_a_file_of_another_encoding_is_left_out(kind: ProbeKind) -> None:
    """Its places are not where the parser counts them."""
    data = "# coding: latin-1\ndef test_a():\n    assert 'ö' == 1\n".encode("latin-1")
    assert make_probe(kind, [File(path=PATH, data=data)], "seed").files == ()


def report(result: CaseResult, *problems: Problem) -> SuiteReport:
    """A run in which the test ended so."""
    return SuiteReport(results={TEST: result}, problems=problems)


def failed(kind: str = "AssertionError", path: str = f"/workspace/{PATH}", line: int = 2) -> CaseResult:
    """A failure, by default by the changed assertion."""
    return CaseResult(outcome=Outcome.FAILED, raised=Raised(kind=kind, path=path, line=line))


def came(reached: Reached) -> CaseResult:
    """A pass that came so far."""
    return CaseResult(outcome=Outcome.PASSED, reached=reached)


@pytest.mark.parametrize(
    "body",
    [
        "for x in a, b: assert x",
        "for x in []:\n        assert x",
        "if a: pass\n    assert b",
        "while a():\n        assert b",
        "with a as b, c:\n        assert b",
        "try:\n        assert a\n    finally: b()",
        "match a, b:\n        case _: assert a",
        "'What it does.'\n    assert a",
        "def inner(): return 1\n    assert inner()",
        "import a; assert a",
    ],
)
def test_functions_say_that_they_were_entered(body: str) -> None:
    """At whatever statement a function begins; the file still parses, and has the lines that it had."""
    text = f"def test_a(a, b, c):\n    {body}\n"
    made = probe(ProbeKind.INVERTED, text)
    (changed_file,) = made.files
    ast.parse(changed_file.data)
    assert changed_file.data.count(b"\n") == text.count("\n")
    assert changed_file.data.count(f"{made.mark}(1".encode()) == (2 if "def inner" in body else 1)
    assert changed_file.data.count(f"{made.mark}(2); ".encode()) == 1


def test_two_runs_of_a_probe_accuse_together() -> None:
    """A pass needs both; one alone is strange, and a failure clears what else was seen of a test."""
    kind, ids = ProbeKind.INVERTED, frozenset({TEST})
    passed, failed_, vacuous = (ProbeFinding(kind=kind, **{name: ids}) for name in ("passed", "failed", "vacuous"))  # type: ignore[arg-type]
    strange = ProbeFinding(kind=kind, strange={TEST: "error"})
    assert both(passed, passed) == passed
    assert both(vacuous, vacuous) == vacuous
    assert both(strange, strange) == strange
    assert both(vacuous, failed_) == both(strange, failed_) == failed_
    for one, other in ((passed, failed_), (failed_, passed), (passed, vacuous), (strange, passed)):
        assert both(one, other).strange == {TEST: "passes in one run, and not in another"}
        assert (both(one, other).passed, both(one, other).failed) == (frozenset(), frozenset())


def test_only_a_changed_assertion_that_fails_is_one() -> None:
    """Not another error, another file, another line, or nothing that is known; and a pass is the worst."""
    made = probe(ProbeKind.INVERTED, "def test_a():\n    assert x\n    y()\n")
    assert read_probe(made, [TEST], report(failed())).failed == {TEST}
    passed = read_probe(made, [TEST], report(CaseResult(outcome=Outcome.PASSED)))
    assert (set(passed.passed), set(passed.failed), dict(passed.strange)) == ({TEST}, set(), {})
    others = (failed("TypeError"), failed(path="/workspace/calc.py"), failed(line=3), CaseResult(outcome=Outcome.ERROR))
    for other in others:
        found = read_probe(made, [TEST], report(other))
        assert (set(found.strange), found.failed, found.passed) == ({TEST}, frozenset(), frozenset())
    assert set(read_probe(made, [TEST], report(came(Reached.FUNCTION))).vacuous) == {TEST}
    for reached in (Reached.NOTHING, Reached.ASSERTION):
        assert set(read_probe(made, [TEST], report(came(reached))).passed) == {TEST}
    assert read_probe(made, [TEST], report(failed("TypeError"))).strange == {TEST: "failed (TypeError)"}


def test_a_broken_run_says_why() -> None:
    """A test that is missing from it is strange, and the reason is the run's."""
    made = probe(ProbeKind.INVERTED, "def test_a():\n    assert x\n")
    broken = SuiteReport(problems=(Problem(kind=ProblemKind.NEVER_RAN, detail="the suite never ran"),))
    assert read_probe(made, [TEST], broken).strange == {TEST: "missing (the suite never ran)"}
