"""What the journal knows of an attempt that has not come to its end: read from rows, for another life to go on from."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from harness.errors import InfraError
from harness.journal_reader import Row, read_trials
from harness.journal_schema import Kind
from harness.messages import message_of
from harness.models.contract import Message, Reply, Usage
from harness.record import CallRow, Record, SpanRow, ToolRow, Verdict
from harness.recorded import CallPlace, Recorded, RecordedFailure, RecordedReply, RecordedTool
from harness.tools.registry import TOOLS

GOES_ON = frozenset({"", "interrupted", "deferred", "budget", "error:provider"})
"""Why an agent stopped without being done: what it left is not graded, and it may go on."""
DIVERGED = "diverged"
"""Why an attempt stopped whose tool calls, run again, did not give what they had given."""
ABANDONED = "abandoned"
"""Why an attempt stopped that a later one took the place of."""

_GOES_ON_FROM_RECORD = GOES_ON - {"error:provider"}
_QUEUES = frozenset({("wait", "tool_slot"), ("wait", "model_slot")})


class How(StrEnum):
    """What becomes of unfinished attempts: they go on, they start over, or only those are graded that handed in."""

    REPLAY = "replay"
    RESTART = "restart"
    FINISHED_ONLY = "finished-only"


class Step(StrEnum):
    """What an attempt needs next: to be graded, to go on, to begin, or a new attempt in its place."""

    GRADE = "grade"
    GO_ON = "go_on"
    BEGIN = "begin"
    ANEW = "anew"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCall:
    """A call that was about to be made: its turn, the hash of what it asks, and the boot of the machine it was on.

    `life` is the attempt's that was about to make it.
    """

    turn: int
    request: str
    boot: str = ""
    life: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """The last attempt at a trial as its rows tell it.

    `lives` have worked at it, for `elapsed_ns` together, in which `spans` lie (nanoseconds since its start). The
    `open_call` was about to be made or under way when the last life ended. `whole_box` says that this life had its
    sandbox as far as `recorded` goes, with nothing under way in it. `stop` is why the agent ended, "" while it had not;
    then `submission` is the row of what it handed in, and `survivors` were alive. `over` says that its record is the
    last word, unless only what it made or its grade was lost. `readable` is False for rows of an older Splitclock:
    nobody can go on from those.
    """

    number: int
    lives: int = 0
    started_utc: str = ""
    elapsed_ns: int = 0
    spans: tuple[SpanRow, ...] = ()
    recorded: Recorded = field(default_factory=Recorded)
    workspace: str = ""
    open_call: OpenCall | None = None
    in_doubt: int = 0
    whole_box: bool = False
    stop: str = ""
    error: str = ""
    submission: Row | None = None
    survivors: tuple[str, ...] = ()
    over: bool = False
    readable: bool = True
    record: Record | None = None

    @property
    def step(self) -> Step:
        """What it needs next."""
        if self.readable and self.submission is not None and self.lives:
            return Step.GRADE
        if self._lost_export:
            return Step.GO_ON
        if self.over or not self.readable:
            return Step.ANEW
        return Step.GO_ON if self.lives else Step.BEGIN

    @property
    def _lost_export(self) -> bool:
        """Whether the agent had ended, and what it made was lost on its way out, by nothing that it did."""
        lost = self.record is not None and self.record.verdict is Verdict.ERROR_INFRA
        return lost and self.readable and self.lives > 0 and bool(self.stop) and self.submission is None


def read_pasts(folder: Path, trial_ids: Iterable[str]) -> dict[str, Past]:
    """By trial what is known of its latest attempt, for those trials that have any rows. Raises InfraError."""
    return {trial: past for trial, rows in read_trials(folder, trial_ids) if (past := past_of(rows)) is not None}


def unfinished(planned: Iterable[str], records: Iterable[Record]) -> tuple[str, ...]:
    """Of the planned trials' ids those whose latest record is no verdict, in order."""
    verdicts: dict[str, tuple[int, bool]] = {}
    for record in records:
        if record.attempt >= verdicts.get(record.trial.id, (0, False))[0]:
            verdicts[record.trial.id] = (record.attempt, record.verdict.scored)
    return tuple(one for one in planned if not verdicts.get(one, (0, False))[1])


def past_of(rows: Iterable[Row]) -> Past | None:
    """What one trial's rows say of its latest attempt; None when there are none. Raises InfraError."""
    known = [row for row in rows if row.attempt > 0]
    if not known:
        return None
    reader = _Reader(max(row.attempt for row in known))
    for row in known:
        if row.attempt == reader.number:
            reader.read(row)
    return reader.past()


class _Reader:
    """Takes the rows of one attempt in order."""

    def __init__(self, number: int) -> None:
        self.number = number
        self._past = Past(number=number)
        self._opening: tuple[Message, ...] = ()
        self._replies: dict[int, RecordedReply] = {}
        self._tools: dict[CallPlace, RecordedTool] = {}
        self._failures: dict[int, RecordedFailure] = {}
        self._unanswered = 0
        self._running: set[CallPlace] = set()
        self._boxed = False
        self._boot = ""
        self._spans: list[SpanRow] = []

    def read(self, row: Row) -> None:
        """One more row; kinds that say nothing of an attempt's state are passed over."""
        kind = str(row.body.get("note", "")) if row.kind == Kind.NOTE else row.kind
        reading = _READINGS.get(kind)
        if reading is None:
            return
        try:
            reading(self, row)
            self._stamped(kind, row.body)
        except (KeyError, TypeError, ValueError, IndexError, ValidationError) as error:
            if not self._past.readable or (kind in STAMPED and "at_ns" not in row.body):
                self._know(readable=False)
                return
            why = (str(error).splitlines() or [""])[0]
            raise InfraError(f"row {row.seq} of the journal ({kind}) cannot be read: {why}") from error

    def past(self) -> Past:
        """What the rows so far come to."""
        spans = tuple(self._spans)
        recorded = Recorded(
            opening=self._opening,
            replies=self._replies,
            tools=self._tools,
            failures=self._failures,
            unanswered_calls=self._unanswered,
            spent_ns=spent_ns(self._past.elapsed_ns, spans),
            life=self._past.lives + 1,
        )
        at_rest = not any(self._changes(place) for place in self._running)
        return replace(self._past, recorded=recorded, spans=spans, whole_box=self._boxed and at_rest)

    def _know(self, **news: Any) -> None:
        self._past = replace(self._past, **news)

    def _stamped(self, kind: str, body: Mapping[str, Any]) -> None:
        if kind in STAMPED:
            self._know(elapsed_ns=max(self._past.elapsed_ns, int(body["at_ns"])))
            self._spans += [SpanRow.model_validate(span) for span in body["spans"]]

    def _changes(self, place: CallPlace) -> bool:
        """Whether a tool call may have changed its sandbox."""
        turn, index = place
        tool = TOOLS.get(self._replies[turn].reply.message.tool_calls[index].name)
        return tool is not None and not tool.reads_only

    def begins(self, row: Row) -> None:
        """Its first life."""
        self._boot = row.body.get("boot", "")
        self._know(lives=1, started_utc=row.at_utc)

    def resumes(self, row: Row) -> None:
        """Another life: what is written from here on is newer than any record so far."""
        self._boot = row.body.get("boot", "")
        self._boxed = False
        self._running.clear()
        self._know(lives=self._past.lives + 1, over=False, record=None)

    def opens(self, row: Row) -> None:
        """The first words to the model."""
        self._opening = tuple(map(message_of, row.body["messages"]))
        self._know(workspace=row.body["workspace"])

    def boxes(self, _row: Row) -> None:
        """The sandbox stands as far as the record goes."""
        self._boxed = True

    def intends(self, row: Row) -> None:
        """A call is about to be made."""
        call = OpenCall(turn=row.body["turn"], request=row.body["request"], boot=self._boot, life=self._past.lives)
        self._failures.pop(call.turn, None)
        self._know(open_call=call)

    def answers(self, row: Row) -> None:
        """The call was answered."""
        call = CallRow.model_validate(row.body)
        reply = Reply(
            message=message_of(row.body),
            finish_reason=call.finish_reason,
            usage=Usage(input_tokens=call.input_tokens, output_tokens=call.output_tokens),
            attempts=(),
        )
        self._replies[call.turn] = RecordedReply(reply=reply, row=call)
        self._know(open_call=None)

    def fails(self, row: Row) -> None:
        """The call was given up: for good, or to be made again."""
        body = row.body
        self._unanswered += bool(body["billable"])
        if body["stop"] not in GOES_ON:
            self._failures[body["turn"]] = RecordedFailure(
                stop=body["stop"], error=body["error"], faults=tuple(body["faults"])
            )
        self._know(open_call=None)

    def doubts(self, row: Row) -> None:
        """Nobody knows what became of the call that was under way."""
        self._unanswered += bool(row.body["billable"])
        self._know(in_doubt=self._past.in_doubt + 1, open_call=None)

    def starts_tool(self, row: Row) -> None:
        """A tool call begins."""
        self._running.add((row.body["turn"], row.body["index"]))

    def ends_tool(self, row: Row) -> None:
        """A tool call ended."""
        tool = ToolRow.model_validate(row.body)
        place = (tool.turn, int(row.body["index"]))
        call = self._replies[tool.turn].reply.message.tool_calls[place[1]]
        self._tools[place] = RecordedTool(
            call=call, content=row.body["content"], row=tool, finished=bool(row.body["finished"])
        )
        self._running.discard(place)

    def exports(self, row: Row) -> None:
        """The agent ended, or was stopped."""
        self._boxed = False  # its processes are killed next
        if row.body["stop"] not in GOES_ON:
            self._know(stop=row.body["stop"], error=row.body["error"])

    def hands_in(self, row: Row) -> None:
        """What the agent made is kept."""
        if self._past.stop:
            self._know(submission=row, survivors=tuple(row.body["survivors"]))

    def records(self, row: Row) -> None:
        """The last word, for now: who wrote it has removed its sandbox."""
        self._boxed = False
        record = Record.model_validate(row.body)
        goes_on = record.verdict is Verdict.NOT_RUN and record.stop in _GOES_ON_FROM_RECORD
        self._know(over=not goes_on, record=record)


_READINGS: Mapping[str, Callable[[_Reader, Row], None]] = {
    Kind.TRIAL_STARTED: _Reader.begins,
    Kind.RESUMED: _Reader.resumes,
    Kind.INTENT: _Reader.intends,
    Kind.RESPONSE: _Reader.answers,
    Kind.IN_DOUBT: _Reader.doubts,
    Kind.TOOL_START: _Reader.starts_tool,
    Kind.TOOL_END: _Reader.ends_tool,
    Kind.SUBMISSION: _Reader.hands_in,
    Kind.RECORD: _Reader.records,
    "opening": _Reader.opens,
    "boxed": _Reader.boxes,
    "call_failed": _Reader.fails,
    "export": _Reader.exports,
}
STAMPED = frozenset({Kind.INTENT, Kind.RESPONSE, Kind.TOOL_END, Kind.SUBMISSION, "call_failed", "export"})


def spent_ns(elapsed_ns: int, spans: Iterable[SpanRow]) -> int:
    """What of an attempt's time counts against its wall limit: neither set-up nor the harness's own queues."""
    return elapsed_ns - sum(
        span.t1 - span.t0 for span in spans if span.phase == "setup" or (span.phase, span.sub) in _QUEUES
    )
