"""A simulator that outlives the commands that ask it, as a provider does."""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.simulator.config import Pace, SimulatorConfig
from harness.turns import Turn

_ROOT = Path(__file__).resolve().parents[2]
_PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """Where it listens, and the log of all that it was asked."""

    base_url: str
    log: Path
    pid: int

    def table(self, turns: str, api: str = "chat", **more: object) -> dict[str, object]:
        """The table of a model that plays the scripts of that name."""
        return {"provider": "simulator", "base_url": self.base_url, "turns": turns, "api": api, **more}


@contextmanager
def outside(folder: Path, models: Mapping[str, Pace], scripts: Mapping[str, Iterable[Turn]]) -> Iterator[Outside]:
    """One at work, started as the reference says, with its log in this folder."""
    log, file = folder / "provider.jsonl", folder / "simulator.json"
    config = SimulatorConfig(
        models=dict(models), scripts={key: tuple(turns) for key, turns in scripts.items()}, log=log.resolve()
    )
    file.write_text(config.model_dump_json(), encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-m", "harness.simulator", "--config", str(file.resolve()), "--stay"],
        cwd=_ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        port = json.loads(process.stdout.readline())["port"]
        yield Outside(base_url=f"http://127.0.0.1:{port}/v1", log=log, pid=process.pid)
        process.terminate()
        assert process.wait(_PATIENCE_S) == 0
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
