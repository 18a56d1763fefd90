"""`doctor`'s look at the engine: what a hardened container sees inside is held against the list."""

import contextlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox import labels
from sandbox.base_image import BASE_REF
from sandbox.contract import Limits
from sandbox.engine import Engine
from sandbox.errors import SandboxError
from sandbox.hardening import AGENT, OPEN_FILES, ROOT, ContainerSpec, deadman
from sandbox.images import DockerProvider
from sandbox.tars import AGENT_UID

LIMITS = Limits(cpus=0.5, memory_bytes=256 * 1024**2, pids=64, disk_bytes=64 * 1024**2, lifetime_s=120)
"""Limits of the inspected container."""

_CAP_FIX = "use an engine that drops capabilities; `docker info` tells which one answers"
_CGROUP_FIX = "the engine cannot enforce limits; enable the cgroup controllers (rootless: delegate them to your user)"
_PROBE = r"""
usual='^/($|proc|sys|dev($|/(pts|mqueue|shm|console|init)$)|etc/(resolv\.conf|hostname|hosts)$|(usr/)?sbin/docker-init$'
usual="$usual"'|run/(\.containerenv|podman-init)$|catatonit$)'
first() { for place in "$@"; do if [ -r "$place" ]; then cat "$place"; return; fi; done; echo absent; }
say() { printf '%s\t%s\n' "$1" "$(echo $2)"; }
for name in CapBnd CapEff NoNewPrivs Seccomp; do
  say $name "$(sed -n "s/^$name:[[:space:]]*//p" /proc/self/status)"
done
say uid "$(id -u):$(id -g)"
say networks "$(ls /sys/class/net)"
cgroup=/sys/fs/cgroup
say memory "$(first $cgroup/memory.max $cgroup/memory/memory.limit_in_bytes)"
say pids "$(first $cgroup/pids.max $cgroup/pids/pids.max)"
say cpu "$(first $cgroup/cpu.max $cgroup/cpu/cpu.cfs_quota_us)"
limit() { sed -n "s/^Max $1  *[^ ]*  *\([^ ]*\) .*/\1/p" /proc/self/limits; }
say core "$(limit 'core file size')"
say files "$(limit 'open files')"
say fsize "$(limit 'file size')"
swap="$(first $cgroup/memory.swap.max $cgroup/memory/memory.memsw.limit_in_bytes)"
if [ "$swap" = absent ] && grep -q '^SwapTotal: *0 kB' /proc/meminfo; then swap=none; fi
say swap "$swap"
say shm "$(($(stat -f -c '%b * %S' /dev/shm)))"
may=nothing; if kill -0 1 2>/dev/null; then may=signal; fi
say pid1 "$(sed -n 's/^Uid:[[:space:]]*\([0-9]*\).*/uid \1/p; s/^CapBnd:/capabilities/p' /proc/1/status) agent may $may"
say deadman "$(tr '\0' ' ' < /proc/1/cmdline | sed -n 's/.*\/bin\/sleep \([0-9]*\) $/\1/p')"
say proxies "$(env | sed 's/=.*//' | grep -i '_proxy$')"
say mounts "$(awk '{print $5}' /proc/self/mountinfo | grep -Ev "$usual")"
say devices "$(find /dev -type b 2>/dev/null)"
say name "$(grep -c "^127\.0\.0\.1[[:space:]].*$(cat /proc/sys/kernel/hostname)" /etc/hosts)"
say loopback "$(first /proc/sys/net/ipv6/conf/lo/disable_ipv6)"
tried=untried
if command -v python3 >/dev/null; then
  tried=$(python3 -c 'import ctypes; print("refused" if ctypes.CDLL(None).ptrace(0, 0, 0, 0) else "allowed")')
fi
say ptrace "$tried"
program=/tmp/.splitclock-probe
printf '#!/bin/sh\necho yes' > $program; chmod +x $program; say tmp "$($program 2>&1)"; rm -f $program
written=
for folder in / /bin /etc /home /lib /opt /root /sbin /sys /usr /usr/local/bin /var /var/lib /proc/sys/kernel; do
  if (: > "$folder/.splitclock-probe") 2>/dev/null; then written="$written $folder"; fi
done
say written "$written"
say socket "$(ls /var/run/docker.sock /run/docker.sock 2>/dev/null)"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at: is it as it should be, what was seen, and what to do if it is not."""

    name: str
    ok: bool
    detail: str
    fix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Expected:
    """What a probe's line must say: one of `values`."""

    name: str
    probe: str
    values: frozenset[str]
    fix: str


_NONE = frozenset({"0" * 16})
_ULIMIT_FIX = "use an engine that honours ulimits"
_AGREED = {"ipc": "IpcMode", "log": "LogConfig", "privileged": "Privileged", "binds": "Binds", "pid": "PidMode"}
"""What cannot be seen from inside, by its name in the engine's own account of the container."""

_EXPECTED = (
    _Expected(name="capabilities", probe="CapBnd", values=_NONE, fix=_CAP_FIX),
    _Expected(name="effective capabilities", probe="CapEff", values=_NONE, fix=_CAP_FIX),
    _Expected(name="no new privileges", probe="NoNewPrivs", values=frozenset("1"), fix="use an engine that honours it"),
    _Expected(
        name="seccomp filter", probe="Seccomp", values=frozenset("2"), fix="use a kernel and engine with seccomp"
    ),
    _Expected(
        name="user",
        probe="uid",
        values=frozenset({f"{AGENT_UID}:{AGENT_UID}"}),
        fix="use an engine that honours the container's user",
    ),
    _Expected(
        name="no network", probe="networks", values=frozenset({"lo"}), fix="use an engine that honours network none"
    ),
    _Expected(name="memory limit", probe="memory", values=frozenset({str(LIMITS.memory_bytes)}), fix=_CGROUP_FIX),
    _Expected(name="process limit", probe="pids", values=frozenset({str(LIMITS.pids)}), fix=_CGROUP_FIX),
    _Expected(name="CPU limit", probe="cpu", values=frozenset({"50000 100000", "50000"}), fix=_CGROUP_FIX),
    _Expected(name="no swap", probe="swap", values=frozenset({"0", "none", str(LIMITS.memory_bytes)}), fix=_CGROUP_FIX),
    _Expected(name="no core files", probe="core", values=frozenset("0"), fix=_ULIMIT_FIX),
    _Expected(name="open files", probe="files", values=frozenset({str(OPEN_FILES)}), fix=_ULIMIT_FIX),
    _Expected(name="file size", probe="fsize", values=frozenset({str(LIMITS.disk_bytes)}), fix=_ULIMIT_FIX),
    _Expected(
        name="shared memory",
        probe="shm",
        values=frozenset({str(LIMITS.memory_bytes // 4)}),
        fix="use an engine that honours shm_size",
    ),
    _Expected(
        name="untouchable PID 1",
        probe="pid1",
        values=frozenset({f"uid 0 capabilities {'0' * 16} agent may nothing"}),
        fix="use an engine that starts PID 1 as root inside, and commands as another user",
    ),
    _Expected(
        name="deadman",
        probe="deadman",
        values=frozenset({str(LIMITS.lifetime_s)}),
        fix="use an engine that starts the given program",
    ),
    _Expected(
        name="no tracing",
        probe="ptrace",
        values=frozenset({"refused", "untried"}),
        fix="use an engine that takes a seccomp profile from its client",
    ),
    _Expected(name="no proxy variables", probe="proxies", values=frozenset({""}), fix="take them out of the image"),
    _Expected(name="no host folders", probe="mounts", values=frozenset({""}), fix="use an engine that mounts nothing"),
    _Expected(name="no host devices", probe="devices", values=frozenset({""}), fix="use an engine that gives none"),
    _Expected(
        name="own name", probe="name", values=frozenset("1"), fix="use an engine that honours extra hosts and hostname"
    ),
    _Expected(
        name="IPv6 loopback", probe="loopback", values=frozenset({"0", "absent"}), fix="allow sysctls of the network"
    ),
    _Expected(name="executable /tmp", probe="tmp", values=frozenset({"yes"}), fix="do not mount /tmp noexec"),
    _Expected(
        name="private IPC", probe="ipc", values=frozenset({"private"}), fix="use an engine that honours ipc_mode"
    ),
    _Expected(name="no log", probe="log", values=frozenset({"none"}), fix="use an engine that honours log_config"),
    _Expected(name="not privileged", probe="privileged", values=frozenset({""}), fix="do not force privileged mode"),
    _Expected(name="no bind mounts", probe="binds", values=frozenset({""}), fix="do not force bind mounts"),
    _Expected(name="own processes", probe="pid", values=frozenset({""}), fix="do not force host processes"),
    _Expected(
        name="read-only system", probe="written", values=frozenset({""}), fix="use an image whose folders root owns"
    ),
    _Expected(name="no engine inside", probe="socket", values=frozenset({""}), fix="do not mount the engine's socket"),
)


def inspect_host(provider: DockerProvider) -> tuple[Finding, ...]:
    """What is fit and unfit in this engine and its host. Raises EngineUnavailableError only; the rest are findings."""
    engine = provider.engine
    info = engine.info()
    findings = [_engine(engine), _cgroups(info), _disk(info, provider.settings.disk_floor), _base(engine)]
    image = engine.image_id(BASE_REF)
    if image is None:
        return (*findings, Finding(name="isolation", ok=True, detail="looked at once the base image is there"))
    try:
        seen = probe(engine, image, provider.settings.runtime)
    except SandboxError as error:
        fix = "no hardened container starts here; look at the engine's log"
        return (*findings, Finding(name="isolation", ok=False, detail=str(error), fix=fix))
    return (*findings, *compare(seen))


def probe(engine: Engine, image: str, runtime: str | None = None) -> Mapping[str, str]:
    """What a hardened container of this image sees of itself, by name. Raises SandboxError."""
    spec = ContainerSpec(
        image=image,
        user=ROOT,
        workdir="/",
        command=deadman(LIMITS.lifetime_s),
        labels=labels.of_process("inspection", LIMITS.lifetime_s),
        limits=LIMITS,
        runtime=runtime,
    )
    container = engine.create(spec)
    try:
        engine.start(container)
        agreed = engine.inspect(container).get("HostConfig") or {}
        with contextlib.closing(engine.attach(container, ("sh", "-c", _PROBE), AGENT, {})) as channel:
            said = b""
            while (piece := channel.receive())[1]:
                said += piece[1] if piece[0] == "stdout" else b""
    finally:
        engine.remove(container)
    inside = dict(line.partition("\t")[::2] for line in said.decode("utf-8", "replace").splitlines())
    return inside | {name: _shown(agreed.get(key)) for name, key in _AGREED.items()}


def _shown(value: object) -> str:
    """A setting in one word, with log settings by their kind; whatever means "not set" is empty."""
    return str((value.get("Type") if isinstance(value, Mapping) else value) or "")


def expected_names() -> tuple[str, ...]:
    """What is looked at from inside, by name."""
    return tuple(expected.name for expected in _EXPECTED)


def weaknesses(provider: DockerProvider, image: str) -> tuple[Finding, ...]:
    """What a hardened container of this provider lacks of the list; `image` serves where the base image is not here.

    Raises SandboxError when no such container starts.
    """
    seen = probe(provider.engine, provider.engine.image_id(BASE_REF) or image, provider.settings.runtime)
    return tuple(finding for finding in compare(seen) if not finding.ok)


def compare(seen: Mapping[str, str]) -> tuple[Finding, ...]:
    """Hold what a container saw against what it was created with; a line that is missing is a failure."""
    found = []
    for expected in _EXPECTED:
        value = seen.get(expected.probe)
        ok = value in expected.values
        detail = "not reported" if value is None else f"{expected.probe} is {value or 'none'}"
        found.append(Finding(name=expected.name, ok=ok, detail=detail, fix="" if ok else expected.fix))
    return tuple(found)


def _engine(engine: Engine) -> Finding:
    """An engine that is too old is refused before we come here."""
    version = engine.version()
    return Finding(name="engine", ok=True, detail=f"{version.get('Version')} (API {version.get('ApiVersion')})")


def _cgroups(info: Mapping[str, Any]) -> Finding:
    lacking = [name for name in ("MemoryLimit", "PidsLimit", "CpuCfsQuota") if info.get(name) is False]
    detail = f"version {info.get('CgroupVersion', '1')}" + (f", without {', '.join(lacking)}" if lacking else "")
    return Finding(name="cgroups", ok=not lacking, detail=detail, fix=_CGROUP_FIX if lacking else "")


def _disk(info: Mapping[str, Any], floor: int) -> Finding:
    root = Path(str(info.get("DockerRootDir") or "/"))
    if not root.is_dir():
        return Finding(name="disk", ok=True, detail="the engine's disk is not on this machine; not measured")
    free = shutil.disk_usage(root).free
    ok = free >= floor
    fix = "" if ok else "free some: `docker system df`, `splitclock clean`"
    return Finding(name="disk", ok=ok, detail=f"{free / 1024**3:.1f} GiB free in {root}", fix=fix)


def _base(engine: Engine) -> Finding:
    image = engine.image_id(BASE_REF)
    detail = f"{BASE_REF} is {image[:19]}" if image else f"{BASE_REF} is not here yet; the first run makes it"
    return Finding(name="base image", ok=True, detail=detail)
