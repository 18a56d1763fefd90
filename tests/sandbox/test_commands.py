"""Conformance: how commands run and end, on every kind of sandbox."""

import signal
import subprocess
import sys
import threading
import time

import pytest

from sandbox.contract import BoxSpec, Command, CommandResult, Limits, Recipe, Sandbox, SandboxProvider
from tests.sandbox.places import Place, Room, gone, run, sh, text

pytestmark = pytest.mark.slow


def own_cpu_s(result: CommandResult) -> float:
    """User and system seconds of a command; they must be known."""
    assert result.user_cpu_s is not None
    assert result.system_cpu_s is not None
    return result.user_cpu_s + result.system_cpu_s


def burn(seconds: float) -> str:
    """A shell line that uses this much CPU time, on a fast machine or a slow one."""
    return f"python3 -c 'import time\nwhile time.process_time() < {seconds}: pass'"


def test_exit_code_is_a_result(shared_box: Sandbox) -> None:
    """A failing command is a result with its code, not an error."""
    result = sh(shared_box, "echo out; echo err >&2; exit 3")
    assert (result.exit_code, result.signal, result.timed_out) == (3, None, False)
    assert (result.stdout.head, result.stderr.head) == (b"out\n", b"err\n")


def test_argv_is_not_for_a_shell(shared_box: Sandbox) -> None:
    """Arguments arrive as they are, whatever they hold."""
    words = ("a b", "$HOME", "`id`", "'\"", "", "\n", "ü")
    result = run(shared_box, "printf", "%s|", *words)
    assert text(result) == "".join(f"{word}|" for word in words)


def test_signal_is_told_apart_from_an_exit(shared_box: Sandbox) -> None:
    """A command that a signal ended has no exit code."""
    result = sh(shared_box, "kill -TERM $$")
    assert (result.exit_code, result.signal) == (None, signal.SIGTERM)
    assert not result.oom_killed


def test_missing_program_is_127(shared_box: Sandbox) -> None:
    """A program that does not exist ends as in a shell, and its name is said on standard error."""
    result = run(shared_box, "no-such-program")
    assert result.exit_code == 127
    assert b"no-such-program" in result.stderr.head


def test_program_without_permission_is_126(shared_box: Sandbox) -> None:
    """A file that cannot be executed ends as in a shell."""
    assert run(shared_box, "/etc/passwd").exit_code == 126


def test_missing_working_folder_is_said(shared_box: Sandbox) -> None:
    """A working folder that is gone is named, and nothing runs."""
    result = run(shared_box, "true", cwd="nowhere")
    assert result.exit_code == 127
    assert b"nowhere" in result.stderr.head


def test_stdin_arrives_whole(shared_box: Sandbox) -> None:
    """A megabyte of standard input passes while output flows back."""
    data = bytes(range(256)) * 4096
    result = run(shared_box, "cat", stdin=data, keep_bytes=len(data))
    assert result.stdout.head == data


def test_unread_stdin_does_not_hold_the_call(shared_box: Sandbox) -> None:
    """A command that never reads its input ends when it ends."""
    assert run(shared_box, "true", stdin=b"x" * 1_000_000).exit_code == 0


def test_no_stdin_is_an_empty_one(shared_box: Sandbox) -> None:
    """Without input a reader sees its end at once, instead of waiting for somebody to type."""
    assert text(run(shared_box, "cat")) == ""


def test_merged_streams_keep_their_order(shared_box: Sandbox) -> None:
    """With merge_stderr both streams arrive in the order in which they were written."""
    result = sh(shared_box, "for i in 1 2 3; do echo out$i; echo err$i >&2; done", merge_stderr=True)
    assert text(result).split() == ["out1", "err1", "out2", "err2", "out3", "err3"]
    assert result.stderr.total == 0


def test_working_folder_is_relative_to_the_workspace(shared_box: Sandbox) -> None:
    """Commands start in the workspace, or in a folder below it."""
    assert text(run(shared_box, "pwd")).strip() == shared_box.workspace
    sh(shared_box, "mkdir -p deep/er")
    assert text(run(shared_box, "pwd", cwd="deep/er")).strip() == f"{shared_box.workspace}/deep/er"


def test_environment_is_laid_over(shared_box: Sandbox) -> None:
    """A command's own variables are added to the sandbox's."""
    lines = text(run(shared_box, "env", env={"EXTRA": "1 2"})).splitlines()
    assert "EXTRA=1 2" in lines
    assert "LANG=C.UTF-8" in lines


def test_clean_environment_is_the_whole(shared_box: Sandbox) -> None:
    """With clean_env nothing but the given variables is there."""
    assert text(run(shared_box, "/usr/bin/env", env={"ONLY": "this"}, clean_env=True)) == "ONLY=this\n"


def test_nothing_of_the_harness_leaks(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key in the harness's environment is not in the sandbox's."""
    monkeypatch.setenv("SPLITCLOCK_CANARY_KEY", "canary-5171")
    with place.open(Room(env={"GIVEN": "yes"})) as box:
        seen = text(run(box, "env"))
    assert "canary-5171" not in seen
    assert "GIVEN=yes" in seen


def test_deadline_kills_grandchildren(box: Sandbox) -> None:
    """At the deadline the command dies with everything it started, daemons in sessions of their own too."""
    script = "sleep 301 & (setsid sleep 302 &) ; python3 -c 'import os,time; os.fork(); os.setsid(); time.sleep(303)'"
    result = sh(box, f"{script} & sleep 304", deadline_s=1.0)
    assert result.timed_out
    assert result.survivors == ()
    assert (result.exit_code, result.signal) == (None, signal.SIGKILL)
    assert result.exec_ns >= 1_000_000_000
    assert box.kill() == ()


def test_deadline_keeps_what_was_said(shared_box: Sandbox) -> None:
    """Output before the deadline is there."""
    result = sh(shared_box, "echo first; sleep 100", deadline_s=0.5)
    assert result.timed_out
    assert result.stdout.head == b"first\n"


def test_another_command_outlives_a_deadline(shared_box: Sandbox) -> None:
    """The deadline of one command does not touch one that runs beside it."""
    results = []
    beside = threading.Thread(target=lambda: results.append(sh(shared_box, "sleep 1.5; echo done")))
    beside.start()
    assert sh(shared_box, "sleep 60", deadline_s=0.5).timed_out
    beside.join()
    assert text(results[0]) == "done\n"


def test_survivors_are_listed(box: Sandbox) -> None:
    """What a command leaves running is named, and outlives it."""
    result = sh(box, "sleep 305 >/dev/null 2>&1 & sleep 0.3")
    assert result.exit_code == 0
    assert result.survivors == ("sleep 305",)
    assert not result.output_held
    assert sh(box, "true").survivors == ()
    assert "sleep 305" in box.kill()


def test_background_child_does_not_hold_the_call(box: Sandbox) -> None:
    """A child that keeps standard output open is reported, and goes on unharmed by a broken pipe."""
    result = sh(box, "(sleep 1; echo late; echo still-here > proof; sleep 300) & echo early")
    assert result.output_held
    assert result.stdout.head == b"early\n"
    assert result.exec_ns < 60 * 10**9
    for _ in range(100):
        if "proof" in [entry.path for entry in box.list("")]:
            break
        time.sleep(0.1)
    assert box.read("proof", 100) == b"still-here\n"


def test_commands_run_side_by_side(shared_box: Sandbox) -> None:
    """Several commands at once each get their own result: the first ones wait for the last one's sign."""
    count = 6
    results: dict[int, str] = {}

    def work(number: int) -> None:
        script = f"touch here{number}; while [ $(ls here* | wc -l) -lt {count} ]; do sleep 0.05; done; echo {number}"
        results[number] = text(sh(shared_box, script))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {number: f"{number}\n" for number in range(count)}


def test_usage_is_accounted(shared_box: Sandbox) -> None:
    """CPU time and peak memory of a command, with its children, are those of the work it did."""
    script = "data = bytearray(80_000_000); sum(range(3_000_000))"
    result = sh(shared_box, f"python3 -c '{script}'; true")
    assert result.peak_memory_bytes is not None
    assert result.peak_memory_bytes > 80_000_000
    assert own_cpu_s(result) > 0.0
    assert result.exec_ns > 0


def test_exec_time_is_within_the_host_s(shared_box: Sandbox) -> None:
    """The time that the executor measured is contained in the time that the caller waited."""
    start = time.monotonic_ns()
    result = run(shared_box, "sleep", "0.2")
    waited = time.monotonic_ns() - start
    assert 200_000_000 <= result.exec_ns <= waited


def test_burning_is_told_from_waiting(shared_box: Sandbox) -> None:
    """Half a second of CPU is told as that, however long it took; a second asleep as next to none."""
    burned, asleep = sh(shared_box, burn(0.5)), run(shared_box, "sleep", "1")
    assert 0.45 <= own_cpu_s(burned) <= max(0.8, burned.exec_ns / 1e9)
    assert own_cpu_s(asleep) <= 0.2 * asleep.exec_ns / 1e9


def test_program_that_cannot_start_used_nothing_known(shared_box: Sandbox) -> None:
    """Where no process ran, CPU and memory are unknown, not 0."""
    result = run(shared_box, "no-such-program")
    assert (result.user_cpu_s, result.system_cpu_s, result.peak_memory_bytes) == (None, None, None)


@pytest.mark.docker
def test_daemon_left_behind_shows_in_the_container_s_cpu(docker_place: Place) -> None:
    """What burns CPU beside a later command is in the container's figure, and not in that command's own."""
    until = "while [ ! -e {} ]; do sleep 0.05; done"
    with docker_place.open() as box:
        left = sh(box, f"({until.format('go')}; {burn(1)}; touch done) >/dev/null 2>&1 & sleep 0.2")
        beside = sh(box, f"touch go; {until.format('done')}")
    assert len(left.survivors) >= 1
    assert beside.container_cpu_s is not None
    assert beside.container_cpu_s >= own_cpu_s(beside) + 0.95


@pytest.mark.docker
def test_container_s_cpu_is_its_own(docker_place: Place) -> None:
    """What this machine burns outside, and what another container does, is not counted."""
    with docker_place.open() as box, docker_place.open() as other:
        sh(other, f"({burn(600)}) >/dev/null 2>&1 & true")
        outside = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        quiet = run(box, "sleep", "1")
        outside.kill()
        outside.wait()
        busy = sh(box, burn(0.5))
    assert quiet.container_cpu_s is not None
    assert quiet.container_cpu_s <= 0.15
    assert busy.container_cpu_s is not None
    assert busy.container_cpu_s >= 0.9 * own_cpu_s(busy)


def test_local_sandbox_has_no_cpu_counter_of_its_own(local_provider: SandboxProvider) -> None:
    """Where the cgroup is shared with the machine, the figure is unknown."""
    environment = local_provider.prepare(Recipe(name="base", image="splitclock/base"), lambda _line: None)
    with local_provider.open(BoxSpec(environment=environment)) as box:
        assert run(box, "true").container_cpu_s is None


def test_output_is_streamed_while_the_command_runs(shared_box: Sandbox) -> None:
    """Pieces of standard output arrive before the command ends, in order, and are also kept."""
    pieces: list[bytes] = []
    go = threading.Event()

    def on_stdout(piece: bytes) -> None:
        pieces.append(piece)
        go.set()

    def answer() -> None:
        go.wait(60)
        run(shared_box, "touch", "answered")

    helper = threading.Thread(target=answer)
    helper.start()
    script = "rm -f answered; echo one; while [ ! -e answered ]; do sleep 0.02; done; echo two"
    result = shared_box.run(Command(argv=("sh", "-c", script), deadline_s=60.0), on_stdout)
    helper.join()
    assert b"".join(pieces) == b"one\ntwo\n" == result.stdout.head


def test_failing_callback_ends_the_command(box: Sandbox) -> None:
    """An exception in on_stdout reaches the caller, the command is killed, the sandbox stays usable."""

    def on_stdout(_piece: bytes) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        box.run(Command(argv=("sh", "-c", "echo x; exec sleep 306"), deadline_s=60.0), on_stdout)
    assert gone(box, "sleep 306")


@pytest.mark.docker
def test_out_of_memory_is_recognised(docker_place: Place) -> None:
    """A command killed for its memory says so; one that failed by itself does not."""
    with docker_place.open(Room(limits=Limits(memory_bytes=128 * 1024**2, pids=64))) as box:
        direct = run(box, "python3", "-c", "x = bytearray(400_000_000)")
        below = sh(box, "python3 -c 'x = bytearray(400_000_000)'; exit 5")
        plain = sh(box, "exit 5")
    assert direct.oom_killed
    assert direct.signal == signal.SIGKILL
    assert below.oom_killed
    assert not plain.oom_killed


@pytest.mark.docker
def test_process_limit_is_an_answer(docker_place: Place) -> None:
    """With no process left the command is told so, and afterwards all is well."""
    with docker_place.open(Room(limits=Limits(memory_bytes=256 * 1024**2, pids=24))) as box:
        flood = sh(box, "while true; do sleep 307 & done", deadline_s=3.0)
        after = run(box, "true")
    assert flood.timed_out or flood.exit_code not in {0, None}
    assert after.exit_code == 0
