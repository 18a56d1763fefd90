"""A call that was under way at the kill, over a real wire: taken from what was written down of it, or made again."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from harness.commands.models import Models, open_models
from harness.files import DiskFullError, disk_full
from harness.journal import read_records, read_rows
from harness.journal_reader import Row
from harness.lock import boot_id
from harness.models.reading import Asked
from harness.models.wire_file import FileWireLog
from harness.open_calls import from_wire
from harness.past import OpenCall
from harness.redact import Redactor
from harness.simulator.log import read_log
from tests.harness.lives import Ran, Shop
from tests.harness.play import FINISH, calls
from tests.harness.test_resume import facts, said

pytestmark = pytest.mark.slow

TURNS = (calls(("shell", {"command": "echo double >> calc.txt"})), calls(("read", {"path": "calc.txt"})), FINISH)


class CopiedWireLog(FileWireLog):
    """One that copies its file before it lets an answer go, as a kill at that moment would leave it."""

    def __init__(self, path: Path, copies: Path) -> None:
        super().__init__(path, Redactor())
        self._from = path
        self._copies = copies
        self._turns = 0

    def settle(self) -> None:
        """Copies, then settles."""
        self._turns += 1
        shutil.copyfile(self._from, self._copies / f"turn-{self._turns}")
        super().settle()


@contextmanager
def served(shop: Shop, log: Path) -> Iterator[Models]:
    """The shop's model, with the simulator at work, which writes the log."""
    config = shop.trial.settings
    with open_models({"a": config}, {"shop/one:solved": TURNS}, shop.clock, log) as models:
        yield models


def run(shop: Shop, models: Models, rows: tuple[Row, ...] = (), wire: bytes = b"") -> Ran:
    """A run over the wire; one that goes on finds this in its wire log."""
    root = shop.next_run
    place = root / "trials" / shop.trial.id / "wire.jsonl"
    if wire:
        place.parent.mkdir(parents=True)
        place.write_bytes(wire)
    return shop.run(
        rows,
        open_model=lambda _clock: models(shop.trial),
        wire_log=lambda _trial, _attempt: CopiedWireLog(place, shop.folder),
        came_of=lambda _trial, _attempt, call: from_wire(place, call),
    )


def test_what_had_come_decides_whether_a_call_is_made_again(tmp_path: Path) -> None:
    """Whole: promoted, not asked; in part: in doubt, asked once more; nothing: asked. The outcome is the same."""
    shop = Shop(folder=tmp_path, turns=TURNS, model_provider="simulator")
    log = tmp_path / "log.jsonl"
    with served(shop, log) as models:
        whole = run(shop, models)
        assert (whole.record.verdict, whole.record.turns) == ("pass", 3)
        intents = [row for row in whole.rows if row.kind == "intent"]
        written = (tmp_path / "turn-2").read_bytes()
        part = b"\n".join(written.split(b"\n")[:4]) + b"\n"
        rows = whole.rows[: intents[1].seq]
        answered = len(read_log(log))
        for wire, in_doubt, asked in ((written, 0, [3]), (part, 1, [2, 3]), (b"", 0, [2, 3])):
            resumed = run(shop, models, rows, wire)
            assert [message["content"] for message in said(resumed)] == [message["content"] for message in said(whole)]
            assert (resumed.record.in_doubt, resumed.turns_asked) == (in_doubt, asked)
            assert len(read_log(log)) == answered + len(asked)
            answered += len(asked)
            same = {"turn", "input_tokens", "output_tokens", "cost_usd", "finish_reason", "deltas"}
            for now, then in zip(facts(resumed.record)["calls"], facts(whole.record)["calls"], strict=True):
                assert {name: now[name] for name in same} == {name: then[name] for name in same}
            assert sum(resumed.record.phases.values()) == resumed.record.wall_ns


def test_a_promoted_answer_has_the_times_it_had(tmp_path: Path) -> None:
    """Its row in the record is the very one that the undisturbed run has."""
    shop = Shop(folder=tmp_path, turns=TURNS, model_provider="simulator")
    with served(shop, tmp_path / "log.jsonl") as models:
        whole = run(shop, models)
        intents = [row for row in whole.rows if row.kind == "intent"]
        resumed = run(shop, models, whole.rows[: intents[1].seq], (tmp_path / "turn-2").read_bytes())
    assert resumed.record.calls[:2] == whole.record.calls[:2]


class FullWireLog(FileWireLog):
    """One on a disk that becomes full amid the second answer."""

    def data(self, data: bytes, at: int) -> None:
        """Raises DiskFullError in the second turn."""
        if self._turn > 1:
            raise disk_full(self._path)
        super().data(data, at)


def test_a_wire_that_cannot_be_written_down_ends_the_run(tmp_path: Path) -> None:
    """The attempt goes on later, in the same one; the call that was asked is declared."""
    shop = Shop(folder=tmp_path, turns=TURNS, model_provider="simulator")
    with served(shop, tmp_path / "log.jsonl") as models:
        root = shop.next_run
        place = root / "trials" / shop.trial.id / "wire.jsonl"
        with pytest.raises(DiskFullError):
            shop.run(
                open_model=lambda _clock: models(shop.trial),
                wire_log=lambda _trial, _attempt: FullWireLog(place, Redactor()),
            )
        (record,) = read_records(root)
        assert (record.verdict, record.stop, record.cost_is_lower_bound) == ("not_run", "interrupted", True)
        resumed = run(shop, models, read_rows(root), place.read_bytes())
    assert (resumed.record.verdict, resumed.record.attempt) == ("pass", 1)
    assert (resumed.record.in_doubt, resumed.turns_asked) == (1, [2, 3])


def test_what_an_earlier_life_heard_is_not_heard_again(tmp_path: Path) -> None:
    """A life that dies after its intent and before its request finds the file of the same turn that was settled."""
    path = tmp_path / "wire.jsonl"
    log = FileWireLog(path, Redactor())
    log.begin(2, "sha", 1)
    log.sending(Asked(api="chat", transport="http"), 0)
    call = OpenCall(turn=2, request="sha", boot=boot_id(), life=1)
    assert not from_wire(path, call).nothing
    assert from_wire(path, replace(call, life=2)).nothing


def test_a_life_asks_under_its_own_number(tmp_path: Path) -> None:
    """The intent and the wire agree on which life it was."""
    shop = Shop(folder=tmp_path, turns=TURNS, model_provider="simulator")
    with served(shop, tmp_path / "log.jsonl") as models:
        whole = run(shop, models)
        intents = [row for row in whole.rows if row.kind == "intent"]
        run(shop, models, whole.rows[: intents[1].seq])
    _, asked, *_ = (tmp_path / "turn-1").read_bytes().split(b"\n")
    assert (json.loads(asked)["sending"], json.loads(asked)["life"]) == (2, 2)


def test_without_a_file_a_call_was_not_made_unless_the_machine_went_down(tmp_path: Path) -> None:
    """A file that was not yet on disk is forgotten with the machine."""
    path = tmp_path / "wire.jsonl"
    assert from_wire(path, OpenCall(turn=1, request="", boot=boot_id())).nothing
    assert not from_wire(path, OpenCall(turn=1, request="", boot="another")).nothing
