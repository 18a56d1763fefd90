"""The slow path for images without Python: what it promises of commands."""

import threading

import pytest

from sandbox.contract import Command, Limits, Sandbox
from sandbox.errors import SandboxDiedError
from tests.sandbox.places import Place, Room, run, sh, text

KINDS = ("plain",)


def test_results_are_told_apart(shared_box: Sandbox) -> None:
    """Codes, streams, working folder and environment are those of the contract."""
    result = sh(shared_box, "echo out; echo err >&2; exit 3")
    assert (result.exit_code, result.stdout.head, result.stderr.head) == (3, b"out\n", b"err\n")
    assert run(shared_box, "no-such-program").exit_code == 127
    assert run(shared_box, "/etc/passwd").exit_code == 126
    assert run(shared_box, "true", cwd="nowhere").exit_code == 127
    assert text(run(shared_box, "pwd")).strip() == shared_box.workspace
    assert "EXTRA=1 2" in text(run(shared_box, "env", env={"EXTRA": "1 2"})).splitlines()
    assert text(run(shared_box, "env", env={"ONLY": "this"}, clean_env=True)) == "ONLY=this\n"


def test_merged_streams_keep_their_order(shared_box: Sandbox) -> None:
    """With merge_stderr both streams arrive in order."""
    result = sh(shared_box, "echo a; echo b >&2; echo c", merge_stderr=True)
    assert text(result) == "a\nb\nc\n"


def test_stdin_and_floods_pass(shared_box: Sandbox) -> None:
    """Input arrives whole while output flows; of a flood both ends are kept."""
    data = bytes(range(256)) * 4096
    assert run(shared_box, "cat", stdin=data, keep_bytes=len(data)).stdout.head == data
    assert run(shared_box, "true", stdin=data).exit_code == 0
    flood = sh(shared_box, "yes | head -c 20000000")
    assert (flood.stdout.total, len(flood.stdout.head), len(flood.stdout.tail)) == (20_000_000, 65536, 65536)


def test_deadline_kills_the_session(box: Sandbox) -> None:
    """At the deadline the command and its children die."""
    result = sh(box, "echo first; sleep 320 & sleep 321", deadline_s=1.5)
    assert result.timed_out
    assert result.stdout.head == b"first\n"
    assert box.kill() == ()


def test_background_child_does_not_hold_the_call(box: Sandbox) -> None:
    """A child that keeps the output is reported and listed."""
    result = sh(box, "sleep 322 & echo early; sleep 0.3")
    assert result.output_held
    assert result.exit_code == 0
    assert result.stdout.head == b"early\n"
    assert result.survivors == ("sleep 322",)
    assert "sleep 322" in box.kill()


def test_out_of_memory_is_recognised(place: Place) -> None:
    """A command killed for its memory says so."""
    with place.open(Room(limits=Limits(memory_bytes=128 * 1024**2, pids=64))) as box:
        assert run(box, "python3", "-c", "x = bytearray(400_000_000)").oom_killed
        assert not sh(box, "exit 137").oom_killed


def test_streaming_and_failing_callbacks(box: Sandbox) -> None:
    """Pieces arrive in order; an exception of the callback reaches the caller."""
    pieces: list[bytes] = []
    box.run(Command(argv=("sh", "-c", "echo one; sleep 0.2; echo two"), deadline_s=30.0), pieces.append)
    assert b"".join(pieces) == b"one\ntwo\n"

    def fail(_piece: bytes) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        box.run(Command(argv=("sh", "-c", "echo x; sleep 323"), deadline_s=30.0), fail)
    assert run(box, "true").exit_code == 0


def test_kill_wakes_a_blocked_run(box: Sandbox) -> None:
    """Killing the box ends a call in flight with an error of the sandbox's."""
    started = threading.Event()
    seen: list[str] = []

    def work() -> None:
        with pytest.raises(SandboxDiedError) as caught:
            box.run(Command(argv=("sh", "-c", "echo go; sleep 60"), deadline_s=60.0), lambda _piece: started.set())
        seen.append(str(caught.value))

    thread = threading.Thread(target=work)
    thread.start()
    assert started.wait(30)
    box.kill()
    thread.join(10)
    assert seen == ["the sandbox was killed"]
