"""`doctor`'s look at the engine: what is weakened is found."""

import os
from pathlib import Path

import pytest

from sandbox.engine import Engine
from sandbox.images import DockerProvider, DockerSettings
from sandbox.inspection import LIMITS, compare, inspect_host, probe, weaknesses
from sandbox.labels import KIND, OWNER, owner
from tests.sandbox.proxy import EngineProxy

_HARD = {
    "CapBnd": "0" * 16,
    "CapEff": "0" * 16,
    "NoNewPrivs": "1",
    "Seccomp": "2",
    "uid": "1000:1000",
    "networks": "lo",
    "memory": str(LIMITS.memory_bytes),
    "pids": str(LIMITS.pids),
    "cpu": "50000 100000",
    "core": "0",
    "files": "8192",
    "fsize": str(LIMITS.disk_bytes),
    "swap": "0",
    "shm": str(LIMITS.memory_bytes // 4),
    "pid1": "uid 0 capabilities 0000000000000000 agent may nothing",
    "deadman": str(LIMITS.lifetime_s),
    "ptrace": "refused",
    "proxies": "",
    "mounts": "",
    "devices": "",
    "name": "1",
    "loopback": "0",
    "tmp": "yes",
    "ipc": "private",
    "log": "none",
    "privileged": "",
    "binds": "",
    "pid": "",
    "written": "",
    "socket": "",
}


def test_hard_container_has_no_complaint() -> None:
    """Everything as asked for gives findings that are all well."""
    assert all(finding.ok for finding in compare(_HARD))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CapBnd", "00000000a80425fb"),
        ("CapEff", "00000000a80425fb"),
        ("NoNewPrivs", "0"),
        ("Seccomp", "0"),
        ("uid", "0:0"),
        ("networks", "eth0 lo"),
        ("memory", "max"),
        ("pids", "max"),
        ("cpu", "max 100000"),
        ("core", "unlimited"),
        ("files", "1048576"),
        ("fsize", "unlimited"),
        ("swap", "536870912"),
        ("swap", "absent"),
        ("shm", "67108864000"),
        ("pid1", "uid 1000 capabilities 0000000000000000 agent may signal"),
        ("pid1", "uid 0 capabilities 00000000a80425fb agent may nothing"),
        ("deadman", ""),
        ("ptrace", "allowed"),
        ("proxies", "HTTPS_PROXY"),
        ("mounts", "/home/agent/host"),
        ("devices", "/dev/vda"),
        ("name", "0"),
        ("loopback", "1"),
        ("tmp", "sh: /tmp/x: Permission denied"),
        ("ipc", "host"),
        ("log", "json-file"),
        ("privileged", "True"),
        ("binds", "['/:/host']"),
        ("pid", "host"),
        ("written", "/etc"),
        ("socket", "/var/run/docker.sock"),
    ],
)
def test_each_weakness_is_found(name: str, value: str) -> None:
    """One thing weaker than asked for is one finding that is not well, with a way out."""
    bad = [finding for finding in compare(_HARD | {name: value}) if not finding.ok]
    assert [bool(finding.fix) for finding in bad] == [True]
    assert (value or "none") in bad[0].detail


def test_silence_is_no_consent() -> None:
    """A probe that says nothing proves nothing."""
    assert not any(finding.ok for finding in compare({}))


@pytest.mark.docker
def test_this_engine_is_inspected(docker_provider: DockerProvider) -> None:
    """A real container of this engine sees what was asked for, and nothing of it is left."""
    docker_provider.prepare_base(lambda _line: None)
    findings = inspect_host(docker_provider)
    assert {finding.name for finding in findings} >= {"engine", "cgroups", "disk", "base image", "seccomp filter"}
    assert [finding for finding in findings if not finding.ok] == []
    assert not docker_provider.engine.containers({KIND: "inspection", OWNER: owner()})


@pytest.mark.docker
def test_engine_that_cannot_start_containers_is_a_finding(docker_provider: DockerProvider, tmp_path: Path) -> None:
    """A runtime that is not there shows as a finding, not as a crash."""
    docker_provider.prepare_base(lambda _line: None)
    odd = DockerProvider(docker_provider.engine, DockerSettings(cache=tmp_path, runtime="no-such-runtime"))
    (finding,) = [finding for finding in inspect_host(odd) if not finding.ok]
    assert finding.name == "isolation"
    assert "no-such-runtime" in finding.detail


@pytest.mark.docker
def test_probe_tells_a_plain_container_from_a_hard_one(docker_provider: DockerProvider) -> None:
    """The probe reports by what it sees: a container's own limits come back as they were set."""
    seen = probe(docker_provider.engine, docker_provider.prepare_base(lambda _line: None))
    assert seen["memory"] == str(LIMITS.memory_bytes)
    assert set(seen) == set(_HARD)
    assert not [finding for finding in compare(seen) if not finding.ok]


@pytest.mark.docker
def test_probe_sees_what_an_engine_left_out(docker_provider: DockerProvider, tmp_path: Path) -> None:
    """An engine that silently leaves out one option after the other: each is found, by its own name, and no other."""
    image = docker_provider.prepare_base(lambda _line: None)
    host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    if not host.startswith("unix://"):
        pytest.skip("the engine is not behind a unix socket")
    found = {}
    with EngineProxy(tmp_path / "engine.sock", host.removeprefix("unix://")) as proxy:
        weak = DockerProvider(Engine.connect({"DOCKER_HOST": proxy.host}), DockerSettings(cache=tmp_path))
        for asked, passed in _LEFT_OUT:
            proxy.rewrite(asked, passed)
            found[asked] = {finding.name for finding in weaknesses(weak, image)}
        weak.engine.close()
    assert found == {asked: names for (asked, _), names in _LEFT_OUT.items()}


_LEFT_OUT = {
    (b'"PidsLimit": 64', b'"PidsLimit": -1'): {"process limit"},
    (b'"CapDrop": ["ALL"]', b'"CapDrop": []     '): {"capabilities", "untouchable PID 1"},
    (b'"no-new-privileges:true"', b'"label=disable"           '[:24]): {"no new privileges"},
    (b'"NanoCpus": 500000000', b'"NanoCpus":         0'): {"CPU limit"},
    (b'"NetworkMode": "none"', b'"NetworkMode": ""    '): {"no network"},
    (b'"Name": "core", "Soft": 0, "Hard": 0', b'"Name": "core", "Soft": 9, "Hard": 9'): {"no core files"},
    (b'"Type": "none"', b'"Type":"local"'): {"no log"},
    (b'"IpcMode": "private"', b'"IpcMode": "host"   '): {"private IPC", "shared memory"},
    (b'"User": "0:0"', b'"User": "1:1"'): {"untouchable PID 1"},
}
"""What is asked for, what the engine gets instead (as long), and the findings that this must make."""
