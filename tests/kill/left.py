"""What a killed run may leave and a finished one must not: processes, containers."""

import os
import time
from collections.abc import Collection
from contextlib import closing
from pathlib import Path

from sandbox.engine import Engine

_GRACE_S = 20.0


def left_over(scratch: Path) -> list[str]:
    """Processes that work below the folder of what is temporary, once they have had time to end."""
    deadline = time.monotonic() + _GRACE_S
    while found := [name for place in Path("/proc").glob("[0-9]*") if (name := _working_in(place, scratch))]:
        if time.monotonic() > deadline:
            break
        time.sleep(0.1)
    return found


def _working_in(process: Path, folder: Path) -> str:
    try:
        command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        place = str((process / "cwd").readlink())
    except OSError:
        return ""
    return f"{process.name}: {command}" if str(folder) in command or place.startswith(str(folder)) else ""


def containers_of(trials: Collection[str]) -> list[str]:
    """The trials among these that still have a container, one word for each."""
    with closing(Engine.connect(os.environ)) as engine:
        labels = [one.labels for one in engine.containers({"splitclock.trial": ""})]
    return [each["splitclock.trial"] for each in labels if each["splitclock.trial"] in trials]
