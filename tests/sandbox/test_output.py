"""Conformance: floods and odd bytes, on every kind of sandbox."""

import resource
import time

import pytest

from sandbox.contract import Command, Sandbox
from tests.sandbox.places import run, sh

pytestmark = pytest.mark.slow

MEGABYTE = 1024**2


def test_flood_keeps_both_ends(shared_box: Sandbox) -> None:
    """Of 200 MB the head and the tail are kept, the rest is counted, and the harness does not grow."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = sh(shared_box, "echo begin; yes | head -c 200000000; echo end")
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert result.exit_code == 0
    assert result.stdout.total == 200_000_000 + len("begin\nend\n")
    assert result.stdout.head.startswith(b"begin\ny\n")
    assert result.stdout.tail.endswith(b"y\nend\n")
    assert len(result.stdout.head) == len(result.stdout.tail) == 64 * 1024
    assert result.stdout.cut == result.stdout.total - 128 * 1024
    assert grown_kib < 20 * 1024


def test_streamed_flood_passes_whole(shared_box: Sandbox) -> None:
    """A streamed flood reaches the callback to the last byte, while the harness does not grow."""
    seen = 0

    def count(piece: bytes) -> None:
        nonlocal seen
        seen += len(piece)

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    script = "yes | head -c 50000000"
    result = shared_box.run(Command(argv=("sh", "-c", script), deadline_s=120.0), count)
    assert seen == result.stdout.total == 50_000_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20 * 1024


def test_reads_stay_responsive_during_a_flood(shared_box: Sandbox) -> None:
    """Beside an endless flood, files are still listed, read and commands run."""
    import threading

    results = []
    flood = threading.Thread(target=lambda: results.append(sh(shared_box, "yes", deadline_s=3.0)))
    start = time.monotonic()
    flood.start()
    calls = 0
    while time.monotonic() - start < 1.0:
        shared_box.list("")
        calls += 1
    flood.join()
    assert results[0].timed_out
    assert calls > 5


def test_short_output_is_not_cut(shared_box: Sandbox) -> None:
    """Up to twice the bound everything is there: head and tail meet."""
    result = run(shared_box, "printf", "%s", "abcdefgh", keep_bytes=4)
    assert (result.stdout.head, result.stdout.tail, result.stdout.cut) == (b"abcd", b"efgh", 0)
    result = run(shared_box, "printf", "%s", "abcdefghi", keep_bytes=4)
    assert (result.stdout.head, result.stdout.tail, result.stdout.cut) == (b"abcd", b"fghi", 1)


def test_nothing_is_kept_when_nothing_is_wanted(shared_box: Sandbox) -> None:
    """With keep_bytes=0 output is only counted."""
    result = run(shared_box, "printf", "abc", keep_bytes=0)
    assert (result.stdout.head, result.stdout.tail, result.stdout.total) == (b"", b"", 3)


def test_odd_bytes_come_back_raw(shared_box: Sandbox) -> None:
    """Invalid UTF-8, NUL and escapes are bytes like any other, on both streams."""
    result = sh(shared_box, r"printf '\377\000\033[2J\303('; printf '\200' >&2")
    assert result.stdout.head == b"\xff\x00\x1b[2J\xc3("
    assert result.stderr.head == b"\x80"


def test_one_endless_line(shared_box: Sandbox) -> None:
    """A line of five megabytes is cut like any flood."""
    result = sh(shared_box, "head -c 5242880 /dev/zero | tr '\\0' x")
    assert result.stdout.total == 5 * MEGABYTE
    assert set(result.stdout.head + result.stdout.tail) == {ord("x")}


def test_closed_output_is_not_an_exit(shared_box: Sandbox) -> None:
    """A command that closes its streams early is still waited for."""
    result = sh(shared_box, "exec >&- 2>&-; sleep 0.3; exit 4")
    assert result.exit_code == 4
    assert result.exec_ns >= 300_000_000
