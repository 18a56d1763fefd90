"""The simulator in a process of its own, so that its pace does not depend on what the harness is doing."""

import json
import os
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from harness.errors import InfraError
from harness.simulator.config import Pace, SimulatorConfig
from harness.turns import Turn

_ROOT = Path(__file__).resolve().parents[2]
_START_S = 60.0
_STOP_S = 5.0


class Simulator:
    """A running simulator; a context manager. `base_url` is what a model's settings need, with the script's header.

    Raises InfraError where it does not start.
    """

    def __init__(
        self, models: Mapping[str, Pace], scripts: Mapping[str, Path | Sequence[Turn]], log: Path | None = None
    ) -> None:
        config = SimulatorConfig(
            models=dict(models),
            scripts={key: each.resolve() if isinstance(each, Path) else tuple(each) for key, each in scripts.items()},
            log=None if log is None else log.resolve(),
        )
        with tempfile.TemporaryDirectory(prefix="splitclock-simulator-") as folder:
            file = Path(folder) / "config.json"
            file.write_text(config.model_dump_json(), encoding="utf-8")
            self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process; close() closes it
            self._process = subprocess.Popen(
                [sys.executable, "-m", "harness.simulator", "--config", str(file)],
                cwd=_ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                start_new_session=True,  # Ctrl-C is for the harness, which then closes this
            )
            try:
                self.base_url = f"http://127.0.0.1:{self._port()}/v1"
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        """End the process and wait for it."""
        process = self._process
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
        self._errors.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _port(self) -> int:
        """The port from the one line that says that it listens."""
        line = self._first_line()
        try:
            return int(json.loads(line)["port"])
        except (ValueError, KeyError, TypeError):
            self._errors.seek(0)
            said = self._errors.read().decode(errors="replace").strip() or "it said nothing"
            raise InfraError(f"the simulator did not start: {said[-500:]}") from None

    def _first_line(self) -> str:
        output = self._process.stdout
        if output is None:
            return ""
        deadline, line = time.monotonic() + _START_S, b""
        with selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ)
            while not line.endswith(b"\n") and selector.select(deadline - time.monotonic()):
                data = os.read(output.fileno(), 4096)
                if not data:
                    break
                line += data
        return line.decode(errors="replace")
