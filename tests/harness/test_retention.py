"""Old run folders, and what must not be taken for one."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from harness.errors import ConfigError
from harness.journal import Entry, Journal, Kind
from harness.past_runs import read_history, runs_in
from harness.retention import OldRun, old_runs, parse_age, remove
from tests.harness.test_journal import record

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def written(folder: Path, days_ago: int) -> Path:
    """A run whose last row is so old, with a trial's folder."""
    at = (NOW - timedelta(days=days_ago)).isoformat()
    with Journal.create(folder) as journal:
        journal.append(Entry(kind=Kind.RUN_STARTED, at_utc=at))
        body = record().model_dump(mode="json", by_alias=True)
        journal.append(Entry(kind=Kind.RECORD, body=body, trial="t1", attempt=1, at_utc=at))
    (folder / "trials" / "t1").mkdir(parents=True)
    (folder / "trials" / "t1" / "transcript.jsonl").write_bytes(b"x" * 5000)
    return folder


def old(folder: Path, age: str) -> tuple[OldRun, ...]:
    """The runs there that are older."""
    return old_runs(folder, NOW - parse_age(age))


def test_age_is_that_of_the_last_row(tmp_path: Path) -> None:
    """Not of the files, which a copy makes new."""
    for name, days in (("a", 40), ("b", 20), ("c", 2)):
        written(tmp_path / name, days)
    assert [one.path.name for one in old(tmp_path, "30d")] == ["a"]
    assert [one.path.name for one in old(tmp_path, "2w")] == ["a", "b"]
    assert [one.path.name for one in old(tmp_path, "24h")] == ["a", "b", "c"]


def test_only_runs_are_removed(tmp_path: Path) -> None:
    """Neither folders of others, nor what a link leads to, nor a folder whose journal is no journal."""
    run = written(tmp_path / "runs" / "a", 40)
    elsewhere = written(tmp_path / "elsewhere", 40)
    (tmp_path / "runs" / "link").symlink_to(elsewhere)
    (tmp_path / "runs" / "notes").mkdir()
    (tmp_path / "runs" / "other").mkdir()
    (tmp_path / "runs" / "other" / "journal.sqlite").write_bytes(b"not a database" * 100)
    found = old(tmp_path / "runs", "30d")
    assert [(one.path.name, bool(one.kept)) for one in found] == [("a", False), ("other", True)]
    assert not remove(found[0]).kept
    assert not run.exists()
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["link", "notes", "other"]
    assert elsewhere.exists()


def test_a_run_at_work_stays(tmp_path: Path) -> None:
    """Old as its last row is, a process holds it: then, or by the time that it would be removed."""
    run = written(tmp_path / "a", 40)
    (found,) = old(tmp_path, "30d")
    with Journal.open(run):
        assert "process" in old(tmp_path, "30d")[0].kept
        assert "writes this run" in remove(found).kept
    assert (run / "trials").exists()


@pytest.mark.parametrize("text", ["", "30", "d", "30m", "-3d", "3 d", "1e3d", "999999d"])
def test_what_is_no_age_is_refused(text: str) -> None:
    """With examples."""
    with pytest.raises(ConfigError, match="such as 12h, 30d or 8w"):
        parse_age(text)


def test_a_run_folder_is_no_folder_of_runs(tmp_path: Path) -> None:
    """Nor is one that is not there."""
    run = written(tmp_path / "a", 40)
    for place, why in ((run, "is a run folder itself"), (tmp_path / "none", "no such folder")):
        with pytest.raises(ConfigError, match=why):
            old(place, "30d")


def test_history_counts_each_trial_once(tmp_path: Path) -> None:
    """Copies of a run are one; its trial's folder is counted whole, and what cannot be read is told."""
    for name in ("a", "b"):
        written(tmp_path / name, 3)
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "journal.sqlite").write_bytes(b"not a database" * 100)
    history = read_history(runs_in(tmp_path))
    (trial,) = history.trials
    assert trial.disk_bytes > 5000
    assert trial.requested_model == "fast"
    (line,) = history.unreadable
    assert str(tmp_path / "c") in line
