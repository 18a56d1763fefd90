"""What of the machine and of Splitclock itself may change what is measured."""

import hashlib
import os
import platform
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path

from harness.yardstick import yardstick_name
from sandbox.contract import Environment, Limits, SandboxProvider

MEASURING = ("openai", "httpx2", "websockets")
"""Packages that stand between the wire and the clock."""


def host_facts(provider: SandboxProvider) -> dict[str, str]:
    """Versions, cores and the sandbox provider's own facts; read once a run."""
    facts = {
        "splitclock": splitclock_version(),
        "python": platform.python_version(),
        **{f"package.{name}": installed(name) for name in MEASURING},
        "platform": platform.platform(),
        "kernel": platform.release(),
        "cores": str(os.cpu_count() or 0),
        "cores.usable": str(usable_cores()),
        "prompts": prompt_digest(),
        "sandbox": provider.kind,
        "yardstick": yardstick_name(),
    }
    if model := cpu_model():
        facts["cpu"] = model
    return facts | {f"sandbox.{name}": value for name, value in provider.provenance().items()}


def cpu_model() -> str:
    """What the kernel calls the processor; "" where it does not say."""
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        names = (line.partition(":")[2] for line in lines if line.startswith("model name"))
        return " ".join(next(names, "").split())
    return ""


def usable_cores() -> int:
    """Cores that this process may use: fewer than the machine has, where it was bound to some of them."""
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):  # only Linux tells
        return os.cpu_count() or 1


def trial_facts(environment: Environment, limits: Limits, tester: Environment | None = None) -> dict[str, str]:
    """What a trial's sandboxes are made from, and what each of them may use; `tester` is for black-box tests."""
    home = {} if tester is None else {"tester.environment": tester.key, "tester.environment.digest": tester.digest}
    return home | {
        "environment": environment.key,
        "environment.digest": environment.digest,
        "limits.cpus": f"{limits.cpus:g}",
        "limits.memory_bytes": str(limits.memory_bytes),
        "limits.disk_bytes": str(limits.disk_bytes),
        "limits.pids": str(limits.pids),
    }


def load_facts(when: str) -> dict[str, str]:
    """The machine's load now, keys beginning with `when`: load average, and pressure where the kernel has it."""
    facts: dict[str, str] = {}
    with suppress(OSError):
        facts[f"{when}.load"] = f"{os.getloadavg()[0]:.2f}"
    for what, line in (("cpu", 0), ("memory", 1)):  # of CPU "some" is told, of memory "full": all that waited
        with suppress(OSError, IndexError):  # some kernels show the file and refuse to read it
            text = Path("/proc/pressure", what).read_text(encoding="ascii")
            facts[f"{when}.{what}_pressure"] = text.splitlines()[line]
    return facts


def splitclock_version() -> str:
    """The installed version, or "unknown" in a tree that is not installed."""
    return installed("splitclock")


def installed(package: str) -> str:
    """The version of an installed package, or "unknown"."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def prompt_digest() -> str:
    """16 hex digits over the prompt files: other words make other trials."""
    digest = hashlib.sha256()
    for path in sorted(files("harness.prompts").iterdir(), key=lambda item: item.name):
        if path.name.endswith(".md"):
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]
