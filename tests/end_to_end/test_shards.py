"""A matrix in shards on several machines, merged into one run; what earlier runs foretell; old runs removed."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from harness.journal import Kind, read_records, read_rows
from harness.record import Record
from tests.end_to_end.desk import Desk, Said
from tests.end_to_end.targets import FINISH, SOLVE, FeatureFiles, TargetFiles, matrix

pytestmark = pytest.mark.slow

OPTIONS = ("--fixtures", "targets", "--sandbox", "local")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, shared_cache: Path) -> Desk:
    """A matrix of two models on two features, and the runs of its two shards."""
    folder = tmp_path_factory.mktemp("shards")
    features = [FeatureFiles(name=name, turns={"solved": (SOLVE, FINISH)}) for name in ("double", "twice")]
    TargetFiles().write(folder / "targets", *features)
    models = {name: {"provider": "replay", "turns": "solved"} for name in ("fast", "slow")}
    matrix(folder / "small.toml", models)
    desk = Desk(folder=folder, cache=shared_cache)
    for number in (1, 2):
        desk.must("run", "small.toml", "--shard", f"{number}/2", "--out", f"shards/{number}", *OPTIONS, "--json")
    return desk


def planned(desk: Desk, *more: str) -> list[str]:
    """The ids of a plan's trials."""
    found: Any = desk.must("plan", "small.toml", *OPTIONS, "--json", *more).json()
    return [trial["id"] for trial in found["trials"]]


@pytest.fixture(scope="module")
def merged(desk: Desk) -> Said:
    """The two shards as one."""
    return desk.must("merge", "shards/1", "shards/2", "-o", "merged")


def test_shards_merge_into_the_whole(desk: Desk, merged: Said) -> None:
    """The plan of the undivided matrix in its order, every record, folder, body and row, and one board."""
    folder = desk.folder / "merged"
    written = json.loads((folder / "plan.json").read_text("utf-8"))
    whole = planned(desk)
    assert [trial["id"] for trial in written["trials"]] == whole
    assert sorted(whole) == sorted(planned(desk, "--shard", "1/2") + planned(desk, "--shard", "2/2"))
    assert desk.must("status", "merged", "--json").json()["trials"]["pass"] == 4
    assert "4 of 4 trials" in merged.out
    for record in read_records(folder):
        assert record.run == "merged"
        assert record.provenance["merged_from"] in {"1", "2"}
        kept = folder / "trials" / record.trial.id
        assert Record.model_validate_json((kept / "record.json").read_bytes()) == record
        assert (kept / "difference.patch").stat().st_size > 0
    parts = [read_rows(desk.folder / "shards" / number) for number in ("1", "2")]
    rows = read_rows(folder)
    assert sum(bool(row.trial) for row in rows) == sum(bool(row.trial) for part in parts for row in part)
    assert {row.at_utc for row in rows if row.trial} == {row.at_utc for part in parts for row in part if row.trial}


def test_a_merged_run_is_like_any_other(desk: Desk, merged: Said) -> None:
    """It is shown, graded again, and gone on with: there is nothing to do."""
    assert merged.code == 0
    trial = planned(desk)[0]
    assert desk.must("show", "merged", trial, "--json").json()
    graded = desk.must("regrade", "merged", "--trial", trial, *OPTIONS, "--json").json()
    assert [one["state"] for one in graded["trials"]] == ["same"]
    assert "nothing to do: 4 of 4" in desk.must("resume", "merged").out


def test_a_missing_shard_is_said_and_run_by_resume(desk: Desk) -> None:
    """What is not there has no record; the merged run goes on with it."""
    said = desk.must("merge", "shards/2", "-o", "half")
    assert "shard 1/2 is missing: 2 trials have no record" in said.err
    assert "2 of 4 trials" in said.out
    calls = len(read_rows(desk.folder / "half", Kind.INTENT))
    assert "2 of 4 trials are finished, 2 to run" in desk.must("resume", "half").out
    assert len(read_rows(desk.folder / "half", Kind.INTENT)) == 2 * calls
    assert {record.run for record in read_records(desk.folder / "half")} == {"half"}


def test_a_shard_twice_is_kept_once(desk: Desk) -> None:
    """The rule is said; what belongs to another matrix is refused with the reason, and nothing is left behind."""
    shutil.copytree(desk.folder / "shards" / "1", desk.folder / "again")
    twice = desk.must("merge", "again", "shards/1", "shards/2", "-o", "three", "--json").json()
    assert [one["kept"] for one in twice["duplicates"]] == ["again", "again"]
    assert twice["missing_shards"] == []
    assert twice["trials"]["pass"] == 4
    assert len(read_records(desk.folder / "three")) == 4
    plan = desk.folder / "again" / "plan.json"
    plan.write_text(plan.read_text("utf-8").replace('"turns": 100', '"turns": 99'), encoding="utf-8")
    refused = desk.give("merge", "shards/2", "again", "-o", "four")
    assert refused.code == 2
    assert refused.complaints == ["splitclock: shards/2 and again are not parts of one run: limits.turns: 100 -> 99"]
    assert not (desk.folder / "four").exists()


def test_a_plan_is_estimated_by_earlier_runs(desk: Desk) -> None:
    """Cost, time and disk of the same models; how many trials of how many runs told it; what is not known."""
    estimate = desk.must("plan", "small.toml", *OPTIONS, "--history", "shards", "--json").json()["estimate"]
    assert (estimate["planned"], estimate["unknown"]) == (4, 0)
    assert [(one["model"], one["trials"]) for one in estimate["models"]] == [("fast", 2), ("slow", 2)]
    wall, disk = estimate["wall_ns"], estimate["disk_bytes"]
    records = [record for number in ("1", "2") for record in read_records(desk.folder / "shards" / number)]
    assert 0 < wall["least"] <= wall["mean"] <= wall["most"] <= sum(record.wall_ns for record in records) * 4
    assert disk["mean"] > 1000
    assert estimate["cost_usd"] == {"mean": 0, "least": 0, "most": 0}
    text = desk.must("plan", "small.toml", *OPTIONS, "--history", "shards", "--shard", "1/2").out
    assert "estimate for 2 trials, 4 at once: no cost, " in text
    assert "finished trials of" in text
    text = desk.must("plan", "small.toml", *OPTIONS, "--history", "nowhere").out
    assert "no estimate: no finished trial of these models in the runs under nowhere" in text


def test_old_runs_are_removed(desk: Desk) -> None:
    """Those that nobody has written for so long; a dry run says which."""
    shutil.copytree(desk.folder / "shards", desk.folder / "kept")
    dry = desk.must("clean", "--older-than", "0h", "--dry-run", "kept").out
    assert "2 run folders would be removed" in dry
    assert "0 run folders removed" in desk.must("clean", "--older-than", "1d", "kept").out
    assert len(list((desk.folder / "kept").iterdir())) == 2
    done = desk.must("clean", "--older-than", "0h", "kept", "--json").json()
    assert [one["run"] for one in done["runs"]] == ["kept/1", "kept/2"]
    assert done["bytes"] > 1000
    assert list((desk.folder / "kept").iterdir()) == []
    assert desk.give("clean", "--dry-run").code == 2
