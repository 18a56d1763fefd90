"""How the conformance tests open boxes and speak to them."""

import time
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from sandbox.container import NO_PYTHON, BoxImage, BoxOptions, DockerSandbox
from sandbox.contract import (
    BoxSpec,
    Command,
    CommandResult,
    Environment,
    File,
    Identity,
    Limits,
    Sandbox,
    SandboxProvider,
    Snapshot,
)
from sandbox.engine import Engine
from sandbox.image_calls import Labelled
from sandbox.images import DockerProvider
from sandbox.labels import RUN
from sandbox.reopened import ReopenedSandbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What a box is opened with, besides its environment."""

    snapshot: Snapshot | None = None
    files: Iterable[File] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    tools: Iterable[File] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=lambda: Limits(memory_bytes=512 * 1024**2, pids=128, lifetime_s=900))
    identity: Identity = field(default_factory=Identity)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A provider with a prepared base environment."""

    provider: SandboxProvider
    environment: Environment

    def open(self, room: Room | None = None) -> Sandbox:
        """A box, not yet entered."""
        return self.provider.open(self.spec(room or Room()))

    def reopen(self, spec: BoxSpec) -> AbstractContextManager[Sandbox]:
        """What a dead process left for this spec, not yet entered."""
        return self.provider.reopen(spec)

    def spec(self, room: Room) -> BoxSpec:
        """How the box is opened."""
        return BoxSpec(
            environment=self.environment,
            snapshot=room.snapshot,
            files=room.files,
            links=room.links,
            tools=room.tools,
            env=room.env,
            limits=room.limits,
            identity=room.identity,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainPlace(Place):
    """The same image, taken for one without Python."""

    def open(self, room: Room | None = None) -> Sandbox:
        """A box on the slow path, not yet entered."""
        assert isinstance(self.provider, DockerProvider)
        return DockerSandbox(self.provider.engine, self.spec(room or Room()), *self._how())

    def reopen(self, spec: BoxSpec) -> AbstractContextManager[Sandbox]:
        """The same on the slow path."""
        assert isinstance(self.provider, DockerProvider)
        return ReopenedSandbox(self.provider.engine, spec, *self._how())

    def _how(self) -> tuple[BoxImage, BoxOptions]:
        assert isinstance(self.provider, DockerProvider)
        image = BoxImage(image=self.environment.digest, python=NO_PYTHON)
        return image, BoxOptions(claims=self.provider.settings.cache / "claims")


class OneRun(Engine):
    """An engine that knows of one run's containers and volumes only, so that no other test's are reaped here."""

    run = ""

    def containers(self, labels: Mapping[str, str]) -> tuple[Labelled, ...]:
        """Those of the run."""
        return super().containers({**labels, RUN: self.run})

    def volumes(self, labels: Mapping[str, str]) -> Mapping[str, Mapping[str, str]]:
        """Those of the run."""
        return super().volumes({**labels, RUN: self.run})


def run(box: Sandbox, *argv: str, **options: Any) -> CommandResult:
    """Run an argv with a generous deadline."""
    return box.run(Command(argv=argv, **{"deadline_s": 60.0, **options}))


def sh(box: Sandbox, script: str, **options: Any) -> CommandResult:
    """Run a shell script with a generous deadline."""
    return run(box, "sh", "-c", script, **options)


def text(result: CommandResult) -> str:
    """Standard output, which must have been kept whole."""
    assert result.stdout.cut == 0
    return (result.stdout.head + result.stdout.tail).decode()


def gone(box: Sandbox, command_line: str) -> bool:
    """Whether no process of this command line is left, after the moment that a kill may take."""
    script = "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' | grep -c \"$NEEDLE \""
    for _ in range(50):
        if text(sh(box, script, env={"NEEDLE": command_line})).strip() == "0":
            return True
        time.sleep(0.1)
    return False
