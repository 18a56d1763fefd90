"""Where tool time goes: calls by class of work or by tool, in summed work. Pure."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field

from harness.record import Record, ToolRow
from scoreboards.loops import Loops, retry_loops, sum_loops
from scoreboards.statistics import median_int, percentile_int
from scoreboards.sums import Adder, Numbers, Sum, numbers, says, share

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
    pool = ToolPool()
    for record in scored:
        pool.add(record)
    return pool.work()


@dataclass(slots=True)
class _Group:
    """Calls of one kind: no more of a call is kept than the figures need."""

    times: Numbers = field(default_factory=numbers)
    exec_ns: int = 0
    transport_ns: int = 0
    cpu: Adder = field(default_factory=Adder)
    io: Adder = field(default_factory=Adder)
    timed_exec_ns: int = 0
    output_bytes: int = 0
    failed: int = 0
    timed_out: int = 0

    def add(self, call: ToolRow) -> None:
        self.times.append(call.total_ns)
        self.exec_ns += call.exec_ns or 0
        self.transport_ns += call.transport_ns
        self.output_bytes += call.output_bytes
        self.failed += call.failed
        self.timed_out += call.timed_out
        if call.exec_ns is not None:
            cpu_ns = None if call.cpu_s is None else round(call.cpu_s * 1e9)
            self.cpu.add(cpu_ns)
            self.io.add(None if cpu_ns is None else max(0, call.exec_ns - cpu_ns))
            self.timed_exec_ns += 0 if cpu_ns is None else call.exec_ns

    def take(self, other: "_Group") -> None:
        self.times.extend(other.times)
        self.exec_ns += other.exec_ns
        self.transport_ns += other.transport_ns
        self.cpu.take(other.cpu)
        self.io.take(other.io)
        self.timed_exec_ns += other.timed_exec_ns
        self.output_bytes += other.output_bytes
        self.failed += other.failed
        self.timed_out += other.timed_out

    def group(self, name: str | None, calls: int, total_ns: int) -> ToolGroup:
        """The figures; `calls` and `total_ns` are those of all groups."""
        times = sorted(self.times)
        long = times[bisect_right(times, LONG_NS) :]
        return ToolGroup(
            name=name,
            calls=len(times),
            calls_share=share(len(times), calls),
            total_ns=sum(times),
            time_share=share(sum(times), total_ns),
            median_ns=median_int(times) or 0,
            p90_ns=percentile_int(times, 90) or 0,
            max_ns=times[-1],
            exec_ns=self.exec_ns,
            transport_ns=self.transport_ns,
            cpu_ns=self.cpu.sum,
            io_ns=self.io.sum,
            cpu_share=share(self.cpu.total, self.timed_exec_ns),
            output_bytes=self.output_bytes,
            failed=self.failed,
            timed_out=self.timed_out,
            long_calls=len(long),
            long_ns=sum(long),
        )


_Groups = dict[str | None, _Group]


@dataclass(slots=True)
class ToolPool:
    """The tool calls of scored trials that come one by one."""

    by_class: _Groups = field(default_factory=dict)
    by_tool: _Groups = field(default_factory=dict)
    loops: Loops | None = field(default_factory=Loops)

    def add(self, record: Record) -> None:
        """One more scored trial."""
        for call in record.tool_calls:
            self.by_class.setdefault(call.work if says(call, "work") else None, _Group()).add(call)
            self.by_tool.setdefault(call.tool, _Group()).add(call)
        self.loops = sum_loops((self.loops, retry_loops(record.tool_calls)))

    def take(self, other: "ToolPool") -> None:
        """All of another's."""
        for own, others in ((self.by_class, other.by_class), (self.by_tool, other.by_tool)):
            for name, group in others.items():
                own.setdefault(name, _Group()).take(group)
        self.loops = sum_loops((self.loops, other.loops))

    def work(self) -> ToolWork:
        """The figures of those that were added."""
        whole = _Group()
        for group in self.by_tool.values():
            whole.take(group)
        calls, total_ns = len(whole.times), sum(whole.times)
        return ToolWork(
            whole=whole.group("", calls, total_ns) if calls else None,
            by_class=_ranked(self.by_class, calls, total_ns),
            by_tool=_ranked(self.by_tool, calls, total_ns),
            loops=self.loops,
        )


def _ranked(groups: _Groups, calls: int, total_ns: int) -> tuple[ToolGroup, ...]:
    found = (group.group(name, calls, total_ns) for name, group in groups.items())
    return tuple(sorted(found, key=lambda group: (-group.total_ns, group.name or "")))
