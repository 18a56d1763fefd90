"""The simulator's own log of what it sent when: the ground truth that measured times are held against."""

import json
import threading
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict


@dataclass(slots=True, kw_only=True)
class Sent:
    """One answered request; moments in `time.monotonic_ns`, which all processes of one machine share.

    `chunks` holds [moment, bytes, tokens] of each write, taken right after it; the last ones carry no token.
    """

    id: str
    model: str
    script: str
    turn: int
    received_ns: int
    headers_ns: int = 0
    chunks: list[tuple[int, int, int]] = field(default_factory=list)
    finished_ns: int = 0


class SentRow(BaseModel):
    """A line of the log, read back; moments as in `Sent`."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: str
    model: str
    script: str
    turn: int
    received_ns: int
    headers_ns: int
    chunks: tuple[tuple[int, int, int], ...]
    finished_ns: int

    @property
    def first_token_ns(self) -> int:
        """When the first chunk with a token was sent."""
        return next(at for at, _, tokens in self.chunks if tokens)

    @property
    def last_token_ns(self) -> int:
        """When the last chunk with a token was sent."""
        return next(at for at, _, tokens in reversed(self.chunks) if tokens)


class SentLog:
    """Appends one JSON line when a request begins ("event": "begun") and one when it is answered ("answered").

    A line is flushed when it is written; nothing is written in between, which would disturb the pace.
    """

    def __init__(self, path: Path | None) -> None:
        self._file = path.open("a", encoding="utf-8") if path is not None else None
        self._lock = threading.Lock()

    def begun(self, sent: Sent) -> None:
        """Note that an answer is about to be sent."""
        facts = {"id": sent.id, "model": sent.model, "script": sent.script, "turn": sent.turn}
        self._write({"event": "begun", **facts, "received_ns": sent.received_ns})

    def answered(self, sent: Sent) -> None:
        """Note what was sent, whether or not the client stayed to the end."""
        self._write({"event": "answered", **asdict(sent)})

    def _write(self, row: dict[str, Any]) -> None:
        if self._file is None:
            return
        with self._lock:
            self._file.write(json.dumps(row, separators=(",", ":")) + "\n")
            self._file.flush()


def read_log(path: Path) -> tuple[SentRow, ...]:
    """The answered requests of a log, in the order they were answered; a last line cut short is left out."""
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    return tuple(SentRow.model_validate_json(line) for line in lines if json.loads(line)["event"] == "answered")
