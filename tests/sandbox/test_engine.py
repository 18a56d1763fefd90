"""The engine's door, against a real Docker engine."""

import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import labels
from sandbox.contract import Identity, Limits
from sandbox.engine import Engine
from sandbox.errors import EngineUnavailableError, ImageError, SandboxDiedError, SandboxError
from sandbox.hardening import ContainerSpec
from sandbox.images import DockerProvider
from sandbox.reaper import reap_abandoned, reap_own

pytestmark = pytest.mark.docker

IMAGE = "splitclock/base:bookworm"
AGENT = "1000:1000"


@pytest.fixture(scope="module")
def engine(docker_provider: DockerProvider) -> Engine:
    """This machine's engine, with the base image in it."""
    docker_provider.prepare_base(lambda _line: None)
    return docker_provider.engine


def _spec(**changes: object) -> ContainerSpec:
    known: dict[str, object] = {
        "image": IMAGE,
        "user": AGENT,
        "workdir": "/tmp",
        "command": ("sleep", "300"),
        "labels": labels.of_sandbox(Identity(role="test"), 300),
        "limits": Limits(memory_bytes=256 * 1024**2, pids=64),
    }
    return ContainerSpec(**(known | changes))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def container(engine: Engine) -> Iterator[str]:
    """A running hardened container."""
    made = engine.create(_spec(env={"FROM_SPEC": "yes"}))
    engine.start(made)
    yield made
    engine.remove(made)


def _run(engine: Engine, container: str, script: str, **env: str) -> tuple[int | None, str, str]:
    channel = engine.attach(container, ["sh", "-c", script], AGENT, env)
    channel.close_input()
    said = {"stdout": b"", "stderr": b""}
    while (piece := channel.receive())[1]:
        said[piece[0]] += piece[1]
    channel.close()
    return engine.exit_code(channel.exec_id), said["stdout"].decode(), said["stderr"].decode()


def _python(engine: Engine, container: str, program: str) -> str:
    code, out, err = _run(engine, container, f"python3 - <<'END'\n{program}\nEND")
    assert code == 0, err
    return out.strip()


def test_streams_and_exit_code_are_told_apart(engine: Engine, container: str) -> None:
    """Output, errors, environment and exit code of an attached command arrive as they are."""
    code, out, err = _run(engine, container, 'echo "$FROM_SPEC $HERE"; echo bad >&2; exit 7', HERE="now")
    assert (code, out, err) == (7, "yes now\n", "bad\n")


def test_input_goes_in(engine: Engine, container: str) -> None:
    """Bytes sent are what the command reads, up to the end of its input."""
    channel = engine.attach(container, ["sha256sum"], AGENT, {})
    for _ in range(64):
        channel.send(bytes(range(256)) * 64)
    channel.close_input()
    told = channel.receive()
    channel.close()
    assert told[0] == "stdout"
    assert told[1].decode().split()[0] == hashlib.sha256(bytes(range(256)) * 64 * 64).hexdigest()


def test_large_output_arrives_whole(engine: Engine, container: str) -> None:
    """Frames larger than one read are put together."""
    _, out, _ = _run(engine, container, "head -c 3000000 /dev/zero | tr '\\0' x")
    assert out == "x" * 3_000_000


def test_close_wakes_a_blocked_reader(engine: Engine, container: str) -> None:
    """A thread that waits for output gets the end when another one closes the channel."""
    channel = engine.attach(container, ["sleep", "200"], AGENT, {})
    told: list[tuple[str, bytes]] = []
    reader = threading.Thread(target=lambda: told.append(channel.receive()))
    reader.start()
    channel.close()
    reader.join(20)
    assert not reader.is_alive()
    assert told[0][1] == b""


def test_send_to_a_dead_command_is_an_error(engine: Engine, container: str) -> None:
    """Once the command has gone, writing to it fails as the operating system says it."""
    channel = engine.attach(container, ["true"], AGENT, {})
    while channel.receive()[1]:
        pass
    channel.close()
    with pytest.raises(OSError, match=r".+"):
        channel.send(b"x")


def test_only_loopback_where_the_own_name_resolves(engine: Engine, container: str) -> None:
    """There is no network, yet programs that listen on localhost, by name or IPv6, work."""
    program = (
        "import os, socket\n"
        "print(os.listdir('/sys/class/net'), socket.gethostbyname(socket.gethostname()))\n"
        "socket.socket(socket.AF_INET6).bind(('::1', 0))\n"
        "try: socket.create_connection(('10.0.0.1', 80), 1)\n"
        "except OSError as error: print(error.errno)"
    )
    assert _python(engine, container, program) == "['lo'] 127.0.0.1\n101"


def test_forbidden_system_calls(engine: Engine, container: str) -> None:
    """Each family of dangerous calls is refused, and asynchronous I/O says it does not exist."""
    program = (
        "import ctypes\n"
        "call = ctypes.CDLL(None, use_errno=True).syscall\n"
        "calls = {'ptrace': (101, 0, 0, 0, 0), 'process_vm_readv': (310, 1, 0, 0, 0, 0, 0),\n"
        " 'keyctl': (250, 0, 0, 0, 0), 'add_key': (248, 0, 0, 0, 0, 0), 'userfaultfd': (323, 1),\n"
        " 'bpf': (321, 0, 0, 0),\n"
        " 'perf': (298, 0, 0, -1, -1, 0),\n"
        " 'mount': (165, 0, 0, 0, 0, 0), 'unshare': (272, 0x10000000), 'setns': (308, 0, 0), 'fsopen': (430, 0, 0),\n"
        " 'clone user': (56, 0x10000011, 0, 0, 0, 0), 'clone net': (56, 0x40000011, 0, 0, 0, 0),\n"
        " 'clone pid': (56, 0x20000011, 0, 0, 0, 0), 'kexec': (246, 0, 0, 0, 0), 'module': (313, 0, 0, 0),\n"
        " 'reboot': (169, 0, 0, 0, 0), 'swap': (167, 0, 0), 'clock': (227, 0, 0), 'handle': (304, 0, 0, 0),\n"
        " 'personality': (135, 0x40000), 'io_uring': (425, 1, 0), 'clone3': (435, 0, 0)}\n"
        "for name, arguments in calls.items():\n"
        "    ctypes.set_errno(0); call(*arguments); print(name, ctypes.get_errno())"
    )
    if _run(engine, container, "uname -m")[1].strip() != "x86_64":
        pytest.skip("the numbers of the calls are those of x86_64")
    refused = dict(line.rsplit(" ", 1) for line in _python(engine, container, program).splitlines())
    assert {name for name, code in refused.items() if code != "1"} == {"io_uring", "clone3"}
    assert {refused["io_uring"], refused["clone3"]} == {"38"}


def test_ordinary_work_goes_on_under_the_filter(engine: Engine, container: str) -> None:
    """Threads, processes, pools, sockets, git and the compiler's usual calls are not in the way."""
    script = (
        "set -e; cd /tmp; git init -q repo; cd repo; git config user.email a@b; git config user.name a; echo 1 > f; "
        "git add f; git commit -qm x; git log --oneline | wc -l; "
        "python3 -c 'import asyncio, concurrent.futures as f, multiprocessing as m, sqlite3, socket\n"
        "with m.Pool(2) as p: assert p.map(abs, [-1]) == [1]\n"
        "with f.ThreadPoolExecutor(2) as t: assert list(t.map(abs, [-1])) == [1]\n"
        'asyncio.run(asyncio.create_subprocess_exec("true"))\n'
        'sqlite3.connect("x.db").execute("create table a (b)"); socket.socketpair()\n'
        'print("fine")\''
    )
    code, out, err = _run(engine, container, script)
    assert (code, out) == (0, "1\nfine\n"), err


def test_processes_are_limited(engine: Engine, container: str) -> None:
    """A fork bomb meets the limit, and the container answers afterwards."""
    code, _, err = _run(engine, container, "for i in $(seq 100); do sleep 1 & done; wait")
    assert code != 0
    assert "fork" in err
    assert _run(engine, container, "wait")[0] == 0


def test_put_and_archive(engine: Engine, container: str) -> None:
    """What is put into a container comes out of it again, through the engine alone."""
    spool = io.BytesIO()
    with tarfile.open(fileobj=spool, mode="w") as tar:
        member = tarfile.TarInfo("given/file")
        member.size = 5
        tar.addfile(member, io.BytesIO(b"hello"))
    engine.put(container, "/tmp", spool.getvalue())
    with engine.archive(container, "/tmp/given/file") as pieces:
        whole = io.BytesIO(b"".join(pieces))
    with tarfile.open(fileobj=whole) as back:
        file = back.extractfile("file")
        assert file is not None
        assert file.read() == b"hello"


def test_archive_left_in_the_middle_blocks_nobody(engine: Engine, container: str) -> None:
    """A reader that gives up early leaves the engine free for the next call."""
    with engine.archive(container, "/usr") as pieces:
        assert next(pieces)
    assert engine.inspect(container)["State"]["Running"]


def test_gone_is_success_for_ending_and_an_error_for_using(engine: Engine) -> None:
    """Killing and removing twice is fine; everything else says that the container died."""
    made = engine.create(_spec())
    engine.start(made)
    assert any("sleep 300" in line for line in engine.processes(made))
    for _ in range(2):
        engine.kill(made)
    assert engine.processes(made) == ()
    with pytest.raises(SandboxDiedError):
        engine.attach(made, ["true"], AGENT, {})
    for _ in range(2):
        engine.remove(made)
    for use in (engine.inspect, engine.start):
        with pytest.raises(SandboxDiedError, match="No such container"):
            use(made)


def test_commit_labels_survive_their_quoting(engine: Engine) -> None:
    """Labels are kept letter by letter; images are found by them and removed twice."""
    made = engine.create(_spec())
    odd = 'a "b" $HOME \\ c'
    try:
        image = engine.commit(made, "splitclock/test-commit:1", {"splitclock.test": odd, labels.OWNER: ""})
    finally:
        engine.remove(made)
    assert [found.names for found in engine.images({"splitclock.test": ""})] == [("splitclock/test-commit:1",)]
    kept = engine.image(image)
    assert kept is not None
    assert kept["Config"]["Labels"]["splitclock.test"] == odd
    for _ in range(2):
        engine.remove_image("splitclock/test-commit:1")
    assert engine.image_id("splitclock/test-commit:1") is None


def test_unknown_image_is_named(engine: Engine) -> None:
    """Creating from and pulling an image that is nowhere name it."""
    with pytest.raises(SandboxError, match="splitclock/nowhere"):
        engine.create(_spec(image="splitclock/nowhere:1"))
    with pytest.raises(ImageError, match=r"127\.0\.0\.1:9/nowhere"):
        engine.pull("127.0.0.1:9/nowhere:1")


def test_import_refuses_what_is_no_tar(engine: Engine, tmp_path: Path) -> None:
    """A file that is no archive makes no image."""
    (tmp_path / "x.tar").write_bytes(b"this is no archive" * 100)
    with pytest.raises(ImageError, match="splitclock/test-import"):
        engine.import_tar(tmp_path / "x.tar", "splitclock/test-import:1")


def test_joined_network_shares_loopback_only(engine: Engine, container: str) -> None:
    """A second container that joins the first one's network reaches its localhost, and nothing more."""
    server = engine.attach(container, ["python3", "-um", "http.server", "8077", "--bind", "127.0.0.1"], AGENT, {})
    assert b"Serving" in server.receive()[1]
    joined = engine.create(_spec(network=f"container:{container}"))
    try:
        engine.start(joined)
        program = (
            "import os, urllib.request\n"
            "print(urllib.request.urlopen('http://localhost:8077/').status, os.listdir('/sys/class/net'))"
        )
        assert _python(engine, joined, program) == "200 ['lo']"
    finally:
        engine.remove(joined)
        server.close()


@pytest.mark.alone  # any command of another test reaps them too
def test_reaper_takes_the_abandoned_only(engine: Engine) -> None:
    """A dead owner and a passed deadline are reaped; a living owner's, and a stranger's container stay."""
    mine = labels.of_sandbox(Identity(), 300)
    host = labels.owner().partition(":")[0]
    marks = {
        "mine": mine,
        "reused pid": mine | {labels.OWNER: f"{labels.owner()}0"},
        "dead": mine | {labels.OWNER: f"{host}:4194303:1"},
        "late": mine | {labels.DEADLINE: "1000000000"},
        "elsewhere": mine | {labels.OWNER: "another-host:1:1"},
        "stranger": {"who": "knows"},
    }
    made = {name: engine.create(_spec(labels=kept)) for name, kept in marks.items()}
    try:
        gone = set(reap_abandoned(engine).containers)
        assert {name for name, container in made.items() if container in gone} == {"reused pid", "dead", "late"}
        assert made["mine"] in reap_own(engine).containers
        engine.inspect(made["stranger"])
    finally:
        for container in made.values():
            engine.remove(container)


@pytest.mark.parametrize(
    ("host", "step"),
    [
        ("unix:///nowhere/docker.sock", "install"),
        ("tcp://127.0.0.1:9", "start it"),
        ("ssh://somewhere", "not supported"),
    ],
)
def test_missing_engine_names_the_next_step(host: str, step: str) -> None:
    """No socket, nobody listening, an unsupported transport: one line each, with what to do."""
    with pytest.raises(EngineUnavailableError, match=step) as caught:
        Engine.connect({"DOCKER_HOST": host})
    assert "\n" not in str(caught.value)


def test_provenance_names_versions(engine: Engine) -> None:
    """What may change a measurement is recorded as text."""
    told = engine.provenance()
    assert told["engine"]
    assert told["kernel"]
    assert told["cgroup_version"] in {"1", "2"}
