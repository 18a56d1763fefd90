"""The program inside the box: runs commands and touches files for the harness, over frames on its stdin and stdout.

One file, standard library only, Python >= 3.8, started as the agent's user: `python3 -I -S executor.py`.

A frame is two big-endian 32-bit lengths, a JSON header of the first length and a raw body of the second. Each request
carries an `id`; its reply, and the pieces of output before it, carry the same. The first request is `hello`, which
names the workspace. At the end of input the executor ends, and so does what it has under way. Where it shares the
machine, everything else that was started here ends too; in a container of the sandbox's own, what ended commands left
behind lives on, for the harness may come back to it with another executor.
"""

# Descriptors and bytes all the way down; pathlib would be imported for nothing at every start.
# ruff: noqa: PTH103, PTH110, PTH116, PTH118, PTH120, PTH208

from __future__ import annotations

import contextlib
import fcntl
import heapq
import json
import os
import select
import signal
import stat
import struct
import subprocess
import sys
import threading
import time
from queue import SimpleQueue
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, NoReturn, Optional, Set, Tuple

try:
    import ctypes
except ImportError:  # a cut-down Python; orphans then go to the container's init and are still found below it
    ctypes = None  # type: ignore[assignment]

PROTOCOL = 3
LENGTHS = struct.Struct(">II")
MAX_HEADER = 1024 * 1024
MAX_BODY = 64 * 1024 * 1024
PIECE = 64 * 1024
MAX_ENTRIES = 10_000
MAX_SURVIVORS = 50
HELD_OUTPUT_GRACE_S = 0.1
KILL_PATIENCE_S = 2.0
SPARE_THREADS = 2
DRAIN = "drain"
HELD = "SPLITCLOCK_HELD"
OOM_COUNTERS = ("/sys/fs/cgroup/memory/memory.oom_control", "/sys/fs/cgroup/memory.events")
CPU_COUNTERS = (  # of v1 and v2: file, field, unit in seconds; a file beside it, and whether it stands in root cgroups
    ("/sys/fs/cgroup/cpuacct/cpuacct.usage", b"", 1e-9, "/sys/fs/cgroup/cpuacct/release_agent", True),
    ("/sys/fs/cgroup/cpu.stat", b"usage_usec", 1e-6, "/sys/fs/cgroup/cgroup.type", False),
)

Header = Dict[str, Any]


class RefusedError(Exception):
    """A file operation that will not be done; the message is fit to show to a model."""


# --------------------------------------------------------------------------------------------------------- frames


class Wire:
    """Frames in and out of two descriptors; sending is safe from any thread."""

    def __init__(self, source: int, sink: int) -> None:
        self._source = source
        self._sink = sink
        self.lost: Callable[[], NoReturn] = leave
        self._buffer = bytearray()
        self._lock = threading.Lock()

    def receive(self) -> Optional[Tuple[Header, bytes]]:
        """The next request, or None at the end of input or at nonsense."""
        lengths = self._take(LENGTHS.size)
        if lengths is None:
            return None
        head_size, body_size = LENGTHS.unpack(lengths)
        if head_size > MAX_HEADER or body_size > MAX_BODY:
            return None
        head = self._take(head_size)
        body = self._take(body_size)
        if head is None or body is None:
            return None
        try:
            return json.loads(head.decode("ascii")), body
        except ValueError:
            return None

    def _take(self, size: int) -> Optional[bytes]:
        while len(self._buffer) < size:
            piece = os.read(self._source, PIECE if size < PIECE else 16 * PIECE)
            if not piece:
                return None
            self._buffer += piece
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    def send(self, header: Header, body: bytes = b"") -> None:
        """Write one frame whole; does not return when nobody listens any more."""
        head = json.dumps(header, separators=(",", ":")).encode("ascii")
        rest = memoryview(LENGTHS.pack(len(head), len(body)) + head + body)
        try:
            with self._lock:
                while rest:
                    rest = rest[os.write(self._sink, rest) :]
        except OSError:
            self.lost()


class Kept:
    """Both ends of a stream: the first and last `keep` bytes, and how many there were."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._head = bytearray()
        self._tail = bytearray()
        self.total = 0

    def add(self, data: bytes) -> None:
        """Take the next bytes of the stream."""
        self.total += len(data)
        room = self._keep - len(self._head)
        if room > 0:
            self._head += data[:room]
            data = data[room:]
        self._tail += data
        if len(self._tail) > 2 * self._keep + PIECE:
            self._trim()

    def _trim(self) -> None:
        del self._tail[: max(0, len(self._tail) - self._keep)]

    def ends(self) -> Tuple[bytes, bytes]:
        """Head and tail."""
        self._trim()
        return bytes(self._head), bytes(self._tail)


# ------------------------------------------------------------------------------------------------------ processes


class Process(NamedTuple):
    """One line of the process table; `start` in seconds since boot."""

    pid: int
    parent: int
    session: int
    start: float
    dead: bool


TICKS = os.sysconf("SC_CLK_TCK")
CLOCK_SLACK_S = 2.0 / TICKS


def since_boot() -> float:
    """Seconds since boot on the clock of the process table."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.clock_gettime(clock) if clock is not None else time.monotonic()


def process_table() -> Dict[int, Process]:
    """All processes visible here; empty where there is no /proc."""
    table = {}
    for pid in _pids():
        with contextlib.suppress(OSError, ValueError, IndexError):
            line = _slurp("/proc/%d/stat" % pid)
            fields = line[line.rindex(b")") + 2 :].split()
            dead = fields[0] in {b"Z", b"X"}
            table[pid] = Process(pid, int(fields[1]), int(fields[3]), int(fields[19]) / TICKS, dead)
    return table


def _pids() -> List[int]:
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return []


def _slurp(path: str, size: int = 4096) -> bytes:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, size)
    finally:
        os.close(descriptor)


def command_line(pid: int) -> str:
    """What a process was started as, at most 200 characters; empty when it is gone."""
    try:
        words = _slurp("/proc/%d/cmdline" % pid) or _slurp("/proc/%d/comm" % pid)
    except OSError:
        return ""
    return words.rstrip(b"\0\n").replace(b"\0", b" ").decode("utf-8", "replace")[:200]


class Running:
    """One command between its spawn and its exit. `exited` is a pipe that becomes readable when it was reaped."""

    def __init__(self) -> None:
        self.exited, self._tell = os.pipe()
        self.pid = 0
        self.process: Optional[subprocess.Popen[bytes]] = None
        self.began_ns = 0
        self.ended_ns = 0
        self.status: Optional[int] = None
        self.usage: Any = None
        self.began = since_boot()
        self.ended = float("inf")

    def bury(self, status: int, usage: Any, now_ns: int) -> None:
        """Record how it ended and wake the thread that waits for it."""
        self.status, self.usage, self.ended_ns = status, usage, now_ns
        self.ended = since_boot()
        if self.process is not None:
            self.process.returncode = status  # or its destructor would wait for a pid that may be another's by then
        os.write(self._tell, b"x")

    def close(self) -> None:
        """Give the pipe back."""
        os.close(self.exited)
        os.close(self._tell)


class Commands:
    """Every process started here or fallen to us: one thread reaps them all, so that no exit is lost or stolen."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._live: Dict[int, Running] = {}
        self._unsettled: List[Running] = []  # ended, but not yet asked what they left
        self._adopted: Dict[int, Running] = {}

    def reap_forever(self) -> None:
        """Bury commands and orphans as they die."""
        while True:
            try:
                pid, status, usage = os.wait4(-1, 0)
            except ChildProcessError:
                self._wake.wait()
                self._wake.clear()
                continue
            now_ns = time.monotonic_ns()
            with self._lock:
                self._adopted.pop(pid, None)
                running = self._live.pop(pid, None)
                if running is not None:
                    self._unsettled.append(running)
                    running.bury(status, usage, now_ns)

    def spawn(self, argv: List[str], options: Dict[str, Any]) -> Running:
        """Start a command as the leader of a session of its own. Raises OSError when it cannot be started."""
        running = Running()
        try:
            with self._lock:
                running.began_ns = time.monotonic_ns()
                # close_fds: all is close-on-exec already, and /proc/self/fd is shut to a non-dumpable process
                running.process = subprocess.Popen(argv, start_new_session=True, close_fds=False, **options)
                running.pid = running.process.pid
                self._live[running.pid] = running
        except BaseException:
            running.close()
            raise
        finally:
            self._wake.set()
        return running

    def release(self, running: Running) -> None:
        """Settle a buried command; one stuck in the kernel keeps its pipe for its burial."""
        with self._lock:
            if running.status is not None:
                self._unsettled.remove(running)
                running.close()

    def left_by(self, running: Running) -> List[int]:
        """Pids of the living processes that a command started, itself included while it lives."""
        if running.status is not None and not has_children():
            return []
        return [pid for pid, owners in self._owners().items() if owners == [running]]

    def survivors(self, running: Running) -> List[str]:
        """Command lines of what an ended command left behind, or may have."""
        if not has_children() or self._nobody_new():
            return []
        lines = (command_line(pid) for pid, owners in self._owners().items() if running in owners)
        return [line for line in lines if line][:MAX_SURVIVORS]

    def _nobody_new(self) -> bool:
        """Whether all our children are live commands or orphans with a known owner: no need for the whole table."""
        children = own_children()
        with self._lock:
            return children is not None and all(pid in self._live or pid in self._adopted for pid in children)

    def _owners(self) -> Dict[int, List[Running]]:
        table = process_table()
        with self._lock:
            found = {}
            for process in table.values():
                top = _top(process, table)
                if top is not None and not process.dead:
                    found[process.pid] = self._owners_of(process, top)
            return found

    def _owners_of(self, process: Process, top: Process) -> List[Running]:
        """The command a process belongs to; several where one of several at once left it and none can be told.

        What an ended command left was adopted when it ended, so a new orphan is of a live command, or of one that ends.
        """
        if top.pid in self._live:
            return [self._live[top.pid]]
        if top.pid in self._adopted:
            return [self._adopted[top.pid]]
        everyone = [*self._unsettled, *self._live.values()]
        at_the_time = [each for each in everyone if each.began - CLOCK_SLACK_S <= top.start <= each.ended]
        owners = [each for each in at_the_time if each.pid in {process.session, top.session}] or at_the_time
        if len(owners) == 1:
            self._adopted[top.pid] = owners[0]
        return owners

    def kill(self, running: Running) -> None:
        """SIGKILL a command, its group and all that it started, until nothing is left or patience ends."""
        with self._lock:
            if running.status is None:
                with contextlib.suppress(OSError):
                    os.killpg(running.pid, signal.SIGKILL)
        _kill_until_gone(lambda: self.left_by(running))

    def kill_all(self) -> List[str]:
        """SIGKILL everything that was started here; returns the command lines of what still ran."""
        lines: Dict[int, str] = {}

        def alive() -> List[int]:
            pids = list(self._owners())
            lines.update((pid, command_line(pid)) for pid in pids if pid not in lines)
            return pids

        _kill_until_gone(alive)
        return [line for line in lines.values() if line][:MAX_SURVIVORS]


def _top(process: Process, table: Dict[int, Process]) -> Optional[Process]:
    """The ancestor that is our own child, the process itself perhaps; None for processes that are not ours."""
    me = os.getpid()
    for _ in range(len(table)):
        if process.parent == me:
            return process
        if process.parent not in table:
            return None
        process = table[process.parent]
    return None


def _kill_until_gone(pids: Callable[[], List[int]]) -> None:
    until = time.monotonic() + KILL_PATIENCE_S
    while True:
        alive = pids()
        for pid in alive:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        if not alive or time.monotonic() > until:
            return
        time.sleep(0.002)


def end_others() -> None:
    """Kill every other executor in this container: whoever spoke to it has died or given it up. Raises RefusedError."""
    me, words = os.getpid(), _slurp("/proc/self/cmdline")

    def others() -> List[int]:
        return [pid for pid in _pids() if pid != me and _started_as(pid, words)]

    _kill_until_gone(others)
    if others():
        raise RefusedError("another executor does not die")


def _started_as(pid: int, words: bytes) -> bool:
    try:
        return _slurp("/proc/%d/cmdline" % pid) == words
    except OSError:
        return False


def own_children() -> Optional[List[int]]:
    """Pids of our direct children; None where the kernel does not list them."""
    try:
        lists = [_slurp("/proc/self/task/%s/children" % thread) for thread in os.listdir("/proc/self/task")]
        return [int(pid) for line in lists for pid in line.split()]
    except (OSError, ValueError):
        return None


def has_children() -> bool:
    """Whether any process, living or dead, is below this one: one system call, where the process table takes many."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except (ChildProcessError, AttributeError):  # Python on macOS came to have it late
        return False
    return True


# ------------------------------------------------------------------------------------------------------- commands


class Counter:
    """One number of the sandbox's own cgroup, v1 or v2; None where it cannot be read."""

    def __init__(self) -> None:
        self._file: Optional[int] = None
        self._field = b""
        self._unit: float = 1

    def open(self, path: str, field: bytes, unit: float = 1) -> bool:
        """Read this field of this file from now on ("" is the whole file); False if it is not there."""
        with contextlib.suppress(OSError):
            self._file, self._field, self._unit = os.open(path, os.O_RDONLY), field, unit
        return self._file is not None

    def read(self) -> Optional[int]:
        """The number now, as it stands in the file."""
        if self._file is None:
            return None
        with contextlib.suppress(OSError, ValueError):
            for line in os.pread(self._file, 4096, 0).splitlines():
                name, _, value = line.rpartition(b" ")
                if name == self._field:
                    return int(value)
        return None

    def risen(self, before: Optional[int]) -> Optional[float]:
        """How much it rose since `before`, in its unit; None where that cannot be told."""
        now = self.read()
        return (now - before) * self._unit if now is not None and before is not None and now >= before else None


def open_oom(counter: Counter) -> None:
    """Have the kills for memory counted."""
    any(counter.open(path, b"oom_kill") for path in OOM_COUNTERS)


def open_cpu(counter: Counter) -> None:
    """Have the CPU seconds of all processes counted; a root cgroup's would be those of the whole machine."""
    for path, field, unit, sign, of_root in CPU_COUNTERS:
        if os.path.exists(path):
            if os.path.exists(sign) != of_root:
                counter.open(path, field, unit)
            return


class Drain:
    """Reads on, unseen, what ended commands left open: background processes would die of a broken or a full pipe.

    One thread for all, made at the start: at the process limit no other could be had.
    """

    def __init__(self) -> None:
        self._left: SimpleQueue[int] = SimpleQueue()
        self._wake, self._tell = os.pipe()
        self._held: Set[int] = set()
        self._lock = threading.Lock()

    def take(self, descriptor: int) -> None:
        """From now on this pipe is drained."""
        self._held.add(descriptor)
        self._left.put(descriptor)
        os.write(self._tell, b"x")

    def forever(self) -> None:
        """Drain."""
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        while True:
            self._once(poll)

    def until_empty(self) -> None:
        """Drain until nobody holds any of the pipes."""
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        while self._held:
            self._once(poll)

    def _once(self, poll: select.poll) -> None:
        for descriptor, _ in poll.poll():
            with self._lock:
                if descriptor == self._wake:
                    os.read(self._wake, 1)
                    poll.register(self._left.get(), select.POLLIN)
                elif not self._more(descriptor):
                    poll.unregister(descriptor)
                    self._held.discard(descriptor)
                    os.close(descriptor)

    @staticmethod
    def _more(descriptor: int) -> bool:
        try:
            return bool(os.read(descriptor, PIECE))
        except BlockingIOError:
            return True
        except OSError:
            return False

    def hand_over(self) -> None:
        """Leave the pipes to a process of their own; where none can be had, their writers will find them broken."""
        self._lock.acquire()  # for good: from now on none is closed here
        if not self._held:
            return
        words = [os.fsdecode(word) for word in _slurp("/proc/self/cmdline").rstrip(b"\0").split(b"\0")]
        null = subprocess.DEVNULL
        with contextlib.suppress(OSError):
            for descriptor in self._held:
                os.set_inheritable(descriptor, True)  # noqa: FBT003 (it takes no keywords)
            env = {HELD: " ".join(map(str, self._held))}
            options: Dict[str, Any] = {"close_fds": False, "start_new_session": True, "env": env}
            subprocess.Popen([*words, DRAIN], stdin=null, stdout=null, stderr=null, **options)


class Streams:
    """The pipes of one command, pumped by the thread that waits for it."""

    def __init__(self, header: Header, stdin: bytes, emit: Optional[Callable[[bytes], None]]) -> None:
        self.kept = [Kept(int(header["keep"])), Kept(int(header["keep"]))]
        self._emit = emit
        self._stdin = memoryview(stdin)
        self._poll = select.poll()
        self._ours: Dict[int, Optional[Kept]] = {}
        self._theirs: List[int] = []
        self.options: Dict[str, Any] = {"stdin": self._to_command() if stdin else subprocess.DEVNULL}
        self.options["stdout"] = self._from_command(self.kept[0])
        self.options["stderr"] = subprocess.STDOUT if header["merge"] else self._from_command(self.kept[1])

    def _from_command(self, kept: Kept) -> int:
        ours, theirs = os.pipe()
        self._watch(ours, kept, select.POLLIN)
        self._theirs.append(theirs)
        return theirs

    def _to_command(self) -> int:
        theirs, ours = os.pipe()
        self._watch(ours, None, select.POLLOUT)
        self._theirs.append(theirs)
        return theirs

    def _watch(self, ours: int, kept: Optional[Kept], events: int) -> None:
        os.set_blocking(ours, False)
        self._ours[ours] = kept
        self._poll.register(ours, events)

    def spawned(self) -> None:
        """Close the command's ends of the pipes on our side."""
        for descriptor in self._theirs:
            os.close(descriptor)
        self._theirs = []

    def pump(self, exited: int, until: float) -> bool:
        """Move bytes until the command is reaped (True) or the clock passes `until` (False)."""
        self._poll.register(exited, select.POLLIN)
        try:
            return self._pump_until(until, exited)
        finally:
            self._poll.unregister(exited)

    def finish(self, grace_s: float) -> bool:
        """After the exit: take what is in the pipes; True when somebody still holds them open after the grace."""
        self._pump_until(time.monotonic() + grace_s, None)
        return any(kept is not None for kept in self._ours.values())

    def _pump_until(self, until: float, exited: Optional[int]) -> bool:
        while exited is not None or any(kept is not None for kept in self._ours.values()):
            left_ms = (until - time.monotonic()) * 1000
            if left_ms <= 0:
                return False
            ready = self._poll.poll(min(left_ms + 1, 3_600_000))
            for descriptor, _ in ready:
                if descriptor != exited:
                    self._move(descriptor)
            if exited is not None and any(descriptor == exited for descriptor, _ in ready):
                return True
        return True

    def _move(self, descriptor: int) -> None:
        kept = self._ours[descriptor]
        try:
            more = self._feed(descriptor) if kept is None else self._drain(descriptor, kept)
        except BlockingIOError:
            return
        except OSError:
            more = False
        if not more:
            self._drop(descriptor)

    def _feed(self, descriptor: int) -> bool:
        self._stdin = self._stdin[os.write(descriptor, self._stdin[:PIECE]) :]
        return bool(self._stdin)

    def _drain(self, descriptor: int, kept: Kept) -> bool:
        data = os.read(descriptor, PIECE)
        kept.add(data)
        if data and self._emit is not None and kept is self.kept[0]:
            self._emit(data)
        return bool(data)

    def _drop(self, descriptor: int) -> None:
        self._poll.unregister(descriptor)
        del self._ours[descriptor]
        os.close(descriptor)

    def release(self, drain: Drain) -> None:
        """Let go of everything; what is still open for reading goes to the drain."""
        self.spawned()
        for descriptor, kept in self._ours.items():
            if kept is None:
                os.close(descriptor)
            else:
                drain.take(descriptor)
        self._ours = {}


class Executor:
    """What answers requests.

    Threads take turns at the input: whoever has read a request serves it itself, so that nothing is handed over, and
    the next one waits for the next request.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._wire.lost = self._hang_up
        self._alone = False
        self._ending = threading.Lock()
        self._open_streams = 0
        self._commands = Commands()
        self._oom = Counter()
        self._cpu = Counter()
        self._drain = Drain()
        self._files = Files("/")
        self._running: Dict[int, Running] = {}
        self._cancelled: Set[int] = set()
        self._env = dict(os.environ)
        self._turn = threading.Lock()
        self._count_lock = threading.Lock()
        self._busy = 0
        self._threads = 0

    def serve(self) -> None:
        """Answer until the input ends."""
        for loop in (self._commands.reap_forever, self._drain.forever):
            threading.Thread(target=loop, daemon=True).start()
        for _ in range(SPARE_THREADS):
            self._one_more_thread()
        self._serve()

    def _one_more_thread(self) -> None:
        with contextlib.suppress(RuntimeError):  # at the process limit: the threads there are will come to it
            threading.Thread(target=self._serve, daemon=True).start()
            with self._count_lock:
                self._threads += 1

    def _serve(self) -> None:
        while True:
            with self._turn:
                frame = self._wire.receive()
            if frame is None:
                self._hang_up()
            with self._count_lock:
                self._busy += 1
                short = self._busy > self._threads  # one more than those counted is there: the main thread
            if short:
                self._one_more_thread()
            self._answer(*frame)
            with self._count_lock:
                self._busy -= 1

    def _hang_up(self) -> NoReturn:
        """Nobody listens any more: what is under way ends, and all else where there is no container to end with it."""
        self._ending.acquire()  # for good: who else comes here waits for the end
        if not self._alone:
            self._commands.kill_all()
            leave()
        until = time.monotonic() + KILL_PATIENCE_S
        while self._open_streams and time.monotonic() < until:
            for running in list(self._running.values()):
                self._commands.kill(running)
            time.sleep(0.002)
        self._drain.hand_over()
        leave()

    def _answer(self, header: Header, body: bytes) -> None:
        work = {"run": self._run, "kill_all": self._kill_all}.get(header["op"], self._at_once)
        try:
            work(header, body)
        except Exception as error:  # noqa: BLE001 (every request gets an answer; this thread serves others too)
            self._wire.send({"id": header["id"], "failed": "%s: %s" % (type(error).__name__, error)})

    def _at_once(self, header: Header, body: bytes) -> None:
        try:
            reply, content = self._operation(header, body)
        except RefusedError as error:
            reply, content = {"error": str(error)}, b""
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            reply, content = {"error": "`%s`: %s" % (header.get("path", header["op"]), why)}, b""
        self._wire.send(dict(reply, id=header["id"]), content)

    def _operation(self, header: Header, body: bytes) -> Tuple[Header, bytes]:
        operations: Dict[str, Callable[[Header, bytes], Tuple[Header, bytes]]] = {
            "hello": self._hello,
            "read": self._files.read,
            "write": self._files.write,
            "stat": self._files.stat,
            "list": self._files.list,
            "cancel": self._cancel,
            "ping": lambda _header, _body: ({}, b""),
        }
        if header["op"] not in operations:
            raise RefusedError("the executor knows no operation `%s`" % header["op"])
        return operations[header["op"]](header, body)

    def _hello(self, header: Header, _body: bytes) -> Tuple[Header, bytes]:
        self._files = Files(header["workspace"])
        self._alone = bool(header["own_cgroup"])
        if self._alone:
            end_others()
            open_oom(self._oom)
            open_cpu(self._cpu)
        return {"protocol": PROTOCOL, "python": "%d.%d.%d" % sys.version_info[:3], "pid": os.getpid()}, b""

    def _cancel(self, header: Header, _body: bytes) -> Tuple[Header, bytes]:
        """Kill a command by its request's id; one that has not started yet is killed when it has."""
        self._cancelled.add(header["request"])
        running = self._running.get(header["request"])
        if running is not None:
            self._commands.kill(running)
        return {}, b""

    def _kill_all(self, header: Header, _body: bytes) -> None:
        self._wire.send({"id": header["id"], "survivors": self._commands.kill_all()})

    def _run(self, header: Header, body: bytes) -> None:
        request = header["id"]

        def emit(data: bytes) -> None:
            self._wire.send({"id": request, "piece": 1}, data)

        streams = Streams(header, body, emit if header["stream"] else None)
        with self._count_lock:
            self._open_streams += 1
        try:
            reply = self._run_with(streams, header)
        except (OSError, ValueError) as error:
            reply = cannot_start(streams, header, error)
        finally:
            self._running.pop(request, None)
            self._cancelled.discard(request)
            streams.release(self._drain)
            with self._count_lock:
                self._open_streams -= 1
        ends = [kept.ends() for kept in streams.kept]
        pairs = zip(streams.kept, ends)  # noqa: B905 (strict= came with Python 3.10)
        reply["output"] = [[len(head), len(tail), kept.total] for kept, (head, tail) in pairs]
        self._wire.send(dict(reply, id=request), b"".join(part for pair in ends for part in pair))

    def _run_with(self, streams: Streams, header: Header) -> Header:
        killed_before, cpu_before = self._oom.read(), self._cpu.read()
        env = dict(header["env"]) if header["clean_env"] else dict(self._env, **header["env"])
        options = dict(streams.options, cwd=self._files.beside(header["cwd"]), env=env)
        running = self._commands.spawn(header["argv"], options)
        try:
            self._running[header["id"]] = running
            if header["id"] in self._cancelled:
                self._commands.kill(running)
            streams.spawned()
            timed_out = not streams.pump(running.exited, time.monotonic() + float(header["deadline_s"]))
            if timed_out:
                self._commands.kill(running)
                streams.pump(running.exited, time.monotonic() + KILL_PATIENCE_S)
            cpu_s = self._cpu.risen(cpu_before)
            held = streams.finish(HELD_OUTPUT_GRACE_S)
            reply = account(running, timed_out=timed_out)
            reply["container_cpu_s"] = cpu_s
            reply["oom_killed"] = reply["exit_code"] != 0 and bool(self._oom.risen(killed_before))
            reply["survivors"] = self._commands.survivors(running)
            reply["output_held"] = held
            return reply
        finally:
            self._commands.release(running)


def cannot_start(streams: Streams, header: Header, error: Exception) -> Header:
    """The shell's convention for a command that is not there (127) or cannot be executed (126), said on stderr."""
    why = getattr(error, "strerror", None) or str(error)
    culprit = getattr(error, "filename", None) or header["argv"][0]
    streams.kept[0 if header["merge"] else 1].add(("cannot run `%s`: %s\n" % (culprit, why)).encode("utf-8", "replace"))
    missing = isinstance(error, (FileNotFoundError, NotADirectoryError))
    return dict(ENDED, exit_code=127 if missing else 126)


ENDED: Header = {
    "exit_code": None,
    "signal": None,
    "timed_out": False,
    "oom_killed": False,
    "output_held": False,
    "survivors": [],
    "exec_ns": 0,
    "user_cpu_s": None,
    "system_cpu_s": None,
    "container_cpu_s": None,
    "peak_memory_bytes": None,
}


def account(running: Running, *, timed_out: bool) -> Header:
    """How a command ended and what it used, in the names of the contract."""
    if running.status is None:  # SIGKILL was sent, the kernel holds on to it
        return dict(
            ENDED, timed_out=timed_out, signal=int(signal.SIGKILL), exec_ns=time.monotonic_ns() - running.began_ns
        )
    ended = dict(ENDED, timed_out=timed_out, exec_ns=running.ended_ns - running.began_ns)
    if os.WIFSIGNALED(running.status):
        ended["signal"] = os.WTERMSIG(running.status)
    else:
        ended["exit_code"] = os.WEXITSTATUS(running.status)
    ended["user_cpu_s"] = running.usage.ru_utime
    ended["system_cpu_s"] = running.usage.ru_stime
    ended["peak_memory_bytes"] = running.usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return ended


# ---------------------------------------------------------------------------------------------------------- files


class Files:
    """Regular files of the workspace; anything else is refused before it is opened."""

    def __init__(self, workspace: str) -> None:
        self._root = os.path.realpath(workspace)

    def beside(self, path: str) -> str:
        """A path relative to the workspace, wherever it leads."""
        return os.path.join(self._root, path) if path else self._root

    def _inside(self, path: str) -> str:
        real = os.path.realpath(self.beside(path))
        if real != self._root and not real.startswith(self._root.rstrip("/") + "/"):
            raise RefusedError("`%s` is outside the workspace" % path)
        return real

    @contextlib.contextmanager
    def _open(self, path: str, real: str, flags: int) -> Iterator[int]:
        """A regular file's descriptor; never waits for the other end of a FIFO."""
        descriptor = os.open(real, flags | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        try:
            self._must_be_regular(path, os.fstat(descriptor))
            yield descriptor
        finally:
            os.close(descriptor)

    @staticmethod
    def _must_be_regular(path: str, state: os.stat_result) -> None:
        if not stat.S_ISREG(state.st_mode):
            raise RefusedError(
                "`%s` is a %s, not a regular file" % (path, KINDS.get(stat.S_IFMT(state.st_mode), "device"))
            )

    def read(self, header: Header, _body: bytes) -> Tuple[Header, bytes]:
        """The first bytes of a file."""
        path = header["path"]
        real = self._inside(path)
        self._must_be_regular(path, os.stat(real))
        with self._open(path, real, os.O_RDONLY) as descriptor:
            wanted = min(int(header["max_bytes"]), MAX_BODY)
            data = bytearray()
            while len(data) < wanted:
                piece = os.read(descriptor, min(wanted - len(data), 1024 * 1024))
                if not piece:
                    break
                data += piece
            return {}, bytes(data)

    def write(self, header: Header, body: bytes) -> Tuple[Header, bytes]:
        """Create or replace a file with its parent folders."""
        path = header["path"]
        real = self._inside(path)
        os.makedirs(os.path.dirname(real), exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            self._must_be_regular(path, os.stat(real))
        with self._open(path, real, os.O_WRONLY | os.O_CREAT) as descriptor:
            os.ftruncate(descriptor, 0)
            rest = memoryview(body)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
            wanted = mode | 0o111 if header["executable"] else mode & ~0o111
            if wanted != mode:
                os.fchmod(descriptor, wanted)
        return {}, b""

    def stat(self, header: Header, _body: bytes) -> Tuple[Header, bytes]:
        """Kind, size and executable bit of what stands at a path."""
        return describe(os.stat(self._inside(header["path"]))), b""

    def list(self, header: Header, _body: bytes) -> Tuple[Header, bytes]:
        """The entries of a folder by name."""
        real = self._inside(header["path"])
        names = heapq.nsmallest(MAX_ENTRIES, os.listdir(real))
        entries = []
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # gone since the folder was read
                entries.append(dict(describe(os.lstat(os.path.join(real, name))), name=name))
        return {}, json.dumps(entries).encode("ascii")


KINDS = {stat.S_IFDIR: "folder", stat.S_IFIFO: "FIFO", stat.S_IFSOCK: "socket"}


def describe(state: os.stat_result) -> Header:
    """One entry in the names of the contract."""
    kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link"}
    kind = kinds.get(stat.S_IFMT(state.st_mode), "other")
    return {"kind": kind, "size": state.st_size, "executable": bool(state.st_mode & 0o100)}


# ---------------------------------------------------------------------------------------------------------- start


def isolate() -> None:
    """Commands run as the same user: keep them from tracing us, from our descriptors, and from ending us politely."""
    with contextlib.suppress(AttributeError, OSError):
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE
        libc.prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGALRM"):
        signal.signal(getattr(signal, name), lambda *_: None)  # not SIG_IGN, which commands would inherit
    for descriptor in range(3, 64):
        with contextlib.suppress(OSError):
            fcntl.fcntl(descriptor, fcntl.F_SETFD, fcntl.FD_CLOEXEC)


def private_streams() -> Tuple[int, int]:
    """Our input and output under numbers that no command inherits; 0 and 1 become /dev/null."""
    source = fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, 3)
    sink = fcntl.fcntl(1, fcntl.F_DUPFD_CLOEXEC, 3)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    os.close(null)
    return source, sink


def leave() -> NoReturn:
    """End at once: threads in system calls would hold an ordinary exit."""
    os._exit(0)


def drain_on() -> NoReturn:
    """Drain the pipes that an executor which hung up has left, until nobody writes to them."""
    drain = Drain()
    for descriptor in os.environ.get(HELD, "").split():
        drain.take(int(descriptor))
    drain.until_empty()
    leave()


def main() -> NoReturn:
    """Serve the harness until it hangs up."""
    isolate()
    os.chdir("/")
    if sys.argv[1:] == [DRAIN]:
        drain_on()
    threading.stack_size(512 * 1024)
    sys.setswitchinterval(0.0005)  # a flood in one thread must not make the others wait
    Executor(Wire(*private_streams())).serve()
    leave()


if __name__ == "__main__":
    main()
