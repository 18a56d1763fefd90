"""The simulator's own log of what it sent when: the ground truth that measured times are held against."""

import json
import threading
from dataclasses import dataclass, field, fields
from http import HTTPStatus
from pathlib import Path

from pydantic import BaseModel, ConfigDict


@dataclass(slots=True, kw_only=True)
class Sent:
    """One attempt at a request; moments in `time.monotonic_ns`, which all processes of one machine share.

    `chunks` holds [moment, bytes, tokens] of each write, taken right after it; the last ones carry no token. `attempt`
    counts, from 1, how often this trial asked for this turn; `fault` is the kind of the scripted fault that was played,
    "" without one. `status` is the status of the answer, over a WebSocket the one that its error event tells.
    `headers_ns` is 0 where there were no headers. `complete` says that the answer was given to its end.
    """

    id: str
    api: str
    received_ns: int
    script: str = ""
    trial: str = ""
    model: str = ""
    turn: int = 0
    attempt: int = 0
    fault: str = ""
    status: int = HTTPStatus.OK
    complete: bool = False
    headers_ns: int = 0
    chunks: list[tuple[int, int, int]] = field(default_factory=list)
    finished_ns: int = 0

    @property
    def failed(self) -> bool:
        """Whether the simulator did not answer, or meant not to give all of the answer; a client may leave any time."""
        return self.status != HTTPStatus.OK or bool(self.fault and not self.complete)

    def timings(self) -> dict[str, float]:
        """The server's own view of an answer under way, in the keys that llama.cpp has; empty without a token."""
        spoken = [(at, tokens) for at, _, tokens in self.chunks if tokens]
        if not spoken:
            return {}
        (first_ns, _), (last_ns, _) = spoken[0], spoken[-1]
        return {
            "prompt_ms": (first_ns - self.received_ns) / 1e6,
            "predicted_n": sum(tokens for _, tokens in spoken),
            "predicted_ms": (last_ns - first_ns) / 1e6,
        }


class SentRow(BaseModel):
    """A line of the log, read back; fields and moments as in `Sent`."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: str
    api: str
    script: str
    trial: str
    model: str
    turn: int
    attempt: int
    fault: str
    status: int
    complete: bool
    received_ns: int
    headers_ns: int
    chunks: tuple[tuple[int, int, int], ...]
    finished_ns: int

    @property
    def first_token_ns(self) -> int | None:
        """When the first chunk with a token was sent; None where none was."""
        return next((at for at, _, tokens in self.chunks if tokens), None)

    @property
    def last_token_ns(self) -> int | None:
        """When the last chunk with a token was sent; None where none was."""
        return next((at for at, _, tokens in reversed(self.chunks) if tokens), None)


class SentLog:
    """Appends a JSON line when an answer begins ("event": "begun") and one for each attempt at its end.

    The latter is "answered", or "failed" where the simulator refused or broke the answer off. A line is flushed when it
    is written; nothing is written in between, which would disturb the pace.
    """

    def __init__(self, path: Path | None) -> None:
        self._file = path.open("a", encoding="utf-8") if path is not None else None
        self._lock = threading.Lock()

    def begun(self, sent: Sent) -> None:
        """Note that a request was understood and something is about to be sent."""
        names = ("id", "api", "script", "trial", "model", "turn", "attempt", "received_ns")
        self._write(json.dumps({"event": "begun", **{name: getattr(sent, name) for name in names}}))

    def ended(self, sent: Sent) -> None:
        """Note what was sent, whether or not the client stayed to the end."""
        self._write(_row_text(sent))

    def _write(self, line: str) -> None:
        if self._file is None:
            return
        with self._lock:
            self._file.write(line + "\n")
            self._file.flush()


def _row_text(sent: Sent) -> str:
    """The line of an attempt. Its chunks, thousands, are put into words one by one.

    One call of an encoder for them all would keep every other stream from its moment for as long as it takes.
    """
    facts = {each.name: getattr(sent, each.name) for each in fields(sent) if each.name != "chunks"}
    head = json.dumps({"event": "failed" if sent.failed else "answered", **facts})
    chunks = ",".join(f"[{at},{size},{tokens}]" for at, size, tokens in sent.chunks)
    return f'{head[:-1]}, "chunks": [{chunks}]}}'


def read_log(path: Path) -> tuple[SentRow, ...]:
    """The answered requests of a log, in the order they were answered; a last line cut short is left out."""
    return _rows(path, {"answered"})


def read_attempts(path: Path) -> tuple[SentRow, ...]:
    """Every attempt at a request, answered or failed, in the order they ended; a last line cut short is left out."""
    return _rows(path, {"answered", "failed"})


def _rows(path: Path, events: set[str]) -> tuple[SentRow, ...]:
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    return tuple(SentRow.model_validate_json(line) for line in lines if json.loads(line)["event"] in events)
