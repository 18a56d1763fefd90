"""Results read from what a runner prints, line by line: rung R0, since what is printed there anybody can print."""

from abc import ABC, abstractmethod
from collections.abc import Iterable

from harness.runners.contract import CaseResult, Outcome, Problem, ProblemKind, SuiteReport
from sandbox.contract import CommandResult

LINE_BYTES = 4 * 1024**2
TOTAL_BYTES = 256 * 1024**2
MOST_TESTS = 200_000
"""Tests that one run is believed to have; what prints more wants to fill our memory."""
REASON_CHARACTERS = 500

_WORSE = (Outcome.PASSED, Outcome.XPASSED, Outcome.XFAILED, Outcome.SKIPPED, Outcome.FAILED, Outcome.ERROR)


class Tally(ABC):
    """Counts one run of a suite; the worst that was said about an id counts."""

    def __init__(self) -> None:
        self._rest = b""
        self._bytes = 0
        self._open: set[str] = set()
        self._results: dict[str, CaseResult] = {}
        self._uncollected: dict[str, CaseResult] = {}
        self._problems: dict[ProblemKind, Problem] = {}

    def feed(self, data: bytes) -> None:
        """The next piece of standard output."""
        self._bytes += len(data)
        if self._bytes > TOTAL_BYTES:
            self._problem(ProblemKind.MALFORMED, f"more than {TOTAL_BYTES // 1024**2} MB of results")
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._line(line.decode("utf-8", "replace"))
        if len(self._rest) > LINE_BYTES:
            self._rest = b""
            self._problem(ProblemKind.MALFORMED, f"a line of more than {LINE_BYTES // 1024**2} MB among the results")

    def report(self, result: CommandResult, duration_ns: int) -> SuiteReport:
        """What happened, given how the command ended and how long the host saw it run, in nanoseconds."""
        if self._rest:
            self._line(self._rest.decode("utf-8", "replace"))
            self._rest = b""
        self._close(result)
        unfinished = CaseResult(outcome=Outcome.INCOMPLETE, reason="the run ended before the test did")
        return SuiteReport(
            results={**self._results, **dict.fromkeys(self._open, unfinished)},
            collected=tuple(dict.fromkeys((*self._results, *sorted(self._open)))),
            uncollected=self._uncollected,
            exit_code=result.exit_code,
            problems=tuple(self._problems.values()),
            duration_ns=duration_ns,
            stderr_tail=result.stderr.tail or result.stderr.head,
            survivors=result.survivors,
            rung="R0",
        )

    @abstractmethod
    def _line(self, line: str) -> None:
        """Take in one line, without its end."""

    @abstractmethod
    def _ended(self, result: CommandResult) -> Iterable[Problem]:
        """What is wrong with the run as a whole, beside time and memory."""

    def _begin(self, test_id: str) -> None:
        if self._has_room(test_id):
            self._open.add(test_id)

    def _has_room(self, test_id: str) -> bool:
        """Whether a test is known, or one more can be."""
        known = test_id in self._open or test_id in self._results
        if not known and len(self._open) + len(self._results) >= MOST_TESTS:
            self._problem(ProblemKind.MALFORMED, f"more than {MOST_TESTS:,} tests")
            return False
        return True

    def _note(self, test_id: str, case: CaseResult) -> None:
        if not self._has_room(test_id):
            return
        self._open.discard(test_id)
        old = self._results.get(test_id)
        if old is None or _WORSE.index(case.outcome) > _WORSE.index(old.outcome):
            self._results[test_id] = case

    def _problem(self, kind: ProblemKind, detail: str) -> None:
        self._problems.setdefault(kind, Problem(kind=kind, detail=detail))

    def _close(self, result: CommandResult) -> None:
        if result.oom_killed:
            self._problem(ProblemKind.OUT_OF_MEMORY, "the suite ran out of memory")
        if result.timed_out:
            self._problem(ProblemKind.TIMED_OUT, "the suite ran into its time limit")
        for problem in self._ended(result):
            self._problem(problem.kind, problem.detail)


def ended_with(result: CommandResult) -> str:
    """How a command ended, in two words."""
    return f"exit status {result.exit_code}" if result.signal is None else f"signal {result.signal}"
