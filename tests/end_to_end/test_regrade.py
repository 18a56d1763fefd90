"""`regrade` through the real command line: the same grades from the journal alone, and what keeps it from them."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from harness.journal import Journal, Kind, read_attempts, read_rows
from harness.record import GradeRow, Record, TrialRow, Verdict
from harness.regrade import graded_records, why_not
from tests.end_to_end.desk import Desk, Said, by_model
from tests.end_to_end.targets import (
    ADD,
    FINISH,
    SOLVE,
    WRONG,
    FeatureFiles,
    TargetFiles,
    edit,
    in_docker,
    matrix,
    say,
    shell,
    simulated,
)

pytestmark = pytest.mark.slow

SCRIPTS = {
    "works": (SOLVE, say("", shell("chmod +x calc.py; ln -s calc.py also.py; rm -f conftest.py")), FINISH),
    "wrong": (say("", edit("calc.py", ADD, WRONG)), FINISH),
    "idles": (FINISH,),
}
VERDICTS = {"works": "pass", "wrong": "fail", "idles": "fail"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A finished run that may be changed, with the targets it was graded by."""

    desk: Desk
    folder: Path
    targets: Path

    def regrade(self, *arguments: object) -> Said:
        """What `regrade` says of it, on this machine."""
        return self.desk.give("regrade", self.folder, "--fixtures", self.targets, "--sandbox", "local", *arguments)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, shared_cache: Path) -> Ran:
    """The run."""
    desk = Desk(folder=tmp_path_factory.mktemp("regrade"), cache=shared_cache)
    TargetFiles().write(desk.folder / "targets", FeatureFiles(turns=SCRIPTS))
    file = matrix(desk.folder / "three.toml", {name: simulated(name) for name in SCRIPTS})
    desk.must("run", file, "--fixtures", "targets", "--sandbox", "local", "--out", "out")
    return Ran(desk=desk, folder=desk.folder / "out", targets=desk.folder / "targets")


@pytest.fixture
def ran(made: Ran, tmp_path: Path) -> Ran:
    """The same run and targets, in a place of the test's own."""
    shutil.copytree(made.folder, tmp_path / "out", symlinks=True)
    shutil.copytree(made.targets, tmp_path / "targets")
    desk = Desk(folder=tmp_path, cache=made.desk.cache)
    return Ran(desk=desk, folder=tmp_path / "out", targets=tmp_path / "targets")


def verdicts(said: Said) -> dict[str, tuple[str, str, str]]:
    """The old and the new verdict, and how they compare, by model."""
    return {row["model"]: (row["was"], row["now"], row["state"]) for row in said.json()["trials"]}


def test_the_same_verdicts_from_the_journal_alone(ran: Ran) -> None:
    """No model and no simulator is asked; rows of their own kind are added, nothing that was there is changed."""
    before, rows = read_attempts(ran.folder), read_rows(ran.folder)
    asked = (ran.folder / "simulator.jsonl").read_bytes()
    said = ran.regrade("--json", "-j", 2)
    assert (said.code, said.complaints) == (0, [])
    assert verdicts(said) == {name: (verdict, verdict, "same") for name, verdict in VERDICTS.items()}
    assert read_attempts(ran.folder) == before
    after = read_rows(ran.folder)
    assert after[: len(rows)] == rows
    assert [row.kind for row in after[len(rows) :]] == [Kind.REGRADE] * 3
    assert (ran.folder / "simulator.jsonl").read_bytes() == asked
    for record, old in zip(graded_records(ran.folder), before, strict=True):
        assert record.regraded is not None
        assert record.grade.fail_to_pass == old.grade.fail_to_pass
        assert record.grade.lost == old.grade.lost


def test_one_trial_is_enough(ran: Ran) -> None:
    """By any of its names, as everywhere; the table says the same to people."""
    said = ran.regrade("--trial", "works/calc")
    assert said.code == 0
    assert "works calc/double 1  pass  pass  same" in said.out
    assert "1 of 1 trials graded again, 1 with the verdict that they had." in said.out
    assert len(read_rows(ran.folder, Kind.REGRADE)) == 1
    board = " ".join(ran.desk.must("board", ran.folder).out.split())
    assert "1 trial regraded: 0 with another verdict than before." in board


@pytest.mark.nightly
def test_other_fixtures_are_refused_or_said(ran: Ran) -> None:
    """Changed tests: one line and nothing graded; on request they decide, and every view says so."""
    hidden = ran.targets / "calc" / "features" / "double" / "tests" / "test_double.py"
    hidden.write_text(hidden.read_text("utf-8").replace("== 4", "== 2"), "utf-8")
    said = ran.regrade()
    assert (said.code, said.out, len(said.complaints)) == (2, "", 1)
    assert "calc/double: tests or target settings changed since the run; " in said.complaints[0]
    assert "--with-current-fixtures" in said.complaints[0]
    assert read_rows(ran.folder, Kind.REGRADE) == ()
    said = ran.regrade("--with-current-fixtures", "--json")
    assert said.code == 1
    assert "graded by the fixtures as they are now: tests or target settings changed since the run" in said.err
    assert verdicts(said)["works"] == ("pass", "fail", "differs")
    assert verdicts(said)["wrong"] == ("fail", "pass", "differs")
    row = next(row for row in said.json()["trials"] if row["model"] == "works")
    assert row["changed_fixtures"] == ["tests"]
    assert row["changed_tests"] == {"tests/test_double.py::test_double": ["passed", "failed"]}
    board = ran.desk.must("board", ran.folder, "--json").json()
    trials = {trial["model"]: (trial["verdict"], trial["regraded_from"]) for trial in board["trials"]}
    assert trials == {"works": ("fail", "pass"), "wrong": ("pass", "fail"), "idles": ("fail", "fail")}
    told = " ".join(ran.desk.must("board", ran.folder).out.split())
    assert "3 trials regraded, 3 by fixtures that had changed: 2 with another verdict than before." in told
    story = " ".join(ran.desk.must("show", ran.folder, "works").out.split())
    assert "by other fixtures (tests): it was pass" in story
    assert "failed new tests/test_double.py::test_double" in story
    assert by_model(ran.folder)["works"].verdict == "pass"


@pytest.mark.parametrize(
    ("part", "what"), [("manifest.json", "manifest.json changed"), ("app", "the source tree changed")]
)
def test_every_part_of_the_fixtures_counts(ran: Ran, part: str, what: str) -> None:
    """The manifest's lists and the source tree decide as the tests do."""
    target = ran.targets / "calc"
    if part == "app":
        (target / "app" / "more.py").write_text("", "utf-8")
    else:
        path = target / "features" / "double" / part
        path.write_text(
            path.read_text("utf-8").replace('"pass_to_pass": ["tests/test_add.py::test_add"]', '"pass_to_pass": []')
        )
    said = ran.regrade()
    assert (said.code, len(said.complaints)) == (2, 1)
    assert what in said.complaints[0]


def test_what_is_missing_is_said_and_leaves_the_others_theirs(ran: Ran) -> None:
    """A lost body: that trial alone is not graded again, and the command does not look as if all was well."""
    row = next(row for row in read_rows(ran.folder, Kind.SUBMISSION) if row.body["files"])
    (ran.folder / "bodies" / row.body["document"][:2] / row.body["document"]).unlink()
    said = ran.regrade("--json")
    assert said.code == 4
    states = {trial["id"]: trial["state"] for trial in said.json()["trials"]}
    assert states.pop(row.trial) == "not_graded"
    assert set(states.values()) == {"same"}


def test_a_run_of_an_older_splitclock_says_so(ran: Ran) -> None:
    """Without journalled submissions there is nothing to grade, and every trial says why."""
    (record,) = (record for record in read_attempts(ran.folder) if record.trial.model == "works")
    with Journal.open(ran.folder) as journal:
        journal.append_record(record.model_copy(update={"attempt": 2}))
    said = ran.regrade("--trial", "works", "--json")
    assert [(row["state"], row["why"]) for row in said.json()["trials"]] == [
        ("not_graded", "no submission of it was journalled")
    ]


def test_a_run_at_work_is_left_alone(ran: Ran) -> None:
    """Two writers would not know of each other."""
    with Journal.open(ran.folder):
        said = ran.regrade()
    assert (said.code, len(said.complaints)) == (2, 1)
    assert "run.lock" in said.err or "process" in said.err
    assert not read_rows(ran.folder, Kind.REGRADE)


@pytest.mark.docker
def test_in_docker_too(docker_desk: Desk) -> None:
    """Fresh containers without a key in the environment: the verdicts that the run had."""
    in_docker().write(docker_desk.folder / "targets", FeatureFiles(turns=SCRIPTS))
    file = matrix(docker_desk.folder / "m.toml", {name: simulated(name) for name in SCRIPTS})
    docker_desk.must("run", file, "--fixtures", "targets", "--out", "out")
    said = docker_desk.must("regrade", "out", "--fixtures", "targets", "--json", "-j", 2)
    assert verdicts(said) == {name: (verdict, verdict, "same") for name, verdict in VERDICTS.items()}


@pytest.mark.parametrize(
    ("verdict", "stop", "can"),
    [
        ("pass", "finished", True),
        ("fail", "limit:wall", True),
        ("tampered", "finished", True),
        ("fail", "error:sandbox", True),
        ("error:infra", "finished", True),
        ("error:infra", "limit:turns", True),
        ("error:infra", "error:infra", False),
        ("error:infra", "", False),
        ("error:provider", "error:provider", False),
        ("not_run", "interrupted", False),
        ("not_run", "deferred", False),
    ],
)
def test_what_was_never_to_be_graded_is_not(verdict: str, stop: str, can: bool) -> None:  # noqa: FBT001 - a table
    """An ending that is somebody else's stays theirs; a grading that failed may be made up for."""
    record = Record(
        run="r",
        trial=TrialRow(id="0123456789ab", model="m", feature="t/f", repeat=1),
        started_utc="",
        stop=stop,
        verdict=Verdict(verdict),
        wall_ns=0,
        phases={},
        sub_phases={},
        summed={},
        grade=GradeRow(),
    )
    assert (why_not(record) == "") is can


@pytest.mark.nightly
def test_a_run_knows_where_its_targets_lie(tmp_path: Path, shared_cache: Path) -> None:
    """By a path in its matrix: no option is needed, and where the folder is gone the line names the one to give."""
    desk = Desk(folder=tmp_path, cache=shared_cache)
    TargetFiles().write(tmp_path / "evals", FeatureFiles(turns={"works": SCRIPTS["works"]}))
    (tmp_path / "matrices").mkdir()
    file = matrix(tmp_path / "matrices" / "one.toml", {"works": simulated("works")}, features=["../evals/calc"])
    desk.must("run", file, "--sandbox", "local", "--out", "out")
    away = replace(desk, folder=tmp_path / "matrices")
    assert verdicts(away.must("regrade", "../out", "--sandbox", "local", "--json")) == {
        "works": ("pass", "pass", "same")
    }
    (tmp_path / "evals").rename(tmp_path / "moved")
    said = desk.give("regrade", "out", "--sandbox", "local")
    assert (said.code, len(said.complaints)) == (2, 1)
    assert f"its target in {tmp_path}/evals/calc is gone; give --fixtures DIR" in said.complaints[0]
    assert desk.give("regrade", "out", "--sandbox", "local", "--fixtures", "moved").code == 0
