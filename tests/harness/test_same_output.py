"""What a command that ran again may say otherwise, and what not."""

import pytest

from harness.same_output import difference, masked

SAME = {
    "a duration": ("3 passed in 0.53s", "3 passed in 12.01s"),
    "a duration with its rule": ("===== 3 passed in 0.53s =====", "==== 3 passed in 12.01s (0:00:12) ===="),
    "the shell's time": ("real\t0m0.523s\nuser\t0m0.1s", "real\t1m10.001s\nuser\t0m0.2s"),
    "a runner's milliseconds": ("# duration_ms 12.3", "# duration_ms 8"),
    "go's seconds": ("ok  \tpkg/a\t0.003s", "ok  \tpkg/a\t1.2s"),
    "a field for the time": ('{"elapsed": 1.5, "time_s": 2}', '{"elapsed": 0.5, "time_s": 3}'),
    "an ISO date and time": ("at 2026-11-22T17:05:37.123+00:00", "at 2027-01-02T03:04:05Z"),
    "a date alone": ("made 2026-11-22", "made 2026-12-01"),
    "what `date` says": ("Sun Nov 22 17:05:37 UTC 2026", "Mon Dec  7 09:00:01 UTC 2026"),
    "what `ls -l` says": ("-rw-r--r-- 1 agent agent 5 Nov 22 17:05 a", "-rw-r--r-- 1 agent agent 5 Dec  7 09:01 a"),
    "a clock time in a log": ("[17:05:37,123] started", "[09:00:00,001] started"),
    "seconds since 1970": ("now 1795366800.25", "now 1795366999.5"),
    "an address": ("<Thing at 0x7f03ab12cd>", "<Thing at 0x7fff00aa11>"),
    "a process": ("pid 1234\n[1] 77", "pid 99\n[1] 7890"),
    "a temporary folder": ("/tmp/tmpab12cd_x/a /tmp/tmp.Ab12Cd34Ef", "/tmp/tmpzz99yy_0/a /tmp/tmp.Zz99Yy88Xx"),
    "pytest's folder": ("/tmp/pytest-of-agent/pytest-0/test_a0", "/tmp/pytest-of-agent/pytest-12/test_a0"),
    "a port that was free": ("http://127.0.0.1:43121/x", "http://127.0.0.1:51999/x"),
    "a seed": ("Using --randomly-seed=3816", "Using --randomly-seed=42"),
    "a UUID": ("id 123e4567-e89b-12d3-a456-426614174000", "id 00000000-0000-4000-8000-000000000000"),
    "a commit just made": ("[main 1a2b3c4] fix\n1a2b3c4 fix", "[main 5d6e7f8] fix\n5d6e7f8 fix"),
    "the order of lines": ("a\nb", "b\na"),
    "where a long output was cut": (
        "one\ntwo th\n[... 12 characters cut ...]\nre\nend",
        "one\ntwo thr\n[... 14 characters cut ...]\ne\nend",
    ),
}
OTHER = {
    "how many passed": ("3 passed in 0.53s", "2 passed in 0.53s"),
    "that one failed": ("3 passed in 0.53s", "2 passed, 1 failed in 0.53s"),
    "which one failed": ("FAILED tests/test_a.py::test_one", "FAILED tests/test_a.py::test_two"),
    "a test that is gone": ("ok 1 - a\nok 2 - b", "ok 1 - a"),
    "the exit code": ("x\n[exit code 0]", "x\n[exit code 1]"),
    "a line number": ("a.py:10: error", "a.py:11: error"),
    "a line and column": ("a.py:10:15: error", "a.py:10:16: error"),
    "a value": ("total = 12", "total = 13"),
    "an assertion": ("assert 12 == 13", "assert 12 == 14"),
    "the size of a file": ("-rw-r--r-- 1 agent agent 5 Nov 22 17:05 a", "-rw-r--r-- 1 agent agent 6 Nov 22 17:05 a"),
    "how often a line comes": ("a\na", "a"),
    "a checksum": ("a" * 63 + "1  file", "b" * 63 + "1  file"),
    "a fixed port": ("listening on :8000", "listening on :8001"),
    "a version": ("Python 3.11.2", "Python 3.12.1"),
    "a ratio": ("coverage 81%", "coverage 80%"),
}


@pytest.mark.parametrize("what", SAME)
def test_what_differs_by_nature_is_masked(what: str) -> None:
    """The same command, run twice, says so."""
    then, now = SAME[what]
    assert difference(masked(then), masked(now)) == ""


@pytest.mark.parametrize("what", OTHER)
def test_what_matters_is_not_masked(what: str) -> None:
    """A result that changed is seen, from both sides."""
    then, now = OTHER[what]
    assert difference(masked(then), masked(now))
    assert difference(masked(now), masked(then))


def test_the_difference_is_shown() -> None:
    """The line that only one of them has, and which."""
    assert difference("a\nb", "a\nc") == "it said 'b', and does not now"
    assert difference("a", "a\nc") == "it says 'c', and did not then"


def test_the_workspace_may_lie_elsewhere() -> None:
    """Its path is the same word for both."""
    assert masked("in /a/work/x", "/a/work") == masked("in /b/other/x", "/b/other")
