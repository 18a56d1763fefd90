"""Snapshots: clean, addressed by content, and taken without running anything that a repository brings along."""

import contextlib
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from sandbox.checkout import Checkouts
from sandbox.contract import File, Snapshot
from sandbox.errors import CheckoutError
from sandbox.history import write_repository

pytestmark = pytest.mark.slow

_QUIET = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.invalid",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.invalid",
    "PATH": os.defpath,
}


def _git(folder: Path, *argv: str, stdin: bytes = b"") -> str:
    done = subprocess.run(["git", *argv], cwd=folder, env=_QUIET, input=stdin, capture_output=True, check=True)
    return done.stdout.decode().strip()


def _write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)


def _commit(folder: Path, message: str = "work") -> str:
    _git(folder, "add", "--all")
    _git(folder, "commit", "--quiet", "--message", message)
    return _git(folder, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with an executable, a link, a folder that archives would leave out, and an ignore rule."""
    folder = tmp_path / "repository"
    folder.mkdir()
    _git(folder, "init", "--quiet", "--initial-branch=main")
    _write(folder, {"app/core.py": "x = 1\n", "run.sh": "#!/bin/sh\n", "docs/a.md": "a\n", ".gitignore": "*.log\n"})
    _write(folder, {".gitattributes": "docs export-ignore\n*.txt text eol=crlf\n", "lines.txt": "one\ntwo\n"})
    (folder / "run.sh").chmod(0o755)
    (folder / "link").symlink_to("app/core.py")
    _commit(folder)
    return folder


@pytest.fixture
def checkouts(tmp_path: Path) -> Checkouts:
    """Checkouts with an empty cache."""
    return Checkouts(tmp_path / "cache")


def _content(snapshot: Snapshot) -> dict[str, bytes]:
    return {file.path: file.data for file in snapshot.files()}


def test_commit_is_taken_byte_for_byte(repository: Path, checkouts: Checkouts) -> None:
    """Files that archives leave out are kept, line endings stay, links stay links, modes stay."""
    commit = _git(repository, "rev-parse", "HEAD")
    snapshot = checkouts.from_git(str(repository), commit)
    assert set(snapshot.index) == set(_git(repository, "ls-files").splitlines()) - {"link"}
    assert snapshot.links == {"link": "app/core.py"}
    assert snapshot.file("lines.txt").data == b"one\ntwo\n"
    assert snapshot.file("run.sh").executable
    assert not snapshot.file("app/core.py").executable
    assert snapshot.commit == commit


def test_old_commit_knows_nothing_of_later_ones(repository: Path, checkouts: Checkouts) -> None:
    """A pinned commit gives its own tree, wherever the branch stands by now."""
    old = _git(repository, "rev-parse", "HEAD")
    _write(repository, {"app/core.py": "x = 2\n", "new.py": ""})
    new = _commit(repository)
    assert _content(checkouts.from_git(str(repository), old))["app/core.py"] == b"x = 1\n"
    assert "new.py" in checkouts.from_git(f"file://{repository}", new).index


def test_equal_trees_are_one_folder(repository: Path, checkouts: Checkouts) -> None:
    """The digest is content, so a commit and a plain copy of it share a tree."""
    commit = _git(repository, "rev-parse", "HEAD")
    first = checkouts.from_git(str(repository), commit)
    assert checkouts.from_working_tree(repository).root == first.root
    assert checkouts.from_git("/nowhere", commit).root == first.root  # found by its hash, without a source


def test_working_tree_is_taken_as_it_stands(repository: Path, checkouts: Checkouts) -> None:
    """Edits and new files are in, ignored and deleted files are out."""
    _write(repository, {"app/core.py": "x = 3\n", "fresh.py": "", "debug.log": "noise"})
    (repository / "run.sh").unlink()
    content = _content(checkouts.from_working_tree(repository))
    assert content["app/core.py"] == b"x = 3\n"
    assert "fresh.py" in content
    assert not {"debug.log", "run.sh"} & set(content)


def test_subfolder_of_a_working_tree(repository: Path, checkouts: Checkouts) -> None:
    """A target may live inside a larger repository: only its own folder is taken."""
    assert set(checkouts.from_working_tree(repository / "app").index) == {"core.py"}


def test_linked_work_tree(repository: Path, checkouts: Checkouts, tmp_path: Path) -> None:
    """`git worktree` folders have their index and objects elsewhere, and work all the same."""
    linked = tmp_path / "linked"
    _git(repository, "worktree", "add", "--quiet", str(linked))
    assert checkouts.from_working_tree(linked).index.keys() == checkouts.from_working_tree(repository).index.keys()
    assert checkouts.from_git(str(linked), _git(repository, "rev-parse", "HEAD")).index


def test_ignored_folder_is_a_plain_one(repository: Path, checkouts: Checkouts) -> None:
    """A target that lies where the repository around it ignores everything is taken as a folder."""
    _write(repository, {".gitignore": "scratch/\n", "scratch/app/main.py": "1\n"})
    assert set(checkouts.from_working_tree(repository / "scratch/app").index) == {"main.py"}


def test_long_hashes(checkouts: Checkouts, tmp_path: Path) -> None:
    """Repositories with SHA-256 names are read like the others."""
    _git(tmp_path, "init", "--quiet", "--object-format=sha256", "long")
    _write(tmp_path / "long", {"a.py": "1\n"})
    commit = _commit(tmp_path / "long")
    taken = checkouts.from_git(str(tmp_path / "long"), commit)
    assert taken.digest == checkouts.from_working_tree(tmp_path / "long").digest
    assert set(taken.index) == {"a.py"}


def test_split_index_is_understood(repository: Path, checkouts: Checkouts) -> None:
    """An index in two files is read whole."""
    before = checkouts.from_working_tree(repository)
    _git(repository, "update-index", "--split-index")
    assert checkouts.from_working_tree(repository).digest == before.digest


def test_folder_without_caches_and_packages(tmp_path: Path, checkouts: Checkouts) -> None:
    """What tools leave behind is not source."""
    names = (
        *("a.py", ".git/config", "x/__pycache__/a.pyc", "b.pyc", ".venv/lib/c.py", "node_modules/d.js"),
        *(".ruff_cache/g", "e/f"),
    )
    _write(tmp_path / "plain", dict.fromkeys(names, ""))
    os.mkfifo(tmp_path / "plain/pipe")
    assert set(checkouts.from_folder(tmp_path / "plain").index) == {"a.py", "e/f"}


def _arm(repository: Path, mark: Path) -> None:
    """Give a repository every door through which a plain `git status` runs a program."""
    trap = repository.parent / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {mark}\n")
    trap.chmod(0o755)
    for key in ("core.fsmonitor", "core.sshCommand", "core.pager", "core.askPass", "diff.external", "filter.x.clean",
                "filter.x.smudge", "filter.x.process", "credential.helper", "uploadpack.packObjectsHook",
                "core.alternateRefsCommand", "remote.origin.uploadpack", "alias.ls-files"):  # fmt: skip
        _git(repository, "config", key, str(trap))
    _git(repository, "config", "core.hooksPath", str(repository.parent / "hooks"))
    _git(repository, "config", "extensions.partialClone", "origin")
    for hook in ("post-checkout", "post-index-change", "reference-transaction", "pre-auto-gc"):
        for folder in (repository / ".git/hooks", repository.parent / "hooks"):
            folder.mkdir(exist_ok=True)
            (folder / hook).write_text(trap.read_text())
            (folder / hook).chmod(0o755)
    _write(repository, {".gitattributes": "* filter=x diff=x\n"})


def test_hostile_repository_runs_nothing(repository: Path, checkouts: Checkouts, tmp_path: Path) -> None:
    """Monitors, hooks, filters and helpers of a repository do not run, whatever is asked of it; plain git runs them."""
    mark = tmp_path / "mark"
    commit = _git(repository, "rev-parse", "HEAD")
    _arm(repository, mark)
    snapshot = checkouts.from_working_tree(repository)
    checkouts.from_git(str(repository), commit)
    checkouts.difference(snapshot, [File(path="app/core.py", data=b"y\n")], ["run.sh"])
    write_repository(snapshot, tmp_path / "out")
    assert not mark.exists()
    subprocess.run(["git", "status"], cwd=repository, env=_QUIET, capture_output=True, check=False)
    assert mark.exists()  # the trap was live


@pytest.mark.parametrize(
    "source",
    ["ext::sh -c touch% /tmp/owned", "fd::17", "--upload-pack=touch /tmp/owned", "-u", "ftp://host/x", "https://host/a\nb",
     "file:///nowhere/at/all"],
)  # fmt: skip
def test_sources_that_run_programs_are_refused(source: str, checkouts: Checkouts) -> None:
    """Transports that execute, options in disguise and folders that are not there give one clear line."""
    with pytest.raises(CheckoutError) as caught:
        checkouts.from_git(source, "a" * 40)
    assert "\n" not in str(caught.value)


def test_short_hash_and_branch_names_are_refused(repository: Path, checkouts: Checkouts) -> None:
    """Only a full hash pins a tree."""
    for commit in ("main", "abc1234", "--all"):
        with pytest.raises(CheckoutError, match="full hash"):
            checkouts.from_git(str(repository), commit)


def test_missing_commit_names_source_and_next_step(repository: Path, checkouts: Checkouts) -> None:
    """Whoever reads the line knows which repository lacks what, and what to do."""
    with pytest.raises(CheckoutError, match=r"repository has no commit b{40}; run `git -C"):
        checkouts.from_git(str(repository), "b" * 40)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
        """Say nothing."""


def _serve(folder: Path) -> ThreadingHTTPServer:
    def handler(*args: object) -> _Quiet:
        return _Quiet(*args, directory=str(folder))  # type: ignore[arg-type]

    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def test_url_is_fetched_once(repository: Path, checkouts: Checkouts) -> None:
    """A commit comes over real HTTP the first time; afterwards no server is needed. Passwords are not repeated."""
    old = _git(repository, "rev-parse", "HEAD")
    _write(repository, {"later.py": ""})
    new = _commit(repository)
    _git(repository, "update-server-info")
    server = _serve(repository)
    url = f"http://user:canary@127.0.0.1:{server.server_port}/.git"
    try:
        assert "later.py" in checkouts.from_git(url, new).index
        with pytest.raises(CheckoutError, match=r"--source NAME=PATH") as caught:
            checkouts.from_git(url, "c" * 40)
    finally:
        server.shutdown()
        server.server_close()
    assert "canary" not in str(caught.value)
    assert "later.py" in checkouts.from_git(url, new).index
    assert "later.py" not in checkouts.from_git(url, old).index  # came along with its successor


@pytest.fixture
def git_server(repository: Path) -> Iterator[str]:
    """URL of the repository over git's own protocol."""
    if not (Path(_git(repository, "--exec-path")) / "git-daemon").exists():
        pytest.skip("this git comes without its daemon")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    argv = ["git", "daemon", "--export-all", f"--base-path={repository.parent}", "--listen=127.0.0.1", f"--port={port}"]
    daemon = subprocess.Popen(argv, env=_QUIET, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        end = time.monotonic() + 20
        while time.monotonic() < end:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        yield f"git://127.0.0.1:{port}/repository"
    finally:
        os.killpg(daemon.pid, signal.SIGKILL)
        daemon.wait()


def test_server_that_gives_single_commits_gives_one(
    repository: Path, checkouts: Checkouts, git_server: str, tmp_path: Path
) -> None:
    """Of a long history only the wanted commit is fetched: neither its past nor its future is on this disk."""
    _write(repository, {"middle.py": ""})
    wanted = _commit(repository)
    _write(repository, {"future.py": ""})
    _commit(repository)
    assert "middle.py" in checkouts.from_git(git_server, wanted).index
    (mirror,) = [place.parent for place in (tmp_path / "cache/mirrors").glob("*/HEAD")]
    assert _git(mirror, "--git-dir", str(mirror), "rev-list", "--all") == wanted


def test_unreachable_server_is_one_line(checkouts: Checkouts) -> None:
    """Git's reason, the URL and the way out, without a prompt for a password."""
    with pytest.raises(CheckoutError, match=r"cannot fetch commit d{40} from http://127\.0\.0\.1:9/x: .*--source"):
        checkouts.from_git("http://127.0.0.1:9/x", "d" * 40)


def _history(git_dir: Path, argv: Sequence[str]) -> str:
    return _git(git_dir, "--git-dir", str(git_dir), *argv)


def test_agent_repository_has_one_commit_and_no_future(repository: Path, checkouts: Checkouts, tmp_path: Path) -> None:
    """Every object in it belongs to its one commit; no ref, reflog, remote or second pack leads elsewhere."""
    base = _git(repository, "rev-parse", "HEAD")
    _write(repository, {"solution.py": "answer = 42\n"})
    _commit(repository, "the fix")
    git_dir = tmp_path / "work/.git"
    write_repository(checkouts.from_git(str(repository), base), git_dir)
    assert _history(git_dir, ["rev-list", "--all", "--count"]) == "1"
    assert _history(git_dir, ["for-each-ref", "--format=%(refname)"]) == "refs/heads/main"
    reachable = {line.split()[0] for line in _history(git_dir, ["rev-list", "--objects", "--all"]).splitlines()}
    every = _history(git_dir, ["cat-file", "--batch-all-objects", "--batch-check=%(objectname)"]).split()
    assert set(every) == reachable
    assert not (git_dir / "logs").exists()
    assert not (git_dir / "hooks").exists()
    assert "the fix" not in _history(git_dir, ["log", "--all", "--format=%an %s"])


def test_agent_repository_is_clean_and_the_same_for_all(repository: Path, checkouts: Checkouts, tmp_path: Path) -> None:
    """`git status` in a fresh checkout shows nothing, and the commit's hash depends on the tree only."""
    snapshot = checkouts.from_working_tree(repository)
    hashes = set()
    for name in ("one", "two"):
        work = tmp_path / name
        work.mkdir()
        subprocess.run(["cp", "-a", f"{snapshot.root}/.", str(work)], check=True)
        write_repository(snapshot, work / ".git")
        assert _git(work, "status", "--porcelain") == ""
        hashes.add(_git(work, "rev-parse", "HEAD"))
    assert len(hashes) == 1


def test_patch_round_trip(repository: Path, checkouts: Checkouts) -> None:
    """What `difference` writes, `apply_patch` reads: text, binary, modes, links, deletions, odd names."""
    base = checkouts.from_working_tree(repository)
    changed = [
        File(path="app/core.py", data=b"x = 9\n"),
        File(path="app/blob.bin", data=bytes(range(256)) * 9),
        File(path="docs/a.md", data=b"a\n", executable=True),
        File(path='odd "name"\ttab \xe4', data=b"no newline"),
        File(path="lines.txt", data=b"one\r\nthree\n"),
    ]
    links = {"second": "app"}
    patch = checkouts.difference(base, changed, ["run.sh", "link"], links)
    after = checkouts.apply_patch(base, patch)
    assert after.digest == checkouts.with_files(base, changed, ["run.sh", "link"], links).digest
    assert after.links == links
    assert "run.sh" not in after.index


def test_file_and_folder_may_change_places(repository: Path, checkouts: Checkouts) -> None:
    """A folder where a file was, and the other way round, survive both ways of making a tree."""
    base = checkouts.from_working_tree(repository)
    changed = [File(path="run.sh/inner", data=b"1"), File(path="app", data=b"2")]
    laid = checkouts.with_files(base, changed)
    assert checkouts.apply_patch(base, checkouts.difference(base, changed)).digest == laid.digest
    assert not {"run.sh", "app/core.py"} & set(laid.index)


def test_no_difference_is_an_empty_patch(repository: Path, checkouts: Checkouts) -> None:
    """Writing what was there already changes nothing."""
    base = checkouts.from_working_tree(repository)
    assert checkouts.difference(base, [base.file("app/core.py")]) == b""


def test_bad_patch_tells_gits_reason(repository: Path, checkouts: Checkouts) -> None:
    """A patch for another tree, one that leaves the tree and one that is no patch are refused."""
    base = checkouts.from_working_tree(repository)
    elsewhere = b"--- a/nothing.py\n+++ b/nothing.py\n@@ -1 +1 @@\n-a\n+b\n"
    outside = b"--- /dev/null\n+++ b/../escaped\n@@ -0,0 +1 @@\n+b\n"
    for patch in (elsewhere, outside, b"hello\n"):
        with pytest.raises(CheckoutError, match="git apply: error:"):
            checkouts.apply_patch(base, patch)


@pytest.mark.parametrize("path", ["../out", "/etc/x", "a//b", ".git/config", "sub/.GIT/hooks/x", ""])
def test_paths_that_leave_the_tree_are_refused(path: str, repository: Path, checkouts: Checkouts) -> None:
    """No file is laid outside of the tree or into a repository's own folder."""
    with pytest.raises(CheckoutError, match="holds the path"):
        checkouts.with_files(checkouts.from_working_tree(repository), [File(path=path, data=b"")])


def test_nothing_is_written_through_a_link(repository: Path, checkouts: Checkouts, tmp_path: Path) -> None:
    """A file under what was a link to outside replaces the link, and the outside stays as it was."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (repository / "way").symlink_to(outside)
    base = checkouts.from_working_tree(repository)
    laid = checkouts.with_files(base, [File(path="way/planted", data=b"x")])
    assert not list(outside.iterdir())
    assert "way" not in laid.links
    assert laid.file("way/planted").data == b"x"


def test_missing_folder_is_named(tmp_path: Path, checkouts: Checkouts) -> None:
    """A wrong source path is an error that shows it."""
    for take in (checkouts.from_folder, checkouts.from_working_tree):
        with pytest.raises(CheckoutError, match="nowhere is no folder"):
            take(tmp_path / "nowhere")


def test_threads_make_one_tree(repository: Path, checkouts: Checkouts) -> None:
    """Two takers of the same tree at once both get it."""
    found: list[str] = []
    takers = [
        threading.Thread(target=lambda: found.append(checkouts.from_working_tree(repository).digest)) for _ in range(4)
    ]
    for taker in takers:
        taker.start()
    for taker in takers:
        taker.join()
    assert len(found) == 4
    assert len(set(found)) == 1
