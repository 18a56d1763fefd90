"""A process that dies amid an answer leaves what had come of it; one that ends leaves no such file."""

import signal
from pathlib import Path

import pytest

from harness.journal import Kind, read_rows
from harness.models.wire_past import LastRequest, State, promoted, read_wire
from tests.end_to_end.desk import Desk, until
from tests.end_to_end.targets import FINISH, SOLVE, FeatureFiles, TargetFiles, matrix, say, simulated

pytestmark = pytest.mark.slow

WORDS = "word" * 100_000
FILES = FeatureFiles(turns={"demo": (SOLVE, FINISH), "wordy": (SOLVE, say(WORDS), FINISH)})


def under_way(run: Path) -> LastRequest | None:
    """The call of the run's one trial that is under way in the second turn, if it has begun to be answered."""
    found = [last for path in run.glob("trials/*/wire.jsonl") if (last := read_wire(path, 2)) is not None]
    return found[0] if found and found[0].deltas else None


def test_a_kill_amid_an_answer_leaves_what_came(desk: Desk) -> None:
    """The half answer is in doubt: counted, and not taken for one. A run that ends leaves nothing of its answers."""
    TargetFiles().write(desk.folder / "targets", FILES)
    options = ("--fixtures", "targets", "--sandbox", "local", "--out")
    file = matrix(desk.folder / "one.toml", {"m": simulated("wordy", tokens_per_s=500)}, trials=1)
    started = desk.start("run", file, *options, "killed")
    until(lambda: under_way(desk.folder / "killed") is not None, started, "the second answer")
    started.send(signal.SIGKILL)
    started.process.wait()
    last = under_way(desk.folder / "killed")
    assert last is not None
    assert (last.state, last.in_doubt, last.attempt, promoted(last)) == (State.PARTIAL, True, 1, None)
    assert last.received_bytes > last.deltas > 0
    assert len(read_rows(desk.folder / "killed", Kind.INTENT)) == 2
    assert len(read_rows(desk.folder / "killed", Kind.RESPONSE)) == 1

    file = matrix(desk.folder / "two.toml", {"m": simulated("demo")}, trials=1)
    desk.must("run", file, *options, "ended")
    assert list((desk.folder / "ended").glob("trials/*/record.json"))
    assert not list((desk.folder / "ended").rglob("wire.jsonl"))
