"""The Test Anything Protocol, versions 13 and 14, on a command's standard output.

Test ids are descriptions, those of subtests after their parents' ("suite > title"); a test without one is "test N".
Rung R0: whatever prints `ok` to standard output is believed.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from harness.features import Suite
from harness.runners.contract import CaseResult, Outcome, Place, Problem, ProblemKind
from harness.runners.tally import MOST_TESTS, REASON_CHARACTERS, Tally, ended_with
from sandbox.contract import Command, CommandResult, File

CONFIGURATION: tuple[str, ...] = ()
"""TAP says nothing of configuration."""

RUNG = "R0"
"""What its results are worth."""

TEST_SUFFIXES: tuple[str, ...] = ()
"""TAP says nothing of test files."""

_INDENT = 4
_MOST_DEPTH = 100
_POINT = re.compile(r"(not )?ok\b(?: +([0-9]{1,9}))?(?: +(.*))?", re.DOTALL)
_PLAN = re.compile(r"1\.\.([0-9]{1,9})(?:\s*#\s*(.*))?")
_DIRECTIVE = re.compile(r"(?:^|(?<=\s))(?<!\\)#\s*(skip|todo)\b\S*\s*(.*)", re.IGNORECASE)


def refusal(_suite: Suite) -> str:
    """Any command may print TAP."""
    return ""


def tools(_key: str) -> tuple[File, ...]:
    """Nothing: the command prints its results itself."""
    return ()


def command(suite: Suite, place: Place, _key: str) -> Command:
    """The suite's own command, with an environment from a whitelist."""
    return Command(
        argv=(place.program, *suite.command[1:]),
        deadline_s=suite.timeout_s,
        env=place.environment,
        clean_env=True,
    )


def listen(_key: str) -> "TapTally":
    """The host's end of the run."""
    return TapTally()


@dataclass(slots=True)
class _Level:
    """One document, or subtest, while it is read."""

    plan: int | None = None
    points: int = 0
    failed: bool = False
    inner: list[tuple[str, CaseResult]] = field(default_factory=list)


class TapTally(Tally):
    """Reads a TAP document; what is none of its lines is a print."""

    def __init__(self) -> None:
        super().__init__()
        self._levels = [_Level()]
        self._in_yaml = -1
        self._last = ""
        self._points = 0

    def _line(self, line: str) -> None:
        line = line.rstrip("\r")
        text = line.lstrip(" ")
        depth, odd = divmod(len(line) - len(text), _INDENT)
        if self._yaml(text, len(line) - len(text)) or odd or depth > _MOST_DEPTH:
            return
        if text.startswith("Bail out!"):
            self._problem(ProblemKind.NO_FINISH, f"the suite bailed out: {text[9:].strip()[:200]}")
        elif plan := _PLAN.fullmatch(text.rstrip()):
            self._level(depth).plan = int(plan[1])
        elif point := _POINT.fullmatch(text):
            self._point(depth, point)

    def _yaml(self, text: str, indent: int) -> bool:
        """Whether the line belongs to a diagnostic block, whose first `message:` is the reason."""
        if self._in_yaml < 0:
            if text != "---" or indent % _INDENT != 2:  # noqa: PLR2004 - two columns more than its test point
                return False
            self._in_yaml = indent
            return True
        if text == "..." and indent == self._in_yaml:
            self._in_yaml = -1
        elif text.startswith("message:"):
            self._explain(text.partition(":")[2].strip())
        return True

    def _explain(self, reason: str) -> None:
        case = self._results.get(self._last)
        if case is not None and not case.reason:
            self._results[self._last] = CaseResult(outcome=case.outcome, reason=reason[:REASON_CHARACTERS])

    def _level(self, depth: int) -> _Level:
        while len(self._levels) <= depth:
            self._levels.append(_Level())
        return self._levels[depth]

    def _point(self, depth: int, point: re.Match[str]) -> None:
        if point[0].rstrip().endswith("{"):
            self._problem(ProblemKind.MALFORMED, "subtests in braces are no TAP 13 or 14")
        self._points += 1
        if self._points > MOST_TESTS:
            self._problem(ProblemKind.MALFORMED, f"more than {MOST_TESTS:,} tests")
            return
        level = self._level(depth)
        level.points += 1
        title, case = _read(point, level.points)
        found = [(title, case)]
        for inner in self._levels[depth + 1 :]:
            self._complete(inner, title)
            found += [(f"{title} > {name}", one) for name, one in inner.inner]
        del self._levels[depth + 1 :]
        if depth:
            level.inner += found
            return
        for name, one in found:
            self._note(name, one)
        self._last = title

    def _complete(self, level: _Level, where: str) -> None:
        if level.plan != level.points:
            planned = "no plan" if level.plan is None else f"{level.plan} planned"
            self._problem(ProblemKind.NO_FINISH, f"{level.points} tests, {planned}, in {where[:200] or 'the document'}")

    def _ended(self, result: CommandResult) -> Iterable[Problem]:
        top = self._levels[0]
        if top.plan is None and not top.points:
            yield Problem(kind=ProblemKind.NEVER_RAN, detail=f"the suite never ran ({ended_with(result)})")
            return
        self._complete(top, "")
        if len(self._levels) > 1:
            yield Problem(kind=ProblemKind.NO_FINISH, detail=f"a subtest never ended ({ended_with(result)})")
        failed = any(case.outcome is Outcome.FAILED for case in self._results.values())
        if result.exit_code != 0 and not failed:
            detail = f"no test failed, but the command ended with {ended_with(result)}"
            yield Problem(kind=ProblemKind.STATUS_MISMATCH, detail=detail)


def _read(point: re.Match[str], position: int) -> tuple[str, CaseResult]:
    """A test point's id and what it says."""
    text = point[3] or ""
    directive = _DIRECTIVE.search(text)
    title = (text[: directive.start()] if directive else text).strip().removeprefix("- ").strip()
    title = re.sub(r"\\([\\#])", r"\1", title) or f"test {point[2] or position}"
    word = directive[1].lower() if directive else ""
    outcomes = {
        ("", True): Outcome.PASSED,
        ("", False): Outcome.FAILED,
        ("skip", True): Outcome.SKIPPED,
        ("skip", False): Outcome.FAILED,
        ("todo", True): Outcome.XPASSED,
        ("todo", False): Outcome.XFAILED,
    }
    return title, CaseResult(outcome=outcomes[word, point[1] is None], reason=directive[2].strip() if directive else "")
