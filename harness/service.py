"""A target's service while black-box tests speak to it."""

import threading

from harness.features import Service
from harness.runners.contract import Problem, ProblemKind, ServiceLog, SuiteReport
from sandbox.contract import Command, Sandbox
from sandbox.errors import SandboxError, SandboxLostError

LOG_BYTES = 32 * 1024
"""Bytes of the service's output that are kept at each end."""

_JOIN_S = 30.0


class RunningService:
    """The service at work in the application's sandbox, on a thread that ends with it; cut off after `seconds`."""

    def __init__(self, box: Sandbox, service: Service, seconds: float) -> None:
        self._box = box
        self._command = service.command
        self._ready = service.ready
        self._head, self._tail = bytearray(), bytearray()
        self._how = ""
        self._lost: SandboxLostError | None = None
        self._deadline_s = seconds + _JOIN_S
        self._killing = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="service", daemon=True)
        self._thread.start()

    @property
    def ended(self) -> str:
        """How the service ended of itself; "" while it runs."""
        return self._how

    def kill(self) -> None:
        """End it with everything in its sandbox; idempotent."""
        self._killing.set()
        self._box.kill()
        self._thread.join(_JOIN_S)

    def refuse_lost(self) -> None:
        """Once it is killed: raise SandboxLostError where its sandbox was lost by nothing that ran inside."""
        if self._lost is not None:
            raise self._lost

    def log(self, ready_ns: int | None) -> ServiceLog:
        """What it did and printed."""
        gap = b"\n[...]\n" if len(self._tail) == LOG_BYTES else b""
        said = bytes(self._head) + gap + bytes(self._tail)
        return ServiceLog(command=self._command, ready_ns=ready_ns, ended=self._how, log=said)

    def never_ready(self, answer: str) -> SuiteReport:
        """The report when the service does not come up, `answer` being what it said, if anything: the program's doing.

        Of what it printed the last line with words in it is told.
        """
        lines = (bytes(self._head) + bytes(self._tail)).decode("utf-8", "replace").split("\n")
        last = next((line.strip()[:200] for line in reversed(lines) if any(map(str.isalnum, line))), "")
        ended = f" ({self._how})" if self._how else ""
        what = f"never answered well at {self._ready}: {answer}" if answer else f"never answered at {self._ready}"
        detail = f"the service {what}{ended}" + (f"; last words: {last}" if last else "")
        return SuiteReport(problems=(Problem(kind=ProblemKind.SERVICE_DOWN, detail=detail),))

    def _serve(self) -> None:
        command = Command(argv=self._command, deadline_s=self._deadline_s, merge_stderr=True)
        try:
            result = self._box.run(command, self._hear)
            how = f"exit status {result.exit_code}" if result.signal is None else f"signal {result.signal}"
        except SandboxError as error:
            how = str(error)
            self._lost = error if isinstance(error, SandboxLostError) else None
        if not self._killing.is_set():
            self._how = how

    def _hear(self, data: bytes) -> None:
        room = LOG_BYTES - len(self._head)
        self._head += data[:room]
        self._tail = (self._tail + data[room:])[-LOG_BYTES:]
