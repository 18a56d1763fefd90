"""`doctor`'s look at the engine: what is weakened is found."""

from pathlib import Path

import pytest

from sandbox.images import DockerProvider, DockerSettings
from sandbox.inspection import LIMITS, compare, inspect_host, probe

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
        ("written", "/etc"),
        ("socket", "/var/run/docker.sock"),
    ],
)
def test_each_weakness_is_found(name: str, value: str) -> None:
    """One thing weaker than asked for is one finding that is not well, with a way out."""
    bad = [finding for finding in compare(_HARD | {name: value}) if not finding.ok]
    assert [bool(finding.fix) for finding in bad] == [True]
    assert value in bad[0].detail


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
    assert not docker_provider.engine.containers({"splitclock.kind": "inspection"})


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
