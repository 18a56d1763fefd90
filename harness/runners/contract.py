"""What every test runner gives: a command, a plugin for the grading sandbox, and one report of what happened."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any, Protocol

from harness.features import Suite
from sandbox.contract import Command, CommandResult, File

BLACK_BOX = "black-box::"
"""What the ids of black-box tests begin with, so that they cannot collide with the suite's own."""


REVERSED = "reversed"
"""The seed of an order in which every test comes before those that were before it."""


def is_black_box(test_id: str) -> bool:
    """Whether the test ran in another sandbox than the application."""
    return test_id.startswith(BLACK_BOX)


class Outcome(StrEnum):
    """How one test ended, over all its phases; only `passed` counts as a pass."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    SKIPPED = "skipped"
    XFAILED = "xfailed"
    XPASSED = "xpassed"
    DUPLICATED = "duplicated"
    INCOMPLETE = "incomplete"
    MISSING = "missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Raised:
    """What ended a test: the exception's type by name, and the file and line that raised it (as the runner has it)."""

    kind: str
    path: str
    line: int


class Reached(IntEnum):
    """How far a test came in a file whose functions and changed assertions are marked."""

    NOTHING = 0
    FUNCTION = 1
    ASSERTION = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """One test: its outcome, a short reason (untrusted text), and the seconds it claims to have taken.

    `raised` is the first exception of it, where the runner tells; `reached` how far it came in a changed test file.
    `compared` are the numbers of the comparisons that a probe made in it with changed values, `fooled` of those that
    held.
    """

    outcome: Outcome
    reason: str = ""
    seconds: float = 0.0
    raised: Raised | None = None
    reached: Reached = Reached.NOTHING
    compared: frozenset[int] = frozenset()
    fooled: frozenset[int] = frozenset()


class ProblemKind(StrEnum):
    """What may be wrong with a stream of events."""

    FORGED = "forged"
    GAP = "gap"
    CONFLICT = "conflict"
    AFTER_FINISH = "after_finish"
    TESTS_CHANGED = "tests_changed"
    STATUS_DENIED = "status_denied"
    DUPLICATE = "duplicate"
    UNKNOWN_ID = "unknown_id"
    MALFORMED = "malformed"
    STATUS_MISMATCH = "status_mismatch"
    NO_FINISH = "no_finish"
    NEVER_RAN = "never_ran"
    TIMED_OUT = "timed_out"
    OUT_OF_MEMORY = "out_of_memory"
    BOX_DIED = "box_died"
    SERVICE_DOWN = "service_down"

    @property
    def tampering(self) -> bool:
        """Whether no honest run can show it: forged, replayed or contradictory events, tests changed in the run."""
        return self in {
            ProblemKind.FORGED,
            ProblemKind.GAP,
            ProblemKind.CONFLICT,
            ProblemKind.AFTER_FINISH,
            ProblemKind.TESTS_CHANGED,
            ProblemKind.STATUS_DENIED,
        }

    @property
    def harmless(self) -> bool:
        """Whether the results stand in spite of it: the first event of an id wins."""
        return self in {ProblemKind.DUPLICATE, ProblemKind.UNKNOWN_ID}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong with a run of the suite: its kind, and one line about it."""

    kind: ProblemKind
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceLog:
    """What the application's service did while black-box tests spoke to it.

    `ready_ns` is the time to its first good answer, None when there was none; `ended` says how it ended before it was
    killed, "" when it did not; `log` is the head and the tail of what it printed (untrusted).
    """

    command: tuple[str, ...]
    ready_ns: int | None = None
    ended: str = ""
    log: bytes = b""

    def document(self) -> dict[str, Any]:
        """As JSON types, for artefacts."""
        log = self.log.decode("utf-8", "replace")
        return {"command": list(self.command), "ready_ns": self.ready_ns, "ended": self.ended, "log": log}


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteReport:
    """One run of a suite, as the host heard it.

    `results` has every collected id; `collected` lists them in order, as often as they were collected; `uncollected`
    are modules and classes that could not be collected, or were skipped whole. `exit_code` is the process's own, None
    when a signal ended it. `duration_ns` is the host's time around the command. `stderr_tail` is the end of what the
    run printed. `survivors` are command lines of processes that outlived it. `versions` name runner and language.
    `rung` is how strongly the runner's results are protected. `service` is there when black-box tests were run;
    `left_out` says why they were not, where the sandboxes cannot do it.
    """

    results: Mapping[str, CaseResult] = field(default_factory=dict)
    collected: tuple[str, ...] = ()
    uncollected: Mapping[str, CaseResult] = field(default_factory=dict)
    exit_code: int | None = None
    problems: tuple[Problem, ...] = ()
    duration_ns: int = 0
    stderr_tail: bytes = b""
    survivors: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    rung: str = "R0"
    service: ServiceLog | None = None
    left_out: str = ""

    @property
    def complete(self) -> bool:
        """Whether the suite ran to its end and said so, exactly once."""
        return all(problem.kind.harmless for problem in self.problems)

    @property
    def tampering(self) -> tuple[Problem, ...]:
        """The problems that no honest run can show."""
        return tuple(problem for problem in self.problems if problem.kind.tampering)

    def outcome(self, test_id: str) -> Outcome:
        """How that test ended; `missing` when it was never collected."""
        result = self.results.get(test_id)
        return result.outcome if result else Outcome.MISSING

    def passed(self) -> frozenset[str]:
        """Ids of the tests that passed."""
        return self.ids(Outcome.PASSED)

    def ids(self, outcome: Outcome) -> frozenset[str]:
        """Ids of the tests with that outcome."""
        return frozenset(test_id for test_id, result in self.results.items() if result.outcome is outcome)

    def last_words(self) -> str:
        """The last line that the run printed and that speaks of an error, else its last line; untrusted text."""
        lines = [line.strip() for line in self.stderr_tail.decode("utf-8", "replace").splitlines() if line.strip()]
        said = [line for line in lines if "error" in line.lower()] or lines
        return "".join(letter if letter.isprintable() else " " for letter in said[-1][:200]) if said else ""

    def document(self) -> dict[str, Any]:
        """The report as JSON types, for artefacts; durations in nanoseconds (host) and seconds (claimed)."""
        return {
            "rung": self.rung,
            "exit_code": self.exit_code,
            "complete": self.complete,
            "duration_ns": self.duration_ns,
            "versions": dict(self.versions),
            "problems": [{"kind": problem.kind.value, "detail": problem.detail} for problem in self.problems],
            "survivors": list(self.survivors),
            "collected": len(self.collected),
            "results": {test_id: _case(result) for test_id, result in self.results.items()},
            "uncollected": {test_id: _case(result) for test_id, result in self.uncollected.items()},
            "stderr_tail": self.stderr_tail.decode(errors="replace"),
            "service": self.service.document() if self.service else None,
            "left_out": self.left_out,
        }


def _case(result: CaseResult) -> dict[str, Any]:
    return {"outcome": result.outcome.value, "reason": result.reason, "seconds": result.seconds}


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """A part of a suite: these test files alone, whatever the command names, where the runner can do that.

    `seed` puts their tests into a random order of its own ("" leaves them; `REVERSED` turns them round). `mark` is the
    name under which changed files call what counts that they were `Reached`.
    """

    files: tuple[str, ...]
    seed: str = ""
    mark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a suite runs, in the grading sandbox's own words.

    `program` is the absolute path of the command's first word, `environment` the whitelisted variables, `workspace`
    and `tools` absolute paths; `configuration` is the content of the files at the workspace's root that may configure
    a runner, by name; `tests` the paths of the test files, relative to the workspace. `slice` is the part of
    the suite that is wanted, where it is not all.
    """

    program: str
    workspace: str
    tools: str
    environment: Mapping[str, str] = field(default_factory=dict)
    configuration: Mapping[str, bytes] = field(default_factory=dict)
    tests: tuple[str, ...] = ()
    slice: Slice | None = None


class Listener(Protocol):
    """The host's end of one run of a suite."""

    def feed(self, data: bytes) -> None:
        """The next piece of standard output."""
        ...

    def report(self, result: CommandResult, duration_ns: int) -> SuiteReport:
        """What happened, given how the command ended and how long the host saw it run, in nanoseconds."""
        ...


class Runner(Protocol):
    """One test runner; a module is an implementation."""

    CONFIGURATION: tuple[str, ...]
    """Names of files at the workspace's root that may configure the runner."""

    RUNG: str
    """How strongly the results are protected when a run goes well, and what a run that never began is worth."""

    TEST_SUFFIXES: tuple[str, ...]
    """How the names of test files end: these are watched while tests run, where the runner can."""

    def refusal(self, suite: Suite) -> str:
        """Why the suite's command cannot be run, in one line that says what to write; empty when it can."""
        ...

    def tools(self, key: str) -> tuple[File, ...]:
        """What must lie in the sandbox's tools folder, under names that cannot be guessed without the key."""
        ...

    def command(self, suite: Suite, place: Place, key: str) -> Command:
        """The command that runs the suite and writes events (authenticated with `key` at R1) to standard output."""
        ...

    def listen(self, key: str) -> Listener:
        """What hears the run's events on the host."""
        ...
