"""Where tool time goes: calls by class of work or by tool, in summed work. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from harness.record import Record, ToolRow
from scoreboards.loops import Loops, loops_of
from scoreboards.statistics import median_int, percentile_int
from scoreboards.sums import Sum, known_sum, says, share

LONG_NS = 60 * 10**9
"""A call that takes longer than this is a long one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolGroup:
    """Calls of one kind; durations in nanoseconds of summed work, in which parallel calls count each by itself.

    `name` is a class of work or a tool, None for calls of records that do not say. Shares are of all calls and of all
    tool time. `transport_ns` is `total_ns` without `exec_ns`. `cpu_ns` and `io_ns` (exec without CPU, never below none
    for a call) are of the calls that ran a process; `cpu_share` is CPU over exec of those whose CPU is known, and
    exceeds 1 where several cores worked. `p90_ns` is the nearest rank.
    """

    name: str | None
    calls: int
    calls_share: float | None
    total_ns: int
    time_share: float | None
    median_ns: int
    p90_ns: int
    max_ns: int
    exec_ns: int
    transport_ns: int
    cpu_ns: Sum
    io_ns: Sum
    cpu_share: float | None
    output_bytes: int
    failed: int
    timed_out: int
    long_calls: int
    long_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolWork:
    """All tool calls of the scored trials, and the same by class of work and by tool, most time first.

    `whole` is all of them as one group, None when there were none. `loops` are None where the records cannot tell.
    """

    whole: ToolGroup | None
    by_class: tuple[ToolGroup, ...]
    by_tool: tuple[ToolGroup, ...]
    loops: Loops | None

    @property
    def other(self) -> ToolGroup | None:
        """The calls of which nobody knows what they do, None where there are none."""
        return next((group for group in self.by_class if group.name == "other"), None)


def tool_work(scored: Iterable[Record]) -> ToolWork:
    """The tool work of scored trials."""
    trials = tuple(scored)
    calls = tuple(call for trial in trials for call in trial.tool_calls)
    return ToolWork(
        whole=_group("", calls, calls) if calls else None,
        by_class=_groups(calls, _work),
        by_tool=_groups(calls, lambda call: call.tool),
        loops=loops_of(trials),
    )


def _work(call: ToolRow) -> str | None:
    return call.work if says(call, "work") else None


def _groups(calls: tuple[ToolRow, ...], key: Callable[[ToolRow], str | None]) -> tuple[ToolGroup, ...]:
    found: dict[str | None, list[ToolRow]] = {}
    for call in calls:
        found.setdefault(key(call), []).append(call)
    groups = (_group(name, tuple(own), calls) for name, own in found.items())
    return tuple(sorted(groups, key=lambda group: (-group.total_ns, group.name or "")))


def _group(name: str | None, own: tuple[ToolRow, ...], everything: tuple[ToolRow, ...]) -> ToolGroup:
    times = [call.total_ns for call in own]
    long = [ns for ns in times if ns > LONG_NS]
    timed = [call for call in own if call.exec_ns is not None and call.cpu_s is not None]
    return ToolGroup(
        name=name,
        calls=len(own),
        calls_share=share(len(own), len(everything)),
        total_ns=sum(times),
        time_share=share(sum(times), sum(call.total_ns for call in everything)),
        median_ns=median_int(times) or 0,
        p90_ns=percentile_int(times, 90) or 0,
        max_ns=max(times),
        exec_ns=sum(call.exec_ns or 0 for call in own),
        transport_ns=sum(call.transport_ns for call in own),
        cpu_ns=_ran(own, _cpu_ns),
        io_ns=_ran(own, _io_ns),
        cpu_share=share(sum(_cpu_ns(call) or 0 for call in timed), sum(call.exec_ns or 0 for call in timed)),
        output_bytes=sum(call.output_bytes for call in own),
        failed=sum(call.failed for call in own),
        timed_out=sum(call.timed_out for call in own),
        long_calls=len(long),
        long_ns=sum(long),
    )


def _ran(calls: tuple[ToolRow, ...], figure: Callable[[ToolRow], int | None]) -> Sum:
    """The sum over the calls that ran a process; of none it is 0."""
    return known_sum(figure(call) for call in calls if call.exec_ns is not None)


def _cpu_ns(call: ToolRow) -> int | None:
    return None if call.cpu_s is None else round(call.cpu_s * 1e9)


def _io_ns(call: ToolRow) -> int | None:
    cpu_ns = _cpu_ns(call)
    return None if cpu_ns is None or call.exec_ns is None else max(0, call.exec_ns - cpu_ns)
