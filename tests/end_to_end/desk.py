"""A desk at which the real command line is used: a folder to work in, an environment, and what the commands said."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.journal import Kind, Row, read_records, read_rows
from harness.record import Record

PATIENCE_S = 300.0
"""Seconds after which a command that should have ended is killed, and the test fails."""

_NOT_OURS = ("SPLITCLOCK_", "OPENAI_", "CEREBRAS_", "GROQ_", "OPENROUTER_", "COLUMNS", "TERM", "PYTHONPATH")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """How a command ended: its exit code and what it printed."""

    code: int
    out: str
    err: str

    @property
    def complaints(self) -> list[str]:
        """The lines of standard error that say what is wrong."""
        return [line for line in self.err.splitlines() if line.startswith("splitclock: ")]

    def json(self) -> Any:
        """Standard output, which must be one JSON document."""
        return json.loads(self.out)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A folder in which commands are given."""

    folder: Path
    cache: Path
    argv: Sequence[str] = (sys.executable, "-m", "harness")
    variables: Mapping[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """The user's environment without keys and settings of Splitclock, with a cache of the tests' own."""
        mine = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_OURS)}
        return {**mine, "SPLITCLOCK_CACHE": str(self.cache), "COLUMNS": "200", **self.variables}

    def start(self, *arguments: object) -> "Started":
        """Give a command and do not wait for it."""
        return Started(
            subprocess.Popen(
                [*self.argv, *map(str, arguments)],
                cwd=self.folder,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        )

    def give(self, *arguments: object) -> Said:
        """Give a command and wait until it has ended."""
        return self.start(*arguments).wait()

    def must(self, *arguments: object) -> Said:
        """Give a command that succeeds."""
        said = self.give(*arguments)
        assert said.code == 0, f"exit code {said.code}: {said.err}{said.out}"
        return said

    def runs(self) -> list[Path]:
        """The run folders that commands made here."""
        return sorted((self.folder / "runs").glob("*"))


class Started:
    """A command at work."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.process = process
        self._output = {"out": b"", "err": b""}
        self._readers = [
            threading.Thread(target=self._read, args=(name, stream), daemon=True)
            for name, stream in (("out", process.stdout), ("err", process.stderr))
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, name: str, stream: Any) -> None:
        with stream:
            while data := stream.read1():
                self._output[name] += data

    @property
    def printed(self) -> str:
        """What standard output holds so far."""
        return self._output["out"].decode("utf-8", "replace")

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process alone."""
        self.process.send_signal(number)

    def wait(self) -> Said:
        """How it ended. Kills it, and fails, when it takes all patience."""
        try:
            code = self.process.wait(PATIENCE_S)
        finally:
            self.process.kill()  # which has ended, unless patience has
        for reader in self._readers:
            reader.join()
        texts = {name: data.decode("utf-8") for name, data in self._output.items()}
        return Said(code=code, out=texts["out"], err=texts["err"])


def until(what: Callable[[], bool], alive: Started, doing: str) -> None:
    """Return once something has happened, while a command is at work."""
    deadline = time.monotonic() + PATIENCE_S
    while not what():
        if alive.process.poll() is not None:
            said = alive.wait()
            raise AssertionError(f"the command ended before {doing}: {said.code} {said.err}{said.out}")
        assert time.monotonic() < deadline, f"nothing came of {doing}"
        time.sleep(0.05)


def journalled(run: Path, kind: Kind) -> tuple[Row, ...]:
    """The rows of a kind in the journal of a run, which may be at work or not have begun."""
    return read_rows(run, kind) if (run / "plan.json").exists() else ()


def by_model(run: Path) -> dict[str, Record]:
    """The records of a run with one trial a model."""
    return {record.trial.model: record for record in read_records(run)}


def told(run: Path, record: Record) -> list[str]:
    """What the tools answered in a trial, in order."""
    folder = run / "trials" / record.trial.id
    folder = folder if record.attempt == 1 else folder / f"attempt-{record.attempt}"
    lines = (folder / "transcript.jsonl").read_text(encoding="utf-8").splitlines()
    messages = [json.loads(line) for line in lines]
    return [message["content"] for message in messages if message["role"] == "tool"]
