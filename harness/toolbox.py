"""Runs the tool calls of one turn: checked, timed, reads in parallel, everything else in order."""

import itertools
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from harness.clock import Phase, Span, Stopwatch
from harness.models.contract import ToolCall
from harness.models.text import sound
from harness.record import ToolRow
from harness.recorded import CallPlace, RecordedTool
from harness.slots import Slots
from harness.tools.contract import Arguments, Reach, Tool, ToolResult
from harness.tools.registry import BadCallError, parse_arguments, resolve
from sandbox.contract import CommandResult, Sandbox, sha256
from sandbox.errors import FileAccessError, SandboxDiedError, SandboxLostError

OnEvent = Callable[[str, Mapping[str, Any]], None]
"""Told what happens, as it happens: a kind and a JSON-able body."""

LeftS = Callable[[], float]
"""Seconds of the trial's wall limit left, asked anew before each call: one turn may hold many."""

MOST_PARALLEL_READS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolOutcome:
    """What became of one call: the text for the model, and the row for the ledger."""

    call: ToolCall
    result: ToolResult
    row: ToolRow
    malformed: bool = False


class Toolbox:
    """The tools of one trial, over its sandbox. Calls that are `recorded` are not run: their outcome is known."""

    def __init__(
        self,
        *,
        sandbox: Sandbox,
        stopwatch: Stopwatch,
        slots: Slots,
        on_event: OnEvent,
    ) -> None:
        self._sandbox = sandbox
        self._stopwatch = stopwatch
        self._slots = slots
        self._on_event = on_event
        self.recorded: Mapping[CallPlace, RecordedTool] = {}
        self._lock = threading.Lock()
        self.slot_wait_ns = 0

    def run(self, calls: Sequence[ToolCall], turn: int, left_s: LeftS) -> Iterator[ToolOutcome]:
        """Outcomes in the order of the calls. Neighbouring calls that only read run at once.

        Raises SandboxDiedError when the sandbox does not survive a call, SandboxLostError when it is lost otherwise.
        """
        checked = (replace(_checked(call), place={"turn": turn, "index": index}) for index, call in enumerate(calls))
        for reads_only, group in itertools.groupby(checked, key=_reads_only):
            yield from self._run_group(tuple(group), turn, left_s, parallel=reads_only)

    def _run_group(
        self, group: tuple["_Checked", ...], turn: int, left_s: LeftS, *, parallel: bool
    ) -> Iterable[ToolOutcome]:
        if not parallel or len(group) == 1:
            return (self._run_one(checked, turn, left_s) for checked in group)
        with ThreadPoolExecutor(max_workers=min(MOST_PARALLEL_READS, len(group))) as pool:
            return list(pool.map(lambda checked: self._run_one(checked, turn, left_s), group))

    def _run_one(self, checked: "_Checked", turn: int, left_s: LeftS) -> ToolOutcome:
        call, index = checked.call, checked.place["index"]
        known = self.recorded.get((turn, index))
        if known is not None:
            return ToolOutcome(call=call, result=known.result, row=known.row, malformed=checked.malformed)
        self._on_event("tool_queued", {"id": call.id})
        with self._slot(checked.tool):
            asked = {"turn": turn, "index": index, "tool": call.name, "arguments": call.arguments, "id": call.id}
            self._on_event("tool_start", asked)
            result, total_ns = self._timed(checked, left_s())
        result = replace(result, content=sound(result.content))  # names of files need be no text, messages must
        row = _row(checked, result, turn, total_ns)
        told = {"id": call.id, "index": index, "content": result.content, "finished": result.finished}
        self._on_event("tool_end", {**told, **row.model_dump()})
        return ToolOutcome(call=call, result=result, row=row, malformed=checked.malformed)

    def _timed(self, checked: "_Checked", most_s: float) -> tuple[ToolResult, int]:
        """The call's result and its nanoseconds, which are booked also when the sandbox was lost under it."""
        clock, result = self._stopwatch.clock, None
        t0 = clock.now_ns()
        try:
            result = _result(checked, Reach(sandbox=self._sandbox, most_s=most_s))
        finally:
            t1 = clock.now_ns()
            exec_ns = _exec_ns(checked.tool, result, t1 - t0) or 0
            self._stopwatch.add(*tool_spans(checked.call.name, t0, t1, exec_ns, checked.place))
        return result, t1 - t0

    @contextmanager
    def _slot(self, tool: Tool | None) -> Iterator[None]:
        if tool is None or not tool.starts_process:
            yield
            return
        with self._slots.take(self._stopwatch, Phase.WAIT, "tool_slot") as waited_ns:
            with self._lock:
                self.slot_wait_ns += waited_ns
            yield


@dataclass(frozen=True, slots=True, kw_only=True)
class _Checked:
    call: ToolCall
    tool: Tool | None = None
    arguments: Arguments | None = None
    complaint: str = ""
    malformed: bool = False
    place: Mapping[str, int] = field(default_factory=dict)


def _checked(call: ToolCall) -> _Checked:
    try:
        tool, arguments = resolve(call)
    except BadCallError as error:
        return _Checked(call=call, complaint=str(error), malformed=error.malformed)
    return _Checked(call=call, tool=tool, arguments=arguments)


def _reads_only(checked: _Checked) -> bool:
    return checked.tool is not None and checked.tool.reads_only


def _result(checked: _Checked, reach: Reach) -> ToolResult:
    if checked.tool is None:
        return ToolResult(content=f"error: {checked.complaint}", summary=checked.complaint[:100], failed=True)
    try:
        return checked.tool.run(reach, checked.arguments)
    except FileAccessError as error:
        return ToolResult(content=f"error: {error}", summary=str(error)[:100], failed=True)
    except SandboxLostError:  # by nothing that the call did, so the model is told nothing
        raise
    except SandboxDiedError as error:
        reach.sandbox.stat(".")  # a fresh executor answers, or the sandbox is gone and this says so
        told = (
            f"error: this call broke the tools' own process in the sandbox; it was restarted, files are kept: {error}"
        )
        return ToolResult(content=told, summary=str(error)[:100], failed=True)


def _exec_ns(tool: Tool | None, result: ToolResult | None, total_ns: int) -> int | None:
    """In-sandbox process time; the whole call where it began a process and nobody was left to say how long that ran.

    The sandbox's clock may claim anything: never more than the host saw. None where no process was begun.
    """
    if result is not None and result.command is not None:
        return min(max(result.command.exec_ns, 0), total_ns)
    return total_ns if tool is not None and tool.starts_process else None


def _row(checked: "_Checked", result: ToolResult, turn: int, total_ns: int) -> ToolRow:
    call, tool = checked.call, checked.tool
    return ToolRow(
        turn=turn,
        tool=call.name[:80],
        total_ns=total_ns,
        exec_ns=_exec_ns(tool, result, total_ns),
        output_bytes=result.produced_bytes,
        kept_bytes=result.kept_bytes,
        failed=result.failed,
        work=tool.work_of(checked.arguments) if tool is not None else "other",
        signature=_signature(checked),
        summary=result.summary,
        **(_used(result.command) if result.command is not None else {}),
    )


def _used(command: CommandResult) -> dict[str, Any]:
    """How a process ended and what it used, in the names of a row."""
    user_s, system_s = command.user_cpu_s, command.system_cpu_s
    return {
        "cpu_s": None if user_s is None or system_s is None else round(user_s + system_s, 9),
        "user_cpu_s": user_s,
        "system_cpu_s": system_s,
        "container_cpu_s": command.container_cpu_s,
        "peak_memory_bytes": command.peak_memory_bytes,
        "exit_code": command.exit_code,
        "signal": command.signal,
        "timed_out": command.timed_out,
        "oom_killed": command.oom_killed,
        "survivors": len(command.survivors),
    }


def _signature(checked: "_Checked") -> str:
    """16 hex digits over the tool's name and its arguments: the same for calls that ask for the same thing.

    Order of names, spaces and defaults left out make no difference; arguments that are no JSON object count as written.
    """
    asked = _asked(checked.call.arguments if checked.arguments is None else checked.arguments.model_dump_json())
    return sha256(json.dumps([checked.call.name, asked]).encode())[:16]


def _asked(arguments: str) -> str:
    """Arguments with their names in order; as they are where they are no JSON object."""
    try:
        return json.dumps(parse_arguments(arguments), sort_keys=True)
    except (BadCallError, RecursionError):
        return arguments


def tool_spans(name: str, t0: int, t1: int, exec_ns: int, place: Mapping[str, int]) -> tuple[Span, ...]:
    """A tool call as spans: in-sandbox process time in the middle, transport on both sides of it.

    The sandbox's clock says how long the process ran, not when; a claim longer than the host saw is cut to that.
    `place` (the turn, and the index among its calls from 0 on) tells which call of the record it was.
    """
    exec_ns = min(max(exec_ns, 0), t1 - t0)
    begin = t0 + (t1 - t0 - exec_ns) // 2
    end = begin + exec_ns
    pieces = (("transport", t0, begin), ("exec", begin, end), ("transport", end, t1))
    return tuple(Span(phase=Phase.TOOL, sub=sub, t0=a, t1=b, name=name, details=place) for sub, a, b in pieces if a < b)
