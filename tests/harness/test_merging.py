"""Runs that are merged: what a merge that fails leaves alone."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from harness import merging
from harness.errors import ConfigError
from harness.journal import Entry, Journal, Kind, read_rows
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
