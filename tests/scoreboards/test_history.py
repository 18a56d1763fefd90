"""The history: what is added is there once and whole, what is asked is answered, and nothing else can be read."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner, Result

from harness.artefacts import TrialFolder
from harness.cli import command_line
from harness.errors import ConfigError
from harness.journal import Journal
from harness.lock import RunLock
from harness.record import Record, SpanRow
from harness.redact import Redactor
from harness.run_folder import RunFolder
from scoreboards.flat import Told
from scoreboards.history.query import asked
from scoreboards.history.store import Added, Source, Store
from scoreboards.history.trend import Asked, trend
from scoreboards.report.trend_view import spark
from tests.scoreboards.conftest import SECOND, make_call, make_record, make_tool

SPANS = (SpanRow(phase="model", sub="decode", t0=0, t1=3), SpanRow(phase="tool", sub="exec", t0=3, t1=4))
HOSTILE = "\x1b[31m=HYPERLINK(1)"


def told(*records: Record) -> Iterator[Told]:
    """Attempts with two spans each."""
    return (Told(record=record, spans=SPANS) for record in records)


def trial(repeat: int = 1, **changes: Any) -> Record:
    """A trial with a call and a tool call."""
    given = {"calls": [make_call()], "tool_calls": [make_tool(summary=HOSTILE)]}
    return make_record({"model": 2, "tool": 1}, repeat=repeat, **(given | changes))


def source(run: str = "nightly", created: str = "2026-11-01T00:00:00+00:00", last_row: int = 7) -> Source:
    """A run as its journal knows it."""
    return Source(run=run, created_utc=created, last_row=last_row)


def rows(store: Store, query: str) -> list[tuple[Any, ...]]:
    """What a query finds in all runs of a store."""
    with asked(store, store.runs(), query) as answer:
        return list(answer.rows)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store with one run of two trials."""
    made = Store(root=tmp_path / "history")
    assert made.add(source(), told(trial(1), trial(2, verdict="fail"))) is Added.NEW
    return made


def history(store: Path, *arguments: str) -> Result:
    """The command's outcome at 100 columns, the folder by the environment."""
    env = {"COLUMNS": "100", "SPLITCLOCK_HISTORY": str(store)}
    return CliRunner().invoke(command_line(), ["history", *arguments], env=env)


def test_all_tables_are_there(store: Store) -> None:
    """Each with the run's name in the store."""
    (kept,) = store.runs()
    for table, count in (("trials", 2), ("calls", 2), ("tools", 2), ("spans", 4)):
        assert rows(store, f"SELECT run_key, count(*) FROM {table} GROUP BY 1") == [(kept.key, count)]  # noqa: S608 - ours
        assert kept.rows[table] == count


def test_the_same_run_twice_is_one(store: Store) -> None:
    """Nothing is read a second time, wherever the run's folder lies by then."""
    given = told(trial(1))
    assert store.add(source(), given) is Added.KNOWN
    assert next(given, None) is not None
    assert len(store.runs()) == 1


def test_a_run_that_went_on_is_replaced(store: Store) -> None:
    """What there was of it is gone, on disk too."""
    assert store.add(source(last_row=9), told(trial(1), trial(2), trial(3))) is Added.REPLACED
    assert rows(store, "SELECT count(*) FROM trials") == [(3,)]
    assert len(list((store.root / "data").iterdir())) == 1


def test_what_fails_half_way_leaves_what_was(store: Store) -> None:
    """The run is as it was before, and nothing half written stays."""

    def breaking() -> Iterator[Told]:
        yield from told(trial(1))
        raise ConfigError("the run cannot be read")

    for again in (source(last_row=9), source(run="other")):
        with pytest.raises(ConfigError, match="cannot be read"):
            store.add(again, breaking())
    assert rows(store, "SELECT count(*) FROM trials") == [(2,)]
    assert len(list((store.root / "data").iterdir())) == 1


def test_what_a_killed_process_left_is_cleared_away(store: Store) -> None:
    """Tables that no note names are nobody's; the next who adds removes them."""
    left = store.root / "data" / "nightly-left.1234"
    left.mkdir()
    (left / "trials.parquet").write_bytes(b"half")
    assert rows(store, "SELECT count(*) FROM trials") == [(2,)]
    store.add(source(run="other"), told(trial(1)))
    assert not left.exists()


def test_one_process_adds_at_a_time(store: Store) -> None:
    """The other one is told."""
    lock = RunLock(store.root / "history.lock")
    try:
        with pytest.raises(ConfigError, match="another process adds to this history"):
            store.add(source(run="other"), told())
    finally:
        lock.release()


def test_a_folder_of_other_things_is_no_store(tmp_path: Path) -> None:
    """Nothing is put among a user's files, and a store of a newer Splitclock is left alone."""
    (tmp_path / "letters").write_text("dear", encoding="utf-8")
    with pytest.raises(ConfigError, match="holds other files and no history"):
        Store(root=tmp_path).add(source(), told())
    with pytest.raises(ConfigError, match="history add RUN"):
        Store(root=tmp_path).runs()
    (tmp_path / "splitclock-history.json").write_text('{"schema": 2}', encoding="utf-8")
    with pytest.raises(ConfigError, match="a newer Splitclock"):
        Store(root=tmp_path).runs()


def test_runs_of_other_versions_are_read_together(store: Store) -> None:
    """A column that an older version did not write is null there, one of a newer version is null in the others."""
    (kept,) = store.runs()
    path = store.files(kept)["trials"]
    duckdb.sql(
        f"COPY (SELECT * EXCLUDE (rung), 5 AS invented FROM '{path}') TO '{path}.new' (FORMAT parquet)"  # noqa: S608 - ours
    )
    Path(f"{path}.new").replace(path)
    assert rows(store, "SELECT DISTINCT rung, invented FROM trials") == [(None, 5)]
    store.add(source(run="other"), told(trial(1)))
    assert rows(store, "SELECT invented FROM trials ORDER BY 1 NULLS FIRST") == [(None,), (5,), (5,)]


def test_another_set_of_columns_is_written_anew(store: Store) -> None:
    """After an upgrade, adding the same run brings it up to date."""
    newer = Store(root=store.root, columns="others")
    assert newer.add(source(), told(trial(1))) is Added.REPLACED


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM read_text('{outside}')",
        "SELECT * FROM '{outside}'",
        "SELECT * FROM read_csv('{outside}')",
        "SELECT * FROM sniff_csv('{outside}')",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM read_csv('http://127.0.0.1:9/x.csv')",
        "SELECT * FROM store",
        "COPY trials TO '{outside}'",
        "ATTACH '{outside}' AS other",
        "SET memory_limit = '9GB'",
        "SELECT 1; SELECT 2",
        "INSERT INTO runs VALUES ('x', 'x', NULL, 'x')",
        "INSTALL httpfs",
        "EXPLAIN ANALYZE COPY trials TO '{outside}'",
        "SELECT * FROM query('COPY trials TO ''{outside}''')",
        "SELEC 1",
        "",
    ],
)
def test_sql_reads_the_store_and_nothing_else(store: Store, tmp_path: Path, query: str) -> None:
    """No other file, no network, no writing, no settings, no variables of ours."""
    outside = tmp_path / "outside.csv"
    outside.write_text("secret\n1\n", encoding="utf-8")
    with pytest.raises(ConfigError):
        rows(store, query.replace("{outside}", str(outside)))
    assert outside.read_text(encoding="utf-8") == "secret\n1\n"
    assert rows(store, "SELECT count(*) FROM runs") == [(1,)]


def test_sql_that_takes_too_long_is_ended(store: Store) -> None:
    """The bound is said."""
    endless = "SELECT count(*) FROM range(10000000000) a, range(10000000) b WHERE a.range % 7 = b.range % 5"
    done = history(store.root, "sql", endless, "--timeout", "0.2")
    assert isinstance(done.exception, ConfigError)
    assert "took more than 0.2 s" in str(done.exception)


def test_sql_for_people_machines_and_spreadsheets(store: Store) -> None:
    """The same rows; no text of them steers a terminal or runs in a spreadsheet."""
    query = "SELECT summary, 1.5::DOUBLE AS x, NULL AS y, [1] AS z, DATE '2026-01-02' AS d FROM tools LIMIT 1"
    table = history(store.root, "sql", query).output
    assert "\x1b" not in table
    assert "=HYPERLINK(1)" in table
    assert json.loads(history(store.root, "sql", query, "--json").output) == {
        "schema": 1,
        "columns": ["summary", "x", "y", "z", "d"],
        "rows": [[HOSTILE, 1.5, None, [1], "2026-01-02"]],
    }
    lines = list(csv.reader(history(store.root, "sql", "SELECT '=1+1' AS f, NULL AS n", "--csv").output.splitlines()))
    assert lines == [["f", "n"], ["'=1+1", ""]]


def test_a_trend_by_hand(store: Store) -> None:
    """Two runs, the later one first into the store: rates, intervals and medians of each, the oldest first."""
    store.add(
        source(run="before", created="2026-10-01T00:00:00+00:00"),
        told(trial(1, requested_model="a-1"), trial(2, verdict="error:infra", requested_model="a-2")),
    )
    (series,) = trend(store, Asked())
    assert (series.model, series.feature, series.requested_models) == ("fast", "bookings/waitlist", ("a-1", "a-2"))
    old, new = series.points
    assert (old.run, old.trials, old.scored, old.passed, old.pass_rate) == ("before", 2, 1, 1, 1.0)
    assert (new.run, new.trials, new.scored, new.passed, new.pass_rate) == ("nightly", 2, 2, 1, 0.5)
    assert new.pass_interval is not None
    assert new.pass_interval.low == pytest.approx(0.0945, abs=1e-4)
    assert (new.medians["agent_wall"], new.medians["model"], new.medians["wait"]) == (3 * SECOND, 2 * SECOND, 0)


def test_a_trend_counts_the_latest_attempt(tmp_path: Path) -> None:
    """A trial that was tried again is one trial; nothing scored is unknown, not zero."""
    store = Store(root=tmp_path / "history")
    store.add(source(), told(trial(1), trial(1, attempt=2, verdict="error:provider")))
    ((point,),) = (series.points for series in trend(store, Asked()))
    assert (point.trials, point.scored, point.pass_rate, point.pass_interval) == (1, 0, None, None)
    assert set(point.medians.values()) == {None}


def test_a_trend_of_what_is_not_there_says_what_is(store: Store) -> None:
    """Models and features by name, runs by date."""
    with pytest.raises(ConfigError, match="--model slow: not in these runs; known: fast"):
        trend(store, Asked(models=("slow",)))
    with pytest.raises(ConfigError, match="--feature x'y: not in these runs; known: bookings/waitlist"):
        trend(store, Asked(features=("x'y",)))
    done = history(store.root, "trend", "--since", "2999-01-01")
    assert "holds no run since then" in str(done.exception)


def test_bars() -> None:
    """From nothing to the most there is; unknown is a dot; only the latest twenty."""
    assert spark([0, 0.5, 1, None], 1.0) == "▁▅█·"
    assert spark([None]) == "·"
    assert spark([0, 0]) == "▁▁"
    assert len(spark([1.0] * 50)) == 20


def test_the_commands(tmp_path: Path) -> None:
    """A folder of runs goes in, comes out as a trend for people and machines, and is not added twice."""
    for name in ("one", "two"):
        with Journal.create(tmp_path / "runs" / name) as journal:
            journal.append_record(trial(1, run=name))
        TrialFolder(RunFolder(root=tmp_path / "runs" / name), trial(1).trial.id, 1, Redactor()).spans(SPANS)
    runs, store = str(tmp_path / "runs"), tmp_path / "history"
    added = history(store, "add", runs)
    assert added.stderr.count(": added") == 2
    assert history(store, "add", runs).stderr.count(": already there") == 2
    shown = history(store, "trend", "--model", "fast", "--phase", "tool").output
    assert "▄" not in shown
    assert "██" in shown
    assert "100 % [21, 100]" in shown
    assert "Run by run" in shown
    value = json.loads(history(store, "trend", "--json").output)
    (series,) = value["series"]
    assert [point["run"] for point in series["points"]] == ["one", "two"]
    assert series["points"][0]["phase_medians"]["tool"] == SECOND
    nowhere = CliRunner().invoke(command_line(), ["history", "trend"], env={"SPLITCLOCK_HISTORY": ""})
    assert "set SPLITCLOCK_HISTORY" in str(nowhere.exception)
