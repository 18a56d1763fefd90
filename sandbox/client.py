"""The harness's side of the executor: requests out, replies in, many at once over one channel.

Nothing that the box says is trusted: sizes are capped before anything is read, shapes are checked before they are used,
and whatever does not fit ends the connection with SandboxDiedError.
"""

import contextlib
import itertools
import json
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Protocol, TypeVar

from sandbox.contract import Command, CommandResult, File, FileStat, OnOutput, Output
from sandbox.errors import FileAccessError, SandboxDiedError, SandboxError

PROTOCOL = 3
LENGTHS = struct.Struct(">II")
MAX_HEADER = 1024 * 1024
MAX_BODY = 64 * 1024 * 1024
MAX_KEEP = 8 * 1024 * 1024
LAST_WORDS = 2_000

WATCHED_FRAME = 32 * 1024
"""Bytes of a request that fit into any socket's buffer, so that writing them cannot block."""
MALFORMED = "the executor's answer does not have the shape of the protocol"

T = TypeVar("T")


class Channel(Protocol):
    """Bytes to and from an executor: an attached exec, or a socket pair to a subprocess."""

    def send(self, data: bytes) -> None:
        """Write all of `data`. Raises OSError when the other side is gone."""
        ...

    def receive(self) -> tuple[str, bytes]:
        """The next piece as ("stdout" | "stderr", data); empty data at the end. Raises OSError."""
        ...

    def close(self) -> None:
        """End the connection; wakes a blocked `send` or `receive`. Idempotent."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Seconds after which an executor that does not answer is taken for dead.

    `grace_s` comes on top of a command's own deadline, which the executor itself enforces; `request_s` is for the rest.
    """

    grace_s: float = 15.0
    request_s: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer of the executor: its JSON header, not yet trusted, and its raw body."""

    header: Mapping[str, object]
    body: bytes


@dataclass(slots=True, kw_only=True, eq=False)
class _Waiter:
    """Someone who waits for a reply; `answer` gets exactly one item."""

    answer: "SimpleQueue[Reply | BaseException]" = field(default_factory=SimpleQueue)
    on_piece: OnOutput | None = None


class ExecutorClient:
    """A live connection to one executor. Methods may be called from several threads at once.

    When the connection ends, for whatever reason, every waiting call and every later one raises SandboxDiedError.
    """

    def __init__(self, channel: Channel, patience: Patience | None = None) -> None:
        self._channel = channel
        self._patience = patience or Patience()
        self._ids = itertools.count(1)
        self._lock = threading.Lock()
        self._send_lock = threading.Lock()
        self._waiting: dict[int, _Waiter] = {}
        self._death: SandboxDiedError | None = None
        self._cut = False
        self._last_words = b""
        self._reader = threading.Thread(target=self._read_forever, name="splitclock-executor", daemon=True)
        self._reader.start()

    @property
    def alive(self) -> bool:
        """Whether the connection still stands, as far as is known."""
        return self._death is None

    @property
    def cut(self) -> bool:
        """Whether it was the other side, or the way to it, that ended the connection."""
        return self._cut

    # -- requests ------------------------------------------------------------------------------------------------

    def hello(self, workspace: str, *, own_cgroup: bool) -> Mapping[str, object]:
        """Name the workspace, and say whether the cgroup and the processes seen inside are the sandbox's alone.

        If so, any other executor is ended first, and what commands leave behind outlives this connection. Returns the
        executor's facts (`protocol`, `python`). Raises SandboxDiedError.
        """
        try:
            reply = self._ask({"op": "hello", "workspace": workspace, "own_cgroup": own_cgroup})
        except FileAccessError as error:  # no file was asked for: it refuses to work at all
            raise self._die(f"the executor does not work: {error}") from None
        if reply.header.get("protocol") != PROTOCOL:
            raise self._die(f"the executor speaks protocol {reply.header.get('protocol')!r}, not {PROTOCOL}")
        return reply.header

    def ping(self) -> None:
        """Return when the executor has answered. Raises SandboxDiedError."""
        self._ask({"op": "ping"})

    def run(self, command: Command, on_stdout: OnOutput | None = None) -> CommandResult:
        """Run one command. `on_stdout` is called in the reader's thread and must not call the sandbox."""
        header: dict[str, object] = {
            "op": "run",
            "argv": list(command.argv),
            "cwd": command.cwd,
            "env": dict(command.env),
            "clean_env": command.clean_env,
            "deadline_s": command.deadline_s,
            "keep": min(command.keep_bytes, MAX_KEEP),
            "merge": command.merge_stderr,
            "stream": on_stdout is not None,
        }
        reply = self._ask(header, command.stdin, on_piece=on_stdout, own_deadline_s=command.deadline_s)
        return self._checked(reply, _command_result)

    def read(self, path: str, max_bytes: int) -> bytes:
        """The first `max_bytes` (at most 64 MiB) of a regular file. Raises FileAccessError."""
        return self._ask({"op": "read", "path": path, "max_bytes": max_bytes}).body[:max_bytes]

    def write(self, file: File) -> None:
        """Create or replace a file of at most 64 MiB. Raises FileAccessError."""
        if len(file.data) > MAX_BODY:
            raise FileAccessError(f"`{file.path}`: {len(file.data)} bytes are more than the {MAX_BODY} of one write")
        self._ask({"op": "write", "path": file.path, "executable": file.executable}, file.data)

    def stat(self, path: str) -> FileStat:
        """What stands at `path`. Raises FileAccessError."""
        reply = self._ask({"op": "stat", "path": path})
        return self._checked(reply, lambda each: _file_stat(each.header, path))

    def list(self, path: str) -> tuple[FileStat, ...]:
        """The entries of a folder by name, at most 10,000. Raises FileAccessError."""
        reply = self._ask({"op": "list", "path": path})
        return self._checked(reply, lambda each: _entries(each.body, path))

    def kill_all(self) -> tuple[str, ...]:
        """Kill what was started through this executor; returns the command lines of what still ran."""
        reply = self._ask({"op": "kill_all"})
        return self._checked(reply, lambda each: _strings(each.header["survivors"]))

    def close(self, why: str = "the sandbox was closed") -> None:
        """End the connection and wake everybody who waits, with SandboxDiedError. Idempotent."""
        self._die(why)
        if threading.current_thread() is not self._reader:
            self._reader.join(timeout=5.0)

    # -- the conversation ----------------------------------------------------------------------------------------

    def _ask(
        self,
        header: Mapping[str, object],
        body: bytes = b"",
        *,
        own_deadline_s: float | None = None,
        on_piece: OnOutput | None = None,
    ) -> Reply:
        """Send one request and wait for its reply."""
        patience = self._patience
        deadline_s = patience.request_s if own_deadline_s is None else own_deadline_s + patience.grace_s
        number = next(self._ids)
        waiter = _Waiter(on_piece=on_piece)
        with self._lock:
            if self._death is not None:
                raise SandboxDiedError(str(self._death))
            self._waiting[number] = waiter
        try:
            self._send(_frame({**header, "id": number}, body), deadline_s)
            answer = waiter.answer.get(timeout=deadline_s)
        except Empty:
            raise self._die(f"no answer to `{header['op']}` within {deadline_s:.0f} s") from None
        except BaseException:
            self._cancel(number)
            raise
        finally:
            with self._lock:
                self._waiting.pop(number, None)
        return self._settled(answer, number)

    def _settled(self, answer: Reply | BaseException, number: int) -> Reply:
        if isinstance(answer, SandboxDiedError):
            raise SandboxDiedError(str(answer))  # a fresh one: several threads raise it, each with its own traceback
        if isinstance(answer, BaseException):  # the caller's own on_stdout failed
            self._cancel(number)
            raise answer
        if "error" in answer.header:
            raise FileAccessError(str(answer.header["error"])[:1_000])
        if "failed" in answer.header:
            raise SandboxError(f"the executor could not serve a request: {str(answer.header['failed'])[:500]}")
        return answer

    def _cancel(self, request: int) -> None:
        """Nobody waits for a command any more (Ctrl-C, a failed callback): have it killed; the answer is ignored."""
        with contextlib.suppress(OSError, SandboxDiedError):
            self._send(_frame({"op": "cancel", "id": 0, "request": request}, b""), 5.0)

    def _send(self, frame: bytes, deadline_s: float) -> None:
        """Write one frame; a box that stopped reading ends the connection instead of holding the harness."""
        watch = threading.Timer(deadline_s, self._die, args=("the executor stopped reading",))
        watch.daemon = True
        if len(frame) > WATCHED_FRAME:
            watch.start()
        try:
            with self._send_lock:
                self._channel.send(frame)
        except (OSError, SandboxDiedError) as error:
            raise self._die(f"the connection to the executor broke: {error}") from None
        finally:
            watch.cancel()

    def _die(self, why: str) -> SandboxDiedError:
        """End the connection, wake everybody; returns the reason it ended for, which is the first one given."""
        with self._lock:
            if self._death is None:
                self._death = SandboxDiedError(why + self._words())
            death = self._death
            waiting, self._waiting = self._waiting, {}
        for waiter in waiting.values():
            waiter.answer.put(death)
        with contextlib.suppress(OSError):
            self._channel.close()
        return death

    def _words(self) -> str:
        """The last line the executor said on its stderr, made fit for a message."""
        lines = self._last_words.decode("utf-8", "replace").strip().splitlines()
        return f" (it said: {lines[-1][:300]!r})" if lines else ""

    # -- the reader's thread ---------------------------------------------------------------------------------------

    def _read_forever(self) -> None:
        buffer = bytearray()
        try:
            while True:
                stream, data = self._channel.receive()
                if not data:
                    self._cut = self._death is None
                    raise SandboxDiedError("the executor is gone")  # noqa: TRY301 (the end of this thread, said once)
                if stream == "stdout":
                    buffer += data
                    self._take_frames(buffer)
                else:
                    self._last_words = (self._last_words + data)[-LAST_WORDS:]
        except SandboxDiedError as error:
            self._die(str(error))
        except (OSError, ValueError) as error:
            self._cut = self._death is None
            self._die(f"the connection to the executor broke: {error}")

    def _take_frames(self, buffer: bytearray) -> None:
        """Deliver every whole frame at the start of `buffer`, and remove it."""
        at = 0
        while len(buffer) - at >= LENGTHS.size:
            head_size, body_size = LENGTHS.unpack_from(buffer, at)
            if head_size > MAX_HEADER or body_size > MAX_BODY:
                raise SandboxDiedError(f"the executor announced a frame of {head_size} + {body_size} bytes")
            head_end = at + LENGTHS.size + head_size
            end = head_end + body_size
            if len(buffer) < end:
                break
            self._deliver(_header(bytes(buffer[at + LENGTHS.size : head_end])), bytes(buffer[head_end:end]))
            at = end
        del buffer[:at]

    def _deliver(self, header: Mapping[str, object], body: bytes) -> None:
        number = header.get("id")
        if not isinstance(number, int):
            raise SandboxDiedError(MALFORMED)
        with self._lock:
            waiter = self._waiting.get(number)
        if waiter is None:  # cancelled, or an answer to nobody
            return
        if "piece" not in header:
            waiter.answer.put(Reply(header=header, body=body))
        elif waiter.on_piece is not None:
            self._hand_over(waiter, waiter.on_piece, body)

    @staticmethod
    def _hand_over(waiter: _Waiter, on_piece: OnOutput, body: bytes) -> None:
        try:
            on_piece(body)
        except Exception as error:  # noqa: BLE001 (the caller's own code: it gets its exception, the reader lives on)
            waiter.on_piece = None
            waiter.answer.put(error)

    def _checked(self, reply: Reply, parse: Callable[[Reply], T]) -> T:
        """A reply's content, or the end of the connection when it is not what the protocol says."""
        try:
            return parse(reply)
        except (KeyError, TypeError, ValueError, RecursionError):
            raise self._die(MALFORMED) from None


# What follows reads untrusted replies; every failure is a KeyError, TypeError, ValueError or RecursionError.


def _frame(header: Mapping[str, object], body: bytes) -> bytes:
    head = json.dumps(header, separators=(",", ":")).encode("ascii")
    return LENGTHS.pack(len(head), len(body)) + head + body


def _header(raw: bytes) -> Mapping[str, object]:
    try:
        header = json.loads(raw)
    except (ValueError, RecursionError):
        raise SandboxDiedError(MALFORMED) from None
    if not isinstance(header, dict):
        raise SandboxDiedError(MALFORMED)
    return header


def _integer(value: object) -> int:
    if type(value) is not int or not 0 <= value < 2**63:
        raise TypeError(value)
    return value


def _maybe_integer(value: object) -> int | None:
    return None if value is None else _integer(value)


def _maybe_seconds(value: object) -> float | None:
    if value is None:
        return None
    if type(value) not in {int, float} or not 0 <= value < 2**40:  # type: ignore[operator]
        raise TypeError(value)
    return float(value)  # type: ignore[arg-type]


def _flag(value: object) -> bool:
    if type(value) is not bool:
        raise TypeError(value)
    return value


def _string(value: object) -> str:
    if type(value) is not str:
        raise TypeError(value)
    return value


def _strings(value: object) -> tuple[str, ...]:
    if type(value) is not list:
        raise TypeError(value)
    return tuple(_string(each) for each in value)


def _outputs(shape: object, body: bytes) -> list[Output]:
    """Standard output and standard error, cut out of a reply's body as its header says."""
    outputs, at = [], 0
    if type(shape) is not list:
        raise TypeError(shape)
    for sizes in shape:
        head, tail, total = (_integer(size) for size in sizes)
        if at + head + tail > len(body) or head + tail > total:
            raise ValueError(sizes)
        outputs.append(Output(head=body[at : at + head], tail=body[at + head : at + head + tail], total=total))
        at += head + tail
    return outputs


def _command_result(reply: Reply) -> CommandResult:
    header = reply.header
    stdout, stderr = _outputs(header["output"], reply.body)
    return CommandResult(
        exit_code=_maybe_integer(header["exit_code"]),
        signal=_maybe_integer(header["signal"]),
        stdout=stdout,
        stderr=stderr,
        timed_out=_flag(header["timed_out"]),
        oom_killed=_flag(header["oom_killed"]),
        output_held=_flag(header["output_held"]),
        survivors=_strings(header["survivors"]),
        exec_ns=_integer(header["exec_ns"]),
        user_cpu_s=_maybe_seconds(header["user_cpu_s"]),
        system_cpu_s=_maybe_seconds(header["system_cpu_s"]),
        container_cpu_s=_maybe_seconds(header["container_cpu_s"]),
        peak_memory_bytes=_maybe_integer(header["peak_memory_bytes"]),
    )


def _file_stat(entry: Mapping[str, object], path: str) -> FileStat:
    kind = _string(entry["kind"])
    if kind not in {"file", "directory", "link", "other"}:
        raise ValueError(kind)
    return FileStat(path=path, kind=kind, size=_integer(entry["size"]), executable=_flag(entry["executable"]))


def _entries(body: bytes, path: str) -> tuple[FileStat, ...]:
    prefix = path.rstrip("/") + "/" if path not in {"", "."} else ""
    return tuple(_file_stat(entry, prefix + _string(entry["name"])) for entry in json.loads(body))
