"""The slow path, for images without Python: one exec of `sh` for each call. Same contract, less told.

Times are the host's (transport is in them), CPU and memory are unknown (None), a signal is seen as 128 + its number,
and a daemon that left its session outlives a deadline until the sandbox is killed.
"""

import contextlib
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

from sandbox.channel import ExecChannel
from sandbox.client import MALFORMED, MAX_BODY
from sandbox.contract import Command, CommandResult, File, FileStat, OnOutput, Output
from sandbox.engine import Engine
from sandbox.errors import FileAccessError, SandboxDiedError, SandboxError
from sandbox.executor import MAX_ENTRIES, MAX_SURVIVORS, Kept

FILE_DEADLINE_S = 60.0
_LOOK_EVERY_S = 0.25
_HELD_GRACE_S = 0.3
_KILL_PATIENCE_S = 5.0
_EXIT_GRACE_S = 2.0
"""How long after the end of its output a command may run on; what is cut off looks the same, and is no result."""
_KILLED = 137
_REFUSED = 9

_RUN = 'echo $$; cd -- "$1" || exit 127; shift; exec "$@"'
_RUN_MERGED = 'echo $$; exec 2>&1; cd -- "$1" || exit 127; shift; exec "$@"'

_KILL_SESSION = """
for place in /proc/[0-9]*; do
  read -r line < $place/stat || continue
  set -- "$1" ${line##*) }
  [ "$5" = "$1" ] && kill -9 ${place#/proc/}
done 2>/dev/null
"""

_OOM_COUNT = """
for file in /sys/fs/cgroup/memory/memory.oom_control /sys/fs/cgroup/memory.events; do
  [ -r $file ] && while read -r name value; do [ $name = oom_kill ] && echo $value; done < $file
done; true
"""

_RESOLVE = """
refuse() { printf '%s' "$1"; exit 9; }
path=$(printf '%bx' "$1"); path=${path%x}
near=$path
while [ ! -e "$near" ]; do
  [ -L "$near" ] && refuse 'a link that leads nowhere'
  near=$(dirname -- "$near"; printf x); near=${near%??}
done
case "${path#"$near"}/" in */../*) refuse 'outside the workspace' ;; esac
real=$(readlink -f -- "$near"; printf x); real=${real%??}${path#"$near"}
case "$real/" in "$(pwd -P)"/*) ;; *) refuse 'outside the workspace' ;; esac
regular() {
  [ -d "$real" ] && refuse 'a folder, not a regular file'
  [ -p "$real" ] && refuse 'a FIFO, not a regular file'
  [ -f "$real" ] || refuse 'a device, not a regular file'
}
"""
_EXISTS = "[ -e \"$real\" ] || refuse 'No such file or directory'\n"
_READ = _RESOLVE + _EXISTS + 'regular; exec head -c "$2" -- "$real"'
_WRITE = (
    _RESOLVE
    + """
[ -e "$real" ] && regular
mkdir -p -- "$(dirname -- "$real")" && cat > "$real" && chmod "$2" -- "$real"
"""
)
_STAT = _RESOLVE + _EXISTS + """exec stat -c '%s %A' -- "$real\""""
_LIST = (
    _RESOLVE
    + _EXISTS
    + """
[ -d "$real" ] || refuse 'Not a directory'
cd -- "$real" || exit 1
find . -mindepth 1 -maxdepth 1 -exec stat -c '%s %A' {} + && printf '\\0' && find . -mindepth 1 -maxdepth 1 -print0
"""
)
_KINDS = {"-": "file", "d": "directory", "l": "link"}
_HARMLESS = frozenset(b"/._-+ abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")


class PlainClient:
    """Speaks for a running container that has `sh`, and nothing of ours."""

    def __init__(self, engine: Engine, container: str, workspace: str, user: str) -> None:
        self._engine = engine
        self._container = container
        self._workspace = workspace
        self._user = user
        self._lock = threading.Lock()
        self._open: set[ExecChannel] = set()
        self._over: str | None = None
        self._oom_kills = self._count_oom()

    @property
    def alive(self) -> bool:
        """Whether it has not been closed; each call connects anew."""
        return self._over is None

    def run(self, command: Command, on_stdout: OnOutput | None = None) -> CommandResult:
        """Run one command to its end or deadline."""
        before = self._engine.processes(self._container)
        result = self._run(command, on_stdout)
        survivors = _left_over(before, self._engine.processes(self._container))
        oom_killed = result.exit_code == _KILLED and not result.timed_out and self._oom_rose()
        return replace(result, survivors=survivors, oom_killed=oom_killed)

    def _run(self, command: Command, on_stdout: OnOutput | None) -> CommandResult:
        began_ns = time.monotonic_ns()
        with self._attached(command) as channel:
            call = _Call(channel, command, on_stdout)
            until = time.monotonic() + command.deadline_s
            ended, held = self._wait(call, until)
            if not ended:
                self._script(_KILL_SESSION, call.pid)
                self._wait(call, time.monotonic() + _KILL_PATIENCE_S)
            self._raise_if_lost(call)
            took_ns = time.monotonic_ns() - began_ns
            return CommandResult(
                exit_code=self._exit_code(channel) if ended else None,
                signal=None if ended else int(signal.SIGKILL),
                stdout=call.output("stdout"),
                stderr=call.output("stderr"),
                timed_out=not ended,
                output_held=held,
                exec_ns=took_ns,
            )

    @contextlib.contextmanager
    def _attached(self, command: Command) -> Iterator[ExecChannel]:
        """The command's exec; closed afterwards, and by `close`."""
        argv = command.argv
        if command.clean_env:
            argv = ("env", "-i", *(f"{name}={value}" for name, value in command.env.items()), *argv)
        script = _RUN_MERGED if command.merge_stderr else _RUN
        folder = f"{self._workspace}/{command.cwd}" if not command.cwd.startswith("/") else command.cwd
        words = ("/bin/sh", "-c", script, "sh", folder, *argv)
        channel = self._engine.attach(self._container, words, self._user, {} if command.clean_env else command.env)
        with contextlib.closing(channel):
            with self._lock:
                if self._over is not None:
                    raise SandboxDiedError(self._over)
                self._open.add(channel)
            try:
                yield channel
            finally:
                with self._lock:
                    self._open.discard(channel)

    def _wait(self, call: "_Call", until: float) -> tuple[bool, bool]:
        """Whether the command ended before `until`, and whether somebody still holds its output."""
        while not call.done.wait(min(_LOOK_EVERY_S, max(0.0, until - time.monotonic()))):
            if self._engine.exit_code(call.channel.exec_id) is not None:
                return True, not call.done.wait(_HELD_GRACE_S)
            if time.monotonic() > until:
                return False, False
        return True, False

    def _raise_if_lost(self, call: "_Call") -> None:
        if self._over is not None:
            raise SandboxDiedError(self._over)
        if call.problem is not None:
            raise call.problem

    def _exit_code(self, channel: ExecChannel) -> int:
        until = time.monotonic() + _EXIT_GRACE_S
        while (code := self._engine.exit_code(channel.exec_id)) is None:
            if time.monotonic() > until:
                raise SandboxDiedError("the output ended and the command runs on: it was cut off, or closed it itself")
            time.sleep(0.01)
        return code

    def read(self, path: str, max_bytes: int) -> bytes:
        """The first `max_bytes` (at most 64 MiB) of a regular file. Raises FileAccessError."""
        return self._file_script(_READ, path, str(min(max_bytes, MAX_BODY)))[:max_bytes]

    def write(self, file: File) -> None:
        """Create or replace a regular file. Raises FileAccessError."""
        self._file_script(_WRITE, file.path, "755" if file.executable else "644", stdin=file.data)

    def stat(self, path: str) -> FileStat:
        """What stands at `path`. Raises FileAccessError."""
        return _file_stat(self._file_script(_STAT, path).strip(), path)

    def list(self, path: str) -> tuple[FileStat, ...]:
        """The entries of a folder by name, at most 10,000. Raises FileAccessError."""
        states, _, names = self._file_script(_LIST, path).partition(b"\0")
        prefix = path.rstrip("/") + "/" if path not in {"", "."} else ""
        paths = [prefix + name.decode("utf-8", "surrogateescape")[2:] for name in names.split(b"\0")[:-1]]
        if len(paths) != len(states.splitlines()):
            raise FileAccessError(f"`{path}` changes while it is listed; try again")
        found = [_file_stat(state, each) for state, each in zip(states.splitlines(), paths, strict=True)]
        return tuple(sorted(found, key=lambda each: each.path)[:MAX_ENTRIES])

    def _file_script(self, script: str, path: str, *arguments: str, stdin: bytes = b"") -> bytes:
        if "\0" in path:
            raise FileAccessError(f"`{path!r}`: embedded null byte")
        place = path if path.startswith("/") else f"{self._workspace}/{path}"
        result = self._script(script, _escaped(place), *arguments, stdin=stdin)
        if result.exit_code == 0:
            return result.stdout.head
        why = (result.stdout.head if result.exit_code == _REFUSED else result.stderr.head).decode("utf-8", "replace")
        said = why.strip()[:300] or f"exit code {result.exit_code}"
        raise FileAccessError(f"`{path}` is {said}" if said.startswith(("a ", "outside")) else f"`{path}`: {said}")

    def _script(self, script: str, *arguments: str, stdin: bytes = b"") -> CommandResult:
        argv = ("/bin/sh", "-c", script, "sh", *arguments)
        return self._run(Command(argv=argv, deadline_s=FILE_DEADLINE_S, stdin=stdin, keep_bytes=MAX_BODY), None)

    def _count_oom(self) -> int:
        digits = self._script(_OOM_COUNT).stdout.head.strip()
        return int(digits) if digits.isdigit() else 0

    def _oom_rose(self) -> bool:
        before, self._oom_kills = self._oom_kills, self._count_oom()
        return self._oom_kills > before

    def close(self, why: str) -> None:
        """Cut every call in flight; they raise SandboxDiedError(why)."""
        with self._lock:
            self._over = self._over or why
            channels = list(self._open)
        for channel in channels:
            channel.close()


class _Call:
    """One exec in flight; its own thread feeds the input, another takes the output."""

    def __init__(self, channel: ExecChannel, command: Command, on_stdout: OnOutput | None) -> None:
        self.channel = channel
        self.done = threading.Event()
        self.problem: Exception | None = None
        self.pid = "0"
        self._stdin = command.stdin
        self._on_stdout = on_stdout
        self._kept = {"stdout": Kept(command.keep_bytes), "stderr": Kept(command.keep_bytes)}
        self._lock = threading.Lock()
        for work in (self._feed, self._take):
            threading.Thread(target=work, daemon=True).start()

    def _feed(self) -> None:
        with contextlib.suppress(SandboxError, OSError):  # a command need not read its input
            self.channel.send(self._stdin)
            self.channel.close_input()

    def _take(self) -> None:
        first = b""
        try:
            while b"\n" not in first:
                stream, data = self.channel.receive()
                if not data:
                    return
                first += data if stream == "stdout" else self._keep(stream, data)
            line, _, rest = first.partition(b"\n")
            self.pid = line.decode("ascii", "replace")
            self._keep("stdout", rest)
            while (piece := self.channel.receive())[1]:
                self._keep(*piece)
        except Exception as error:  # noqa: BLE001 (of the connection or of the caller's on_stdout: for the caller)
            self.problem = error
        finally:
            self.done.set()

    def _keep(self, stream: str, data: bytes) -> bytes:
        with self._lock:
            self._kept[stream].add(data)
        if data and stream == "stdout" and self._on_stdout is not None:
            self._on_stdout(data)
        return b""

    def output(self, stream: str) -> Output:
        """What a stream carried so far."""
        with self._lock:
            kept = self._kept[stream]
            head, tail = kept.ends()
            return Output(head=head, tail=tail, total=kept.total)


def _escaped(path: str) -> str:
    """A path for `printf %b`: the engine's API carries text only, names may be any bytes."""
    return "".join(chr(byte) if byte in _HARMLESS else f"\\0{byte:03o}" for byte in os.fsencode(path))


def _file_stat(state: bytes, path: str) -> FileStat:
    """From the output of `stat`: size in bytes, and the mode as `ls` writes it."""
    size, _, mode = state.decode("ascii", "replace").partition(" ")
    if not size.isdigit() or not mode:
        raise SandboxDiedError(MALFORMED)
    kind = _KINDS.get(mode[0], "other")
    return FileStat(path=path, kind=kind, size=int(size), executable=mode[3:4] in {"x", "s"})


def _left_over(before: Iterable[str], after: Iterable[str]) -> tuple[str, ...]:
    """Command lines that are there once more than before."""
    return tuple(sorted((Counter(after) - Counter(before)).elements()))[:MAX_SURVIVORS]
