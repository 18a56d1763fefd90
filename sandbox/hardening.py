"""What every sandbox container is created with: no network, no privileges, hard limits. Pure data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from sandbox.contract import Limits
from sandbox.tars import AGENT_UID

SHM_BYTES = 256 * 1024**2
"""Upper bound of /dev/shm in bytes; it counts against the memory limit."""

OPEN_FILES = 8192
"""Open descriptors that one process inside may hold."""

AGENT = f"{AGENT_UID}:{AGENT_UID}"
"""Whom everything runs as that the harness starts inside."""

ROOT = "0:0"
"""Whom PID 1 runs as, without any capability: nothing of the agent's can signal it, so that only the engine, the kernel
and people outside end a container."""

_IPV6_SYSCTLS = ("net.ipv6.conf.all.disable_ipv6", "net.ipv6.conf.lo.disable_ipv6")
PLAIN_RUNTIMES = frozenset({None, "runc", "crun"})
"""Runtimes on the kernel's own network; others bring a network stack of their own."""

_IPV6_SWITCH = Path("/proc/sys/net/ipv6/conf/lo/disable_ipv6")


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSpec:
    """One hardened container: who runs what, from which image, within which limits.

    `image` is a reference or, better, an image id. `user` is the "uid:gid" of PID 1; commands name their own. `command`
    is PID 1's argv and replaces the image's entrypoint. `network` is "none", or "container:<id>" to join another
    container's loopback; `volume` is a volume's name and where it stands; `runtime` names another OCI runtime
    ("runsc"), None for the engine's default.
    """

    image: str
    user: str
    workdir: str
    command: tuple[str, ...]
    labels: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    network: str = "none"
    hostname: str = "sandbox"
    volume: tuple[str, str] | None = None
    runtime: str | None = None


def deadman(lifetime_s: float) -> tuple[str, ...]:
    """What PID 1 watches over; by its full path, for the PATH may lead into what the agent wrote."""
    return ("/bin/sleep", str(int(lifetime_s)))


@cache
def seccomp_profile() -> str:
    """Our system-call filter as the JSON text that the engine's API wants."""
    return resources.files("sandbox").joinpath("seccomp.json").read_text(encoding="utf-8")


def host_config(spec: ContainerSpec) -> dict[str, Any]:
    """The host side of a hardened container, as keyword arguments of the engine client's `create_host_config`."""
    limits = spec.limits
    return {
        "init": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true", f"seccomp={seccomp_profile()}"],
        "ipc_mode": "private",
        "log_config": {"type": "none", "config": {}},
        "pids_limit": limits.pids,
        "nano_cpus": int(limits.cpus * 1_000_000_000),
        "mem_limit": limits.memory_bytes,
        "memswap_limit": limits.memory_bytes,
        "shm_size": min(SHM_BYTES, max(1, limits.memory_bytes // 4)),
        "ulimits": _ulimits(limits),
        "runtime": spec.runtime,
        "mounts": _mounts(spec),
        **_network(spec),
    }


def _mounts(spec: ContainerSpec) -> list[dict[str, Any]] | None:
    """A volume of ours, which begins as the image has its place; never a folder of the host."""
    if spec.volume is None:
        return None
    name, target = spec.volume
    return [{"Type": "volume", "Source": name, "Target": target, "ReadOnly": False}]


def _ulimits(limits: Limits) -> list[dict[str, Any]]:
    bounds = {"nofile": OPEN_FILES, "core": 0, "fsize": limits.disk_bytes}
    return [{"name": name, "soft": bound, "hard": bound} for name, bound in bounds.items()]


def _network(spec: ContainerSpec) -> dict[str, Any]:
    """No network but loopback, on which the host's own name resolves; a joined network brings its own names."""
    if spec.network.startswith("container:"):
        return {"network_mode": spec.network}
    plain = spec.runtime in PLAIN_RUNTIMES and _IPV6_SWITCH.exists()
    sysctls = dict.fromkeys(_IPV6_SYSCTLS, "0") if plain else None
    return {"network_mode": spec.network, "extra_hosts": {spec.hostname: "127.0.0.1"}, "sysctls": sysctls}
