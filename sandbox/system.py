"""Small dealings with the operator's machine: which system it is, and its programs with their lines shown."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from sandbox.contract import OnLine


def is_debian() -> bool:
    """Whether this machine is a Debian or Ubuntu (or one of their kin) with apt."""
    try:
        lines = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    values = dict(line.partition("=")[::2] for line in lines if "=" in line)
    kin = f"{values.get('ID', '')} {values.get('ID_LIKE', '')}".replace('"', "").split()
    return bool({"debian", "ubuntu"} & set(kin)) and Path("/usr/bin/apt-get").exists()


def run_lines(argv: Sequence[str], environment: Mapping[str, str], on_line: OnLine) -> tuple[int, str]:
    """Run a program, its lines shown as they come; returns its exit code (127: no such program) and its last line."""
    last = ""
    try:
        process = subprocess.Popen(
            argv, env=dict(environment), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
    except FileNotFoundError:
        return 127, f"{argv[0]}: not found"
    with process:
        assert process.stdout is not None  # noqa: S101 - it was opened with PIPE
        for raw in process.stdout:
            last = raw.decode("utf-8", "replace").strip() or last
            on_line(last)
        return process.wait(), last
