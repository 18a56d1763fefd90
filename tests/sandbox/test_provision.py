"""Getting an engine: idempotent, honest about rights, and really started where there is none."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.engine import Engine
from sandbox.errors import EngineUnavailableError
from sandbox.provision import Machine, ensure_engine
from sandbox.system import is_debian, run_lines


@pytest.mark.docker
@pytest.mark.usefixtures("docker_provider")
def test_running_engine_is_left_alone() -> None:
    """Where an engine answers nothing is said and nothing is done."""
    said: list[str] = []
    ensure_engine(said.append, Machine(environment=dict(os.environ)))
    assert said == []


def test_without_rights_the_next_step_is_told(tmp_path: Path) -> None:
    """Who is not root gets one line; so does an operator whose DOCKER_HOST leads nowhere, root or not."""
    nowhere = f"unix://{tmp_path}/docker.sock"
    for machine in (Machine(host=nowhere, is_root=False), Machine(environment={"DOCKER_HOST": nowhere}, is_root=True)):
        with pytest.raises(EngineUnavailableError, match="no Docker engine at") as caught:
            ensure_engine(pytest.fail, machine)
        assert "\n" not in str(caught.value)


def test_daemon_that_does_not_come_up_shows_its_log(tmp_path: Path) -> None:
    """The last line of the log is in the error, and the stale pid file went away first."""
    (tmp_path / "pid").write_text("4194303")
    machine = Machine(
        is_root=True,
        host=f"unix://{tmp_path}/docker.sock",
        daemon=("sh", "-c", "echo no space left"),
        log=tmp_path / "log",
        patience_s=0.5,
        pid_file=tmp_path / "pid",
    )
    said: list[str] = []
    with pytest.raises(EngineUnavailableError, match=r"does not come up.*: no space left"):
        ensure_engine(said.append, machine)
    assert not (tmp_path / "pid").exists()
    assert any("left behind" in line for line in said)


@pytest.fixture
def second_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine whose engine is a daemon of its own, away from the real one; killed afterwards."""
    if os.getuid() != 0 or shutil.which("dockerd") is None:
        pytest.skip("starting a second engine needs root and dockerd")
    place = tmp_path_factory.mktemp("engine")
    host = f"unix://{place}/docker.sock"
    daemon = (
        # a network of its own: a daemon without a bridge takes the bridge of the real one away
        "unshare", "--net", "dockerd", "--host", host, "--data-root", f"{place}/data",
        "--exec-root", f"{place}/run", "--pidfile",
        f"{place}/pid", "--bridge", "none", "--iptables=false", "--ip6tables=false",
    )  # fmt: skip
    yield Machine(is_root=True, host=host, daemon=daemon, log=place / "log", pid_file=place / "pid")
    if (place / "pid").exists():
        os.kill(int((place / "pid").read_text()), signal.SIGTERM)


@pytest.mark.alone  # a second engine on the machine
@pytest.mark.docker
@pytest.mark.slow
def test_engine_is_started_detached(second_engine: Machine) -> None:
    """With a daemon installed but none running, one is started, answers, and is found the second time."""
    said: list[str] = []
    ensure_engine(said.append, second_engine)
    assert said[-1] == "the Docker engine answers"
    assert second_engine.host is not None
    engine = Engine.connect({"DOCKER_HOST": second_engine.host})
    assert engine.images({}) == ()
    engine.close()
    said.clear()
    ensure_engine(said.append, second_engine)
    assert said == []


def test_programs_show_their_lines() -> None:
    """Lines come one by one; the exit code and the last word are told; a missing program is 127."""
    said: list[str] = []
    assert run_lines(["sh", "-c", "echo one; echo two >&2; exit 4"], {"PATH": os.defpath}, said.append) == (4, "two")
    assert said == ["one", "two"]
    assert run_lines(["/no/such/program"], {}, said.append)[0] == 127


def test_debian_is_recognised_by_its_own_file() -> None:
    """The answer agrees with whether apt-get is there on a system that says it is Debian's kin."""
    text = Path("/etc/os-release").read_text(encoding="utf-8") if Path("/etc/os-release").exists() else ""
    assert is_debian() == (Path("/usr/bin/apt-get").exists() and ("debian" in text or "ubuntu" in text))
