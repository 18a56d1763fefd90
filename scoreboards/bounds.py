"""What bounds a trial: its agent wall divided exactly among kinds of work, its most expensive pieces, one sentence.

Pure.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

from harness.clock import Phase, Span, partition
from harness.record import Record, SpanRow
from harness.untrusted import one_line
from scoreboards import words
from scoreboards.timeline import Kind, Row

DOMINANT = 0.4
"""With a smaller share of the agent wall nothing bounds a trial alone."""

MOST_PIECES = 10

_SUMMARY = 100
"""Characters of a command that its summary keeps: a longer one may be any of several."""

_NAME = 20
"""Characters of a class or a phase that are shown: longer ones are none of ours."""


class Part(StrEnum):
    """What can bound a trial. `WORK` stands for processes of one class of work."""

    WORK = "work"
    DECODE = "decode"
    FIRST_TOKEN = "first_token"  # noqa: S105 - of an answer
    WAIT = "wait"
    TRANSPORT = "transport"
    OVERLAP = "overlap"
    HARNESS = "harness"


@dataclass(frozen=True, slots=True, kw_only=True)
class Portion:
    """A part's exclusive share of the agent wall; `work` is the class where the part is work, else "".

    `count` is how many calls, tool calls, waits or turns it took; `told` says so in words.
    """

    part: Part
    work: str = ""
    ns: int
    share: float
    count: int
    told: str
    tokens_per_s: float | None = None

    @property
    def name(self) -> str:
        """How a sentence calls it."""
        return f"`{one_line(self.work, _NAME)}`" if self.part is Part.WORK else _NAMES[self.part]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """The portions from the largest on, which sum to the agent wall."""

    portions: tuple[Portion, ...]

    @property
    def named(self) -> tuple[Portion, ...]:
        """The one portion that dominates, or the two largest where none does."""
        dominates = bool(self.portions) and self.portions[0].share >= DOMINANT
        return self.portions[: 1 if dominates else 2]

    @property
    def sentence(self) -> str:
        """What bounds the trial, as one line that is safe to print."""
        if not self.portions:
            return "The agent did not come to work, so nothing bounds it."
        first, *more = self.named
        share = f"{words.percent(first.share)} of agent wall"
        if not more:
            return f"Bound by {first.name}: {share} {first.told}."
        others = "".join(f", {one.name} {words.percent(one.share)} ({one.told})" for one in more)
        return f"Nothing dominates: {first.name} has {share} ({first.told}){others}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Something that cost time: `ns` from beginning to end, of identical commands all together.

    `share` is of the agent wall. `what` is one line that is safe to print.
    """

    what: str
    phase: str
    ns: int
    share: float
    count: int = 1


def bound(record: Record, rows: Sequence[Row]) -> Bound:
    """What has the largest part of the agent wall. Raises ValueError when the rows are not this record's ledger."""
    wall = record.agent_wall_ns
    lengths = {key: ns for key, ns in _ledger(record, rows).items() if ns}
    portions = [_portion(key, ns, record, rows) for key, ns in lengths.items()] if wall else []
    portions.sort(key=lambda portion: (-portion.ns, portion.part, portion.work))
    return Bound(portions=tuple(portions))


def pieces(record: Record, rows: Iterable[Row], most: int = MOST_PIECES) -> tuple[Piece, ...]:
    """The most expensive pieces of the agent's work, the longest first; identical commands are one piece."""
    wall = record.agent_wall_ns
    groups: dict[object, list[Row]] = defaultdict(list)
    found: list[Piece] = []
    for place, row in enumerate(rows):
        if row.kind is Kind.CALL:
            found += _of_call(row, wall)
        elif row.kind is Kind.TOOL:
            groups[_signature(row) or place].append(row)
    found += [_of_tools(group, wall) for group in groups.values()]
    found.sort(key=lambda piece: (-piece.ns, piece.what))
    return tuple(found[:most])


_NAMES = {
    Part.DECODE: "decode",
    Part.FIRST_TOKEN: "time to first token",
    Part.WAIT: "waiting for the provider",
    Part.TRANSPORT: "sandbox transport",
    Part.OVERLAP: "model and tools at once",
    Part.HARNESS: "the harness itself",
}

_Key = tuple[Part, str]


def _ledger(record: Record, rows: Iterable[Row]) -> dict[_Key, int]:
    """The agent wall by part, each nanosecond once; as the record says, but for work, which only spans divide."""
    by_work = _by_work(record, rows)
    subs = record.sub_phases
    return {
        **{(Part.WORK, work): ns for work, ns in by_work.items()},
        (Part.DECODE, ""): subs.get("model.decode", 0),
        (Part.FIRST_TOKEN, ""): subs.get("model.connect", 0) + subs.get("model.first_token", 0),
        (Part.WAIT, ""): record.agent_phase_ns("wait"),
        (Part.TRANSPORT, ""): subs.get("tool.transport", 0),
        (Part.OVERLAP, ""): record.phases["overlap"],
        (Part.HARNESS, ""): record.phases["harness"],
    }


def _by_work(record: Record, rows: Iterable[Row]) -> dict[str, int]:
    """Exclusive nanoseconds of processes by class of work, from the same partition that made the record."""
    split = partition((_span(row, span) for row in rows for span in row.spans), 0, record.wall_ns)
    if {phase.value: ns for phase, ns in split.phases.items()} != record.phases:
        raise ValueError("the spans do not add up to the phases of the record")
    prefix = f"{Phase.TOOL}.{_EXEC}"
    return {name.removeprefix(prefix): ns for name, ns in split.sub_phases.items() if name.startswith(prefix)}


_EXEC = "exec of "


def _span(row: Row, span: SpanRow) -> Span:
    """The span, a process's under the name of its class, which keeps it before transport where both are at once."""
    sub = span.sub
    if span.phase == Phase.TOOL:
        sub = _EXEC + (row.tool.work if row.tool else "other") if sub == "exec" else f"~{sub}"
    return Span(phase=Phase(span.phase), sub=sub, t0=span.t0, t1=span.t1)


def _portion(key: _Key, ns: int, record: Record, rows: Sequence[Row]) -> Portion:
    part, work = key
    count, told, speed = _TOLD[part](record, rows, work)
    share = ns / record.agent_wall_ns
    return Portion(part=part, work=work, ns=ns, share=share, count=count, told=told, tokens_per_s=speed)


_Told = tuple[int, str, float | None]


def _work_told(_record: Record, rows: Sequence[Row], work: str) -> _Told:
    runs = [row for row in rows if _runs(row) and (row.tool.work if row.tool else "other") == work]
    one, many = ("run of the suite", "runs of the suite") if work == "test" else ("command", "commands")
    return len(runs), _counted(len(runs), one, many), None


def _runs(row: Row) -> bool:
    return any(span.phase == Phase.TOOL and span.sub == "exec" for span in row.spans)


def _decode_told(record: Record, _rows: Sequence[Row], _work: str) -> _Told:
    timed = [(call.decode_tokens, call.decode_ns) for call in record.calls if call.decode_tokens and call.decode_ns]
    tokens, ns = sum(tokens for tokens, _ in timed), sum(ns for _, ns in timed)
    speed = tokens / (ns / 1e9) if ns else None
    told = _counted(len(record.calls), "call", "calls")
    return len(record.calls), told + (f" at {words.speed(speed)} tokens/s" if ns else ""), speed


def _first_token_told(record: Record, _rows: Sequence[Row], _work: str) -> _Told:
    known = [call.first_token_ns for call in record.calls if call.first_token_ns is not None]
    told = _counted(len(record.calls), "call", "calls")
    return len(record.calls), told + (f", median {words.duration(median(known))}" if known else ""), None


def _wait_told(_record: Record, rows: Sequence[Row], _work: str) -> _Told:
    waits = [span for row in rows if row.kind is Kind.CALL for span in row.spans if span.phase == Phase.WAIT]
    by_sub: dict[str, int] = defaultdict(int)
    for span in waits:
        by_sub[span.sub] += span.t1 - span.t0
    most = max(by_sub, key=lambda sub: by_sub[sub], default="")
    mostly = f", most of it {one_line(most).replace('_', ' ')}" if len(by_sub) > 1 else f", {most.replace('_', ' ')}"
    return len(waits), _counted(len(waits), "wait", "waits") + mostly, None


def _transport_told(record: Record, _rows: Sequence[Row], _work: str) -> _Told:
    return len(record.tool_calls), _counted(len(record.tool_calls), "tool call", "tool calls"), None


def _turns_told(record: Record, _rows: Sequence[Row], _work: str) -> _Told:
    return record.turns, _counted(record.turns, "turn", "turns"), None


_TOLD = {
    Part.WORK: _work_told,
    Part.DECODE: _decode_told,
    Part.FIRST_TOKEN: _first_token_told,
    Part.WAIT: _wait_told,
    Part.TRANSPORT: _transport_told,
    Part.OVERLAP: _turns_told,
    Part.HARNESS: _turns_told,
}


def _counted(number: int, one: str, many: str) -> str:
    return f"in {words.count(number)} {one if number == 1 else many}"


def _of_call(row: Row, wall: int) -> Iterator[Piece]:
    lengths: dict[str, int] = defaultdict(int)
    for span in row.spans:
        lengths[_CALL_PHASES.get(span.sub, span.sub)] += span.t1 - span.t0
    for phase, ns in lengths.items():
        yield Piece(what=row.label, phase=one_line(phase, _NAME).replace("_", " "), ns=ns, share=_share(ns, wall))


_CALL_PHASES = {"connect": "first_token"}
"""Time to first token begins when the request is sent."""


def _signature(row: Row) -> object:
    """The same for calls that ask for the same thing, or None; older records know a command by its whole summary."""
    tool = row.tool
    if tool is None:
        return None
    if tool.signature:
        return (tool.tool, tool.signature)
    return (tool.tool, tool.summary) if tool.exec_ns is not None and 0 < len(tool.summary) < _SUMMARY else None


def _of_tools(rows: Sequence[Row], wall: int) -> Piece:
    ns, tool = sum(row.duration_ns for row in rows), rows[0].tool
    if tool is None:
        return Piece(what=rows[0].label, phase="tool", ns=ns, share=_share(ns, wall))
    is_command = tool.exec_ns is not None
    what = one_line(f"`{tool.summary}`" if is_command else f"{tool.tool} {tool.summary}")
    if len(rows) > 1:
        what = f"{len(rows)} runs of {what}" if is_command else f"{len(rows)} times {what}"
    return Piece(what=what, phase=one_line(tool.work, _NAME), ns=ns, share=_share(ns, wall), count=len(rows))


def _share(ns: int, wall: int) -> float:
    return ns / wall if wall else 0.0
