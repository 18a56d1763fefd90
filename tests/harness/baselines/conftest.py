"""Stores of both kinds, and a repository of a user's with work in it."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.baselines.contract import Store
from harness.baselines.stores import open_store
from harness.config import settings

BRANCH = "splitclock-baselines"
_QUIET = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.invalid",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.invalid",
    "PATH": os.environ["PATH"],
}

Git = Callable[..., str]


def git(folder: Path, *argv: str) -> str:
    """What a git command printed, without configuration of the machine's."""
    done = subprocess.run(["git", *argv], cwd=folder, env=_QUIET, capture_output=True, check=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a commit, a staged file, a changed one, and a hook that would fail everything."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    (folder / "app.py").write_text("x = 1\n")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "work")
    (folder / "app.py").write_text("x = 2\n")
    (folder / "staged.py").write_text("y = 1\n")
    git(folder, "add", "staged.py")
    for name in ("reference-transaction", "pre-push", "pre-commit"):
        hook = folder / ".git" / "hooks" / name
        hook.write_text("#!/bin/sh\nexit 1\n")
        hook.chmod(0o755)
    return folder


@pytest.fixture(params=["folder", pytest.param("branch", marks=pytest.mark.slow)])
def store_text(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """How --store names a store that has not been begun, of each kind in turn."""
    if request.param == "folder":
        return str(tmp_path / "store")
    return f"git:{BRANCH}@{request.getfixturevalue('repository')}"


@pytest.fixture
def open_it(store_text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Store]:
    """Opens that store, each time as another process would."""
    monkeypatch.setenv("SPLITCLOCK_CACHE", str(tmp_path / "cache"))
    return lambda: open_store(store_text, found=settings())


@pytest.fixture
def store(open_it: Callable[[], Store]) -> Store:
    """The store, opened once."""
    return open_it()
