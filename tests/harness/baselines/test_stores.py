"""Stores of baselines, of both kinds: what goes in comes out, damage shows, and nobody writes over another."""

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.baselines.contract import Store, Version
from harness.baselines.essentials import fit_run, write_essentials
from harness.baselines.folder_store import FolderStore
from harness.baselines.note import NOTE, baseline_name, parse_note, verified
from harness.baselines.stores import baseline_folder, open_store, version_of
from harness.config import Settings
from harness.current import current_attempts
from harness.errors import ConfigError, InfraError
from harness.journal import Entry, Journal, Kind, read_records, read_rows
from harness.record import Verdict
from harness.run_plan import read_plan
from tests.harness.baselines.conftest import BRANCH, git
from tests.harness.baselines.finished import SECRET, finished


def keep(store: Store, run: Path, name: str = "main", *, with_bodies: bool = False) -> Version:
    """Put a run in, after what is there."""
    after = next(iter(store.versions(name)), None)
    fit = fit_run(run, 0.05)
    return store.put(name, lambda folder: write_essentials(fit, name, folder, with_bodies=with_bodies), after)


def everything(folder: Path) -> bytes:
    """All bytes of all files of a folder."""
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_what_goes_in_comes_out(store: Store, tmp_path: Path) -> None:
    """The records, the plan and the facts, from a folder that is a run like any other."""
    run = finished(tmp_path / "nightly")
    kept = store.folder(keep(store, run))
    assert read_records(kept) == read_records(run)
    assert read_plan(kept) == read_plan(run)
    assert (kept / "provenance.json").read_bytes() == (run / "provenance.json").read_bytes()
    note = store.note(store.versions("main")[0])
    assert (note.run, note.features, note.repeats, note.trials) == ("nightly", 1, 2, 2)
    assert (note.solved.passed, note.solved.scored, note.splitclock) == (1, 2, "0.1.0")
    assert note.disk_bytes == sum(path.stat().st_size for path in kept.iterdir() if path.name != NOTE)


def test_transcripts_stay_at_home(store: Store, tmp_path: Path) -> None:
    """Neither files nor rows of the journal hold what a model or a tool said, unless that is asked for."""
    run = finished(tmp_path / "nightly")
    assert SECRET.encode() in everything(run)
    without = store.folder(keep(store, run))
    assert SECRET.encode() not in everything(without)
    assert not {row.kind for row in read_rows(without)} - {"run_started", "record", "regrade", "run_finished"}
    whole = store.folder(keep(store, run, "whole", with_bodies=True))
    assert SECRET.encode() in (whole / "journal.sqlite").read_bytes()
    assert list(whole.glob("trials/*/transcript.jsonl"))
    assert read_rows(whole) == read_rows(run)


def test_a_folder_that_cannot_be_written_is_read(store: Store, tmp_path: Path) -> None:
    """A journal of a baseline has no log beside it, and reading it leaves none."""
    kept = store.folder(keep(store, finished(tmp_path / "nightly")))
    before = sorted(path.name for path in kept.iterdir())
    read_records(kept)
    assert sorted(path.name for path in kept.iterdir()) == before
    verified(kept, "main")


def test_older_versions_stay(store: Store, tmp_path: Path) -> None:
    """The newest comes first, and each is had by its mark."""
    first = keep(store, finished(tmp_path / "monday", passed=2))
    second = keep(store, finished(tmp_path / "tuesday", passed=0))
    assert store.versions("main") == (second, first)
    assert version_of("main", store) == second
    assert version_of(first.full, store) == first
    assert store.note(first).solved.passed == 2
    assert read_records(store.folder(first))[0].run == "monday"
    with pytest.raises(ConfigError, match="no such version"):
        version_of("main@99", store)


def test_one_that_is_not_there_is_named_with_those_that_are(store: Store, tmp_path: Path) -> None:
    """Before anything was kept, and afterwards."""
    with pytest.raises(ConfigError, match="there: none yet"):
        version_of("main", store)
    keep(store, finished(tmp_path / "nightly"), "other")
    with pytest.raises(ConfigError, match=r"main: no baseline .* \(there: other\).*baseline set RUN --as main"):
        version_of("main", store)
    assert store.names() == ("other",)


def test_who_comes_second_is_refused(store: Store, tmp_path: Path) -> None:
    """What somebody put in meanwhile is not replaced by one who has not seen it."""
    run = finished(tmp_path / "nightly")
    fit = fit_run(run, 0.05)
    keep(store, run)
    with pytest.raises(ConfigError, match="somebody else has set it"):
        store.put("main", lambda folder: write_essentials(fit, "main", folder, with_bodies=False), None)
    assert len(store.versions("main")) == 1


def test_of_several_at_once_one_wins(open_it: Callable[[], Store], tmp_path: Path) -> None:
    """All have seen that there is none; other names are kept beside it."""
    fit = fit_run(finished(tmp_path / "nightly"), 0.05)
    ends: list[str] = []
    ready = threading.Barrier(4)

    def set_it(name: str) -> None:
        store = open_it()
        ready.wait(60)
        try:
            store.put(name, lambda folder: write_essentials(fit, name, folder, with_bodies=False), None)
            ends.append(name)
        except ConfigError as error:
            assert "somebody else" in str(error)  # noqa: PT017 - in a thread
            ends.append("refused")

    threads = [threading.Thread(target=set_it, args=(name,)) for name in ("main", "main", "main", "other")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert sorted(ends) == ["main", "other", "refused", "refused"]
    store = open_it()
    assert store.names() == ("main", "other")
    assert len(store.versions("main")) == 1
    verified(store.folder(store.versions("other")[0]), "other")


def test_a_writer_that_fails_leaves_nothing(store: Store, tmp_path: Path) -> None:
    """Neither a version nor a file."""
    keep(store, finished(tmp_path / "nightly"))

    def fail(_folder: Path) -> None:
        raise InfraError("the disk is gone")

    with pytest.raises(InfraError, match="the disk is gone"):
        store.put("main", fail, store.versions("main")[0])  # type: ignore[arg-type]
    assert len(store.versions("main")) == 1
    assert not list(tmp_path.rglob(".making-*"))


@pytest.mark.parametrize("name", ["", ".", "..", "../up", "a/b", "/etc", "-x", "Main", "a b", "a\nb", "a" * 65, ".git"])
def test_hostile_names_are_refused(store: Store, name: str) -> None:
    """Before any path is made of one."""
    with pytest.raises(ConfigError, match="no name for a baseline"):
        baseline_name(name)
    with pytest.raises(ConfigError, match="no name for a baseline"):
        store.versions(name)


def test_what_is_no_baseline_is_passed_over(tmp_path: Path) -> None:
    """A folder in a store that has no name of ours, however much it looks like one."""
    store = FolderStore(root=tmp_path / "store")
    keep(store, finished(tmp_path / "nightly"))
    for name in ("Main copy", "..x", "empty"):
        (tmp_path / "store" / name).mkdir()
    shutil.copytree(tmp_path / "store" / "main" / "0001", tmp_path / "store" / "Main copy" / "0001")
    assert store.names() == ("main",)


def damage_journal(folder: Path) -> str:
    """One byte of a record."""
    path = folder / "journal.sqlite"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    return "journal.sqlite is not what was written"


def lose_plan(folder: Path) -> str:
    """A file is gone."""
    (folder / "plan.json").unlink()
    return "plan.json is gone"


def add_file(folder: Path) -> str:
    """A file too many."""
    (folder / "reserve").write_text("x")
    return "reserve does not belong to it"


def better_figures(folder: Path) -> str:
    """A note that tells of more than was solved."""
    path = folder / NOTE
    path.write_text(path.read_text("utf-8").replace('"passed": 1', '"passed": 2'))
    return "baseline.json is not what was written"


def no_json(folder: Path) -> str:
    """A note that is cut off."""
    path = folder / NOTE
    path.write_bytes(path.read_bytes()[:40])
    return "baseline.json is damaged"


DAMAGE = [damage_journal, lose_plan, add_file, better_figures, no_json]


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_in_a_folder_shows(tmp_path: Path, damage: Callable[[Path], str]) -> None:
    """One line says what is wrong and how to take an older version, which is still had."""
    store = FolderStore(root=tmp_path / "store")
    first = keep(store, finished(tmp_path / "monday"))
    second = keep(store, finished(tmp_path / "tuesday"))
    what = damage(tmp_path / "store" / "main" / "0002")
    with pytest.raises(InfraError, match=what) as caught:
        store.folder(second)
    assert "NAME@VERSION" in str(caught.value)
    assert read_records(store.folder(first))


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_cache_is_laid_out_anew(repository: Path, tmp_path: Path, damage: Callable[[Path], str]) -> None:
    """What a branch holds is what counts."""
    store = open_store(f"git:{BRANCH}@{repository}", found=Settings(cache=tmp_path / "cache", host_environment={}))
    version = keep(store, finished(tmp_path / "nightly"))
    place = store.folder(version)
    damage(place)
    assert store.folder(version) == place
    verified(place, "main")


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_in_a_branch_shows(repository: Path, tmp_path: Path, damage: Callable[[Path], str]) -> None:
    """As somebody's commit makes it."""
    store = open_store(f"git:{BRANCH}@{repository}", found=Settings(cache=tmp_path / "cache", host_environment={}))
    keep(store, finished(tmp_path / "nightly"))
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", "--branch", BRANCH, str(repository), str(clone))
    what = damage(clone / "main")
    with (clone / "main" / NOTE).open("a") as note:
        note.write("\n")
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", "--message", "damage")
    git(repository, "-c", "core.hooksPath=/dev/null", "fetch", "--quiet", str(clone), f"{BRANCH}:{BRANCH}")
    with pytest.raises(InfraError, match=what):
        store.folder(store.versions("main")[0])


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    """Of a store, of a note, and of the journal that a baseline holds."""
    store = FolderStore(root=tmp_path / "store")
    version = keep(store, finished(tmp_path / "nightly"))
    note = tmp_path / "store" / "main" / "0001" / NOTE
    document = json.loads(note.read_bytes())
    with pytest.raises(ConfigError, match=r"a newer Splitclock .*upgrade"):
        parse_note(json.dumps({**document, "schema": 2}).encode(), "main")
    (tmp_path / "store" / "splitclock-baselines.json").write_text('{"schema": 2}')
    with pytest.raises(ConfigError, match=r"a newer Splitclock .*upgrade"):
        store.versions("main")
    assert version.key == "0001"


def test_another_folder_is_left_alone(tmp_path: Path) -> None:
    """One with a user's files in it becomes no store."""
    (tmp_path / "notes.txt").write_text("mine")
    store = FolderStore(root=tmp_path)
    run = finished(tmp_path / "runs" / "nightly")
    with pytest.raises(ConfigError, match="holds other things"):
        keep(store, run)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.txt", "runs"]


def test_left_overs_of_a_killed_writer_go(tmp_path: Path) -> None:
    """They are no version, and the next writer removes them."""
    store = FolderStore(root=tmp_path / "store")
    keep(store, finished(tmp_path / "nightly"))
    shutil.copytree(tmp_path / "store" / "main" / "0001", tmp_path / "store" / ".making-0123456789ab")
    assert store.names() == ("main",)
    keep(store, tmp_path / "nightly", "other")
    assert not list((tmp_path / "store").glob(".making-*"))


def test_a_run_being_written_is_refused(tmp_path: Path) -> None:
    """Its last rows are still to come."""
    run = finished(tmp_path / "nightly")
    with Journal.open(run), pytest.raises(ConfigError, match="still being written"):
        fit_run(run, 0.05)


def test_an_unfinished_run_is_refused(tmp_path: Path) -> None:
    """A gate would not read it, nor a shard of a matrix, nor one that errors spoiled."""
    run = finished(tmp_path / "nightly", repeats=3)
    plan = json.loads((run / "plan.json").read_bytes())
    more = {**plan["trials"][0], "id": "f" * 12, "repeat": 4}
    (run / "plan.json").write_text(json.dumps({**plan, "trials": [*plan["trials"], more]}))
    with pytest.raises(ConfigError, match="1 of 4 planned trials are not finished; `splitclock resume`"):
        fit_run(run, 0.05)
    (run / "plan.json").write_text(json.dumps({**plan, "elsewhere": [{**more, "shard": 2}]}))
    with pytest.raises(ConfigError, match="is one shard"):
        fit_run(run, 0.05)


@pytest.mark.slow
def test_the_users_work_is_not_touched(repository: Path, tmp_path: Path) -> None:
    """Neither work tree, index nor HEAD; no hook runs; the branch has no past in common with the code."""
    before = [git(repository, *asked) for asked in (["status", "--porcelain=2", "--branch"], ["stash", "list"])]
    index = (repository / ".git" / "index").read_bytes()
    store = open_store(f"git:{BRANCH}@{repository}", found=Settings(cache=tmp_path / "cache", host_environment={}))
    keep(store, finished(tmp_path / "nightly"))
    assert (repository / ".git" / "index").read_bytes() == index
    assert [git(repository, *asked) for asked in (["status", "--porcelain=2", "--branch"], ["stash", "list"])] == before
    assert git(repository, "for-each-ref", "--format=%(refname)") == f"refs/heads/main\nrefs/heads/{BRANCH}"
    assert git(repository, "rev-list", "--count", BRANCH) == "1"
    files = git(repository, "ls-tree", "-r", "--name-only", BRANCH).split()
    assert sorted(files) == [
        "README.md",
        *(
            f"main/{name}"
            for name in ("baseline.json", "journal.sqlite", "matrix.toml", "plan.json", "provenance.json")
        ),
        "splitclock-baselines.json",
    ]


@pytest.mark.slow
def test_a_branch_of_code_is_left_alone(repository: Path, tmp_path: Path) -> None:
    """Also one that is checked out, and what is no repository at all."""
    run, known = finished(tmp_path / "nightly"), Settings(cache=tmp_path / "cache", host_environment={})
    with pytest.raises(ConfigError, match="holds other things"):
        keep(open_store(f"git:main@{repository}", found=known), run)
    store = open_store(f"git:{BRANCH}@{repository}", found=known)
    keep(store, run)
    git(repository, "-c", "core.hooksPath=/dev/null", "worktree", "add", "--quiet", str(tmp_path / "tree"), BRANCH)
    with pytest.raises(InfraError, match="is checked out"):
        keep(store, finished(tmp_path / "later"))
    for text, why in ((f"git:../x@{repository}", "no name for a branch"), (f"git:b@{tmp_path}", "no git repository")):
        with pytest.raises(ConfigError, match=why):
            open_store(text, found=known)


@pytest.mark.slow
def test_a_branch_is_pushed_or_as_before(repository: Path, tmp_path: Path) -> None:
    """To a bare repository; where that has moved on, nothing was changed here and the next step is said."""
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", "hub.git")
    git(repository, "remote", "add", "origin", "../hub.git")
    known = Settings(cache=tmp_path / "cache", host_environment={})
    here = open_store(f"git:{BRANCH}@{repository}", push="origin", found=known)
    keep(here, finished(tmp_path / "monday"))
    tip = git(repository, "rev-parse", BRANCH)
    assert git(tmp_path / "hub.git", "rev-parse", BRANCH) == tip
    git(tmp_path, "clone", "--quiet", "hub.git", "clone")
    there = open_store(f"git:{BRANCH}@{tmp_path / 'clone'}", push="origin", found=known)
    newest = keep(there, finished(tmp_path / "tuesday"))
    assert len(there.versions("main")) == 2
    with pytest.raises(InfraError, match=r"has a newer .*nothing was changed; `git fetch origin"):
        keep(here, finished(tmp_path / "wednesday"))
    assert git(repository, "rev-parse", BRANCH) == tip
    git(repository, "-c", "core.hooksPath=/dev/null", "fetch", "--quiet", "origin")
    assert here.versions("main")[0] == newest
    keep(here, tmp_path / "wednesday")
    assert git(tmp_path / "hub.git", "rev-list", "--count", BRANCH) == "3"


@pytest.mark.slow
def test_a_first_push_that_fails_leaves_no_branch(repository: Path, tmp_path: Path) -> None:
    """The repository is as it was."""
    known = Settings(cache=tmp_path / "cache", host_environment={})
    store = open_store(f"git:{BRANCH}@{repository}", push="nowhere", found=known)
    with pytest.raises(InfraError, match="cannot be pushed to nowhere"):
        keep(store, finished(tmp_path / "nightly"))
    assert git(repository, "for-each-ref", "--format=%(refname)") == "refs/heads/main"
    git(tmp_path, "init", "--quiet", "--bare", "hub.git")
    hook = tmp_path / "hub.git" / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    git(repository, "remote", "add", "nowhere", "../hub.git")
    with pytest.raises(InfraError, match=r"cannot be pushed to nowhere.*remote rejected.*pre-receive hook declined"):
        keep(store, tmp_path / "nightly")
    assert git(repository, "for-each-ref", "--format=%(refname)") == "refs/heads/main"
    with pytest.raises(ConfigError, match="is a folder"):
        open_store(str(tmp_path / "store"), push="origin", found=known)


@pytest.mark.slow
def test_a_shallow_clone_has_the_newest(repository: Path, tmp_path: Path) -> None:
    """What a CI job fetches: one commit deep."""
    known = Settings(cache=tmp_path / "cache", host_environment={})
    store = open_store(f"git:{BRANCH}@{repository}", found=known)
    keep(store, finished(tmp_path / "monday"))
    newest = keep(store, finished(tmp_path / "tuesday"))
    job = tmp_path / "job"
    git(tmp_path, "clone", "--quiet", "--depth=1", "--branch=main", f"file://{repository}", str(job))
    git(job, "fetch", "--quiet", "--depth=1", "origin", f"+{BRANCH}:{BRANCH}")
    there = open_store(f"git:{BRANCH}@{job}", found=known)
    assert there.versions("main")[0] == newest
    assert read_records(there.folder(newest))[0].run == "tuesday"
    third = keep(there, finished(tmp_path / "wednesday"))
    shutil.rmtree(repository / ".git" / "hooks")
    git(job, "push", "--quiet", f"file://{repository}", f"{BRANCH}:pushed")
    assert git(repository, "rev-parse", "pushed") == third.key


def test_which_folder_a_baseline_is(
    store_text: str, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run folder by its path goes before a name; what is neither is told with what to do."""
    run = finished(tmp_path / "nightly")
    keep(store, run)
    assert baseline_folder(str(run), store_text) == run
    assert baseline_folder(str(run)) == run
    assert read_records(baseline_folder("main", store_text)) == read_records(run)
    with pytest.raises(ConfigError, match="no run lies here, and no baselines are named"):
        baseline_folder("main")
    assert baseline_folder("./gone", store_text) == Path("gone")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    shutil.move(run, tmp_path / "runs" / "nightly")
    assert baseline_folder("runs", store_text) == Path("runs")
    (tmp_path / "main").mkdir()  # a folder of the user's that happens to be called so
    assert baseline_folder("main", store_text) != Path("main")
    with pytest.raises(ConfigError, match="other: no baseline of that name"):
        baseline_folder("other", store_text)


def test_regrades_come_along(store: Store, tmp_path: Path) -> None:
    """A grade that was given later counts in a baseline too, and a run that was regraded since is another one."""
    run = finished(tmp_path / "nightly")
    first = keep(store, run)
    assert fit_run(run, 0.05).is_in(store.note(first))
    failed = next(record for record in read_records(run) if record.verdict is Verdict.FAIL)
    with Journal.open(run) as journal:
        body = {"verdict": "pass", "was": "fail", "grade": {"reason": "later"}, "changed": []}
        journal.append(Entry(kind=Kind.REGRADE, body=body, trial=failed.trial.id, attempt=1))
    fit = fit_run(run, 0.05)
    assert not fit.is_in(store.note(first))
    second = keep(store, run)
    assert store.note(second).solved.passed == store.note(first).solved.passed + 1
    assert [record.verdict for record in current_attempts(store.folder(second))] == [Verdict.PASS, Verdict.PASS]


def test_the_note_is_sealed_by_content(tmp_path: Path) -> None:
    """The digest is the same wherever it is computed, and another program can compute it."""
    store = FolderStore(root=tmp_path / "store")
    keep(store, finished(tmp_path / "nightly"))
    path = tmp_path / "store" / "main" / "0001" / NOTE
    check = (
        "import hashlib, json, sys; d = json.load(open(sys.argv[1])); s = d.pop('digest'); "
        "t = json.dumps(d, sort_keys=True, separators=(',', ':')); print(s == hashlib.sha256(t.encode()).hexdigest())"
    )
    done = subprocess.run([sys.executable, "-c", check, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"
