"""The same matrix on the same run folder: what is finished is not run again, and what differs is said."""

import json
import shutil
from pathlib import Path

import pytest

from harness.journal import Entry, Journal, Kind, read_attempts, read_records, read_rows
from harness.lock import RunLock
from tests.end_to_end.desk import Desk, Said
from tests.end_to_end.targets import FINISH, SOLVE, FeatureFiles, TargetFiles, matrix, write

pytestmark = pytest.mark.slow

SCRIPTS = {"solved": (SOLVE, FINISH), "idle": (FINISH,)}


def table(turns: str = "solved", **parameters: object) -> dict[str, object]:
    """A model that plays a script in the process itself."""
    return {"provider": "replay", "turns": turns, **({"parameters": parameters} if parameters else {})}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, shared_cache: Path) -> Path:
    """A folder with a target of two features, a matrix of two models on both of them, and its finished run."""
    folder = tmp_path_factory.mktemp("finished")
    features = [FeatureFiles(name=name, turns=SCRIPTS) for name in ("double", "twice")]
    TargetFiles().write(folder / "targets", *features)
    matrix(folder / "small.toml", {"fast": table(temperature=0.2), "idle": table("idle")})
    assert run(Desk(folder=folder, cache=shared_cache)).code == 0
    return folder


@pytest.fixture
def desk(finished: Path, tmp_path: Path, shared_cache: Path) -> Desk:
    """A copy of all that."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    plan = tmp_path / "out" / "plan.json"
    plan.write_text(plan.read_text("utf-8").replace(str(finished), str(tmp_path)), encoding="utf-8")
    return Desk(folder=tmp_path, cache=shared_cache)


def run(desk: Desk, *more: object) -> Said:
    """The matrix once (more), on the same folder."""
    return desk.give("run", "small.toml", "--out", "out", "--fixtures", "targets", "--sandbox", "local", *more)


def calls(folder: Path) -> int:
    """How many calls a run made to models."""
    return len(read_rows(folder, Kind.INTENT))


def test_the_same_matrix_makes_no_call(desk: Desk) -> None:
    """All trials finished: the board again, nothing in the journal, not even a start; `resume` says the same."""
    out = desk.folder / "out"
    rows = read_rows(out)
    for again in (run(desk), desk.give("resume", "out")):
        assert again.code == 0, again.err
        assert "nothing to do: 4 of 4 trials are finished" in again.out
        assert "4 trials: " in again.out
    assert read_rows(out) == rows
    summary = desk.must("resume", out, "--json").json()
    assert summary["finished"] is True
    assert summary["trials"]["total"] == 4


def test_a_changed_parameter_runs_only_what_it_touches(desk: Desk) -> None:
    """The difference is said in words; the other model's trials stay, and the board shows present settings only."""
    out = desk.folder / "out"
    before = {record.trial.id for record in read_records(out) if record.trial.model == "idle"}
    matrix(desk.folder / "small.toml", {"fast": table(temperature=0.7), "idle": table("idle")})
    again = run(desk)
    assert "models.fast.parameters.temperature: 0.2 -> 0.7; 2 trials are new; 2 trials are no longer" in again.out
    assert "2 of 4 trials are finished, 2 to run" in again.out
    assert len(read_attempts(out)) == 6
    shown = desk.must("board", out, "--json").json()["trials"]
    assert len(shown) == 4
    assert before < {trial["id"] for trial in shown}
    assert "2 records of earlier settings are left out" in desk.must("status", out).out
    assert desk.must("status", out, "--json").json()["trials"]["total"] == 4


def test_a_changed_brief_is_told_by_its_part(desk: Desk) -> None:
    """`resume` takes no new trial: it says what changed and what to do."""
    (desk.folder / "targets/calc/features/twice/brief.md").write_text("Write it.\n", encoding="utf-8")
    made = calls(desk.folder / "out")
    refused = desk.give("resume", "out")
    assert refused.code == 2
    assert any("features.calc/twice: brief changed; 2 trials are new" in line for line in refused.complaints)
    assert "splitclock run MATRIX --out out" in refused.complaints[-1]
    assert calls(desk.folder / "out") == made


def test_a_slice_grows_to_the_whole(desk: Desk) -> None:
    """After one model the other: only that is run."""
    shutil.rmtree(desk.folder / "out")
    assert run(desk, "--model", "idle").code == 0
    made = calls(desk.folder / "out")
    again = run(desk)
    assert "--model" in again.out
    assert "models.fast: is new" in again.out
    assert "2 trials are new" in again.out
    assert "2 of 4 trials are finished, 2 to run" in again.out
    assert calls(desk.folder / "out") == made + 4
    assert len(read_attempts(desk.folder / "out")) == 4


def test_another_matrix_is_refused(desk: Desk) -> None:
    """A folder is not given to a run of something else by mistake; nor is one that holds no run."""
    other = matrix(desk.folder / "other.toml", {"third": table("idle")})
    options = ("--fixtures", "targets", "--sandbox", "local")
    refused = desk.give("run", other, "--out", "out", *options)
    assert refused.code == 2
    assert "holds a run of the matrix `small`" in refused.err
    write(desk.folder / "mine", {"notes.txt": "keep me"})
    refused = desk.give("run", "small.toml", "--out", "mine", *options)
    assert refused.code == 2
    assert "is not empty, and holds no run" in refused.err
    assert [path.name for path in (desk.folder / "mine").iterdir()] == ["notes.txt"]


def test_another_process_is_waited_for(desk: Desk) -> None:
    """While the folder is written, neither `run` nor `resume` nor `merge` touches it."""
    lock = RunLock(desk.folder / "out" / "run.lock")
    try:
        for refused in (run(desk), desk.give("resume", "out"), desk.give("merge", "out", "-o", "merged")):
            assert refused.code == 2
            assert "writes this run" in refused.err or "still being written" in refused.err
    finally:
        lock.release()
    assert run(desk).code == 0


def test_resume_needs_nothing_but_the_folder(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> None:
    """From another place, the matrix file gone and the folder renamed: what was handed in is graded, no model asked."""
    shutil.rmtree(desk.folder / "out")
    sliced = ("--feature", "./targets/calc/features/twice", "--model", "fast")
    assert run(desk, *sliced).code == 0
    (desk.folder / "small.toml").unlink()
    moved = desk.folder / "moved"
    (desk.folder / "out").rename(moved)
    forget_records(moved)
    made = calls(moved)
    elsewhere = Desk(folder=tmp_path_factory.mktemp("elsewhere"), cache=desk.cache)
    said = elsewhere.must("resume", moved, "--how", "restart")
    assert "0 of 1 trials are finished, 1 to run" in said.out
    (record,) = read_records(moved)
    assert (record.run, record.attempt, record.verdict.value) == ("out", 1, "pass")
    assert record.resumed
    assert calls(moved) == made
    assert elsewhere.must("status", moved, "--json").json()["finished"] is True


def forget_records(folder: Path) -> None:
    """Make a run's journal what it was before its records were written, as if its process had been killed."""
    kept = [row for row in read_rows(folder) if row.kind not in {Kind.RECORD, Kind.RUN_FINISHED}]
    scratch = folder / "out"
    with Journal.create(scratch) as journal:
        for row in kept:
            journal.append(
                Entry(kind=Kind(row.kind), body=row.body, trial=row.trial, attempt=row.attempt, at_utc=row.at_utc)
            )
    shutil.move(scratch / "journal.sqlite", folder / "journal.sqlite")
    shutil.rmtree(scratch)


def test_targets_that_moved_are_asked_for(desk: Desk) -> None:
    """One line says which folder is gone; `--fixtures` names the new one."""
    (desk.folder / "targets").rename(desk.folder / "fixtures")
    refused = desk.give("resume", "out")
    assert refused.code == 2
    assert refused.complaints == [
        f"splitclock: out: its targets in {desk.folder}/targets are gone; give --fixtures DIR"
    ]
    assert "4 of 4 trials are finished" in desk.must("resume", "out", "--fixtures", "fixtures").out


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "plan.json: is damaged: it is no JSON; restore the run folder from a copy"),
        ('{"schema": 9, "trials": []}', "a newer Splitclock wrote this plan"),
        ('{"schema": 2}', "trials: Field required"),
        ('{"schema": 2, "trials": [{"id": 5}]}', "trials.0.id"),
    ],
)
def test_a_plan_that_cannot_be_read_is_one_line(desk: Desk, text: str, why: str) -> None:
    """Whatever is wrong with it, the folder is named; nothing is run."""
    (desk.folder / "out" / "plan.json").write_text(text, encoding="utf-8")
    for command in ("resume", "status"):
        refused = desk.give(command, "out")
        assert refused.code == 2
        (line,) = refused.complaints
        assert why in line


def test_a_plan_of_schema_1_is_gone_on_with(desk: Desk) -> None:
    """It tells its trials only; where they are the same, they are the same run."""
    plan = desk.folder / "out" / "plan.json"
    old = {"schema": 1, "trials": json.loads(plan.read_text("utf-8"))["trials"]}
    plan.write_text(json.dumps(old), encoding="utf-8")
    assert "nothing to do: 4 of 4" in desk.must("resume", "out", "--fixtures", "targets").out


def test_a_folder_whose_process_died_at_once_is_used(desk: Desk) -> None:
    """A lock and an empty journal are no run yet."""
    shutil.rmtree(desk.folder / "out")
    (desk.folder / "out").mkdir()
    for name in ("run.lock", "journal.sqlite", "reserve"):
        (desk.folder / "out" / name).touch()
    assert run(desk, "--model", "idle", "--feature", "calc/twice").code == 0
    assert len(read_records(desk.folder / "out")) == 1


def test_targets_named_by_a_path_may_move_too(desk: Desk) -> None:
    """Where they are gone `--fixtures` is asked for; with it they are found by name, which the folder remembers."""
    shutil.rmtree(desk.folder / "out")
    matrix(desk.folder / "small.toml", {"idle": table("idle")}, ["./targets/calc"])
    desk.must("run", "small.toml", "--out", "out", "--sandbox", "local", "--feature", "./targets/calc/features/twice")
    (desk.folder / "targets").rename(desk.folder / "elsewhere")
    refused = desk.give("resume", "out")
    assert refused.code == 2
    (line,) = refused.complaints
    assert f"target calc: nothing lies at {desk.folder}/targets/calc any more; give --fixtures DIR" in line
    assert "nothing to do: 1 of 1" in desk.must("resume", "out", "--fixtures", "elsewhere").out
    assert "nothing to do: 1 of 1" in desk.must("resume", "out").out


@pytest.mark.nightly
def test_a_damaged_folder_is_not_run_anew(desk: Desk) -> None:
    """A journal that is cut off, empty or gone beside its plan: restore it; nothing is begun in its place."""
    out = desk.folder / "out"
    journal = out / "journal.sqlite"
    whole = journal.read_bytes()
    for content in (whole[:5000], b"no database " * 999, b"", None):
        journal.unlink()
        if content is not None:
            journal.write_bytes(content)
        for said in (desk.give("resume", "out"), desk.give("status", "out"), run(desk)):
            assert said.code in {2, 4}
            (line,) = said.complaints
            assert "the journal is damaged" in line
            assert "restore the run folder from a copy" in line
            assert "--out" not in line
        journal.write_bytes(whole)
    assert run(desk).code == 0


def test_a_run_that_was_killed_before_its_plan_is_begun(desk: Desk) -> None:
    """A journal without a plan is the start of a run: the next step is said, and it is one."""
    Journal.create(desk.folder / "new").close()
    for said in (desk.give("resume", "new"), desk.give("status", "new")):
        assert said.code == 2
        assert "`splitclock run MATRIX --out new` begins it" in said.complaints[0]
    options = ("--fixtures", "targets", "--sandbox", "local")
    assert desk.must("run", "small.toml", "--out", "new", *options).code == 0


def test_changed_hidden_tests_are_told_to_be_put_back(desk: Desk) -> None:
    """`resume` runs nothing by tests that the run was not planned with, and does not send anybody to prove them."""
    manifest = desk.folder / "targets/calc/features/twice/manifest.json"
    proven = json.loads(manifest.read_text("utf-8")) | {"made_from": {"tests": "other ones"}}
    manifest.write_text(json.dumps(proven), encoding="utf-8")
    refused = desk.give("resume", "out")
    assert refused.code == 2
    assert "changed since manifest.json was made; put back what it was" in refused.complaints[0]
