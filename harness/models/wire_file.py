"""The wire log of one attempt as a file: one JSON object a line, appended unbuffered, so that a kill loses none."""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from harness.errors import InfraError
from harness.files import disk_errors, sync_folder
from harness.lock import boot_id
from harness.models.contract import CallAttempt, CallTimes, Pause
from harness.models.reading import Asked
from harness.redact import Redactor

VERSION = 1
"""Number of the file's form."""

_KEPT_OUT = frozenset({"set-cookie"})
_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class FileWireLog:
    """A `WireLog` in a file, which holds one call at most, secrets taken out also where pieces cut them.

    Nothing is there before a first request; from then on the file begins with the mark of the machine's start: after
    another start nobody knows which lines were lost, for only the first one is waited for until it is on disk. Of a
    file that an earlier life of the attempt left, nothing stays once a call begins.
    """

    def __init__(self, path: Path, redactor: Redactor) -> None:
        self._path = path
        self._redactor = redactor
        self._stream = redactor.stream()
        self._handle: int | None = None
        self._header = _line({"wire": VERSION, "boot": boot_id()})
        self._failure: InfraError | None = None
        self._turn, self._request, self._number, self._life = 0, "", 0, 1
        self._origin: int | None = None
        self._send = self._told = 0
        self._framed = self._settled = False

    def begin(self, turn: int, request: str, life: int = 1) -> None:
        """Name the next call, and let the last one go."""
        self._turn, self._request, self._number, self._origin = turn, request, 0, None
        self._life = life
        self._settled = False
        if self._handle is not None or self._path.exists():
            self._clear()

    def sending(self, asked: Asked, at: int) -> None:
        """{"sending": turn, "life": n, "attempt": n, "request": sha, "since": ns, "asked": {...}}.

        `since` counts from the call's first moment.
        """
        self._number += 1
        self._stream, self._framed = self._redactor.stream(), asked.framed
        about = {"sending": self._turn, "life": self._life, "attempt": self._number, "request": self._request}
        about["since"] = self._since(at)
        self._write(self._redactor.value({**about, "asked": {**asdict(asked), "taken_ids": sorted(asked.taken_ids)}}))

    def sent(self, at: int) -> None:
        """{"sent": ns since the call's first moment}; all moments of the answer are counted from here."""
        self._send = at
        self._write({"sent": self._since(at)})

    def head(self, status: int, fields: Mapping[str, str], at: int) -> None:
        """{"head": status, "fields": {...}, "at": ns}; cookies are left out."""
        kept = {name: value for name, value in fields.items() if name.lower() not in _KEPT_OUT}
        self._write({"head": status, "fields": self._redactor.value(kept), "at": at - self._send})

    def data(self, data: bytes, at: int) -> None:
        """{"at": ns, "data": text}; each character stands for the byte of its number.

        A message of a WebSocket is a line of its own; of a stream, an end that may begin a secret waits for the next.
        """
        self._told = at
        self._put(self._stream.feed(data))
        if self._framed:
            self._flush()

    def closed(self, at: int) -> None:
        """{"closed": ns}."""
        self._flush()
        self._write({"closed": at - self._send})

    def end(self, at: int) -> None:
        """{"end": ns}."""
        self._flush()
        self._write({"end": at - self._send})

    def failed(self, attempt: CallAttempt) -> None:
        """{"failed": fault, "billable": bool, "attempt": all of it, moments since the call's first}."""
        self._flush()
        times = moved(attempt.times, self._since(0))
        kept = self._redactor.value(asdict(replace(attempt, times=times)))
        self._write({"failed": attempt.fault, "billable": attempt.may_be_billed, "attempt": kept})

    def paused(self, pause: Pause) -> None:
        """{"pause": reason, "t0", "t1"}, since the call's first moment."""
        self._write({"pause": pause.reason, "t0": self._since(pause.t0), "t1": self._since(pause.t1)})

    def settle(self) -> None:
        """Cut the file back to its first line."""
        self._settled = True
        if self._handle is not None:
            self._clear()

    def close(self) -> None:
        """Remove a file that nothing can be read from; one of a call without a kept answer stays, closed as whole."""
        if self._handle is None:
            return
        try:
            if self._settled:
                with suppress(OSError):  # all is kept: what stays holds nothing
                    self._path.unlink(missing_ok=True)
            elif self._failure is None:
                with suppress(InfraError):  # then it is taken as one that a kill left
                    self._write({"left": True})
                    os.fsync(self._handle)
        finally:
            os.close(self._handle)
            self._handle = None

    def _since(self, at: int) -> int:
        self._origin = at if self._origin is None else self._origin
        return at - self._origin

    def _flush(self) -> None:
        self._put(self._stream.finish())

    def _put(self, data: bytes) -> None:
        if data:
            self._write({"at": self._told - self._send, "data": data.decode("latin-1")})

    def _write(self, line: Mapping[str, Any]) -> None:
        """Append a line. After a failure nothing more is written: what followed a cut line would be lost with it."""
        if self._failure is not None:
            raise type(self._failure)(str(self._failure))
        try:
            with disk_errors(self._path):
                _append(self._opened(), _line(line))
        except InfraError as error:
            self._failure = error
            raise

    def _clear(self) -> None:
        with disk_errors(self._path):
            os.ftruncate(self._opened(), len(self._header))

    def _opened(self) -> int:
        if self._handle is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            if os.fstat(self._handle).st_size:
                os.ftruncate(self._handle, 0)  # what an earlier life left
            _append(self._handle, self._header)
            os.fsync(self._handle)
            sync_folder(self._path.parent)
        return self._handle


def moved(times: CallTimes, by: int) -> CallTimes:
    """The same moments on a clock whose zero lies elsewhere."""
    known = {name: getattr(times, name) for name in _MOMENTS}
    return replace(times, **{name: at + by for name, at in known.items() if at is not None})


_MOMENTS = ("send", "end", "headers", "first_chunk", "first_token", "first_answer", "last_token")


def _line(value: Mapping[str, Any]) -> bytes:
    return f"{_encoder.encode(value)}\n".encode("utf-8", "replace")


def _append(handle: int, data: bytes) -> None:
    while data:
        data = data[os.write(handle, data) :]
