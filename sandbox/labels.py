"""Labels on everything that we make in the engine: whose it is and until when. The reaper goes by these alone."""

import datetime as dt
import os
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path

from sandbox.contract import Identity

KIND = "splitclock.kind"
"""What a thing is: "sandbox", "build", "base", "environment" or "checkout"; everything of ours has it."""

OWNER = "splitclock.owner"
"""The process it belongs to, as "host:pid:start time"."""

DEADLINE = "splitclock.deadline"
"""Seconds since 1970 after which nobody can still want it."""

DISK = "splitclock.disk"
"""The file that a volume with a hard bound lies in."""

RUN = "splitclock.run"
"""The run that a sandbox belongs to."""

CLAIM = "splitclock.claim"
"""The file that whoever goes on with a dead owner's sandbox holds locked: see `sandbox.claims`."""

MADE = "splitclock.made"
"""Digest of all that a sandbox was asked to be."""

PYTHON = "splitclock.python"
"""Path of the image's Python for the executor, or "none"."""

NAME = "splitclock.name"
"""Name of the recipe for which an image was first made."""

KEY = "splitclock.key"
"""Content key of an environment or checkout."""


def of_process(kind: str, lifetime_s: float) -> dict[str, str]:
    """Labels of something that must not outlive this process, or `lifetime_s` seconds."""
    return {KIND: kind, OWNER: owner(), DEADLINE: str(int(_now() + lifetime_s))}


def of_sandbox(identity: Identity, lifetime_s: float) -> dict[str, str]:
    """Labels of a trial's container."""
    return {**of_process("sandbox", lifetime_s), **of_identity(identity)}


def of_identity(identity: Identity) -> dict[str, str]:
    """What is the same on all sandboxes of one role in one attempt, whichever process opened them."""
    return {
        KIND: "sandbox",
        RUN: identity.run,
        "splitclock.trial": identity.trial,
        "splitclock.attempt": str(identity.attempt),
        "splitclock.role": identity.role,
    }


def owner() -> str:
    """This process by host, id and start time, so that a reused id is not taken for it."""
    return f"{platform.node()}:{os.getpid()}:{_started(os.getpid())}"


def is_abandoned(labels: Mapping[str, str]) -> bool:
    """Whether the owner is known to be dead, or the deadline has passed. Things of other hosts: by deadline only."""
    return is_late(labels) or is_orphaned(labels)


def is_late(labels: Mapping[str, str]) -> bool:
    """Whether the deadline has passed."""
    return left_s(labels) < 0


def left_s(labels: Mapping[str, str]) -> float:
    """Seconds to the deadline; without end where there is none."""
    deadline = labels.get(DEADLINE, "")
    return int(deadline) - _now() if deadline.isdigit() else float("inf")


def is_orphaned(labels: Mapping[str, str]) -> bool:
    """Whether the owner is known to be dead."""
    host, _, process = labels.get(OWNER, "").partition(":")
    pid, _, started = process.partition(":")
    return host == platform.node() and pid.isdigit() and _started(int(pid)) != started


def _started(pid: int) -> str:
    """When a process started, in whatever unit the system counts; empty when there is none of that id."""
    try:
        # the name in parentheses may hold anything, spaces too; the 22nd field is the 20th after it
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        if Path("/proc/self/stat").exists():
            return ""
    shown = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, check=False)
    return shown.stdout.decode(errors="replace").strip().replace(":", ".")


def _now() -> float:
    return dt.datetime.now(dt.UTC).timestamp()
