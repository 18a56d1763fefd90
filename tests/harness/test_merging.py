"""Runs that are merged: what a merge that fails leaves alone."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from harness import merging
from harness.errors import ConfigError
from harness.journal import Entry, Journal, Kind, read_rows
from harness.ledger import spent_so_far
from harness.merge_plan import Merge, Part, merge_plan
from harness.merging import merge_runs
from tests.harness.progress.runs import record_of, trials, write_plan


def shard(folder: Path) -> Path:
    """A run of one trial."""
    (trial,) = trials(1)
    with Journal.create(folder) as journal:
        journal.append_record(record_of(trial))
    write_plan(folder, (trial,))
    (folder / "matrix.toml").write_text("schema = 1\n", encoding="utf-8")
    return folder


def test_another_processs_run_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that came to lie in the folder after it was looked at: the merge is refused, and removes nothing."""
    part, out = shard(tmp_path / "part"), tmp_path / "out"

    def meanwhile(parts: Iterable[Part]) -> Merge:
        with Journal.create(out) as journal:
            journal.append(Entry(kind=Kind.NOTE, body={"note": "theirs"}))
        return merge_plan(tuple(parts))

    monkeypatch.setattr(merging, "merge_plan", meanwhile)
    with pytest.raises(ConfigError, match="already holds a run"):
        merge_runs([part], out)
    assert [row.body["note"] for row in read_rows(out)] == ["theirs"]


def test_a_merge_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """What it had begun to write is gone."""
    part, out = shard(tmp_path / "part"), tmp_path / "out"
    (part / "matrix.toml").unlink()
    with pytest.raises(Exception, match=r"matrix\.toml|merged into"):
        merge_runs([part], out)
    assert not out.exists()


def test_a_merged_run_was_at_work_for_as_long_as_its_parts(tmp_path: Path) -> None:
    """What its budget of time has used is the sum over the shards, not the moment that merging them took."""
    both = trials(2)
    for number, trial in enumerate(both):
        at = f"2026-01-0{number + 1}T10:{{:02d}}:00+00:00"
        with Journal.create(tmp_path / f"part-{number}") as journal:
            journal.append(Entry(kind=Kind.RUN_STARTED, at_utc=at.format(0)))
            body = record_of(trial).model_dump(mode="json", by_alias=True)
            end = at.format(10 * (number + 1))
            journal.append(Entry(kind=Kind.RECORD, body=body, trial=trial.id, attempt=1, at_utc=end))
        write_plan(tmp_path / f"part-{number}", both)
        (tmp_path / f"part-{number}" / "matrix.toml").write_text("schema = 1\n", encoding="utf-8")
    parts = [tmp_path / "part-0", tmp_path / "part-1"]
    merge_runs(parts, tmp_path / "out")
    assert [spent_so_far(part).wall_s for part in parts] == [600.0, 1200.0]
    assert 1800 <= spent_so_far(tmp_path / "out").wall_s < 3600
