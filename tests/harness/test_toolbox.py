"""The row of a tool call: what the host saw, what the sandbox said, and what of that is believed."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.clock import Stopwatch, SystemClock
from harness.models.contract import ToolCall
from harness.record import WORK, ToolRow
from harness.slots import Slots
from harness.toolbox import Toolbox
from harness.tools.registry import TOOLS
from sandbox.contract import (
    BoxSpec,
    Command,
    CommandResult,
    Environment,
    File,
    Limits,
    OnOutput,
    Recipe,
    Sandbox,
    SandboxProvider,
)
from sandbox.local import LocalProvider
from sandbox.local_box import LocalSandbox
from tests.harness.boxes import local_box


class Bench:
    """A toolbox over a sandbox, with all that it told."""

    def __init__(self, box: Sandbox) -> None:
        self.stopwatch = Stopwatch(SystemClock())
        self.ends: list[Mapping[str, Any]] = []
        self._toolbox = Toolbox(sandbox=box, stopwatch=self.stopwatch, slots=Slots(1), on_event=self._hear)

    def _hear(self, kind: str, body: Mapping[str, Any]) -> None:
        if kind == "tool_end":
            self.ends.append(body)

    def row(self, name: str, arguments: str | None = None, /, **named: object) -> ToolRow:
        """The row of one call, as a model makes it."""
        call = ToolCall(id="1", name=name, arguments=json.dumps(named) if arguments is None else arguments)
        (outcome,) = self._toolbox.run([call], 1, lambda: 60.0)
        return outcome.row

    def exec_ns(self) -> int:
        """What the ledger has as in-sandbox time."""
        return sum(span.t1 - span.t0 for span in self.stopwatch.spans() if span.sub == "exec")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A toolbox over a local sandbox."""
    files = (File(path="a.txt", data=b"one\n" * 3), File(path="long.txt", data=b"a line of text\n" * 5000))
    with local_box(tmp_path, *files) as box:
        yield Bench(box)


def test_how_a_command_ended_is_in_its_row(bench: Bench) -> None:
    """Exit code, signal and deadline are told apart."""
    failed, killed = bench.row("shell", command="exit 3"), bench.row("shell", command="kill -9 $$")
    late = bench.row("shell", command="sleep 60", timeout_s=1)
    assert (failed.exit_code, failed.signal, failed.failed) == (3, None, True)
    assert (killed.exit_code, killed.signal, killed.failed) == (None, 9, True)
    assert (late.timed_out, late.signal, late.failed) == (True, 9, True)
    assert not any(row.oom_killed for row in (failed, killed, late))


def test_what_a_command_used_is_in_its_row(bench: Bench) -> None:
    """User and system seconds and their sum, peak memory, and what it left behind."""
    row = bench.row("shell", command="sleep 308 >/dev/null 2>&1 & python3 -c 'sum(range(3_000_000))'")
    assert row.user_cpu_s is not None
    assert row.system_cpu_s is not None
    assert row.cpu_s == pytest.approx(row.user_cpu_s + row.system_cpu_s)
    assert row.user_cpu_s + row.system_cpu_s > 0
    assert row.peak_memory_bytes is not None
    assert row.container_cpu_s is None  # a local sandbox has no counter of its own
    assert row.survivors == 1
    assert row.exec_ns is not None
    assert 0 < row.exec_ns <= row.total_ns
    assert row.transport_ns == row.total_ns - row.exec_ns


def test_tools_without_a_process_are_all_transport(bench: Bench) -> None:
    """Reading and editing ask the executor: no process, no CPU, the whole call is the price of the sandbox."""
    read = bench.row("read", path="a.txt")
    edit = bench.row("edit", path="new.txt", old="", new="x")
    finish = bench.row("finish", summary="done")
    for row in (read, edit, finish):
        assert (row.exec_ns, row.cpu_s, row.container_cpu_s, row.exit_code) == (None, None, None, None)
        assert row.transport_ns == row.total_ns > 0
    assert bench.exec_ns() == 0
    assert [row.work for row in (read, edit, finish)] == ["read", "edit", "other"]


def test_kept_bytes_are_what_the_model_got(bench: Bench) -> None:
    """Of a flood a bounded part is kept; of little, all; never more than there was."""
    little, flood = bench.row("shell", command="echo hello"), bench.row("shell", command="seq 1 200000")
    assert (little.output_bytes, little.kept_bytes) == (6, 6)
    assert (flood.output_bytes, flood.kept_bytes) == (1_288_895, 20_000)
    invalid = bench.row("shell", command=r"printf '\377\377\377'")
    assert (invalid.output_bytes, invalid.kept_bytes) == (3, 3)
    coloured = bench.row("shell", command=r"printf '\033[31mred\033[0m'")
    assert (coloured.output_bytes, coloured.kept_bytes) == (12, 3)


def test_a_name_that_is_no_text_ends_no_trial(bench: Bench) -> None:
    """A file may have any bytes for its name; what the model is told of it can be sent and kept."""
    bench.row("shell", command=r"touch $(printf 'a\377b')")
    bench.row("read", path=".")
    assert "a\ufffdb" in bench.ends[-1]["content"]


def test_kept_bytes_of_reading(bench: Bench) -> None:
    """Line numbers and notes are ours: they are not counted as the file's."""
    whole, part = bench.row("read", path="a.txt"), bench.row("read", path="long.txt", first_line=3, last_line=4)
    assert (whole.output_bytes, whole.kept_bytes) == (12, 12)
    assert (part.output_bytes, part.kept_bytes) == (75_000, 30)
    folder = bench.row("read", path=".")
    assert (folder.output_bytes, folder.kept_bytes) == (15, 15)
    assert bench.row("read", path="nowhere").kept_bytes == 0


def test_work_of_a_shell_call_is_that_of_its_command(bench: Bench) -> None:
    """The command line decides, whether it succeeds or not."""
    assert bench.row("shell", command="cd . && grep -c one a.txt | cat").work == "search"
    assert bench.row("shell", command="false && pytest -q").work == "test"
    assert bench.row("shell", command="nonsense-program").work == "other"


def test_calls_that_were_never_run_have_a_row_too(bench: Bench) -> None:
    """An unknown tool and unusable arguments cost next to nothing, and are failures."""
    for row in (bench.row("browse"), bench.row("shell", '{"command": '), bench.row("read", colour=1)):
        assert (row.failed, row.work, row.exec_ns, row.exit_code) == (True, "other", None, None)
        assert len(row.signature) == 16


def test_signature_is_of_what_is_asked_for(bench: Bench) -> None:
    """Order, spaces and defaults make no difference; another command, tool or limit does."""
    same = [
        bench.row("shell", '{"command": "true", "timeout_s": 120}'),
        bench.row("shell", '{"timeout_s":120,"command":"true"}'),
        bench.row("shell", command="true"),
    ]
    others = [
        bench.row("shell", command="true "),
        bench.row("shell", command="true", timeout_s=5),
        bench.row("shell", '{"command": "true"'),
        bench.row("shell", '{"command": "true"}}'),
        bench.row("read", '{"command": "true"}'),
        bench.row("x", '{"command": "true"}'),
    ]
    assert len({row.signature for row in same}) == 1
    assert len({row.signature for row in same + others}) == 1 + len(others)
    assert all(int(row.signature, 16) >= 0 and len(row.signature) == 16 for row in same + others)


@pytest.mark.parametrize("arguments", ["[" * 100_000, '"\ud800"', '{"a": "\\ud800"}', "\0", "[1]", "NaN", "{" * 3, ""])
def test_signature_of_any_text(bench: Bench, arguments: str) -> None:
    """Whatever stands where arguments should, the same text has the same signature."""
    first, second = bench.row("shell", arguments), bench.row("shell", arguments)
    assert first.signature == second.signature != bench.row("shell", arguments + "x").signature


def test_end_of_a_call_carries_its_row_and_stays_small(bench: Bench) -> None:
    """The journal's event is the row and the content; the row is some hundred bytes, whatever the call."""
    bench.row("shell", command="seq 1 200000; # " + "x" * 100_000)
    end = {key: value for key, value in bench.ends[0].items() if key not in {"content", "id", "index", "finished"}}
    assert set(end) == set(ToolRow.model_fields)
    assert len(json.dumps(end)) < 1_000


def test_every_tool_s_work_is_a_class(bench: Bench) -> None:
    """Each tool tells a class that records know."""
    arguments: Mapping[str, Mapping[str, object]] = {
        "shell": {"command": "ls"},
        "read": {"path": "a.txt"},
        "edit": {"path": "b.txt", "old": "", "new": "x"},
        "finish": {},
    }
    assert set(arguments) == set(TOOLS)
    assert {bench.row(name, **given).work for name, given in arguments.items()} <= set(WORK)


class Boaster(LocalSandbox):
    """A sandbox whose commands are said to have run for a century."""

    def run(self, command: Command, on_stdout: OnOutput | None = None) -> CommandResult:
        """The truth but for the time."""
        return replace(super().run(command, on_stdout), exec_ns=100 * 365 * 86_400 * 10**9)


def test_claimed_time_is_cut_to_what_the_host_saw(tmp_path: Path) -> None:
    """A sandbox that claims a century gets the length of the call, in the row as in the ledger."""
    environment = LocalProvider(tmp_path).prepare(Recipe(name="empty"), lambda _line: None)
    with Boaster(BoxSpec(environment=environment), env={"PATH": "/usr/bin:/bin"}) as box:
        bench = Bench(box)
        row = bench.row("shell", command="true")
    assert row.exec_ns == row.total_ns == bench.exec_ns()
    assert row.transport_ns == 0


def test_call_that_broke_the_executor_is_booked_alike_in_row_and_ledger(bench: Bench) -> None:
    """Nobody was left to say how long the process ran: the whole call counts as that, with nothing known of it."""
    row = bench.row("shell", command="kill -9 $PPID; sleep 5")
    assert row.failed
    assert row.exec_ns == row.total_ns == bench.exec_ns()
    assert (row.cpu_s, row.container_cpu_s, row.exit_code, row.signal) == (None, None, None, None)


@pytest.mark.docker
@pytest.mark.slow
def test_row_of_a_real_container(docker_provider: SandboxProvider, environment: Environment) -> None:
    """CPU-bound, waiting and left-behind work are told apart, and no part is longer than the host's whole."""
    burn = "python3 -c 'import time\nwhile time.process_time() < 0.5: pass'"
    limits = Limits(memory_bytes=128 * 1024**2, pids=64)
    with docker_provider.open(BoxSpec(environment=environment, limits=limits)) as box:
        bench = Bench(box)
        burned, asleep = bench.row("shell", command=burn), bench.row("shell", command="sleep 1")
        hungry = bench.row("shell", command="python3 -c 'x = bytearray(400_000_000)'")
    for row in (burned, asleep, hungry):
        assert row.exec_ns is not None
        assert row.exec_ns <= row.total_ns
        assert row.container_cpu_s is not None
        assert row.cpu_s is not None
    assert 0.45 <= (burned.cpu_s or 0) <= 1.1 * (burned.container_cpu_s or 0)
    assert max(asleep.cpu_s or 0, asleep.container_cpu_s or 0) <= 0.3
    assert [row.oom_killed for row in (burned, asleep, hungry)] == [False, False, True]
