"""A container in which an environment is built: as root, with the host's network, and none of its secrets kept."""

import collections
import contextlib
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Self

from sandbox import labels
from sandbox.channel import ExecChannel
from sandbox.contract import OnLine
from sandbox.engine import Engine
from sandbox.errors import ImageError, SandboxError
from sandbox.host_settings import HostSettings
from sandbox.tars import pack
from sandbox.trees import Entry

BUILD_LIFETIME_S = 2 * 3600
"""Seconds after which a build container ends itself."""

_KEPT_LINES = 20
_LINE_CHARS = 2_000
_EXIT_PATIENCE_S = 10.0
_BREAK = re.compile(rb"[\r\n]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One program of a build: who sees its lines, what it reads, which variables it gets."""

    argv: tuple[str, ...]
    workdir: str = "/"
    env: Mapping[str, str] = field(default_factory=dict)
    stdin: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """How a step ended (None: the container died under it), and its last lines of output."""

    exit_code: int | None
    lines: tuple[str, ...]


class BuildContainer:
    """A running container of an `image`, removed on leaving. Raises SandboxError."""

    def __init__(self, engine: Engine, image: str, settings: HostSettings, on_line: OnLine) -> None:
        self._engine = engine
        self.image = image
        self._settings = settings
        self._on_line = on_line
        self.id = ""

    def __enter__(self) -> Self:
        config = {
            "image": self.image,
            "entrypoint": ["sleep"],
            "command": [str(BUILD_LIFETIME_S)],
            "user": "0:0",
            "labels": labels.of_process("build", BUILD_LIFETIME_S),
        }
        host = {"network_mode": "host", "init": True, "log_config": {"type": "none", "config": {}}}
        self.id = self._engine.create_from(config, host)
        try:
            self._engine.start(self.id)
            self.must(":", doing="run a shell")
        except SandboxError as error:
            self._engine.remove(self.id)
            raise ImageError(
                f"nothing can be built in image {self.image}; it needs a shell and sleep: {error}"
            ) from error
        except BaseException:
            self._engine.remove(self.id)
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._engine.remove(self.id)

    def put(self, entries: Iterable[Entry], path: str) -> None:
        """Lay files into an existing folder, owned by root."""
        with pack(entries) as tar:
            self._engine.put(self.id, path, tar)

    def run(self, step: Step, on_line: OnLine | None = None) -> StepResult:
        """Run a step as root to its end; each line of its output goes to `on_line` as it comes, without secrets."""
        channel = self._engine.attach(self.id, step.argv, "0:0", step.env, workdir=step.workdir)
        kept: collections.deque[str] = collections.deque(maxlen=_KEPT_LINES)
        with contextlib.closing(channel):
            if step.stdin:
                channel.send(step.stdin)
            channel.close_input()
            for raw in _lines(channel):
                line = self._settings.redact(raw.decode("utf-8", "replace"))[:_LINE_CHARS]
                kept.append(line)
                (on_line or self._on_line)(line)
        return StepResult(exit_code=self._exit_code(channel.exec_id), lines=tuple(kept))

    def shell(self, script: str, *arguments: str, workdir: str = "/") -> StepResult:
        """Run a script of ours, quietly."""
        return self.run(Step(argv=("sh", "-c", script, "sh", *arguments), workdir=workdir), _ignore)

    def must(self, script: str, *arguments: str, doing: str, stdin: bytes = b"") -> None:
        """Run a script of ours that has to work. Raises ImageError."""
        result = self.run(Step(argv=("sh", "-c", script, "sh", *arguments), stdin=stdin), _ignore)
        if result.exit_code != 0:
            said = "; ".join(result.lines[-3:]) or f"exit {result.exit_code}"
            raise ImageError(f"cannot {doing} in image {self.image}: {said}")

    def _exit_code(self, exec_id: str) -> int | None:
        """The stream may end a moment before the engine has noted the exit."""
        patience = time.monotonic() + _EXIT_PATIENCE_S
        while (code := self._engine.exit_code(exec_id)) is None and time.monotonic() < patience:
            time.sleep(0.01)
        return code

    def commit(self, tag: str, image_labels: Mapping[str, str], changes: Iterable[str]) -> str:
        """Kill all that runs and keep the result as an image; returns its id."""
        self._engine.kill(self.id)
        return self._engine.commit(self.id, tag, {labels.OWNER: "", labels.DEADLINE: "", **image_labels}, changes)


def _lines(channel: ExecChannel) -> Iterator[bytes]:
    """Lines as they come; both streams in one, carriage returns end lines too, endless lines are cut."""
    rest = b""
    while data := channel.receive()[1]:
        *whole, rest = _BREAK.split(rest + data)
        yield from (line for line in whole if line)
        rest = rest[-_LINE_CHARS:]
    if rest:
        yield rest


def _ignore(_line: str) -> None:
    """Nobody wants to see it."""
