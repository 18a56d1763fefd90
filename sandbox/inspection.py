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
from sandbox.hardening import OPEN_FILES, ContainerSpec
from sandbox.images import DockerProvider
from sandbox.tars import AGENT_UID

LIMITS = Limits(cpus=0.5, memory_bytes=256 * 1024**2, pids=64, disk_bytes=64 * 1024**2, lifetime_s=120)
"""Limits of the inspected container."""

_CAP_FIX = "use an engine that drops capabilities; `docker info` tells which one answers"
_CGROUP_FIX = "the engine cannot enforce limits; enable the cgroup controllers (rootless: delegate them to your user)"
_PROBE = r"""
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
say core "$(ulimit -c)"
say files "$(ulimit -n)"
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
    _Expected(name="no core files", probe="core", values=frozenset("0"), fix="use an engine that honours ulimits"),
    _Expected(
        name="open files", probe="files", values=frozenset({str(OPEN_FILES)}), fix="use an engine that honours ulimits"
    ),
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
        user=f"{AGENT_UID}:{AGENT_UID}",
        workdir="/tmp",  # noqa: S108 - inside
        command=("sleep", str(LIMITS.lifetime_s)),
        labels=labels.of_process("inspection", LIMITS.lifetime_s),
        limits=LIMITS,
        runtime=runtime,
    )
    container = engine.create(spec)
    try:
        engine.start(container)
        with contextlib.closing(engine.attach(container, ("sh", "-c", _PROBE), spec.user, {})) as channel:
            said = b""
            while (piece := channel.receive())[1]:
                said += piece[1] if piece[0] == "stdout" else b""
    finally:
        engine.remove(container)
    return dict(line.partition("\t")[::2] for line in said.decode("utf-8", "replace").splitlines())


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
