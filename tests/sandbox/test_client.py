"""The client against executors that lie, stutter, fall silent or die."""

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sandbox.box import ExecutorBox
from sandbox.client import MAX_BODY, MAX_HEADER, PROTOCOL, ExecutorClient, Patience
from sandbox.contract import Command, File
from sandbox.errors import FileAccessError, SandboxDiedError, SandboxError
from sandbox.local_box import SocketChannel

ENDED = {
    "exit_code": 0,
    "signal": None,
    "timed_out": False,
    "oom_killed": False,
    "output_held": False,
    "survivors": [],
    "exec_ns": 5,
    "user_cpu_s": 0.5,
    "system_cpu_s": 0,
    "container_cpu_s": 0.75,
    "peak_memory_bytes": 7,
    "output": [[2, 1, 9], [0, 0, 0]],
}


def frame(header: Any, body: bytes = b"") -> bytes:
    """A frame as the executor writes it."""
    head = json.dumps(header).encode()
    return struct.pack(">II", len(head), len(body)) + head + body


class Peer:
    """The executor's end of a connection, played by the test."""

    def __init__(self, end: socket.socket) -> None:
        self.end = end
        self._file = end.makefile("rb")

    def close(self) -> None:
        """Hang up."""
        self._file.close()
        self.end.close()

    def request(self) -> dict[str, Any]:
        """The next request's header."""
        head, body = struct.unpack(">II", self._file.read(8))
        header: dict[str, Any] = json.loads(self._file.read(head))
        self._file.read(body)
        return header

    def answer(self, reply: Callable[[int], bytes]) -> threading.Thread:
        """In a thread: take one request, send what `reply` makes of its id, and stay connected."""

        def work() -> None:
            self.end.sendall(reply(self.request()["id"]))

        thread = threading.Thread(target=work)
        thread.start()
        return thread


@pytest.fixture
def peer_and_client() -> Iterator[tuple[Peer, ExecutorClient]]:
    """A client, and the other end of its channel."""
    ours, theirs = socket.socketpair()
    client = ExecutorClient(SocketChannel(ours), Patience(grace_s=0.3, request_s=10.0))
    peer = Peer(theirs)
    yield peer, client
    client.close()
    peer.close()


Pair = tuple[Peer, ExecutorClient]


def ask(client: ExecutorClient) -> Any:
    """One run of a command that the peer decides about."""
    return client.run(Command(argv=("true",), deadline_s=30.0))


def test_honest_answer_is_taken(peer_and_client: Pair) -> None:
    """The shape that all the lies below are made from is a valid answer."""
    peer, client = peer_and_client
    peer.answer(lambda number: frame({**ENDED, "id": number}, b"abz"))
    result = ask(client)
    assert (result.stdout.head, result.stdout.tail, result.stdout.total) == (b"ab", b"z", 9)
    assert (result.exit_code, result.exec_ns, result.user_cpu_s, result.peak_memory_bytes) == (0, 5, 0.5, 7)
    assert result.container_cpu_s == 0.75


def test_what_cannot_be_told_is_unknown(peer_and_client: Pair) -> None:
    """An executor that cannot read a counter says so, and nobody takes that for 0."""
    peer, client = peer_and_client
    unknown = dict.fromkeys(("user_cpu_s", "system_cpu_s", "container_cpu_s", "peak_memory_bytes"))
    peer.answer(lambda number: frame({**ENDED, **unknown, "id": number}, b"abz"))
    result = ask(client)
    assert (result.user_cpu_s, result.system_cpu_s) == (None, None)
    assert (result.container_cpu_s, result.peak_memory_bytes) == (None, None)


@pytest.mark.parametrize(
    "lie",
    [
        {"exit_code": "0"},
        {"exit_code": True},
        {"exit_code": -1},
        {"exit_code": 10**400},
        {"signal": 9.5},
        {"timed_out": 1},
        {"oom_killed": None},
        {"survivors": "sleep"},
        {"survivors": [1]},
        {"exec_ns": -5},
        {"exec_ns": None},
        {"user_cpu_s": float("nan")},
        {"user_cpu_s": float("inf")},
        {"system_cpu_s": "1"},
        {"container_cpu_s": -0.1},
        {"container_cpu_s": True},
        {"peak_memory_bytes": [1]},
        {"output": None},
        {"output": [[2, 1, 9]]},
        {"output": [[2, 1, 9], [0, 0, 0], [0, 0, 0]]},
        {"output": [[2, 2, 9], [0, 0, 0]]},
        {"output": [[2, 1, 2], [0, 0, 0]]},
        {"output": [[-2, 1, 9], [0, 0, 0]]},
        {"output": [[2, 1], [0, 0, 0]]},
        {"output": {"a": 1}},
    ],
    ids=str,
)
def test_lie_in_a_result_ends_the_connection(peer_and_client: Pair, lie: dict[str, Any]) -> None:
    """A field of the wrong type, sign or size is never taken for a result."""
    peer, client = peer_and_client
    peer.answer(lambda number: frame({**ENDED, **lie, "id": number}, b"abz"))
    with pytest.raises(SandboxDiedError, match="shape of the protocol"):
        ask(client)
    assert not client.alive


@pytest.mark.parametrize("missing", sorted(ENDED))
def test_missing_field_ends_the_connection(peer_and_client: Pair, missing: str) -> None:
    """A result without one of its fields is none."""
    peer, client = peer_and_client
    rest = {key: value for key, value in ENDED.items() if key != missing}
    peer.answer(lambda number: frame({**rest, "id": number}, b"abz"))
    with pytest.raises(SandboxDiedError, match="shape of the protocol"):
        ask(client)


@pytest.mark.parametrize(
    "raw",
    [
        struct.pack(">II", MAX_HEADER + 1, 0),
        struct.pack(">II", 2, MAX_BODY + 1) + b"{}",
        struct.pack(">II", 0xFFFFFFFF, 0xFFFFFFFF),
        struct.pack(">II", 3, 0) + b"{x}",
        struct.pack(">II", 2, 0) + b"\xff\xfe",
        struct.pack(">II", 0, 0),
        frame([1, 2]),
        frame("text"),
        frame({}),
        frame({"id": None}),
        frame({"id": [1]}),
        struct.pack(">II", 200_000, 0) + b"[" * 200_000,
        b"Traceback (most recent call last):\n" * 300,
    ],
    ids=lambda raw: repr(raw[:16]),
)
def test_nonsense_ends_the_connection(peer_and_client: Pair, raw: bytes) -> None:
    """Bytes that are no frame of the protocol wake the caller with an error of the sandbox's."""
    peer, client = peer_and_client
    peer.answer(lambda _number: raw)
    with pytest.raises(SandboxDiedError):
        ask(client)
    with pytest.raises(SandboxDiedError):
        ask(client)


def test_answers_to_nobody_are_ignored(peer_and_client: Pair) -> None:
    """A frame for a request that was never made, or is over, changes nothing."""
    peer, client = peer_and_client
    noise = frame({**ENDED, "id": 999}, b"abz") + frame({"id": 999, "piece": 1}, b"x") + frame({"id": -1})
    peer.answer(lambda number: noise + frame({**ENDED, "id": number}, b"abz"))
    assert ask(client).exit_code == 0


def test_unasked_pieces_are_ignored(peer_and_client: Pair) -> None:
    """Pieces of output that nobody asked to see are dropped, not taken for the answer."""
    peer, client = peer_and_client
    peer.answer(lambda number: frame({"id": number, "piece": 1}, b"x") + frame({**ENDED, "id": number}, b"abz"))
    assert ask(client).exit_code == 0


def test_frames_arrive_in_any_pieces(peer_and_client: Pair) -> None:
    """An answer that trickles in byte by byte is the same answer."""
    peer, client = peer_and_client

    def trickle() -> None:
        for byte in frame({**ENDED, "id": peer.request()["id"]}, b"abz"):
            peer.end.sendall(bytes([byte]))

    threading.Thread(target=trickle).start()
    assert ask(client).stdout.head == b"ab"


def test_answers_may_come_out_of_order(peer_and_client: Pair) -> None:
    """Each caller gets the answer to its own request."""
    peer, client = peer_and_client
    results: dict[str, bytes] = {}

    def read(path: str) -> None:
        results[path] = client.read(path, 100)

    threads = [threading.Thread(target=read, args=(path,)) for path in "abc"]
    for thread in threads:
        thread.start()
    requests = [peer.request() for _ in threads]
    for request in sorted(requests, key=lambda each: str(each["path"]), reverse=True):
        peer.end.sendall(frame({"id": request["id"]}, request["path"].encode() * 3))
    for thread in threads:
        thread.join()
    assert results == {"a": b"aaa", "b": b"bbb", "c": b"ccc"}


def test_more_than_was_asked_for_is_cut(peer_and_client: Pair) -> None:
    """A read never returns more bytes than its caller can take."""
    peer, client = peer_and_client
    peer.answer(lambda number: frame({"id": number}, b"x" * 1000))
    assert client.read("file", 10) == b"x" * 10


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[1]", b'[{"name": "a"}]', b'[{"name":1,"kind":"file","size":1}]', b"[" * 90_000]
)
def test_lie_in_a_listing_ends_the_connection(peer_and_client: Pair, body: bytes) -> None:
    """A listing that is none is not taken; an empty object lists nothing."""
    peer, client = peer_and_client
    peer.answer(lambda number: frame({"id": number}, body))
    if body == b"{}":
        assert client.list("") == ()
    else:
        with pytest.raises(SandboxDiedError, match="shape of the protocol"):
            client.list("")


def test_file_errors_are_not_deaths(peer_and_client: Pair) -> None:
    """A refused file operation leaves the connection standing; its message is bounded."""
    peer, client = peer_and_client
    peer.answer(lambda number: frame({"id": number, "error": "`x`: no " + "y" * 5000}))
    with pytest.raises(FileAccessError, match="`x`: no ") as caught:
        client.read("x", 1)
    assert len(str(caught.value)) <= 1_000
    peer.answer(lambda number: frame({"id": number, "failed": "ValueError: something"}))
    with pytest.raises(SandboxError, match="could not serve"):
        ask(client)
    assert client.alive


def test_end_of_the_stream_wakes_everybody(peer_and_client: Pair) -> None:
    """When the executor dies, all callers get an error at once, and so does every later one."""
    peer, client = peer_and_client
    seen: list[str] = []

    def wait() -> None:
        with pytest.raises(SandboxDiedError) as caught:
            ask(client)
        seen.append(str(caught.value))

    threads = [threading.Thread(target=wait) for _ in range(5)]
    for thread in threads:
        thread.start()
    for _ in threads:
        peer.request()
    peer.end.shutdown(socket.SHUT_RDWR)
    for thread in threads:
        thread.join(20)
    assert len(seen) == 5
    with pytest.raises(SandboxDiedError):
        client.ping()


def test_silence_past_the_deadline_is_death(peer_and_client: Pair) -> None:
    """An executor that does not enforce its own deadline (stopped, say) is given up a grace later."""
    _peer, client = peer_and_client
    with pytest.raises(SandboxDiedError, match="no answer to `run`"):
        client.run(Command(argv=("true",), deadline_s=0.1))
    assert not client.alive


def test_executor_that_stops_reading_does_not_hold_us() -> None:
    """A large write into a connection that nobody empties ends with an error, not never."""
    ours, theirs = socket.socketpair()
    with theirs:
        client = ExecutorClient(SocketChannel(ours), Patience(request_s=0.3))
        with pytest.raises(SandboxDiedError):
            client.write(File(path="x", data=b"x" * 20_000_000))
        assert not client.alive


def test_too_large_write_is_refused_here(peer_and_client: Pair) -> None:
    """More than one frame can carry is an answer to the caller, not the end of the executor."""
    _peer, client = peer_and_client
    with pytest.raises(FileAccessError, match=f"more than the {MAX_BODY}"):
        client.write(File(path="x", data=bytes(MAX_BODY + 1)))
    assert client.alive


def test_other_protocol_is_refused(peer_and_client: Pair) -> None:
    """An executor of another version is not spoken to."""
    peer, client = peer_and_client
    peer.answer(lambda number: frame({"id": number, "protocol": 99}))
    with pytest.raises(SandboxDiedError, match="protocol 99"):
        client.hello("/workspace", own_cgroup=False)


class PlayedBox(ExecutorBox):
    """A sandbox of one core whose executor is played by the test: it claims these things of every command."""

    def __init__(self, claims: dict[str, Any]) -> None:
        super().__init__()
        self._claims = claims
        self._begin()

    workspace = "/workspace"
    _owns_cgroup = True
    _cpus = 1.0

    def _connect(self) -> SocketChannel:
        ours, theirs = socket.socketpair()
        self._player = threading.Thread(target=self._serve, args=(Peer(theirs),))
        self._player.start()
        return SocketChannel(ours)

    def _serve(self, peer: Peer) -> None:
        peer.end.sendall(frame({"id": peer.request()["id"], "protocol": PROTOCOL}))
        peer.end.sendall(frame({**ENDED, **self._claims, "id": peer.request()["id"]}, b"abz"))
        peer.end.recv(1)  # nothing more but the end
        peer.close()

    def _post_mortem(self, error: SandboxDiedError) -> SandboxDiedError:
        return error

    def leave(self) -> None:
        """Hang up."""
        self._hang_up("the test is over")
        self._player.join(20)


@pytest.mark.parametrize(
    ("claims", "own", "container"),
    [
        ({}, (0.1, 0.0), 0.05),
        ({"container_cpu_s": 10**6}, (0.1, 0.0), None),
        ({"user_cpu_s": 10**6}, (None, None), 0.05),
    ],
)
def test_cpu_beyond_the_wall_is_not_believed(
    claims: dict[str, Any], own: tuple[float | None, float | None], container: float | None
) -> None:
    """A sandbox holds what its executor says against the time that the call took."""
    box = PlayedBox({"user_cpu_s": 0.1, "container_cpu_s": 0.05, **claims})
    result = box.run(Command(argv=("true",), deadline_s=30.0))
    box.leave()
    assert (result.user_cpu_s, result.system_cpu_s) == own
    assert result.container_cpu_s == container
    assert (result.exit_code, result.exec_ns) == (0, 5)


def test_close_is_idempotent_and_prompt(peer_and_client: Pair) -> None:
    """Closing twice is fine, and does not wait for anything."""
    _peer, client = peer_and_client
    before = time.monotonic()
    client.close()
    client.close("another reason")
    with pytest.raises(SandboxDiedError, match="the sandbox was closed"):
        client.ping()
    assert time.monotonic() - before < 5.0
