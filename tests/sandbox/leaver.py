"""A process that opens a sandbox, works in it, and is killed: `python -m tests.sandbox.leaver JSON`."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sandbox.container import DockerSandbox
from sandbox.contract import DiskQuota, Environment, Identity, Limits
from sandbox.engine import Engine
from sandbox.images import DockerProvider, DockerSettings
from tests.sandbox.places import Place, PlainPlace, Room, sh

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def process_in(place: Place, room: Room, script: str = "true", how: str = "open", last: str = "") -> Iterator[str]:
    """The container of another process that runs `script` in a sandbox ("open" or "reopen"); SIGKILL at the end.

    Of `room` it is given identity and limits. Then it runs `last`, which it does not come to the end of.
    """
    assert isinstance(place.provider, DockerProvider)
    environment, identity = place.environment, room.identity
    told = {
        "plain": isinstance(place, PlainPlace),
        "cache": str(place.provider.settings.cache),
        "environment": [environment.key, environment.digest, environment.workdir],
        "identity": [identity.run, identity.trial, identity.attempt, identity.role],
        "limits": asdict(room.limits),
        "script": script,
        "how": how,
        "last": last,
    }
    argv = [sys.executable, "-m", "tests.sandbox.leaver", json.dumps(told)]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            container = process.stdout.readline().strip()
            assert container
            yield container
        finally:
            process.kill()


def main(told: dict[str, Any]) -> None:
    """Open, work, say the container's id, and wait for the end."""
    engine = Engine.connect(os.environ)
    provider = DockerProvider(engine, DockerSettings(cache=Path(told["cache"]), host_environment=dict(os.environ)))
    key, digest, workdir = told["environment"]
    run, trial, attempt, role = told["identity"]
    kind = PlainPlace if told["plain"] else Place
    place = kind(provider=provider, environment=Environment(key=key, digest=digest, workdir=workdir))
    limits = Limits(**{**told["limits"], "disk_quota": DiskQuota(told["limits"]["disk_quota"])})
    room = Room(identity=Identity(run=run, trial=trial, attempt=attempt, role=role), limits=limits)
    opened = place.open(room) if told["how"] == "open" else place.reopen(place.spec(room))
    with opened as box:
        assert isinstance(box, DockerSandbox)
        assert sh(box, told["script"]).exit_code == 0
        sys.stdout.write(f"{box.container}\n")
        sys.stdout.flush()
        if told["last"]:
            sh(box, told["last"], deadline_s=600.0)
        threading.Event().wait()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
