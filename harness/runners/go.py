"""`go test -json`, from Go 1.19. Test ids are "package::TestName/subtest".

Rung R0: the tests' own process prints the lines from which results are made ("--- PASS: TestX"), and the application
can print such lines too.
"""

import json
import math
import re
from collections.abc import Iterable
from typing import Any

from harness.features import Suite
from harness.runners.contract import CaseResult, Outcome, Place, Problem, ProblemKind
from harness.runners.tally import MOST_TESTS, REASON_CHARACTERS, Tally, ended_with
from sandbox.contract import Command, CommandResult, File

CONFIGURATION: tuple[str, ...] = ()
"""The runner reads no configuration file of its own."""

RUNG = "R0"
"""What its results are worth."""

TEST_SUFFIXES: tuple[str, ...] = ("_test.go",)
"""How the names of test files end."""

_OUTCOMES = {"pass": Outcome.PASSED, "fail": Outcome.FAILED, "skip": Outcome.SKIPPED}
_NOT_BUILT = re.compile(r"FAIL\t(\S+) \[(build failed|setup failed)\]")  # no event before Go 1.20
_REFUSED = ("-exec", "--exec", "-c", "--c", "-o", "--o", "-toolexec", "--toolexec")
_OFFLINE = {"GOPROXY": "off", "GOTOOLCHAIN": "local", "GOFLAGS": ""}


def refusal(suite: Suite) -> str:
    """Why the command cannot be run: it is not `go test`, or does not run the tests itself."""
    words = suite.command
    if words[0].rpartition("/")[2] != "go" or words[1:2] != ("test",):
        return f'tests.command `{" ".join(words)}` is not `go test`; write for example ["go", "test", "./..."]'
    taken = next((word for word in words if word.partition("=")[0] in _REFUSED), "")
    return f"tests.command: leave out `{taken}`: the tests would not run as they are" if taken else ""


def tools(_key: str) -> tuple[File, ...]:
    """Nothing: the results are printed by `go test` itself."""
    return ()


def command(suite: Suite, place: Place, _key: str) -> Command:
    """The suite's own command with `-json`, offline, and an environment from a whitelist."""
    words = tuple(word for word in suite.command[2:] if word not in {"-json", "--json"})
    return Command(
        argv=(place.program, "test", "-json", *words),
        deadline_s=suite.timeout_s,
        env={**place.environment, **_OFFLINE},
        clean_env=True,
    )


def listen(_key: str) -> "GoTally":
    """The host's end of the run."""
    return GoTally()


class GoTally(Tally):
    """Reads the events of `go test -json`; lines that are none are prints."""

    def __init__(self) -> None:
        super().__init__()
        self._packages: dict[str, str] = {}
        self._said: dict[str, str] = {}

    def _line(self, line: str) -> None:
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            found = _NOT_BUILT.fullmatch(line.rstrip())
            if found and self._is_one(found[1]):
                self._packages[found[1]] = "fail"
                self._said[found[1]] = found[2]
            return
        if isinstance(event, dict) and isinstance(event.get("Package"), str):
            self._event(event, event["Package"], event.get("Test"))

    def _event(self, event: dict[str, Any], package: str, test: object) -> None:
        action = str(event.get("Action"))
        if not self._is_one(package):
            return
        self._packages.setdefault(package, "")
        test_id = f"{package}::{test}" if isinstance(test, str) else package
        if action == "output" and (test_id == package or test_id in self._open):
            self._said[test_id] = (self._said.get(test_id, "") + str(event.get("Output", "")))[-REASON_CHARACTERS:]
        elif action == "run" and test_id != package:
            self._begin(test_id)
        elif action in _OUTCOMES and test_id == package:
            self._packages[package] = action
        elif action in _OUTCOMES:
            self._note(test_id, self._case(event, test_id, _OUTCOMES[action]))

    def _is_one(self, package: str) -> bool:
        """Whether a package is known, or one more can be."""
        if package in self._packages or len(self._packages) < MOST_TESTS:
            return True
        self._problem(ProblemKind.MALFORMED, f"more than {MOST_TESTS:,} packages")
        return False

    def _case(self, event: dict[str, Any], test_id: str, outcome: Outcome) -> CaseResult:
        reason = "" if outcome is Outcome.PASSED else self._said.get(test_id, "").strip()
        return CaseResult(outcome=outcome, reason=reason, seconds=_seconds(event.get("Elapsed")))

    def _ended(self, result: CommandResult) -> Iterable[Problem]:
        failed = [package for package, action in self._packages.items() if action == "fail"]
        unfinished = [package for package, action in self._packages.items() if not action]
        explained = self._with_failures()
        for package in failed:
            if package not in explained:
                reason = self._said.get(package, "").strip()
                self._uncollected[package] = CaseResult(outcome=Outcome.ERROR, reason=reason)
        if not self._packages:
            yield Problem(kind=ProblemKind.NEVER_RAN, detail=f"the suite never ran ({ended_with(result)})")
        elif unfinished:
            detail = f"no last word on {unfinished[0][:200]} ({ended_with(result)})"
            yield Problem(kind=ProblemKind.NO_FINISH, detail=detail)
        elif (result.exit_code == 0) == bool(failed):
            detail = f"{len(failed)} packages failed, but `go test` ended with {ended_with(result)}"
            yield Problem(kind=ProblemKind.STATUS_MISMATCH, detail=detail)

    def _with_failures(self) -> frozenset[str]:
        """The packages that have a test which failed or never ended."""
        failed = {test_id for test_id, case in self._results.items() if case.outcome is Outcome.FAILED}
        return frozenset(test_id.partition("::")[0] for test_id in failed | self._open)


def _seconds(claimed: object) -> float:
    """Seconds as an event has them; 0 where it has something that is no time."""
    try:
        seconds = float(claimed) if isinstance(claimed, int | float) else 0.0
    except OverflowError:
        return 0.0
    return seconds if math.isfinite(seconds) else 0.0
