"""The host's end of the results channel: authenticated lines in, one SuiteReport out.

The lines come from the process that runs the code under test, so every line is hostile until its mac fits, and
even then only the first word about a test counts. See `pytest_events.py` for the form of a line.
"""

import hashlib
import hmac
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.runners.contract import CaseResult, Outcome, Problem, ProblemKind, Raised, Reached, SuiteReport
from sandbox.contract import CommandResult

LINE_BYTES = 4 * 1024**2
"""The longest line that is listened to; two hundred ids of 10 KB each fit."""
TOTAL_BYTES = 256 * 1024**2
PROBLEMS_KEPT = 50
REASON_CHARACTERS = 500

_LINE = re.compile(rb"(0|[1-9][0-9]{0,11}) ([0-9a-f]{64}) (\{.*\})", re.DOTALL)
_LOOKS_LIKE = re.compile(rb"[0-9]+ [0-9a-fA-F]{16,} ")
_PHASES = ("setup", "call", "teardown")


@dataclass(frozen=True, slots=True)
class _Phase:
    outcome: str
    xfail: bool
    reason: str
    seconds: float
    raised: Raised | None = None
    reached: Reached = Reached.NOTHING
    compared: frozenset[int] = frozenset()
    fooled: frozenset[int] = frozenset()


@dataclass(slots=True)
class _Case:
    phases: dict[str, _Phase] = field(default_factory=dict)
    subtests: dict[int, _Phase] = field(default_factory=dict)


def _mac(key: bytes, signed: bytes) -> bytes:
    return hmac.new(key, signed, hashlib.sha256).hexdigest().encode("ascii")


class Stream:
    """Listens to one run of a suite. `feed` takes standard output as it comes; `report` ends it."""

    def __init__(self, key: str) -> None:
        self._key = bytes.fromhex(key)
        self._rest = b""
        self._bytes = 0
        self._next = 0
        self._problems: list[Problem] = []
        self._kinds: Counter[ProblemKind] = Counter()
        self._versions: dict[str, str] = {}
        self._collected: list[str] = []
        self._repeated: frozenset[str] = frozenset()
        self._all_collected = False
        self._uncollected: dict[str, CaseResult] = {}
        self._cases: dict[str, _Case] = {}
        self._running = ""
        self._status: int | None = None
        self._handlers: Mapping[str, Callable[[Mapping[str, Any]], None]] = {
            "session": self._on_session,
            "collect": self._on_collect,
            "collected": self._on_collected,
            "found": self._on_found,
            "start": self._on_start,
            "report": self._on_report,
            "touched": self._on_touched,
            "finish": self._on_finish,
        }

    def feed(self, data: bytes) -> None:
        """The next piece of standard output."""
        self._bytes += len(data)
        if self._bytes > TOTAL_BYTES:
            self._rest = b""
            self._once(ProblemKind.FORGED, f"more than {TOTAL_BYTES // 1024**2} MB of events")
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._line(line)
        if len(self._rest) > LINE_BYTES:
            self._rest = b""
            self._once(ProblemKind.FORGED, f"a line of more than {LINE_BYTES // 1024**2} MB among the events")

    def report(self, result: CommandResult, duration_ns: int) -> SuiteReport:
        """What happened, given how the command ended and how long the host saw it run, in nanoseconds."""
        if self._rest:
            self._line(self._rest)
            self._rest = b""
        self._conclude(result)
        return SuiteReport(
            results=self._results(),
            collected=tuple(self._collected),
            uncollected=self._uncollected,
            exit_code=result.exit_code,
            problems=tuple(self._problems),
            duration_ns=duration_ns,
            stderr_tail=result.stderr.tail or result.stderr.head,
            survivors=result.survivors,
            versions=self._versions,
            rung="R1",
        )

    def _line(self, line: bytes) -> None:
        match = _LINE.fullmatch(line) if len(line) <= LINE_BYTES else None
        if match is None or not hmac.compare_digest(_mac(self._key, match[1] + b" " + match[3]), match[2]):
            self._stray(line)
            return
        sequence = int(match[1])
        if sequence != self._next:
            self._problem(ProblemKind.GAP, f"event {sequence} came where {self._next} was due")
            if sequence < self._next:
                return
        self._next = sequence + 1
        try:
            self._event(json.loads(match[3]))
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            self._problem(ProblemKind.MALFORMED, f"event {sequence}: {type(error).__name__}: {error}"[:200])

    def _stray(self, line: bytes) -> None:
        """A line without a valid mac: before the first event perhaps a program's print; later nothing prints there."""
        if not line.strip():
            return
        if self._next or _LOOKS_LIKE.match(line):
            self._problem(ProblemKind.FORGED, f"a line without a valid mac: {line[:80]!r}")

    def _event(self, event: Mapping[str, Any]) -> None:
        kind = event["event"]
        if self._status is not None:
            self._problem(ProblemKind.AFTER_FINISH, f"`{kind}` after `finish`")
            return
        handler = self._handlers.get(kind)
        if handler is None:
            raise ValueError(f"no such event: {kind!r}"[:100])
        handler(event)

    def _on_session(self, event: Mapping[str, Any]) -> None:
        self._versions = {name: str(value)[:50] for name, value in event.items() if name != "event"}

    def _on_start(self, event: Mapping[str, Any]) -> None:
        self._running = _text(event["id"])

    def _on_touched(self, event: Mapping[str, Any]) -> None:
        self._problem(ProblemKind.TESTS_CHANGED, f"{_text(event['path'])[:200]} was changed while tests ran")

    def _on_finish(self, event: Mapping[str, Any]) -> None:
        self._status = int(event["status"])

    def _on_collect(self, event: Mapping[str, Any]) -> None:
        outcome = Outcome.SKIPPED if event["outcome"] == "skipped" else Outcome.ERROR
        reason = _text(event["reason"])[:REASON_CHARACTERS]
        self._uncollected.setdefault(_text(event["id"]), CaseResult(outcome=outcome, reason=reason))

    def _on_collected(self, event: Mapping[str, Any]) -> None:
        if self._all_collected:
            self._problem(ProblemKind.CONFLICT, "tests were collected a second time")
            return
        self._collected += [_text(test_id) for test_id in event["ids"]]
        if event["last"]:
            self._all_collected = True
            self._cases = {test_id: _Case() for test_id in self._collected}
            self._repeated = frozenset(test_id for test_id, n in Counter(self._collected).items() if n > 1)

    def _on_found(self, event: Mapping[str, Any]) -> None:
        """A test of a runner that collects as it goes."""
        test_id = _text(event["id"])
        if self._cases.setdefault(test_id, _Case()).phases:
            self._problem(ProblemKind.CONFLICT, f"found a second time: {test_id[:200]}")
            return
        self._collected.append(test_id)

    def _on_report(self, event: Mapping[str, Any]) -> None:
        test_id, phase = _text(event["id"]), _text(event["phase"])
        if phase not in _PHASES:
            raise ValueError(f"no such phase: {phase!r}"[:100])
        case = self._cases.get(test_id)
        if case is None:
            self._problem(ProblemKind.UNKNOWN_ID, f"a report for a test that was never collected: {test_id[:200]}")
            return
        self._running = "" if phase == "teardown" else test_id
        reason = _text(event["reason"])[:REASON_CHARACTERS]
        raised = _raised(event.get("raised"))
        seconds = float(event["seconds"])
        if not math.isfinite(seconds):
            raise ValueError(f"{seconds} is no time")
        reached = Reached(event.get("reached", 0))
        compared, fooled = (frozenset(int(one) for one in event.get(name, ())) for name in ("compared", "fooled"))
        new = _Phase(
            _text(event["outcome"]), event["xfail"] is True, reason, seconds, raised, reached, compared, fooled
        )
        number = event.get("sub")
        old = case.phases.setdefault(phase, new) if number is None else case.subtests.setdefault(int(number), new)
        if old is not new and test_id not in self._repeated:
            self._again(test_id, phase, (old, new))

    def _again(self, test_id: str, phase: str, reports: tuple[_Phase, _Phase]) -> None:
        old, new = ((report.outcome, report.xfail) for report in reports)
        kind = ProblemKind.DUPLICATE if old == new else ProblemKind.CONFLICT
        self._problem(kind, f"{test_id[:200]}: reported `{old[0]}`, then `{new[0]}` for its {phase}")

    def _conclude(self, result: CommandResult) -> None:
        status = result.exit_code if result.signal is None else None
        ended = f"exit status {status}" if status is not None else f"signal {result.signal}"
        if result.oom_killed:
            self._problem(ProblemKind.OUT_OF_MEMORY, "the suite ran out of memory")
        if result.timed_out:
            self._problem(ProblemKind.TIMED_OUT, f"the suite ran into its time limit{self._where()}")
        if not self._all_collected:
            self._problem(ProblemKind.NEVER_RAN, f"the suite never ran ({ended})")
        elif self._status is None:
            self._problem(ProblemKind.NO_FINISH, f"the suite ended before its last word ({ended}){self._where()}")
        elif status != self._status:
            denied = status == 0
            kind = ProblemKind.STATUS_DENIED if denied else ProblemKind.STATUS_MISMATCH
            self._problem(kind, f"the runner announced exit status {self._status}, the process ended with {ended}")

    def _where(self) -> str:
        return f" in {self._running[:200]}" if self._running else ""

    def _results(self) -> dict[str, CaseResult]:
        if not self._all_collected:
            return {}
        return {
            test_id: CaseResult(outcome=Outcome.DUPLICATED, reason="collected more than once")
            if test_id in self._repeated
            else _verdict(case)
            for test_id, case in self._cases.items()
        }

    def _problem(self, kind: ProblemKind, detail: str) -> None:
        """Keep the first of each kind whatever comes, and no flood of them."""
        self._kinds[kind] += 1
        if self._kinds[kind] == 1 or len(self._problems) < PROBLEMS_KEPT:
            self._problems.append(Problem(kind=kind, detail=detail))

    def _once(self, kind: ProblemKind, detail: str) -> None:
        if all(problem.detail != detail for problem in self._problems):
            self._problem(kind, detail)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"text expected, not {type(value).__name__}")
    return value


def _raised(value: Any) -> Raised | None:
    if value is None:
        return None
    kind, path, line = value
    return Raised(kind=_text(kind)[:100], path=_text(path), line=int(line))


def _verdict(case: _Case) -> CaseResult:
    """The worst that was said about a test, in any phase or sub-test."""
    seconds = sum(phase.seconds for phase in case.phases.values())
    said = [(name, phase) for name in _PHASES if (phase := case.phases.get(name))]
    said += [("call", phase) for _, phase in sorted(case.subtests.items())]
    worst = max(((_one(name, phase), phase.reason) for name, phase in said), key=_badness, default=None)
    if worst is None or (worst[0] is Outcome.PASSED and set(_PHASES) - case.phases.keys()):
        return CaseResult(outcome=Outcome.INCOMPLETE, reason="the run ended before the test did", seconds=seconds)
    raised = next((phase.raised for _, phase in said if phase.raised), None)
    reached = max(phase.reached for _, phase in said)
    return CaseResult(
        outcome=worst[0],
        reason=worst[1],
        seconds=seconds,
        raised=raised,
        reached=reached,
        compared=frozenset[int]().union(*(phase.compared for _, phase in said)),
        fooled=frozenset[int]().union(*(phase.fooled for _, phase in said)),
    )


_ORDER = (Outcome.PASSED, Outcome.XPASSED, Outcome.XFAILED, Outcome.SKIPPED, Outcome.FAILED, Outcome.ERROR)


def _badness(said: tuple[Outcome, str]) -> int:
    return _ORDER.index(said[0])


def _one(name: str, phase: _Phase) -> Outcome:
    """What one phase says: an error outside the call is the fixture's; a word nobody knows is no pass."""
    match (phase.outcome, phase.xfail):
        case ("passed", False):
            return Outcome.PASSED
        case ("passed", True):
            return Outcome.XPASSED
        case ("skipped", True):
            return Outcome.XFAILED
        case ("skipped", False):
            return Outcome.SKIPPED
    return Outcome.FAILED if name == "call" else Outcome.ERROR
