"""One trial as a timeline: which call, tool, queue or part of grading each span belongs to. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

from harness.clock import Phase
from harness.record import OWN_QUEUES, CallRow, Record, SpanRow, ToolRow
from harness.untrusted import one_line
from scoreboards import words

BRIEF_QUEUE_NS = 1_000_000
"""A shorter wait for a slot is no wait: views leave it out unless everything is asked for."""

_TOOL_NAME = 80
"""Characters of a tool's name that its row keeps."""


class Kind(StrEnum):
    """What a row of the timeline is."""

    SETUP = "setup"
    CALL = "call"
    TOOL = "tool"
    QUEUE = "queue"
    GRADE = "grade"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One thing that took time, with its spans in order; `call` or `tool` is what the record knows of it, if anything.

    `label` is one line that is safe to print.
    """

    kind: Kind
    label: str
    spans: tuple[SpanRow, ...]
    call: CallRow | None = None
    tool: ToolRow | None = None

    @property
    def t0(self) -> int:
        """When it began, in nanoseconds since the trial's start."""
        return min(span.t0 for span in self.spans)

    @property
    def t1(self) -> int:
        """When it ended, in nanoseconds since the trial's start."""
        return max(span.t1 for span in self.spans)

    @property
    def duration_ns(self) -> int:
        """From its beginning to its end, in nanoseconds."""
        return self.t1 - self.t0


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Neighbouring rows that a view tells in one line."""

    rows: tuple[Row, ...]

    @property
    def t0(self) -> int:
        """When the first of them began, in nanoseconds since the trial's start."""
        return self.rows[0].t0

    @property
    def duration_ns(self) -> int:
        """Their durations together, in nanoseconds: parallel ones count each."""
        return sum(row.duration_ns for row in self.rows)

    @property
    def spans(self) -> tuple[SpanRow, ...]:
        """The spans of all of them."""
        return tuple(span for row in self.rows for span in row.spans)


def timeline_rows(record: Record, spans: Iterable[SpanRow]) -> tuple[Row, ...]:
    """Every span in a row of its own call or tool, in the order in which the rows began."""
    known = sorted((span for span in spans if span.t0 < span.t1), key=lambda span: (span.t0, span.t1))
    kinds = [(_kind(span), span) for span in known]
    rows = [
        *_calls(record, [span for kind, span in kinds if kind is Kind.CALL]),
        *_tools(record, [span for kind, span in kinds if kind is Kind.TOOL]),
        *(Row(kind=kind, label=_own_label(kind, span), spans=(span,)) for kind, span in kinds if kind in _OWN_LABELS),
    ]
    return tuple(sorted(rows, key=lambda row: (row.t0, row.t1)))


def folded(rows: Sequence[Row], most: int) -> tuple[Row | Gap, ...]:
    """At most `most` lines: the longest rows in order of time, and gaps for the rest. Brief queues are left out."""
    seen = [row for row in rows if row.kind is not Kind.QUEUE or row.duration_ns >= BRIEF_QUEUE_NS]
    by_length = sorted(range(len(seen)), key=lambda place: (-seen[place].duration_ns, place))
    for kept in range(min(most, len(seen)), 0, -1):
        lines = tuple(_with_gaps(seen, set(by_length[:kept])))
        if len(lines) <= most:
            return lines
    return (Gap(rows=tuple(seen)),) if seen else ()


def _with_gaps(rows: Sequence[Row], kept: set[int]) -> Iterator[Row | Gap]:
    for is_kept, places in groupby(range(len(rows)), key=kept.__contains__):
        group = tuple(rows[place] for place in places)
        if is_kept or len(group) == 1:  # a gap of one row would say less in as many lines
            yield from group
        else:
            yield Gap(rows=group)


def _kind(span: SpanRow) -> Kind:
    if f"{span.phase}.{span.sub}" in {*OWN_QUEUES, _GRADE_QUEUE}:
        return Kind.QUEUE
    return {Phase.SETUP: Kind.SETUP, Phase.GRADE: Kind.GRADE, Phase.TOOL: Kind.TOOL}.get(Phase(span.phase), Kind.CALL)


_GRADE_QUEUE = "grade.slot"
_OWN_LABELS = {Kind.SETUP: "set-up", Kind.GRADE: "grading", Kind.QUEUE: "queue"}


def _own_label(kind: Kind, span: SpanRow) -> str:
    if kind is Kind.QUEUE:
        return "grading: queue" if span.phase == Phase.GRADE else f"queue: {span.sub.replace('_', ' ')}"
    return one_line(f"{_OWN_LABELS[kind]}: {span.name or span.sub}")


def _calls(record: Record, spans: Iterable[SpanRow]) -> Iterator[Row]:
    by_turn = {f"call {call.turn}": call for call in record.calls}
    by_name: dict[str, list[SpanRow]] = defaultdict(list)
    for span in spans:
        by_name[span.name].append(span)
    for name, own in by_name.items():
        call = by_turn.get(name)
        yield Row(kind=Kind.CALL, label=one_line(_call_label(name, call, own)), spans=tuple(own), call=call)


def _call_label(name: str, call: CallRow | None, spans: Sequence[SpanRow]) -> str:
    if call is None:
        faults = [str(span.details["fault"]) for span in spans if span.details.get("fault")]
        return f"{name} · no answer" + (f": {faults[-1]}" if faults else "")
    tokens = "" if call.output_tokens is None else f" · {_number(call.output_tokens, 'token')}"
    return f"{name}{tokens}" + (f" · {call.attempts} attempts" if call.attempts > 1 else "")


def _number(number: int, what: str) -> str:
    return f"{words.count(number)} {what}{'' if number == 1 else 's'}"


def _tools(record: Record, spans: Sequence[SpanRow]) -> Iterator[Row]:
    places = _places(record.tool_calls)
    placed: dict[tuple[object, object], list[SpanRow]] = defaultdict(list)
    unplaced = [span for span in spans if "index" not in span.details]
    for span in spans:
        if "index" in span.details:
            placed[span.details.get("turn"), span.details["index"]].append(span)
    for place, own in placed.items():
        yield _tool_row(own, places.pop(place, None))
    yield from _guessed(_chains(unplaced), list(places.values()))


def _places(tools: Iterable[ToolRow]) -> dict[tuple[object, object], ToolRow]:
    """The record's tool calls by turn and index in the turn."""
    next_index: dict[int, int] = defaultdict(int)
    found: dict[tuple[object, object], ToolRow] = {}
    for tool in tools:
        found[tool.turn, next_index[tool.turn]] = tool
        next_index[tool.turn] += 1
    return found


def _chains(spans: Iterable[SpanRow]) -> list[list[SpanRow]]:
    """Spans of older runs, which do not say whose they are: pieces of one tool that follow each other at once."""
    chains: list[list[SpanRow]] = []
    unended: dict[tuple[str, int], list[SpanRow]] = {}
    for span in spans:
        chain = unended.pop((span.name, span.t0), [])
        if not chain:
            chains.append(chain)
        chain.append(span)
        if len(chain) == 1 or span.sub != "transport":
            unended[span.name, span.t1] = chain
    return chains


def _guessed(chains: Iterable[list[SpanRow]], tools: list[ToolRow]) -> Iterator[Row]:
    """Chains with the first tool call that is left of the same name and length, which both are known exactly."""
    for chain in chains:
        what = chain[0].name[:_TOOL_NAME], chain[-1].t1 - chain[0].t0
        tool = next((tool for tool in tools if (tool.tool, tool.total_ns) == what), None)
        if tool is not None:
            tools.remove(tool)
        yield _tool_row(chain, tool)


def _tool_row(spans: Sequence[SpanRow], tool: ToolRow | None) -> Row:
    label = f"{spans[0].name} · no result" if tool is None else _tool_label(tool)
    return Row(kind=Kind.TOOL, label=one_line(label), spans=tuple(spans), tool=tool)


def _tool_label(tool: ToolRow) -> str:
    work = "" if tool.work in (tool.tool, "other") else f" {tool.work}"
    return f"{'✗ ' if tool.failed else ''}{tool.tool}{work}: {tool.summary}".removesuffix(": ")
