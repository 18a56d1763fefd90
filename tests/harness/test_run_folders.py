"""Which runs are meant: by folder, by date, each once, none taken for another."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness.errors import ConfigError
from harness.journal import Entry, Journal, Kind
from harness.run_folders import began, moment, names_apart, runs_in, runs_since

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def run(folder: Path) -> Path:
    """A run with nothing in it but its journal."""
    Journal.create(folder).close()
    return folder


def told(_line: str) -> None:
    """Where nothing may be told."""
    raise AssertionError(_line)


def test_a_folder_of_runs_stands_for_them_oldest_first(tmp_path: Path) -> None:
    """The order is that of their beginning, not of their names; what is no run is passed over."""
    second, first = tmp_path / "runs" / "a", tmp_path / "runs" / "b"
    run(first)
    run(second)
    (tmp_path / "runs" / "notes").mkdir()
    assert runs_in([tmp_path / "runs"], told) == [first, second]


def test_a_run_given_twice_is_one(tmp_path: Path) -> None:
    """By itself and in its folder, under two paths."""
    one = run(tmp_path / "runs" / "one")
    assert runs_in([one, tmp_path / "runs", tmp_path / "runs" / ".." / "runs" / "one"], told) == [
        tmp_path / "runs" / ".." / "runs" / "one"
    ]


def test_of_copies_the_one_that_went_on_stays(tmp_path: Path) -> None:
    """A backup of a run is not another run."""
    one = run(tmp_path / "one")
    shutil.copytree(one, tmp_path / "backup")
    with Journal.open(one) as journal:
        journal.append(Entry(kind=Kind.NOTE))
    lines: list[str] = []
    assert runs_in([one, tmp_path / "backup"], lines.append) == [one]
    assert lines == [f"left out: {tmp_path / 'backup'} is a copy of {one}"]


def test_a_folder_without_runs_is_named(tmp_path: Path) -> None:
    """One line that says what was looked for."""
    with pytest.raises(ConfigError, match="neither is a run nor holds one"):
        runs_in([tmp_path], told)
    with pytest.raises(ConfigError, match="no run lies here"):
        runs_in([tmp_path / "nowhere"], told)


def test_a_broken_run_among_others_is_left_out_and_told(tmp_path: Path) -> None:
    """A run that did not get as far as starting does not keep the others from being read; by itself it is an error."""
    one = run(tmp_path / "runs" / "one")
    broken = tmp_path / "runs" / "two"
    broken.mkdir()
    (broken / "journal.sqlite").touch()
    lines: list[str] = []
    assert runs_in([tmp_path / "runs"], lines.append) == [one]
    assert len(lines) == 1
    assert "two" in lines[0]
    with pytest.raises(ConfigError, match="was ended before it began"):
        runs_in([broken], told)


def test_runs_of_one_name_are_told_apart(tmp_path: Path) -> None:
    """CI writes each night's run to a folder of the same name; a name that is the only one stays."""
    nights = [run(tmp_path / night / "run") for night in ("monday", "tuesday")]
    other = run(tmp_path / "other")
    assert names_apart([*nights, other]) == {night: str(night) for night in nights}


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01T10:00:00+02:00", datetime(2026, 11, 1, 8, tzinfo=UTC)),
        ("12h", datetime(2026, 11, 22, tzinfo=UTC)),
        ("30d", datetime(2026, 10, 23, 12, tzinfo=UTC)),
        ("2w", datetime(2026, 11, 8, 12, tzinfo=UTC)),
    ],
)
def test_dates_and_ages(text: str, meant: datetime) -> None:
    """A date is midnight UTC; an age is from now."""
    assert moment(text, NOW) == meant


@pytest.mark.parametrize("text", ["", "yesterday", "30", "-3d", "9999999h", "2026-13-01"])
def test_what_is_no_date_is_named(text: str) -> None:
    """With the forms that are read."""
    with pytest.raises(ConfigError, match="give a date such as 2026-11-01"):
        moment(text, NOW)


def test_since(tmp_path: Path) -> None:
    """A run counts from its beginning on; when none is left, the newest one's beginning is said."""
    one = run(tmp_path / "one")
    assert runs_since([one], None) == [one]
    assert runs_since([one], began(one).isoformat()) == [one]
    with pytest.raises(ConfigError, match="no run is as new; the newest began 20"):
        runs_since([one], "2999-01-01")
