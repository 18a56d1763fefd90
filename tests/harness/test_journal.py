"""The journal: what was acknowledged is there, whatever died; one writer a run; readers at any time."""

import hashlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness.errors import ConfigError, HarnessError, InfraError
from harness.files import DiskFullError, disk_errors
from harness.journal import (
    Entry,
    Journal,
    Kind,
    new_run_folder,
    read_attempts,
    read_body,
    read_last_rows,
    read_meta,
    read_records,
    read_rows,
)
from harness.journal_reader import run_label
from harness.journal_schema import MIGRATIONS, SCHEMA, database_errors, migrate
from harness.lock import Owner, RunLockedError, boot_id, process_start
from harness.record import Record, TrialRow, Verdict
from harness.redact import REDACTED, Redactor
from harness.run_folder import RunFolder

ROOT = Path(__file__).parents[2]


def start(code: str, *argv: object) -> subprocess.Popen[str]:
    """A Python process of its own that sees the packages."""
    command = [sys.executable, "-c", code, *map(str, argv)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def note(number: int) -> Entry:
    """A small row that can be told from the others."""
    return Entry(kind=Kind.NOTE, body={"number": number}, trial="t", attempt=1)


def record(trial: str = "t1", attempt: int = 1, verdict: Verdict = Verdict.PASS) -> Record:
    """A finished attempt of no importance."""
    phases = {"setup": 1, "model": 2, "tool": 3, "overlap": 0, "wait": 0, "grade": 4, "harness": 0}
    return Record(
        run="r",
        trial=TrialRow(id=trial, model="fast", feature="bookings/waitlist", repeat=1),
        attempt=attempt,
        started_utc="2026-01-01T00:00:00+00:00",
        stop="finished",
        verdict=verdict,
        wall_ns=10,
        phases=phases,
        sub_phases={},
        summed=phases,
    )


def test_rows_come_back_as_they_were_written(tmp_path: Path) -> None:
    """Kinds, trials, attempts and bodies survive; numbers rise from 1; times are UTC."""
    with Journal.create(tmp_path / "run") as journal:
        assert journal.append(Entry(kind=Kind.RUN_STARTED, body={"words": "naïve ☃ \u202e", "none": None})) == 1
        assert journal.append(note(7)) == 2
    first, second = read_rows(tmp_path / "run")
    assert (first.kind, first.trial, first.attempt, first.body["words"]) == ("run_started", "", 0, "naïve ☃ \u202e")
    assert (second.kind, second.trial, second.attempt, second.body) == ("note", "t", 1, {"number": 7})
    assert datetime.fromisoformat(first.at_utc).utcoffset() == datetime.now(UTC).utcoffset()
    assert read_rows(tmp_path / "run", after=1) == (second,)
    assert read_rows(tmp_path / "run", Kind.NOTE) == (second,)


def test_a_run_is_known_by_its_journal_and_its_place(tmp_path: Path) -> None:
    """Two runs of one name, and a copy of a run, share no sandboxes; the same folder by another path does."""
    run, other = tmp_path / "a" / "demo", tmp_path / "b" / "demo"
    for folder in (run, other):
        Journal.create(folder).close()
    copy = Path(shutil.copytree(run, tmp_path / "c" / "demo"))
    (tmp_path / "link").symlink_to(run)
    labels = [run_label(folder) for folder in (run, other, copy)]
    assert len(set(labels)) == 3
    assert all(label.startswith("demo.") for label in labels)
    assert run_label(tmp_path / "link") == run_label(run) == labels[0]
    with closing(sqlite3.connect(run / "journal.sqlite")) as connection, connection:
        connection.execute("DELETE FROM meta WHERE key = 'id'")
    assert run_label(run) not in {*labels, "demo"}


def test_journals_of_version_one_are_taken_on(tmp_path: Path) -> None:
    """They read as they are, and once written to they are of this version, which an older one refuses."""
    with Journal.create(tmp_path) as journal:
        journal.append(note(1))
    with closing(sqlite3.connect(tmp_path / "journal.sqlite")) as connection, connection:
        connection.execute("UPDATE meta SET value = '1' WHERE key = 'schema'")
    assert len(read_rows(tmp_path)) == 1
    with Journal.open(tmp_path) as journal:
        journal.append(note(2))
    assert read_meta(tmp_path)["schema"] == "2"
    assert len(read_rows(tmp_path)) == 2


def test_meta_names_schema_and_run(tmp_path: Path) -> None:
    """A journal says what wrote it."""
    Journal.create(tmp_path / "demo-1").close()
    meta = read_meta(tmp_path / "demo-1")
    assert meta["schema"] == str(SCHEMA)
    assert meta["run"] == "demo-1"
    assert meta["created_utc"]


def test_the_database_is_durable_by_its_own_account(tmp_path: Path) -> None:
    """The file is in write-ahead mode for whoever opens it next."""
    Journal.create(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "journal.sqlite")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_rows_cannot_be_changed_or_deleted(tmp_path: Path) -> None:
    """Append-only is held by the file itself, not by good manners."""
    with Journal.create(tmp_path) as journal:
        journal.append(note(1))
    with closing(sqlite3.connect(tmp_path / "journal.sqlite")) as connection:
        for statement in ("UPDATE rows SET body = '{}'", "DELETE FROM rows"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                connection.execute(statement)


def test_many_threads_append_without_loss(tmp_path: Path) -> None:
    """Each of 400 appends from 16 threads gets a number of its own, and its row is there under it."""
    with Journal.create(tmp_path) as journal, ThreadPoolExecutor(16) as pool:
        numbers = list(pool.map(lambda number: journal.append(note(number)), range(400)))
    assert {row.seq: row.body["number"] for row in read_rows(tmp_path)} == dict(zip(numbers, range(400), strict=True))


WRITER = """
import sys, threading
from pathlib import Path
from harness.journal import Entry, Journal, Kind
journal = Journal.create(Path(sys.argv[1]))
say = threading.Lock()
def write(thread):
    for number in range(1_000_000):
        body = journal.put_body(f"{thread}/{number}".encode())
        seq = journal.append(Entry(kind=Kind.NOTE, body={"of": f"{thread}/{number}", "body": body}))
        with say:
            print(seq, f"{thread}/{number}", flush=True)
for thread in range(4):
    threading.Thread(target=write, args=(thread,), daemon=True).start()
threading.Event().wait()
"""


@pytest.mark.slow
@pytest.mark.parametrize("lines", [1, 60, 150])
def test_acknowledged_rows_survive_kill_nine(tmp_path: Path, lines: int) -> None:
    """A writer killed in mid-flight loses no row whose append had returned, nor its body; the run can be taken over."""
    writer = start(WRITER, tmp_path / "run")
    assert writer.stdout is not None
    said = [writer.stdout.readline() for _ in range(lines)]
    writer.send_signal(signal.SIGKILL)
    said += writer.stdout.read().splitlines(keepends=True)
    writer.communicate()
    acknowledged = {int(line.split()[0]): line.split()[1] for line in said if line.endswith("\n")}
    assert len(acknowledged) >= lines
    found = {row.seq: row.body for row in read_rows(tmp_path / "run")}
    for seq, of in acknowledged.items():
        assert found[seq]["of"] == of
        assert read_body(tmp_path / "run", found[seq]["body"]) == of.encode()
    with Journal.open(tmp_path / "run") as journal:
        assert journal.append(note(1)) == max(found) + 1
    assert not list((tmp_path / "run").glob("bodies/*/.*"))


def test_a_reader_sees_what_was_appended_while_the_run_goes_on(tmp_path: Path) -> None:
    """`append` has returned, so a reader in between sees the row, and does not stop the next one."""
    with Journal.create(tmp_path) as journal:
        for number in range(1, 20):
            journal.append(note(number))
            assert [row.seq for row in read_rows(tmp_path)] == list(range(1, number + 1))


def test_readers_and_writer_at_once(tmp_path: Path) -> None:
    """Readers in a loop never see a gap or fail while rows pour in."""
    done = threading.Event()
    seen: list[int] = []

    def read() -> None:
        while not done.is_set():
            numbers = [row.seq for row in read_rows(tmp_path)]
            assert numbers == list(range(1, len(numbers) + 1))
            seen.append(len(numbers))

    with Journal.create(tmp_path) as journal, ThreadPoolExecutor(2) as pool:
        reading = [pool.submit(read) for _ in range(2)]
        for number in range(150):
            journal.append(note(number))
        done.set()
        for future in reading:
            future.result()
    assert seen


def test_last_row_of_each_trial(tmp_path: Path) -> None:
    """What a trial wrote last, and nothing that concerns the whole run."""
    with Journal.create(tmp_path) as journal:
        for trial, number in (("t1", 1), ("t2", 2), ("t1", 3), ("", 4)):
            journal.append(Entry(kind=Kind.NOTE, body={"number": number}, trial=trial))
    assert {trial: row.body["number"] for trial, row in read_last_rows(tmp_path).items()} == {"t1": 3, "t2": 2}


def test_the_latest_attempt_wins_and_older_ones_stay_reachable(tmp_path: Path) -> None:
    """A retried trial counts once, as it ended last."""
    with Journal.create(tmp_path) as journal:
        journal.append_record(record("t1", 1, Verdict.ERROR_INFRA))
        journal.append_record(record("t2", 1, Verdict.FAIL))
        journal.append_record(record("t1", 2, Verdict.PASS))
    assert [(kept.trial.id, kept.verdict) for kept in read_records(tmp_path)] == [("t1", "pass"), ("t2", "fail")]
    assert [kept.attempt for kept in read_attempts(tmp_path)] == [1, 1, 2]
    assert read_records(tmp_path)[1] == record("t2", 1, Verdict.FAIL)


def test_rows_of_unknown_kinds_are_kept_and_skipped(tmp_path: Path) -> None:
    """A later version's rows do not stop this one from reading the records."""
    with Journal.create(tmp_path) as journal:
        journal.append_record(record())
    with closing(sqlite3.connect(tmp_path / "journal.sqlite")) as connection, connection:
        connection.execute("INSERT INTO rows (at_utc, trial, attempt, kind, body) VALUES ('', '', 0, 'novelty', '{}')")
    assert [row.kind for row in read_rows(tmp_path)] == ["record", "novelty"]
    assert read_records(tmp_path) == (record(),)


def test_an_unreadable_record_is_named(tmp_path: Path) -> None:
    """One line that says which row and which field."""
    with Journal.create(tmp_path) as journal:
        journal.append(
            Entry(kind=Kind.RECORD, body={**record().model_dump(mode="json", by_alias=True), "wall_ns": "long"})
        )
    with pytest.raises(InfraError, match=r"row 1 holds no readable record: wall_ns: "):
        read_records(tmp_path)


def test_a_second_writer_is_refused_with_one_line(tmp_path: Path) -> None:
    """In this process and in another one; the line names the owner."""
    with Journal.create(tmp_path):
        with pytest.raises(RunLockedError, match=f"process {os.getpid()} on {socket.gethostname()} writes this run"):
            Journal.open(tmp_path)
        code = (
            "import sys; from pathlib import Path; from harness.journal import Journal; Journal.open(Path(sys.argv[1]))"
        )
        _, errors = start(code, tmp_path).communicate()
        assert f"process {os.getpid()} on {socket.gethostname()} writes this run" in errors.splitlines()[-1]
    Journal.open(tmp_path).close()


def test_the_owner_in_the_file_decides_where_locks_do_not(tmp_path: Path) -> None:
    """A living owner on this machine, or any owner on another one, is refused; a dead one, or a reused pid, is not."""
    Journal.create(tmp_path).close()
    lock = RunFolder(root=tmp_path).lock
    with start("import time; time.sleep(600)") as other:
        alive = {"host": socket.gethostname(), "pid": other.pid, "start": process_start(other.pid), "boot": boot_id()}
        for refused, words in (
            (alive, f"process {other.pid}"),
            ({**alive, "host": "elsewhere"}, "on elsewhere writes"),
        ):
            lock.write_text(json.dumps(refused), encoding="utf-8")
            with pytest.raises(RunLockedError, match=words):
                Journal.open(tmp_path)
        for gone in ({**alive, "start": "1"}, {**alive, "boot": "another boot"}):
            lock.write_text(json.dumps(gone), encoding="utf-8")
            Journal.open(tmp_path).close()
        other.kill()
    lock.write_text(json.dumps(alive), encoding="utf-8")
    Journal.open(tmp_path).close()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"host": 1}', '{"host": "h", "pid": "x", "start": "", "boot": ""}'])
def test_a_damaged_lock_file_names_no_owner(text: str) -> None:
    """A lock file torn by a crash does not lock the run for ever."""
    assert Owner.parse(text) is None


def test_the_lock_is_free_after_a_failed_open(tmp_path: Path) -> None:
    """What cannot be opened is not left locked."""
    (tmp_path / "journal.sqlite").write_bytes(b"no database" * 1000)
    for _ in range(2):
        with pytest.raises(InfraError, match="not a database"):
            Journal.open(tmp_path)


def test_a_newer_schema_is_refused_in_one_line(tmp_path: Path) -> None:
    """Reading and writing both say which schema and what to do."""
    Journal.create(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "journal.sqlite")) as connection, connection:
        connection.execute("UPDATE meta SET value = '99' WHERE key = 'schema'")
    for use in (read_records, read_meta, Journal.open):
        with pytest.raises(ConfigError, match=r"newer Splitclock .*schema 99.* upgrade") as caught:
            use(tmp_path)
        assert len(str(caught.value).splitlines()) == 1


def test_an_older_journal_is_brought_forward_step_by_step(tmp_path: Path) -> None:
    """Steps run in order in one transaction; one that fails leaves the journal as it was."""
    path = tmp_path / "old.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
        connection.execute("INSERT INTO meta VALUES ('schema', '1')")

        def one(db: sqlite3.Connection) -> None:
            db.execute("CREATE TABLE extra (a)")

        def two(db: sqlite3.Connection) -> None:
            db.execute("ALTER TABLE extra ADD COLUMN b")

        def broken(db: sqlite3.Connection) -> None:
            db.execute("ALTER TABLE missing ADD COLUMN b")

        with pytest.raises(sqlite3.OperationalError):
            migrate(connection, {1: one, 2: broken}, 3)
        assert connection.execute("SELECT value FROM meta").fetchone() == ("1",)
        with pytest.raises(ConfigError, match="schema 2 is too old"):
            migrate(connection, {1: one}, 3)
        migrate(connection, {1: one, 2: two}, 3)
        assert connection.execute("SELECT a, b FROM extra").fetchall() == []
        assert connection.execute("SELECT value FROM meta").fetchone() == ("3",)


def test_every_older_schema_has_its_step() -> None:
    """No released journal is left behind."""
    assert sorted(MIGRATIONS) == list(range(1, SCHEMA))


def test_what_is_no_run_is_said(tmp_path: Path) -> None:
    """A wrong folder, a run that never started, and a folder that holds a run already: one line each."""
    with pytest.raises(ConfigError, match="no run lies here"):
        read_records(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="no run lies here"):
        Journal.open(tmp_path)
    (tmp_path / "journal.sqlite").touch()
    with pytest.raises(ConfigError, match="was ended before it began"):
        read_records(tmp_path)
    Journal.create(tmp_path).close()
    with pytest.raises(ConfigError, match="already holds a run"):
        Journal.create(tmp_path)


def test_nothing_is_appended_after_the_end(tmp_path: Path) -> None:
    """Closing twice is harmless, appending afterwards an error."""
    journal = Journal.create(tmp_path)
    journal.close()
    journal.close()
    with pytest.raises(HarnessError, match="journal is closed"):
        journal.append(note(1))


def test_bodies_are_named_by_their_content(tmp_path: Path) -> None:
    """The same bytes are kept once; nothing half written stays; damage is noticed."""
    with Journal.create(tmp_path) as journal, ThreadPoolExecutor(8) as pool:
        digests = set(pool.map(lambda _: journal.put_body(b"large" * 10_000), range(32)))
    assert digests == {hashlib.sha256(b"large" * 10_000).hexdigest()}
    digest = digests.pop()
    files = [path for path in (tmp_path / "bodies").rglob("*") if path.is_file()]
    assert files == [tmp_path / "bodies" / digest[:2] / digest]
    assert read_body(tmp_path, digest) == b"large" * 10_000
    files[0].write_bytes(b"short")
    with pytest.raises(InfraError, match="not what was written"):
        read_body(tmp_path, digest)
    files[0].unlink()
    with pytest.raises(InfraError, match="cannot be read: No such file"):
        read_body(tmp_path, digest)
    with pytest.raises(ValueError, match="not a SHA-256"):
        read_body(tmp_path, "../../etc/passwd")


def test_half_written_bodies_are_swept(tmp_path: Path) -> None:
    """What a killed writer left is gone when the run is taken up again; whole bodies stay."""
    with Journal.create(tmp_path) as journal:
        digest = journal.put_body(b"whole")
    left = tmp_path / "bodies" / digest[:2] / ".torn.tmp"
    left.write_bytes(b"tor")
    Journal.open(tmp_path).close()
    assert not left.exists()
    assert read_body(tmp_path, digest) == b"whole"


def test_secrets_reach_neither_rows_nor_bodies(tmp_path: Path) -> None:
    """The redactor stands before both; the hash names what was written."""
    with Journal.create(tmp_path, Redactor(["sk-canary-12345"])) as journal:
        journal.append(
            Entry(kind=Kind.NOTE, body={"said": "key sk-canary-12345", "sk-canary-12345": ["sk-canary-12345"]})
        )
        digest = journal.put_body(b"Bearer sk-canary-12345")
    assert read_rows(tmp_path)[0].body == {"said": f"key {REDACTED}", REDACTED: [REDACTED]}
    assert read_body(tmp_path, digest) == f"Bearer {REDACTED}".encode()
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or b"sk-canary-12345" not in path.read_bytes()


def test_strange_values_do_not_make_a_run_unreadable(tmp_path: Path) -> None:
    """Lone surrogates, NUL and figures that JSON cannot carry are written as something that can be read."""
    with Journal.create(tmp_path) as journal:
        journal.append(Entry(kind=Kind.NOTE, body={"a": "\ud800", "b": float("nan"), "c": "\x00", "d": 10**400}))
    assert read_rows(tmp_path)[0].body == {"a": "?", "b": None, "c": "\x00", "d": 10**400}


def test_an_entry_that_cannot_be_a_row_harms_no_other(tmp_path: Path) -> None:
    """Its own append fails; those before and after are written."""
    with Journal.create(tmp_path) as journal:
        journal.append(note(1))
        with pytest.raises(ValueError, match="no number of an attempt"):
            journal.append(Entry(kind=Kind.NOTE, attempt=2**70))
        with pytest.raises(TypeError):
            journal.append(Entry(kind=Kind.NOTE, body={"what": object()}))
        journal.append(Entry(kind=Kind.NOTE, trial="\ud800"))
    assert [row.trial for row in read_rows(tmp_path)] == ["t", "?"]


LIMITED = """
import resource, signal, sys
from pathlib import Path
from harness.errors import InfraError
from harness.journal import Entry, Journal, Kind
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
journal = Journal.create(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
written = 0
try:
    while True:
        journal.append(Entry(kind=Kind.NOTE, body={"text": "x" * 20_000}))
        written += 1
except InfraError as error:
    print(written, error)
try:
    journal.append(Entry(kind=Kind.NOTE))
except InfraError as error:
    print("still", error)
try:
    journal.put_body(b"x" * 400_000)
except InfraError as error:
    print("body", error)
journal.close()
"""


def test_a_disk_that_takes_no_more_is_an_error_that_names_it(tmp_path: Path) -> None:
    """The append that fails says so in one line, every later one as well, and what was acknowledged stays."""
    said, errors = start(LIMITED, tmp_path / "run").communicate()
    first, later, body = said.splitlines()
    assert not errors
    written = int(first.split()[0])
    assert written > 0
    for line in (first, later):
        assert str(tmp_path / "run" / "journal.sqlite") in line
    assert str(tmp_path / "run" / "bodies") in body
    assert len(read_rows(tmp_path / "run")) == written
    assert not list((tmp_path / "run").rglob("*.tmp"))


def test_a_full_disk_is_called_that(tmp_path: Path) -> None:
    """Both of SQLite's and the system's ways of saying it become the same error, exit code 4."""
    with closing(sqlite3.connect(tmp_path / "x.sqlite")) as connection:
        connection.execute("CREATE TABLE t (a)")
        connection.execute("PRAGMA max_page_count = 3")
        with pytest.raises(DiskFullError, match="no space left on the disk") as caught, database_errors(tmp_path):
            connection.execute("INSERT INTO t VALUES (?)", ("x" * 100_000,))
    assert caught.value.exit_code == 4
    with pytest.raises(DiskFullError, match="no space left on the disk"), disk_errors(tmp_path):
        Path("/dev/full").write_bytes(b"x")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A temporary folder that other users may enter."""
    folder = Path(tempfile.mkdtemp(prefix="splitclock-test-"))
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


@pytest.mark.parametrize("ends", [True, False])
def test_a_run_reads_from_a_folder_that_cannot_be_written(open_folder: Path, *, ends: bool) -> None:
    """Another user's run, or one on a read-only medium, ended or killed, gives its rows all the same."""
    journal = Journal.create(open_folder / "live")
    journal.append(note(1))
    if ends:
        journal.close()
    shutil.copytree(open_folder / "live", open_folder / "run", ignore=shutil.ignore_patterns("*-shm"))
    journal.close()
    (open_folder / "run").chmod(0o555)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        assert [row.body for row in read_rows(open_folder / "run")] == [{"number": 1}]
    finally:
        os.seteuid(user)
        (open_folder / "run").chmod(0o755)


def test_run_folders_never_collide(tmp_path: Path) -> None:
    """Runs that start in the same second, from many threads, each get a folder of their own."""
    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert new_run_folder(tmp_path / "runs", "demo", now) == tmp_path / "runs" / "demo-20260102T030405Z"
    with ThreadPoolExecutor(8) as pool:
        folders = list(pool.map(lambda _: new_run_folder(tmp_path / "runs", "demo", now), range(24)))
    assert len(set(folders)) == 24
    assert all(folder.is_dir() for folder in folders)


def test_run_folder_names_stay_inside_their_parent(tmp_path: Path) -> None:
    """A matrix name is text, not a path."""
    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert new_run_folder(tmp_path, "../über/x y", now).name == "ber-x-y-20260102T030405Z"
    with pytest.raises(ConfigError, match="cannot name a run folder"):
        new_run_folder(tmp_path, "../..", now)
    (tmp_path / "file").touch()
    with pytest.raises(InfraError, match="cannot be used for runs"):
        new_run_folder(tmp_path / "file", "demo", now)


@pytest.mark.parametrize("name", ["", "..", "a/b", ".hidden", "x" * 129, "a\n"])
def test_trial_folders_refuse_ids_that_are_no_names(name: str) -> None:
    """An id never leads out of the run folder."""
    with pytest.raises(ValueError, match="cannot name a folder"):
        RunFolder(root=Path()).trial(name)


def test_a_run_folder_names_what_it_holds(tmp_path: Path) -> None:
    """One place for the names; later attempts lie inside the trial's folder."""
    run = RunFolder(root=tmp_path)
    names: tuple[Callable[[], Path], ...] = (lambda: run.matrix, lambda: run.plan, lambda: run.provenance)
    assert [name().name for name in names] == ["matrix.toml", "plan.json", "provenance.json"]
    assert run.trial("t1") == tmp_path / "trials" / "t1"
    assert run.trial("t1", 2) == tmp_path / "trials" / "t1" / "attempt-2"


class Tight(Journal):
    """A journal on a disk that is full once, or that meets with what nobody thought of."""

    error: BaseException | None = None
    while_writing: Callable[[], object] = staticmethod(lambda: None)

    def _insert(self, rows: list[tuple[str, str, int, str, str]]) -> list[int]:
        error, self.error = self.error, None
        if error is not None:
            self.while_writing()
            raise error
        return super()._insert(rows)


def no_space() -> sqlite3.Error:
    """What SQLite says of a full disk."""
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    return error


def test_space_that_another_thread_freed_serves_the_writer(tmp_path: Path) -> None:
    """A trial's files meet the full disk while rows are written: both go into what was reserved; no intent does."""
    with Tight.create(tmp_path / "run") as journal:
        written: list[int] = []

        def files() -> None:
            written.append(1)
            if len(written) == 1:
                raise DiskFullError

        journal.error, journal.while_writing = no_space(), lambda: journal.at_last(files)
        assert journal.post(note(1)).result(60) == 1
        assert written == [1, 1]
        assert journal.is_full
        assert journal.post(note(2)).result(60) == 2
        with pytest.raises(DiskFullError):
            journal.post(Entry(kind=Kind.INTENT, body={}, trial="t", attempt=1))
    assert [row.body["number"] for row in read_rows(tmp_path / "run")] == [1, 2]


def test_the_writer_never_dies_unheard(tmp_path: Path) -> None:
    """What nobody thought of fails the rows that were to be written, and all later ones; nobody waits for ever."""
    with Tight.create(tmp_path / "run") as journal:
        assert journal.post(note(1)).result(60) == 1
        journal.error = MemoryError("no more")
        for number in (2, 3):
            with pytest.raises(InfraError, match="MemoryError: no more"):
                journal.post(note(number)).result(60)
    assert [row.body["number"] for row in read_rows(tmp_path / "run")] == [1]
