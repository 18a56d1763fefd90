"""What of the machine and of Splitclock itself may change what is measured."""

import hashlib
import os
import platform
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path

from sandbox.contract import SandboxProvider


def host_facts(provider: SandboxProvider) -> dict[str, str]:
    """Versions, cores, memory and the sandbox provider's own facts; read once a run."""
    facts = {
        "splitclock": splitclock_version(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": str(os.cpu_count() or 0),
        "prompts": prompt_digest(),
        "sandbox": provider.kind,
    }
    return facts | {f"sandbox.{name}": value for name, value in provider.provenance().items()}


def load_facts(when: str) -> dict[str, str]:
    """The machine's load now, keys beginning with `when`: load average, and CPU pressure where the kernel has it."""
    facts: dict[str, str] = {}
    with suppress(OSError):
        facts[f"{when}.load"] = f"{os.getloadavg()[0]:.2f}"
    with suppress(OSError, IndexError):  # some kernels show the file and refuse to read it
        facts[f"{when}.cpu_pressure"] = Path("/proc/pressure/cpu").read_text(encoding="ascii").splitlines()[0]
    return facts


def splitclock_version() -> str:
    """The installed version, or "unknown" in a tree that is not installed."""
    try:
        return version("splitclock")
    except PackageNotFoundError:
        return "unknown"


def prompt_digest() -> str:
    """16 hex digits over the prompt files: other words make other trials."""
    digest = hashlib.sha256()
    for path in sorted(files("harness.prompts").iterdir(), key=lambda item: item.name):
        if path.name.endswith(".md"):
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]
