"""The cgroup's counters as the executor reads them: v1 and v2, the sandbox's own and never the whole machine's."""

from pathlib import Path

import pytest

from sandbox import executor
from sandbox.executor import Counter, open_cpu, open_oom

V2_STAT = b"usage_usec 2500000\nuser_usec 2000000\nsystem_usec 500000\nnr_periods 7\n"
V1_OOM = b"oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"


class Cgroup:
    """The files of a control group, in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, name: str, content: bytes) -> None:
        """Write one of its files."""
        place = self.root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)


@pytest.fixture
def cgroup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cgroup:
    """A folder that the executor takes for /sys/fs/cgroup."""

    def here(path: str) -> str:
        return path.replace("/sys/fs/cgroup", str(tmp_path))

    counters = [(here(file), field, unit, here(sign), root) for file, field, unit, sign, root in executor.CPU_COUNTERS]
    monkeypatch.setattr(executor, "CPU_COUNTERS", counters)
    monkeypatch.setattr(executor, "OOM_COUNTERS", [here(path) for path in executor.OOM_COUNTERS])
    return Cgroup(tmp_path)


def cpu() -> float | None:
    """CPU seconds of the group's whole life, as the executor finds them."""
    counter = Counter()
    open_cpu(counter)
    return counter.risen(0)


def test_cpu_of_version_1_is_in_nanoseconds(cgroup: Cgroup) -> None:
    """One number, of this group."""
    cgroup.put("cpuacct/cpuacct.usage", b"1500000000\n")
    assert cpu() == pytest.approx(1.5)


def test_cpu_of_version_2_is_in_microseconds(cgroup: Cgroup) -> None:
    """One field of several."""
    cgroup.put("cpu.stat", V2_STAT)
    cgroup.put("cgroup.type", b"domain\n")
    assert cpu() == pytest.approx(2.5)


def test_a_root_group_is_the_whole_machine_s(cgroup: Cgroup) -> None:
    """Without a namespace of its own a container may see the root: that is nobody's own counter."""
    cgroup.put("cpu.stat", V2_STAT)
    assert cpu() is None
    cgroup.put("cpuacct/cpuacct.usage", b"1500000000\n")
    cgroup.put("cpuacct/release_agent", b"\n")
    assert cpu() is None


def test_no_counter_is_unknown(cgroup: Cgroup) -> None:
    """Where there is no file, or no number in it, nothing is claimed."""
    assert cpu() is None
    cgroup.put("cpuacct/cpuacct.usage", b"not a number\n")
    assert cpu() is None


def test_a_counter_that_fell_back_is_unknown(cgroup: Cgroup) -> None:
    """A difference is told of two readings in order only."""
    counter = Counter()
    cgroup.put("cpuacct/cpuacct.usage", b"1500000000\n")
    open_cpu(counter)
    before = counter.read()
    cgroup.put("cpuacct/cpuacct.usage", b"1750000000\n")
    assert counter.risen(before) == pytest.approx(0.25)
    cgroup.put("cpuacct/cpuacct.usage", b"1000000000\n")
    assert counter.risen(before) is None
    assert counter.risen(None) is None


def test_kills_for_memory_are_counted(cgroup: Cgroup) -> None:
    """Either version's file will do."""
    cgroup.put("memory.events", b"low 0\noom 1\noom_kill 1\n")
    newer, older = Counter(), Counter()
    open_oom(newer)
    cgroup.put("memory/memory.oom_control", V1_OOM)
    open_oom(older)
    assert (newer.read(), older.read()) == (1, 3)
